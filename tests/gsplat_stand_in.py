"""A module gsplat that needs no device, fast enough for whole scenes.

It is `plain_gsplat`, which draws every splat on every pixel, with a blend that keeps to each splat's box.
"""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numba import njit

from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer


def stand_in(monkeypatch):
    """Puts it in place for as long as ``monkeypatch`` lasts; returns a list of the means `[N, 3]` in its frames."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "splats"))  # of the tests, whichever of them run
    import plain_gsplat

    frames, placed = [], []

    def fully_fused_projection(means, *rest, **settings):
        placed.append(means[0].numpy().copy())
        return plain_gsplat.fully_fused_projection(means, *rest, **settings)

    def rasterize_to_pixels(*splats, **settings):
        frames.append(np.concatenate(placed))
        placed.clear()
        return plain_gsplat.rasterize_to_pixels(*splats, **settings)

    modules = {name: ModuleType(name) for name in ("gsplat", "gsplat.cuda", "gsplat.cuda._backend")}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    for name in plain_gsplat.__all__:
        setattr(modules["gsplat"], name, getattr(plain_gsplat, name))
    modules["gsplat"].fully_fused_projection = fully_fused_projection
    modules["gsplat"].rasterize_to_pixels = rasterize_to_pixels
    modules["gsplat.cuda._backend"]._C = object()
    monkeypatch.setattr(plain_gsplat, "_blended", _blended)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(GsplatRasterizer.__init__, "__kwdefaults__", {"device": "cpu"})
    return frames


def decibel(image, other):
    """Peak signal-to-noise ratio of uint8 pictures."""
    error = np.mean((image.astype(float) - other.astype(float)) ** 2)
    return np.inf if error == 0 else 10.0 * np.log10(255.0**2 / error)


@njit(cache=True)
def _blended(means2d, conics, colors, opacities, width, height):
    """Image `[H, W, K]` and alpha `[H, W]` of splats, the nearest first (see `plain_gsplat`)."""
    image, left = np.zeros((height, width, colors.shape[1])), np.ones((height, width))
    finished = np.zeros((height, width), np.bool_)
    for s in range(len(means2d)):
        (x, y), (a, b, c) = means2d[s], conics[s]
        if opacities[s] < 1.0 / 255.0:
            continue
        reach = np.sqrt(2.0 * np.log(255.0 * opacities[s]) / (a * c - b * b))
        high, wide = reach * np.sqrt(a), reach * np.sqrt(c)  # half the box in which alpha can be 1/255
        for row in range(max(0, int(y - high - 1.0)), min(height, int(y + high + 2.0))):
            for col in range(max(0, int(x - wide - 1.0)), min(width, int(x + wide + 2.0))):
                dx, dy = x - col - 0.5, y - row - 0.5
                sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
                alpha = min(0.999, opacities[s] * np.exp(-sigma))
                if sigma < 0.0 or alpha < 1.0 / 255.0 or finished[row, col]:
                    continue
                following = left[row, col] * (1.0 - alpha)
                if following <= 1e-4:
                    finished[row, col] = True
                    continue
                image[row, col] += alpha * left[row, col] * colors[s]
                left[row, col] = following
    return image, 1.0 - left
