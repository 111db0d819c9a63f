"""Where a scene's Gaussians are solid and how fine they are, to be asked what a place or a picture is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.splats.cpu.pack import L00, LOG_OPACITY, PackedGaussians, X, Z

Array = NDArray[np.float64]

CELL = np.array([2.0, 2.0, 1.0])
"""Size of a cell of the grid that says how fine the Gaussians are, along x, y, z [m]; low, so that vehicles reach out
of the road's cells."""

MOST_CELLS = np.array([400, 400, 32])
"""Most cells along x, y, z; in a wider scene the cells grow."""

CORE = (0.01, 0.99)
"""Quantiles of the means, between which the grid lies: domes of sky and stray Gaussians are left out."""


@dataclass(frozen=True, eq=False)
class SolidMatter:
    """Gaussians as discs, in blocks that are near each other.

    Attributes:
        blocks: Centre and radius of a sphere around the means of each block, `[M, 4]` float64 [m].
        means: Means of the Gaussians, `[M, 256, 3]` float32 [m].
        areas: Surface that each one covers, its opacity included, `[M, 256]` float32 [m^2]; 0 for padding.
        low: First corner of the grid, `[3]` [m].
        cell: Size of a cell of the grid, `[3]` [m].
        grains: Geometric mean of the standard deviations of the Gaussians in each cell, `[X, Y, Z]` float32 [m]; 0
            where there are none. Fine ones on coarse ones, as paint on asphalt, count as fine.
    """

    blocks: Array
    means: NDArray[np.float32]
    areas: NDArray[np.float32]
    low: Array
    cell: Array
    grains: NDArray[np.float32]

    @classmethod
    def of(cls, packed: PackedGaussians) -> SolidMatter:
        """Reads off what a rasteriser draws, at its finest level of detail."""
        first, last = packed.level_chunks[:, 0], packed.level_chunks[:, 1]
        chunks = np.concatenate([np.arange(0), *map(np.arange, first, last)])
        lanes = packed.lanes[chunks]
        means, areas = np.ascontiguousarray(lanes[:, X : Z + 1].swapaxes(1, 2)), _areas(lanes)
        solid = areas > 0.0
        return cls(packed.bounds[chunks, :4].copy(), means, areas, *_grid(means[solid], areas[solid]))

    def near(self, centre: Array, radius: float) -> tuple[Array, Array]:
        """Means `[N, 3]` [m] and areas `[N]` [m^2] of the Gaussians within `radius` [m] of `centre` `[3]`."""
        distance = np.sqrt(((self.blocks[:, :3] - centre) ** 2).sum(1))
        rows = np.flatnonzero(distance < radius + self.blocks[:, 3])
        means, areas = self.means[rows].reshape(-1, 3), self.areas[rows].reshape(-1)
        inside = (((means - centre.astype(np.float32)) ** 2).sum(1) < radius * radius) & (areas > 0.0)
        return means[inside].astype(np.float64), areas[inside].astype(np.float64)


def _areas(lanes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas `[M, 256]` [m^2] of lanes `[M, 13, 256]`.

    A flat Gaussian of standard deviations a and b covers the integral of its opacity, 2 pi a b opacity. The product
    a b is the root of the covariance's second invariant, to which a thin third axis adds next to nothing.
    """
    l00, l10, l11, l20, l21, l22 = (lanes[:, L00 + k].astype(np.float64) for k in range(6))
    minors = (l00 * l11) ** 2 + (l00 * l21) ** 2 + (l00 * l22) ** 2
    minors += (l10 * l21 - l11 * l20) ** 2 + ((l10 * l22) ** 2 + (l11 * l22) ** 2)
    areas = 2.0 * np.pi * np.sqrt(minors) * np.exp(lanes[:, LOG_OPACITY].astype(np.float64))
    return areas.astype(np.float32)


def _grid(means: NDArray[np.float32], areas: NDArray[np.float32]) -> tuple[Array, Array, NDArray[np.float32]]:
    """First corner, cells and grains (see the class) of Gaussians `[N]`."""
    if not len(means):
        return np.zeros(3), CELL.copy(), np.zeros((1, 1, 1), np.float32)
    low, high = np.quantile(means[:: max(1, len(means) // 100_000)], CORE, axis=0).astype(float)
    low, high = low - CELL, high + CELL
    cell = np.maximum(CELL, (high - low) / MOST_CELLS)
    shape = np.ceil((high - low) / cell).astype(int)
    place = np.floor((means - low) / cell).astype(int)
    inside = ((place >= 0) & (place < shape)).all(1)
    index = np.ravel_multi_index(tuple(place[inside].T), tuple(shape))
    logs, total = 0.5 * np.log(areas[inside].astype(float) / (2.0 * np.pi)), int(np.prod(shape))
    counts = np.bincount(index, minlength=total)
    grains = np.exp(np.bincount(index, logs, total) / np.maximum(counts, 1)) * (counts > 0)
    return low, cell, grains.reshape(shape).astype(np.float32)
