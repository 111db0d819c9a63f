"""Heights of the ground where something stands or walks: the road, or the pavement behind its kerb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.ground.kerbs import HEIGHT
from simscale_gym.dressing.ground.terrain import Surface, Terrain

Array = NDArray[np.float64]

CELL = 0.4
"""Edge of a cell of the grid [m]; a step onto the kerb takes about as long."""

REACH = 60.0
"""Width of the grid around the path [m]; beyond, the nearest value holds."""


@dataclass(frozen=True, eq=False)
class GroundHeights:
    """Heights on a grid, the first at ``low [2]``.

    Attributes:
        low: ``[2]`` place of the first point of the grid [m].
        road: ``[Y, X]`` height of the road level [m], also beside the road.
        step: ``[Y, X]`` height of the ground above that level [m]: 0 on the road, a kerb's height beside it.
    """

    low: Array
    road: NDArray[np.float32]
    step: NDArray[np.float32]

    @classmethod
    def of(cls, terrain: Terrain) -> GroundHeights:
        """Read the heights off the plan of the ground."""
        low = terrain.path.min(0) - REACH
        count = np.ceil((terrain.path.max(0) + REACH - low) / CELL).astype(int) + 1
        x, y = np.meshgrid(np.arange(count[0]), np.arange(count[1]))
        points = low + CELL * np.column_stack([x.ravel(), y.ravel()])
        step = np.where(terrain.surfaces.at(points) == Surface.ROAD, 0.0, HEIGHT)
        heights = (terrain.height(points), step)
        return cls(low, *(a.reshape(x.shape).astype(np.float32) for a in heights))

    def at(self, points: ArrayLike, afoot: ArrayLike) -> Array:
        """Height ``[N]`` [m] that things at ``points [N, 2]`` stand at, bilinear.

        Args:
            points: Places ``[N, 2]`` [m].
            afoot: ``[N]`` whether something steps onto pavements; wheels stay at the road level.
        """
        last = np.array(self.road.shape[::-1]) - 1
        place = np.clip((np.asarray(points, float).reshape(-1, 2) - self.low) / CELL, 0.0, last - 1e-6)
        (x, y), (a, b) = place.astype(int).T, (place % 1.0).T
        weights = ((0, 0, (1 - a) * (1 - b)), (0, 1, a * (1 - b)), (1, 0, (1 - a) * b), (1, 1, a * b))
        road, step = (sum(w * v[y + j, x + i] for j, i, w in weights) for v in (self.road, self.step))
        return road + np.where(np.asarray(afoot, bool), step, 0.0)
