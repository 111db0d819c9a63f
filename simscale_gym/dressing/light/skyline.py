"""What stands at the horizon in the haze: roofs, towers and woods, drawn into the sky's table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.light.sky import SIZE, Sky, table_directions
from simscale_gym.dressing.surfels.noise import cell_hash, value_noise

Array = NDArray[np.float64]

BLOCK = np.radians(1.6)
"""Width of a building at the horizon [rad]: 14 m at 500 m."""

LOW, HIGH, TOWER = np.radians(0.9), np.radians(2.2), np.radians(3.6)
"""Elevation of the lowest and the highest roofs, and of the few towers among them [rad]: 8, 19 and 31 m at 500 m."""

WOOD, STONE = np.array([0.36, 0.43, 0.36]), np.array([0.52, 0.51, 0.52])
HAZED = 0.62
"""Share of the air's color in all of it: exp(-500 m / 500 m), as far ground has it."""


def with_skyline(sky: Sky, rng: np.random.Generator) -> Sky:
    """The same sky with a town's silhouette along its horizon."""
    seed = int(rng.integers(1 << 30))
    directions = table_directions(SIZE)
    elevation = np.arcsin(np.clip(directions[..., 2], -1.0, 1.0)).ravel()
    azimuth = np.arctan2(directions[..., 1], directions[..., 0]).ravel()
    near = np.flatnonzero(elevation < 1.4 * TOWER)
    roofs, tone = _roofs(azimuth[near], seed)
    trees = _trees(azimuth[near], seed)
    color = np.where((trees > roofs)[:, None], WOOD, STONE * tone[:, None])
    color = color + HAZED * (sky.haze - color)
    texel = np.radians(90.0) * 2.0 / SIZE  # its edge is soft over half a texel
    cover = np.clip((np.maximum(roofs, trees) - elevation[near]) / texel + 0.5, 0.0, 1.0)[:, None]
    table = sky.table.reshape(-1, 3).copy()
    table[near] += (cover * (color - table[near])).astype(np.float32)
    return replace(sky, table=table.reshape(sky.table.shape))


def _roofs(azimuth: Array, seed: int) -> tuple[Array, Array]:
    """Height ``[N]`` [rad] and brightness ``[N]`` of the buildings towards ``azimuth [N]`` [rad]."""
    block = np.floor((azimuth + np.pi) / BLOCK)
    draw = np.stack([cell_hash(block, i, seed) for i in range(3)], 1)
    share = (azimuth + np.pi) / BLOCK - block
    height = LOW + (HIGH - LOW) * draw[:, 0]
    height = np.where(draw[:, 1] > 0.80, height + (TOWER - HIGH) * draw[:, 2], height)
    gable = np.where(draw[:, 1] < 0.45, 0.25 * HIGH * (1.0 - 2.0 * np.abs(share - 0.5)), 0.0)
    return height + gable, 0.86 + 0.28 * draw[:, 2]


def _trees(azimuth: Array, seed: int) -> Array:
    """Height ``[N]`` [rad] of the crowns before the buildings."""
    broad = value_noise(azimuth * 6.0, 0.0 * azimuth, 1.0, seed + 5)
    fine = value_noise(azimuth * 90.0, 0.0 * azimuth, 1.0, seed + 6)
    return LOW * (0.35 + 1.2 * broad) + 0.35 * LOW * fine
