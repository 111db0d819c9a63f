"""The CPU's images against images that gsplat's own kernels drew.

`tests/data/gsplat_images.npz` holds small random scenes and what `gsplat.rasterization` 1.5.3 (Apache-2.0; packed,
render mode "RGB+D", no background) makes of them: numbers, written by running gsplat's kernels, compiled for the CPU
with IEEE arithmetic, since no CUDA device was at hand. The seeds were chosen so that no pixel is within 3e-4 of a
threshold of alpha or within 3e-3 of one of transmittance, and no two depths agree to 3e-5: there, rounding decides.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_scenes import decibel

from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import rasterize

IMAGES = Path(__file__).parents[1] / "data" / "gsplat_images.npz"
CASES = [
    ("ordinary", [{}, {"antialiased": True, "eps2d": 0.5}]),
    ("beside_and_behind", [{"near": 0.5}]),
    ("opaque", [{}, {"antialiased": True, "near": 4.0, "far": 11.0}]),
    ("faint_and_tiny", [{}, {"antialiased": True}]),
    ("needles", [{}, {"antialiased": True, "eps2d": 0.1}]),
]


@pytest.mark.parametrize(
    ("name", "number", "settings"),
    [(name, number, own) for name, settings in CASES for number, own in enumerate(settings)],
    ids=[f"{name}-{number}" for name, settings in CASES for number in range(len(settings))],
)
def test_the_cpu_draws_what_gsplat_draws(name, number, settings):
    with np.load(IMAGES) as arrays:
        fields = ("means", "quats", "scales", "opacities", "sh")
        gaussians = Gaussians(*(arrays[f"{name}/{field}"] for field in fields))
        expected, viewmat, K = arrays[f"{name}/{number}"], arrays["viewmat"], arrays["K"]
    height, width = expected.shape[:2]
    raster = rasterize(gaussians, viewmat[None], K[None], width, height, backend="cpu", **settings)
    rgb, depth, alpha = expected[..., :3], expected[..., 3], expected[..., 4]
    np.testing.assert_allclose(raster.rgb[0], rgb, atol=3e-5)
    np.testing.assert_allclose(raster.alpha[0], alpha, atol=3e-5)
    np.testing.assert_allclose(raster.accumulated_depth[0], depth, atol=1e-4 * depth.max())
    expected_depth = np.divide(depth, alpha, out=np.zeros_like(depth), where=alpha > 0.0)
    assert decibel(raster.depth[0], expected_depth, peak=expected_depth.max()) > 90.0
    assert alpha.max() > 0.05 and decibel(raster.rgb[0], rgb) > 105.0
