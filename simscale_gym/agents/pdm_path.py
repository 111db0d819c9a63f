"""Paths that proposals run along: points with headings, addressed by arc length as shapely and NAVSIM do it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

RUN = 8
"""Segments under one bounding box at most."""
_FIRST = 1e-5  # [m] NAVSIM reads paths from there on (PDMPath.interpolate)


class PDMPath(NamedTuple):
    """A path.

    Attributes:
        points: ``[K, 3]`` x, y [m], heading [rad], the headings without jumps.
        lengths: ``[K]`` arc length at each point [m].
        run_boxes: ``[R, 4]`` x min, y min, x max, y max of each ``RUN`` segments.
    """

    points: Array
    lengths: Array
    run_boxes: Array

    @property
    def length(self) -> float:
        """[m]."""
        return float(self.lengths[-1])


def build_path(points: Array) -> PDMPath:
    """Index ``points [K, 3]``, K >= 2."""
    points = np.array(points, float)
    points[:, 2] = np.unwrap(points[:, 2])
    steps = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
    lengths = np.concatenate([[0.0], np.cumsum(steps)])
    heads = np.arange(0, len(points) - 1, RUN)
    lows = np.minimum.reduceat(points[:, :2], heads)  # a run ends where the next one begins
    highs = np.maximum.reduceat(points[:, :2], heads)
    ends = points[np.minimum(heads + RUN, len(points) - 1), :2]
    return PDMPath(points, lengths, np.hstack([np.minimum(lows, ends), np.maximum(highs, ends)]))


def beside(points: Array, offset: float) -> Array:
    """``points [K, 3]`` moved by ``offset`` [m] to their left, headings kept."""
    side = points[:, 2] + np.pi / 2
    return np.column_stack(
        [points[:, 0] + np.cos(side) * offset, points[:, 1] + np.sin(side) * offset, points[:, 2]]
    )


@njit(cache=True)
def project(path: PDMPath, x: float, y: float) -> float:
    """Arc length [m] of the path's point nearest to (x, y); the first one among equals."""
    best, where = np.inf, 0.0
    for r in range(len(path.run_boxes)):
        box = path.run_boxes[r]
        dx, dy = max(box[0] - x, 0.0, x - box[2]), max(box[1] - y, 0.0, y - box[3])
        if dx * dx + dy * dy > best * best * (1.0 + 1e-9) + 1e-12:
            continue
        for v in range(r * RUN, min((r + 1) * RUN, len(path.points) - 1)):
            ax, ay = path.points[v, 0], path.points[v, 1]
            dx, dy = path.points[v + 1, 0] - ax, path.points[v + 1, 1] - ay
            squared = dx * dx + dy * dy
            share = 0.0
            if squared > 0.0:
                share = min(max(((x - ax) * dx + (y - ay) * dy) / squared, 0.0), 1.0)
            if 0.0 < share < 1.0:
                distance = abs(((ay - y) * dx - (ax - x) * dy) / squared) * np.sqrt(squared)
            else:
                distance = np.hypot(x - ax - share * dx, y - ay - share * dy)
            if distance < best:
                best, where = distance, path.lengths[v] + share * (path.lengths[v + 1] - path.lengths[v])
    return where


@njit(cache=True)
def pose_at(path: PDMPath, s: float, out: Array):
    """Write the pose (x, y, heading in [-pi, pi]) at arc length ``s``, clipped to the path, into ``out [3]``."""
    last = len(path.lengths) - 1
    s = min(max(s, _FIRST), path.lengths[last])
    high = min(max(np.searchsorted(path.lengths, s), 1), last)
    low = high - 1
    span = path.lengths[high] - path.lengths[low]
    share = (s - path.lengths[low]) / span if span > 0.0 else 0.0
    for i in range(3):
        out[i] = path.points[low, i] + share * (path.points[high, i] - path.points[low, i])
    out[2] = np.arctan2(np.sin(out[2]), np.cos(out[2]))
