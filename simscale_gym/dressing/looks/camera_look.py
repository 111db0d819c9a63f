"""What a camera makes of a rendered street: haze, the sky behind, contrast, sharpening, and grain on request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.light.sky import Sky, _rays, sky_lookup
from simscale_gym.kernels import Crew, take

Array = NDArray[np.float32]

ROWS, BLOCK = 16, 32768
"""Rows of pixels, and values, that a thread takes at a time."""


@dataclass(frozen=True)
class CameraLook:
    """Strengths, tuned by eye against dashcam pictures.

    Attributes:
        haze: Distance over which things fade to 1/e into the air's colour [m]; ``inf`` for none.
        clear: Distance without haze [m].
        contrast: Share of a smooth S curve in the tone curve, 0..1.
        sharpness: Weight of the unsharp mask.
        grain: Standard deviation of the noise; 0 draws none and is deterministic without a generator.
    """

    haze: float = 420.0
    clear: float = 8.0
    contrast: float = 0.22
    sharpness: float = 0.7
    grain: float = 0.0


def develop(
    rgb: Array,
    alpha: Array,
    depth: Array,
    viewmats: ArrayLike,
    Ks: ArrayLike,
    sky: Sky,
    look: CameraLook | None = None,
    rng: np.random.Generator | None = None,
    crew: Crew | None = None,
) -> Array:
    """Turn rasterised images into pictures.

    Args:
        rgb: ``[C, H, W, 3]`` float32 on black.
        alpha: ``[C, H, W]`` float32.
        depth: ``[C, H, W]`` float32 along the optical axis, where alpha is not 0 [m].
        viewmats: ``[C, 4, 4]`` world to camera.
        Ks: ``[C, 3, 3]`` [px].
        sky: Behind everything.
        look: Strengths; the usual ones where None.
        rng: Source of the grain; needed where the look has any.
        crew: Threads to share the work; the caller's alone if None.

    Returns:
        ``[C, H, W, 3]`` float32, 0..1.
    """
    look, crew = look or CameraLook(), crew or Crew(1)
    picture, out = np.empty(rgb.shape, np.float32), np.empty(rgb.shape, np.float32)
    rotations, focal = _rays(viewmats, Ks)
    falloff = np.float32(1.0 / look.haze)
    strengths = (falloff, np.float32(look.clear), np.float32(look.contrast))
    crew.run(
        _expose,
        np.zeros(1, np.int64),
        sky.table,
        sky.haze,
        rgb,
        alpha,
        depth,
        rotations,
        focal,
        *strengths,
        picture,
    )
    radius = max(1, round(rgb.shape[2] / 640))
    lines, target = (image.reshape(*image.shape[:2], -1) for image in (picture, out))
    crew.run(_sharpen, np.zeros(1, np.int64), lines, 3 * radius, radius, np.float32(look.sharpness), target)
    if look.grain > 0.0 and rng is not None:
        out += look.grain * rng.standard_normal((*alpha.shape, 1), np.float32)
        np.clip(out, 0.0, 1.0, out)
    return out


def to_bytes(picture: Array, crew: Crew | None = None) -> NDArray[np.uint8]:
    """Pictures 0..1 as uint8 of the same shape."""
    out = np.empty(picture.shape, np.uint8)
    (crew or Crew(1)).run(_to_bytes, np.zeros(1, np.int64), picture.reshape(-1), out.reshape(-1))
    return out


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _to_bytes(counter, picture, out):
    while True:
        start = take(counter, BLOCK)
        if start >= len(picture):
            return
        for i in range(start, min(start + BLOCK, len(picture))):
            out[i] = np.uint8(picture[i] * np.float32(255.0) + np.float32(0.5))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _expose(counter, table, haze, rgb, alpha, depth, rotations, focal, falloff, clear, contrast, out):
    """Haze on what is covered, sky behind the rest, tone curve on both; run it on any number of threads."""
    cameras, height, width = alpha.shape
    one = np.float32(1.0)
    while True:
        first = take(counter, ROWS)
        if first >= cameras * height:
            return
        for line in range(first, min(first + ROWS, cameras * height)):
            c, row = line // height, line % height
            m, (fx, fy, cx, cy) = rotations[c], focal[c]
            v = (np.float32(row) + np.float32(0.5) - cy) / fy
            bx, by, bz = m[1, 0] * v + m[2, 0], m[1, 1] * v + m[2, 1], m[1, 2] * v + m[2, 2]
            for col in range(width):
                u = (np.float32(col) + np.float32(0.5) - cx) / fx
                cover = alpha[c, row, col]
                distance = depth[c, row, col] * np.sqrt(one + u * u + v * v) - clear
                kept = np.exp(-max(distance, np.float32(0.0)) * falloff)
                air = cover * (one - kept)
                behind = one - cover
                sky = (np.float32(0.0), np.float32(0.0), np.float32(0.0))
                if behind > np.float32(1e-3):
                    sky = sky_lookup(table, m[0, 0] * u + bx, m[0, 1] * u + by, m[0, 2] * u + bz)
                for k in range(3):
                    x = rgb[c, row, col, k] * kept + haze[k] * air + behind * sky[k]
                    x = min(max(x, np.float32(0.0)), one)
                    out[c, row, col, k] = x + contrast * (x * x * (np.float32(3.0) - x - x) - x)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _sharpen(counter, lines, step, radius, weight, out):
    """Unsharp mask with a 1-2-1 kernel of ``radius`` pixels; run it on any number of threads.

    ``lines`` and ``out`` are rows ``[C, H, 3 W]``; ``step`` is 3 ``radius``.
    """
    cameras, height, values = lines.shape
    blurred = np.empty(values, np.float32)
    zero, one = np.float32(0.0), np.float32(1.0)
    while True:
        first = take(counter, ROWS)
        if first >= cameras * height:
            return
        for line in range(first, min(first + ROWS, cameras * height)):
            c, row = line // height, line % height
            above, here, below = (
                lines[c, max(row - radius, 0)],
                lines[c, row],
                lines[c, min(row + radius, height - 1)],
            )
            target = out[c, row]
            for i in range(values):
                blurred[i] = np.float32(0.25) * (above[i] + here[i] + here[i] + below[i])
            for i in range(values):
                target[i] = here[i]
            for i in range(step, values - step):
                soft = np.float32(0.25) * (blurred[i - step] + blurred[i] + blurred[i] + blurred[i + step])
                target[i] = min(max(here[i] + weight * (here[i] - soft), zero), one)
