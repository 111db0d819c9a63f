"""How high the ground is where something stands or walks: the road, or a kerb's height above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.kerbs import HEIGHT
from simscale_gym.dressing.terrain import Surface, Terrain

Array = NDArray[np.float64]

RAMP = 0.35
"""A step onto the kerb is spread over this distance to either side of it [m]."""


@dataclass(frozen=True, eq=False)
class GroundHeights:
    """Look-up of the height of the drawn ground.

    Attributes:
        terrain: The plan of the ground.
    """

    terrain: Terrain

    def road(self, points: ArrayLike) -> Array:
        """Height ``[N]`` of the road level at ``points [N, 2]`` [m]: where wheels stand."""
        return self.terrain.height(points)

    def foot(self, points: ArrayLike) -> Array:
        """Height ``[N]`` of the ground itself at ``points [N, 2]`` [m]: road, or pavement behind its kerb."""
        points = np.asarray(points, float).reshape(-1, 2)
        around = RAMP * np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        surface = self.terrain.surfaces.at((points[:, None] + around).reshape(-1, 2)).reshape(len(points), -1)
        raised = (surface != Surface.ROAD).mean(1)
        return self.road(points) + HEIGHT * raised
