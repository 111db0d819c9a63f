"""A module gsplat that needs no device: its one call, with the parameters of 1.5.3, drawn by the CPU's rasteriser.

What is tested with it is everything around gsplat's kernels. `tests/splats/test_gsplat_backend.py` has another one that
checks the tensors' shapes and draws with the plain reference, which is too slow for a whole scene.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest

from simscale_gym.splats.cpu_pack import pack
from simscale_gym.splats.cpu_rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gsplat_backend import GsplatRasterizer


def stand_in(monkeypatch):
    """Puts it in place for as long as ``monkeypatch`` lasts; returns a list of the means in its calls."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    calls = []

    def rasterization(
        means, quats, scales, opacities, colors, viewmats, Ks, width, height, near_plane=0.01, far_plane=1e10,
        eps2d=0.3, sh_degree=None, packed=True, backgrounds=None, render_mode="RGB", rasterize_mode="classic",
    ):  # fmt: skip
        assert packed and render_mode == "RGB+ED" and (sh_degree + 1) ** 2 == colors.shape[1]
        quats = torch.nn.functional.normalize(quats, dim=-1)  # as gsplat does
        gaussians = Gaussians(*(value.numpy() for value in (means, quats, scales, opacities, colors)))
        raster = CpuRasterizer([pack(gaussians)], threads=1).render(
            viewmats.numpy(), Ks.numpy(), width, height, near=near_plane, far=far_plane, eps2d=eps2d,
            antialiased=rasterize_mode == "antialiased",
        )  # fmt: skip
        rgb, alpha, depth, behind = (
            torch.as_tensor(image) for image in (raster.rgb, raster.alpha, raster.depth, raster.transmittance)
        )
        rgb = rgb + behind[..., None] * backgrounds[:, None, None]
        calls.append(means.numpy().copy())
        drawn = {"gaussian_ids": torch.zeros(len(means), dtype=torch.int64)}
        return torch.cat([rgb, depth[..., None]], dim=-1), alpha[..., None], drawn

    modules = {name: ModuleType(name) for name in ("gsplat", "gsplat.cuda", "gsplat.cuda._backend")}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    modules["gsplat"].rasterization = rasterization
    modules["gsplat.cuda._backend"]._C = object()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(GsplatRasterizer.__init__, "__kwdefaults__", {"device": "cpu"})
    return calls


def decibel(image, other):
    """Peak signal-to-noise ratio of uint8 pictures."""
    error = np.mean((image.astype(float) - other.astype(float)) ** 2)
    return np.inf if error == 0 else 10.0 * np.log10(255.0**2 / error)
