"""The sky: drawn once into a table over directions, looked up for every pixel that nothing covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.noise import value_noise
from simscale_gym.dressing.surfels.surfels import unit

Array = NDArray[np.float32]

SIZE = 512
"""Edge of the table: along the horizon 5.7 texels a degree."""

ZENITH, HORIZON = np.array([0.29, 0.49, 0.80]), np.array([0.80, 0.86, 0.91])
CLOUD, CLOUD_SHADE = np.array([0.97, 0.97, 0.98]), np.array([0.16, 0.145, 0.13])
GLARE = np.array([0.25, 0.20, 0.10])
"""Display colours by eye against dashcam pictures of fair weather."""


@dataclass(frozen=True, eq=False)
class Sky:
    """A sky as a table over the upper half of all directions.

    Attributes:
        table: ``[S, S, 3]`` float32 sRGB; directions are folded onto a square (hemi-octahedral map, Cigolle et al.,
            "Survey of Efficient Representations for Independent Unit Vectors", JCGT 2014).
        haze: ``[3]`` sRGB of the air at the horizon, which far things fade into.
    """

    table: Array
    haze: Array

    def radiance(self, directions: ArrayLike) -> Array:
        """Colours ``[..., 3]`` towards ``directions [..., 3]``; below the horizon as at the horizon."""
        directions = np.asarray(directions, np.float32)
        flat = np.ascontiguousarray(directions.reshape(-1, 3))
        return _radiance(self.table, flat).reshape(directions.shape)

    def composite(self, rgb: Array, alpha: Array, viewmats: ArrayLike, Ks: ArrayLike) -> Array:
        """Put the sky behind images.

        Args:
            rgb: ``[C, H, W, 3]`` colours on black.
            alpha: ``[C, H, W]`` share of each pixel that is covered, 0 to 1.
            viewmats: ``[C, 4, 4]`` world to camera.
            Ks: ``[C, 3, 3]`` [px].

        Returns:
            ``[C, H, W, 3]`` float32.
        """
        out = np.empty(rgb.shape, np.float32)
        _composite(self.table, rgb, alpha, *_rays(viewmats, Ks), out)
        return out


def make_sky(sun: ArrayLike, rng: np.random.Generator, clouds: float = 0.5) -> Sky:
    """A sky drawn by chance, with the sun at ``sun [3]`` and ``clouds`` from 0 (clear) to 1 (mostly covered)."""
    directions = table_directions(SIZE)
    height = np.clip(directions[..., 2], 0.0, 1.0)
    climb = np.clip(height / 0.75, 0.0, 1.0)[..., None] ** 0.55
    color = (1.0 - climb) * HORIZON + climb * ZENITH
    density = _cloud_density(directions, int(rng.integers(1 << 30)), clouds)
    towards_sun = np.clip(directions @ unit(sun), 0.0, 1.0)[..., None]
    lit = CLOUD - CLOUD_SHADE * (density[..., None] ** 2) * (1.0 - 0.5 * towards_sun)
    cover = (0.9 * density * np.clip(6.0 * height, 0.0, 1.0))[..., None]
    color = color * (1.0 - cover) + lit * cover + GLARE * towards_sun**24
    disc = np.clip((towards_sun - 0.9993) / 0.0004, 0.0, 1.0) * (1.0 - 0.8 * cover)
    color = np.clip(color + disc, 0.0, 1.0).astype(np.float32)
    return Sky(color, HORIZON.astype(np.float32) * np.float32(0.985))


def table_directions(size: int) -> NDArray[np.float64]:
    """Unit directions ``[S, S, 3]`` of the table's texel centres."""
    axis = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    a, b = np.meshgrid(axis, axis, indexing="ij")
    x, y = (a + b) / 2.0, (a - b) / 2.0
    return unit(np.stack([x, y, 1.0 - np.abs(x) - np.abs(y)], -1))


def _cloud_density(directions: NDArray, seed: int, clouds: float) -> NDArray:
    """Cloud cover 0..1 ``[...]``: five octaves of noise on a level plane overhead."""
    plane = directions[..., :2] / (directions[..., 2:3] + 0.12)
    x, y = plane[..., 0].ravel() * 1.3, plane[..., 1].ravel()
    bend = 0.8 * value_noise(x, y, 0.9, seed + 9)
    total, weight = np.zeros(len(x)), 0.5
    for octave in range(5):
        total += weight * value_noise(x + bend, y - bend, 1.9 * 0.48**octave, seed + octave)
        weight *= 0.55
    value = np.clip((total / 1.06 - (0.72 - 0.34 * clouds)) * 3.4, 0.0, 1.0)
    return (value * value * (3.0 - 2.0 * value)).reshape(directions.shape[:-1])


def _rays(viewmats: ArrayLike, Ks: ArrayLike) -> tuple[Array, Array]:
    """Rotations ``[C, 3, 3]`` world to camera and ``[C, 4]`` fx, fy, cx, cy."""
    viewmats, Ks = np.asarray(viewmats, np.float32), np.asarray(Ks, np.float32)
    focal = np.stack([Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2]], 1)
    return np.ascontiguousarray(viewmats[:, :3, :3]), np.ascontiguousarray(focal)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def sky_lookup(table, x, y, z):
    """Bilinear colour of the sky towards (x, y, z) of any length."""
    size = table.shape[0]
    z = max(z, np.float32(0.0))
    norm = np.float32(1.0) / max(abs(x) + abs(y) + z, np.float32(1e-9))
    x, y = x * norm, y * norm
    half = np.float32(0.5 * size)
    a = min(
        max((x + y + np.float32(1.0)) * half - np.float32(0.5), np.float32(0.0)), np.float32(size - 1.001)
    )
    b = min(
        max((x - y + np.float32(1.0)) * half - np.float32(0.5), np.float32(0.0)), np.float32(size - 1.001)
    )
    i, j = int(a), int(b)
    a, b = a - np.float32(i), b - np.float32(j)
    one = np.float32(1.0)
    w00, w01, w10, w11 = (one - a) * (one - b), (one - a) * b, a * (one - b), a * b
    p, q, r, s = table[i, j], table[i, j + 1], table[i + 1, j], table[i + 1, j + 1]
    return (
        w00 * p[0] + w01 * q[0] + w10 * r[0] + w11 * s[0],
        w00 * p[1] + w01 * q[1] + w10 * r[1] + w11 * s[1],
        w00 * p[2] + w01 * q[2] + w10 * r[2] + w11 * s[2],
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _radiance(table, directions):
    out = np.empty_like(directions)
    for i in range(len(directions)):
        out[i] = sky_lookup(table, directions[i, 0], directions[i, 1], directions[i, 2])
    return out


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _composite(table, rgb, alpha, rotations, focal, out):
    cameras, height, width = alpha.shape
    for c in range(cameras):
        m, (fx, fy, cx, cy) = rotations[c], focal[c]
        for row in range(height):
            v = (np.float32(row) + np.float32(0.5) - cy) / fy
            bx, by, bz = m[1, 0] * v + m[2, 0], m[1, 1] * v + m[2, 1], m[1, 2] * v + m[2, 2]
            for col in range(width):
                behind = np.float32(1.0) - alpha[c, row, col]
                for k in range(3):
                    out[c, row, col, k] = rgb[c, row, col, k]
                if behind > np.float32(1e-3):
                    u = (np.float32(col) + np.float32(0.5) - cx) / fx
                    sky = sky_lookup(table, m[0, 0] * u + bx, m[0, 1] * u + by, m[0, 2] * u + bz)
                    for k in range(3):
                        out[c, row, col, k] += behind * sky[k]
