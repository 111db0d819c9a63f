"""The lanes of a map as flat arrays, for kernels that walk along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.one_line import one_line

if TYPE_CHECKING:
    from simscale_gym.scene.road_map import Lane

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LaneGraph:
    """Lanes ``L`` by row, in the order of the map.

    Attributes:
        points: ``[V, 3]`` all centrelines one after another: x, y, heading.
        s: ``[V]`` arc length of each vertex along its own lane [m].
        starts: ``[L + 1]`` first vertex of each lane.
        lengths: ``[L]`` lengths of the centrelines [m].
        speed_limits: ``[L]`` speed limits [m/s], valid where ``has_speed_limit``.
        has_speed_limit: ``[L]`` whether the map has a speed limit.
        connector: ``[L]`` whether it lies inside an intersection.
        bike: ``[L]`` whether it is not for cars.
        successor_starts, successors: Rows of all lanes' successors one lane after another, and ``[L + 1]`` where each
            lane's begin.
        predecessor_starts, predecessors: Rows of all lanes' predecessors, and where each lane's begin.
        bounds: ``[L, 4]`` x min, y min, x max, y max of each centreline.
    """

    points: Array
    s: Array
    starts: NDArray[np.int64]
    lengths: Array
    speed_limits: Array
    has_speed_limit: NDArray[np.bool_]
    connector: NDArray[np.bool_]
    bike: NDArray[np.bool_]
    successor_starts: NDArray[np.int64]
    successors: NDArray[np.int64]
    predecessor_starts: NDArray[np.int64]
    predecessors: NDArray[np.int64]
    bounds: Array

    __repr__ = one_line

    @classmethod
    def build(cls, lanes: Mapping[str, Lane]) -> LaneGraph:
        """Flatten ``lanes``; links to lanes that are not in the mapping are dropped."""
        items = list(lanes.values())
        row = {lane.id: index for index, lane in enumerate(items)}
        lines = [lane.centerline for lane in items]
        limits = [lane.speed_limit for lane in items]
        lengths = [polyline.arc_lengths(line) for line in lines]
        successor_starts, successors = _links([[row[i] for i in x.successors if i in row] for x in items])
        predecessor_starts, predecessors = _links(
            [[row[i] for i in x.predecessors if i in row] for x in items]
        )
        return cls(
            points=np.concatenate(lines) if lines else np.zeros((0, 3)),
            s=np.concatenate(lengths) if lines else np.zeros(0),
            starts=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64),
            lengths=np.array([length[-1] for length in lengths], float),
            speed_limits=np.array([limit or 0.0 for limit in limits], float),
            has_speed_limit=np.array([limit is not None for limit in limits], bool),
            connector=np.array([lane.connector for lane in items], bool),
            bike=np.array([lane.bike for lane in items], bool),
            successor_starts=successor_starts,
            successors=successors,
            predecessor_starts=predecessor_starts,
            predecessors=predecessors,
            bounds=np.array([[*x[:, :2].min(0), *x[:, :2].max(0)] for x in lines], float).reshape(-1, 4),
        )

    def lanes_near(self, point: Array, distance: float) -> NDArray[np.int64]:
        """Rows whose bounding box lies within ``distance`` [m] of ``point [2]``."""
        low, high = self.bounds[:, :2] - distance, self.bounds[:, 2:] + distance
        return np.flatnonzero(((point >= low) & (point <= high)).all(1))

    def successors_of(self, row: int) -> NDArray[np.int64]:
        """Rows of the lanes that follow lane ``row``."""
        return self.successors[self.successor_starts[row] : self.successor_starts[row + 1]]

    def predecessors_of(self, row: int) -> NDArray[np.int64]:
        """Rows of the lanes that lead into lane ``row``."""
        return self.predecessors[self.predecessor_starts[row] : self.predecessor_starts[row + 1]]

    def centerline(self, row: int) -> Array:
        """Centreline ``[K, 3]`` of lane ``row``: x, y [m], heading [rad]."""
        return self.points[self.starts[row] : self.starts[row + 1]]


def _links(lists: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64)
    return starts, np.array([i for x in lists for i in x], np.int64)
