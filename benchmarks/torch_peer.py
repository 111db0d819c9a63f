"""gsplat's PyTorch formulation on the CPU, as far as it runs there: its projection and colours, and a blend in tiles.

gsplat 1.5.3 has its projection, covariances and spherical harmonics in plain PyTorch too (`cuda/_torch_impl.py`, which
imports nothing of its compiled part); its PyTorch blend calls CUDA kernels. So the blend here is our own: vectorised
over the pixels and splats of a tile, by the rules of gsplat's kernel.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np

from simscale_gym.splats import Gaussians

TILE = 16
AT_ONCE = 256
"""Splats blended in one go. Of tiles of 8, 16 and 32 pixels and 64 to 256 splats, these were the fastest."""


def formulation() -> ModuleType | None:
    """The module `_torch_impl` of gsplat, without the rest of gsplat; None where gsplat or PyTorch is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("gsplat", "torch")):
        return None
    folder = Path(importlib.util.find_spec("gsplat").origin).parent
    spec = importlib.util.spec_from_file_location("gsplat_torch_impl", folder / "cuda" / "_torch_impl.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TorchPeer:
    """Draws Gaussians with PyTorch.

    Args:
        gaussians: What to draw.
        threads: Of PyTorch.
    """

    def __init__(self, gaussians: Gaussians, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch, self._gsplat = torch, formulation()
        names = ("means", "quats", "scales", "opacities", "sh")
        self._values = [torch.as_tensor(np.asarray(getattr(gaussians, name), np.float32)) for name in names]

    def render(self, viewmat: np.ndarray, K: np.ndarray, width: int, height: int) -> np.ndarray:
        """Colours of one camera, background black, `[H, W, 3]` float32; arguments as of `rasterize`."""
        torch = self._torch
        with torch.no_grad():
            splats = self._project(viewmat, K, width, height)
            image = torch.zeros(height, width, 3)
            for top in range(0, height, TILE):
                for left in range(0, width, TILE):
                    right, bottom = min(left + TILE, width), min(top + TILE, height)
                    image[top:bottom, left:right] = self._blend(splats, left, right, top, bottom)
        return image.numpy()

    def _project(self, viewmat, K, width, height):
        """Splats in the image, nearest first: means, extents, conics, opacities and colours."""
        torch, gsplat = self._torch, self._gsplat
        means, quats, scales, opacities, sh = self._values
        view, intrinsics = (torch.as_tensor(value.astype(np.float32))[None] for value in (viewmat, K))
        covariances, _ = gsplat._quat_scale_to_covar_preci(quats, scales, True, False, False)
        radii, means2d, depths, conics, _ = gsplat._fully_fused_projection(
            means, covariances, view, intrinsics, width, height
        )
        seen = (radii[0] > 0).all(dim=-1).nonzero()[:, 0]
        seen = seen[torch.argsort(depths[0, seen], stable=True)]
        eye = torch.as_tensor(np.linalg.inv(viewmat)[:3, 3].astype(np.float32))
        degree = round(sh.shape[1] ** 0.5) - 1
        colors = (gsplat._spherical_harmonics(degree, means[seen] - eye, sh[seen]) + 0.5).clamp(min=0.0)
        return means2d[0, seen], radii[0, seen], conics[0, seen], opacities[seen], colors

    def _blend(self, splats, left, right, top, bottom):
        """One tile, `[h, w, 3]`."""
        torch = self._torch
        means, radii, conics, opacities, colors = splats
        low, high = means - radii, means + radii
        inside = (high[:, 0] > left) & (low[:, 0] < right) & (high[:, 1] > top) & (low[:, 1] < bottom)
        listed = inside.nonzero()[:, 0]
        y, x = torch.meshgrid(torch.arange(top, bottom) + 0.5, torch.arange(left, right) + 0.5, indexing="ij")
        x, y = x.reshape(-1, 1), y.reshape(-1, 1)
        light, color = torch.ones(len(x), 1), torch.zeros(len(x), 3)
        for part in listed.split(AT_ONCE):
            dx, dy = x - means[part, 0], y - means[part, 1]
            a, b, c = conics[part].T
            sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
            alpha = (opacities[part] * torch.exp(-sigma)).clamp(max=0.999)
            alpha = torch.where((alpha >= 1.0 / 255.0) & (sigma >= 0.0), alpha, 0.0)
            after = light * torch.cumprod(1.0 - alpha, dim=1)
            before = torch.cat([light, after[:, :-1]], dim=1)
            counted = after > 1e-4  # a pixel ends before the splat that would bring it to 1e-4
            color += torch.where(counted, alpha * before, 0.0) @ colors[part]
            light = after[:, -1:]
            if not (light > 1e-4).any():
                break
        return color.reshape(bottom - top, right - left, 3)
