"""The CPU's images against gsplat's own Python, where gsplat is installed; no CUDA device is needed.

`gsplat.rasterization` runs as it is, with its PyTorch formulation of projection and spherical harmonics in place of its
kernels, and a plain loop over splats in place of the last: its formulation of that calls CUDA.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from random_scenes import FRONT, HEIGHT, WIDTH, K, decibel, look, random_gaussians

from simscale_gym.splats.cpu_pack import pack
from simscale_gym.splats.cpu_rasterizer import CpuRasterizer
from simscale_gym.splats.gsplat_backend import GsplatRasterizer
from simscale_gym.splats.rasterize import rasterize

missing = [name for name in ("torch", "gsplat") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture
def gsplat_on_cpu(monkeypatch):
    import torch

    backend = ModuleType("gsplat.cuda._backend")
    backend._C, backend.__spec__ = object(), ModuleSpec(backend.__name__, None)
    monkeypatch.setitem(sys.modules, backend.__name__, backend)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    from gsplat import rendering
    from gsplat.cuda import _torch_impl

    splats = {}

    def project(means, covars, quats, scales, viewmats, Ks, width, height, **settings):
        covars, _ = _torch_impl._quat_scale_to_covar_preci(quats, scales, True, False)
        limits = (settings[name] for name in ("eps2d", "near_plane", "far_plane", "calc_compensations"))
        radii, *values = _torch_impl._fully_fused_projection(
            means, covars, viewmats, Ks, width, height, *limits
        )
        camera, gaussian = torch.nonzero((radii > 0).all(-1), as_tuple=True)
        values = [None if value is None else value[camera, gaussian] for value in values]
        return torch.zeros_like(camera), camera, gaussian, radii[camera, gaussian], *values

    def intersect(means2d, radii, depths, *_, n_images, image_ids, **__):
        splats.update(depths=depths, images=image_ids, count=n_images)
        return None, None, None

    def blend(means2d, conics, colors, opacities, width, height, *_, backgrounds, **__):
        images = [
            _blended(
                own[torch.argsort(splats["depths"][own], stable=True)], means2d, conics, colors, opacities
            )
            for own in (torch.nonzero(splats["images"] == i)[:, 0] for i in range(splats["count"]))
        ]
        alphas = torch.stack([1.0 - left for _, left in images])[..., None]
        return torch.stack([color for color, _ in images]) + (1.0 - alphas) * backgrounds[
            :, None, None
        ], alphas

    monkeypatch.setattr(rendering, "fully_fused_projection", project)
    harmonics = _torch_impl._spherical_harmonics
    monkeypatch.setattr(rendering, "spherical_harmonics", lambda *args, masks: harmonics(*args))
    monkeypatch.setattr(rendering, "isect_tiles", intersect)
    monkeypatch.setattr(
        rendering, "isect_offset_encode", lambda ids, images, wide, high: torch.zeros(images, high, wide)
    )
    monkeypatch.setattr(rendering, "rasterize_to_pixels", blend)


def _blended(order, means2d, conics, colors, opacities):
    """Colours `[H, W, D]` and transmittance `[H, W]`: `RasterizeToPixels3DGSFwd.cu`, a splat at a time."""
    import torch

    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    color, left = torch.zeros(HEIGHT, WIDTH, colors.shape[-1]), torch.ones(HEIGHT, WIDTH)
    finished = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    for k in order:
        dx, dy = means2d[k, 0] - x, means2d[k, 1] - y
        a, b, c = conics[k]
        sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = torch.clamp(opacities[k] * torch.exp(-sigma), max=0.999)
        hit = (sigma >= 0.0) & (alpha >= 1.0 / 255.0) & ~finished
        following = left * (1.0 - alpha)
        finished |= hit & (following <= 1e-4)
        hit &= following > 1e-4
        color += torch.where(hit, alpha * left, 0.0)[..., None] * colors[k]
        left = torch.where(hit, following, left)
    return color, left


def assert_alike(raster, expected, least):
    for name in ("rgb", "alpha", "depth"):
        image, other = getattr(raster, name), getattr(expected, name)
        assert decibel(image, other, peak=other.max()) > least, name


SCENES = {
    "ordinary": ((-6, -4, 2), (6, 4, 20), (0.05, 1.0)),
    "wide ones beside the frustum": ((-30, -30, 1), (30, 30, 20), (0.5, 9.0)),
    "tiny": ((-2, -1, 2), (2, 1, 6), (3e-3, 2e-2)),
}


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("name", SCENES)
def test_the_cpu_draws_what_gsplat_draws(gsplat_on_cpu, name, antialiased):
    gaussians = random_gaussians(np.random.default_rng(7), *SCENES[name], count=150, terms=16)
    settings = {"antialiased": antialiased, "background": [0.2, 0.4, 0.6]}
    frame = (FRONT[None], K[None], WIDTH, HEIGHT)
    expected = GsplatRasterizer([gaussians], device="cpu").render(*frame, **settings)
    assert_alike(rasterize(gaussians, *frame, backend="cpu", **settings), expected, 60.0)


def test_moving_nodes_before_two_cameras(gsplat_on_cpu):
    rng = np.random.default_rng(1)
    street = random_gaussians(rng, (-9, -6, -3), (9, 6, 20), (0.05, 1.0), count=120)
    car = random_gaussians(rng, (-2, -1, -1), (2, 1, 1), (0.05, 0.3), count=60, terms=16)
    poses = np.stack(
        [np.eye(4), np.linalg.inv(look(2.0, (1.0, 0.5, 7.0))), np.linalg.inv(look(-1.0, (-3, 0, 9)))]
    )
    frame = (np.stack([look(0.0), look(0.7)]), np.stack([K, K]), WIDTH, HEIGHT)
    instances = {"instance_index": [0, 1, 1], "instance_poses": poses, "eps2d": 0.5, "near": 0.5, "far": 18.0}
    expected = GsplatRasterizer([street, car], device="cpu").render(*frame, **instances)
    assert_alike(CpuRasterizer([pack(street), pack(car)]).render(*frame, **instances), expected, 60.0)
