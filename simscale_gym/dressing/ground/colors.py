"""Albedo of the ground: asphalt with wheel tracks and repairs, worn paint, slabs, kerb stones, grass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surfels.noise import cell_hash, value_noise

Array = NDArray[np.float64]

WHEEL_OFFSET, WHEEL_WIDTH = 0.78, 0.30
"""Wheel tracks lie this far from the lane's centre and are this wide [m]."""


def ground_albedo(points: Array, surface: NDArray[np.uint8], terrain: Terrain, seed: int) -> Array:
    """SRGB ``[N, 3]`` of ground of kind ``surface [N]`` (:class:`Surface`) at ``points [N, 2]`` [m]."""
    out = np.empty((len(points), 3))
    painters = {
        Surface.NEUTRAL: _neutral, Surface.SIDEWALK: _sidewalk, Surface.GRASS: _grass, Surface.PLAZA: _plaza,
        Surface.ISLAND: _island, Surface.PAINT: _paint, Surface.KERB: _kerb, Surface.BUILDING: _sidewalk,
        Surface.YELLOW_PAINT: _yellow_paint,
    }  # fmt: skip
    for kind in np.unique(surface):
        rows = surface == kind
        if kind == Surface.ROAD:
            out[rows] = asphalt(points[rows], terrain, seed)
        else:
            out[rows] = painters[Surface(kind)](*points[rows].T, seed)
    return out


def asphalt(points: Array, terrain: Terrain, seed: int) -> Array:
    """Grey with three octaves of noise, darker in the wheel tracks and where oil drips, repaired in places."""
    x, y = points.T
    gray = (
        0.355 + 0.03 * (value_noise(x, y, 3.1, seed) - 0.5) + 0.03 * (value_noise(x, y, 0.7, seed + 1) - 0.5)
    )
    gray += 0.03 * (value_noise(x, y, 14.0, seed + 2) - 0.5)
    offset, row = terrain.lane_offset(points)
    worn = value_noise(x, y, 9.0, seed + 3)
    for track in (-WHEEL_OFFSET, WHEEL_OFFSET):
        gray -= (0.012 + 0.014 * worn) * np.exp(-(((offset - track) / WHEEL_WIDTH) ** 2))
    gray -= 0.022 * np.exp(-((offset / 0.25) ** 2)) * value_noise(x, y, 4.0, seed + 4)
    gray += _patches(points, offset, row, terrain, seed)
    return np.stack([gray, gray, 1.015 * gray], 1)


def _patches(points: Array, offset: Array, row: NDArray[np.int64], terrain: Terrain, seed: int) -> Array:
    """Rectangular repairs in the frame of the nearest lane: about one in 25 m of lane, darker or lighter."""
    block = row // 6
    lucky = cell_hash(block, 0, seed) < 0.22
    side = 1.0 - 2.0 * cell_hash(block, 1, seed)
    low, high = side - 0.5 - cell_hash(block, 2, seed), side + 0.3 + cell_hash(block, 3, seed)
    inside = lucky & (offset > low) & (offset < high) & (row % 6 < 2 + 4 * cell_hash(block, 4, seed))
    tone = np.where(cell_hash(block, 5, seed) < 0.7, -0.035, 0.025)
    return np.where(inside, tone, 0.0)


def _paint(x: Array, y: Array, seed: int) -> Array:
    worn = (
        0.90 + 0.13 * (value_noise(x, y, 2.5, seed + 5) - 0.3) - 0.06 * value_noise(x, y, 0.35, seed + 6) ** 3
    )
    return np.array([0.85, 0.85, 0.83]) * worn[:, None]


def _yellow_paint(x: Array, y: Array, seed: int) -> Array:
    return _paint(x, y, seed) * np.array([1.0, 0.80, 0.36])


def _kerb(x: Array, y: Array, seed: int) -> Array:
    tone = (
        0.95 + 0.10 * (value_noise(x, y, 1.0, seed + 7) - 0.5) + 0.06 * (value_noise(x, y, 6.0, seed) - 0.5)
    )
    return np.array([0.64, 0.63, 0.61]) * tone[:, None]


def _sidewalk(x: Array, y: Array, seed: int) -> Array:
    tone = (
        0.94
        + 0.10 * (value_noise(x, y, 2.0, seed + 8) - 0.5)
        + 0.07 * (value_noise(x, y, 0.8, seed + 9) - 0.5)
    )
    return np.array([0.60, 0.575, 0.54]) * tone[:, None]


def _plaza(x: Array, y: Array, seed: int) -> Array:
    checker = (np.floor(x / 1.2) + np.floor(y / 1.2)) % 2
    tone = 0.93 + 0.06 * checker + 0.08 * (value_noise(x, y, 1.7, seed + 10) - 0.5)
    return np.array([0.63, 0.58, 0.52]) * tone[:, None]


def _island(x: Array, y: Array, seed: int) -> Array:
    tone = (
        0.92 + 0.12 * (value_noise(x, y, 0.5, seed + 11) - 0.5) + 0.06 * (value_noise(x, y, 3.0, seed) - 0.5)
    )
    return np.array([0.56, 0.54, 0.52]) * tone[:, None]


def _grass(x: Array, y: Array, seed: int) -> Array:
    broad, fine = value_noise(x, y, 1.3, seed + 12), value_noise(x, y, 0.28, seed + 13)
    dry = value_noise(x, y, 7.0, seed + 14)
    return np.stack(
        [
            0.22 + 0.07 * broad + 0.07 * fine + 0.07 * dry,
            0.285 + 0.06 * broad + 0.08 * fine,
            0.12 + 0.05 * broad,
        ],
        1,
    )


def _neutral(x: Array, y: Array, seed: int) -> Array:
    """Lawns and bare soil: for places that the source says nothing of."""
    grass = _grass(x, y, seed)
    bare = np.clip(2.5 * (value_noise(x, y, 11.0, seed + 15) - 0.62), 0.0, 1.0)[:, None]
    return grass * (1.0 - 0.7 * bare) + np.array([0.46, 0.42, 0.35]) * 0.7 * bare
