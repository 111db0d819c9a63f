"""Colours of walls and roofs as fields over a surface: weathering, courses, tiles."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.noise import faded
from simscale_gym.dressing.surfels.surfels import ColorField

Array = NDArray[np.float64]


def wall_noise(x: Array, y: Array, scale: float, seed: int) -> Array:
    """Smooth noise 0..1 over a wall that changes over ``scale`` [m]; x, y, result ``[N]``.

    The ground's is :func:`simscale_gym.dressing.surfels.noise.value_noise`, with another hash of the lattice.
    """
    return _wall_noise(x / scale, y / scale, seed % 65536)


def _lattice(column: Array, row: Array, seed: int) -> Array:
    """Hash 0..1 of integer places ``[N]``."""
    return _hashes(column, row, seed % 65536)


@njit(cache=True, inline="always")
def _mix(i, j, seed):
    mixed = i * 374761393 + j * 668265263 + seed * 1274126177
    mixed = ((mixed ^ (mixed >> 13)) * 1103515245) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFF) / 65535.0


@njit(cache=True, error_model="numpy")
def _hashes(column, row, seed):
    out = np.empty(len(column))
    for n in range(len(column)):
        out[n] = _mix(int(column[n]), int(row[n]), seed)
    return out


@njit(cache=True, error_model="numpy")
def _wall_noise(x, y, seed):
    out = np.empty(len(x))
    for n in range(len(x)):
        i, j = int(np.floor(x[n])), int(np.floor(y[n]))
        low = _mix(i, j, seed), _mix(i + 1, j, seed)
        high = _mix(i, j + 1, seed), _mix(i + 1, j + 1, seed)
        out[n] = faded(x[n] - i, y[n] - j, low, high)
    return out


def wall_color(base: Array, style: str, height: float, seed: int) -> ColorField:
    """Weathered wall: clouded, darker where rain splashes and where it runs, in courses where it is masonry."""

    def color(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        tone = 0.955 + 0.07 * wall_noise(x, 0.6 * z, 2.3, seed)
        tone -= 0.05 * wall_noise(3.0 * x, 0.3 * z, 1.1, seed + 3) * np.clip(z / height, 0.0, 1.0)
        tone -= 0.10 * np.exp(-z / 0.5)
        if style == "brick":
            tone *= 0.965 + 0.07 * _lattice(np.floor(x / 0.3), np.floor(z / 0.2), seed + 5)
        elif style == "stone":
            shifted = x + 0.45 * (np.floor(z / 0.45) % 2)
            tone *= 0.97 + 0.06 * _lattice(np.floor(shifted / 0.9), np.floor(z / 0.45), seed + 5)
        elif style == "house" and seed % 3 == 0:
            tone *= 1.0 - 0.05 * (np.floor(z / 0.35) % 2)
        return base * tone[:, None]

    return color


def tile_color(base: Array, seed: int) -> ColorField:
    """Roof tiles: rows that alternate a little, clouds of moss and soot."""

    def color(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        tone = 0.88 + 0.16 * wall_noise(x, z, 1.4, seed)
        tone = (
            tone
            + 0.05 * (np.floor(z / 0.36) % 2)
            + 0.05 * _lattice(np.floor(x / 0.5), np.floor(z / 0.36), seed)
        )
        return base * tone[:, None]

    return color


def sky_openness(x: Array, z: Array, points: Array) -> Array:
    """Openness of a wall to ambient light: closed in near the pavement."""
    return np.clip(0.58 + 0.42 * z / 1.7, 0.0, 1.0)
