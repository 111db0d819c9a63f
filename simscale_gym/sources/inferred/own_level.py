"""What passes over or under the ego's way: roads on bridges and below them, which the ego cannot get to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simscale_gym.geometry import polyline
from simscale_gym.scene.levels import LEVEL
from simscale_gym.sources.inferred.features import LaneFeature

Array = NDArray[np.float64]

_NEAR, _FAR = 15.0, 60.0  # [m] in plan from the way, where a road crosses it and where that road goes on
_JOINT = 1.0  # [m] between the ends of lanes that lead into each other
_SPACING = 2.0  # [m] between the points that are looked at
_BESIDE, _FLUSH = 10.0, 1.0  # [m] in plan and in height from a lane: painted on its road, or its edge


class OwnLevel:
    """The ego's way in three dimensions, and the roads that pass over or under it.

    Args:
        way: ``[T, 3]`` x, y and height of the ground where the ego drove [m].
        lanes: All lanes, in the same frame.
    """

    def __init__(self, way: Array, lanes: Sequence[LaneFeature]) -> None:
        self._heights, self._tree = way[:, 2], cKDTree(way[:, :2])
        lines = {lane.id: _points(lane) for lane in lanes if lane.heights is not None}
        apart = {key: self._apart(line, _NEAR) for key, line in lines.items()}
        passing = {key for key, height in apart.items() if LEVEL < height < np.inf}
        if all(
            height > LEVEL for height in apart.values()
        ):  # map and ego do not agree: the ego drives on something
            passing.clear()
        grown = set(passing)
        while grown:
            ends = cKDTree(np.concatenate([lines[key][[0, -1]] for key in grown]))
            grown = {
                key
                for key, line in lines.items()
                if key not in passing
                and (ends.query(line[[0, -1]])[0] < _JOINT).any()
                and LEVEL < self._apart(line, _FAR) < np.inf
            }
            passing |= grown
        self.elsewhere = frozenset(passing)
        """Ids of the lanes of other roads: whatever crosses the way, and where it leads while it is as high."""
        over = [lines[key] for key in passing]
        self._over = cKDTree(_scaled(np.concatenate(over))) if over else None

    def is_elsewhere(self, line: Array) -> bool:
        """Whether ``line [K, 3]``, such as paint or a kerb, lies on another road for most of its length."""
        if self._over is None:
            return False
        return bool((self._over.query(_scaled(spaced(line)))[0] < 1.0).mean() > 0.5)

    def _apart(self, line: Array, reach: float) -> float:
        """Least height [m] between it and the way, as far as it is within ``reach`` [m] of that; else infinite."""
        near = self._tree.query_ball_point(line[:, :2], reach)
        return min(
            (np.abs(z - self._heights[rows]).min() for z, rows in zip(line[:, 2], near, strict=True) if rows),
            default=np.inf,
        )


def spaced(line: Array) -> Array:
    """Points ``[M, 3]`` every 2 m along ``line [K, 3]``, its ends among them."""
    lengths = polyline.arc_lengths(line[:, :2])
    at = np.linspace(0.0, lengths[-1], max(2, int(np.ceil(lengths[-1] / _SPACING)) + 1))
    return np.column_stack([np.interp(at, lengths, line[:, axis]) for axis in range(3)])


def _points(lane: LaneFeature) -> Array:
    return np.column_stack([lane.centerline[:, :2], lane.heights])


def _scaled(points: Array) -> Array:
    """Points whose distance from a lane is 1 where they are just beside its road."""
    return points / np.array([_BESIDE, _BESIDE, _FLUSH])
