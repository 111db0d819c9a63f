"""The share of the sun that reaches what moves, looked up on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.dress import StaticLook
from simscale_gym.scene import Scene

Array = NDArray[np.float64]

_CELL = 2.0  # [m]
_REACH = 60.0  # [m] around the logged path; beyond it, the nearest value holds
_HEIGHT, _SIZE = 0.9, 2.5  # [m] middle of a car's body, and its width


@dataclass(frozen=True, eq=False)
class ShadeField:
    """Sun visibility 0..1 on a grid: ``values [Y, X]``, the first one at ``low [2]``."""

    low: Array
    values: NDArray[np.float32]

    @classmethod
    def of(cls, scene: Scene, look: StaticLook) -> ShadeField:
        """Cast shadows of ``look`` onto the surroundings of the scene's log."""
        path = scene.ego.poses[:, :2]
        low = path.min(0) - _REACH
        shape = np.ceil((path.max(0) + _REACH - low) / _CELL).astype(int) + 1
        x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]))
        points = np.column_stack(
            [low + _CELL * np.column_stack([x.ravel(), y.ravel()]), np.full(x.size, _HEIGHT)]
        )
        return cls(low, look.sun_at(points, _SIZE).reshape(x.shape))

    def at(self, points: ArrayLike) -> Array:
        """Visibility ``[N]`` at ``points [N, 2]``, bilinear."""
        last = np.array(self.values.shape[::-1]) - 1
        place = np.clip((np.asarray(points, float) - self.low) / _CELL, 0.0, last - 1e-6)
        (x, y), (a, b) = place.astype(int).T, (place % 1.0).T
        v = self.values
        bottom = v[y, x] * (1 - a) + v[y, x + 1] * a
        return bottom * (1 - b) + (v[y + 1, x] * (1 - a) + v[y + 1, x + 1] * a) * b
