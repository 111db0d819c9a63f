"""Paths that proposals run along: points with headings, addressed by arc length as shapely and NAVSIM do it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

RUN = 8
"""Segments under one bounding box at most."""
CURVE_REACH = 3.0
"""Curves are measured over this much of the path before and after a point [m]."""
_FIRST = 1e-5  # [m] NAVSIM reads paths from there on (PDMPath.interpolate)

JOIN_POINTS = 17
"""Points of a joining curve."""


class PDMPath(NamedTuple):
    """A path.

    Attributes:
        points: ``[K, 3]`` x, y [m], heading [rad], the headings without jumps.
        lengths: ``[K]`` arc length at each point [m].
        run_boxes: ``[R, 4]`` x min, y min, x max, y max of each ``RUN`` segments.
        caps: ``[K]`` highest speed at each point [m/s]; infinite where nothing limits it.
    """

    points: Array
    lengths: Array
    run_boxes: Array
    caps: Array

    @property
    def length(self) -> float:
        """[m]."""
        return float(self.lengths[-1])


def build_path(points: Array, lateral_acceleration: float = 0.0, braking: float = 2.0) -> PDMPath:
    """Index ``points [K, 3]``, K >= 2.

    Args:
        points: x, y, heading.
        lateral_acceleration: Bound in curves [m/s^2]; 0 for none.
        braking: Deceleration with which curves are approached [m/s^2].
    """
    points = np.array(points, float)
    lengths, boxes, caps = _measure(points)
    if lateral_acceleration > 0.0:
        _cap_speeds(points, lengths, lateral_acceleration, braking, caps)
    return PDMPath(points, lengths, boxes, caps)


@njit(cache=True)
def _measure(points: Array):
    """Unwrap the headings of ``points [K, 3]`` in place; arc lengths, boxes of runs, and no caps."""
    count = len(points)
    lengths, caps = np.zeros(count), np.full(count, np.inf)
    for i in range(1, count):
        lengths[i] = lengths[i - 1] + np.hypot(
            points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1]
        )
        step = points[i, 2] - points[i - 1, 2]
        points[i, 2] -= 2.0 * np.pi * np.round(step / (2.0 * np.pi))
    boxes = np.empty(((count + RUN - 2) // RUN, 4))
    for r in range(len(boxes)):
        part = points[r * RUN : r * RUN + RUN + 1]
        boxes[r, 0], boxes[r, 1] = part[:, 0].min(), part[:, 1].min()
        boxes[r, 2], boxes[r, 3] = part[:, 0].max(), part[:, 1].max()
    return lengths, boxes, caps


@borrowing
def _cap_speeds(points: Array, lengths: Array, lateral: float, braking: float, caps: Array):
    """Write the highest speeds from which curves ahead can still be taken into ``caps [K]``."""
    first, last = 0, 0
    for i in range(len(points)):
        while lengths[i] - lengths[first] > CURVE_REACH:
            first += 1
        while last < len(points) - 1 and lengths[last] - lengths[i] < CURVE_REACH:
            last += 1
        span = lengths[last] - lengths[first]
        turn = abs(points[last, 2] - points[first, 2])
        if span > 0.0 and turn > 0.0:
            caps[i] = np.sqrt(lateral * span / turn)
    for i in range(len(points) - 2, -1, -1):
        way = lengths[i + 1] - lengths[i]
        caps[i] = min(caps[i], np.sqrt(caps[i + 1] ** 2 + 2.0 * braking * way))


def beside(points: Array, offset: float) -> Array:
    """``points [K, 3]`` moved by ``offset`` [m] to their left, headings kept."""
    side = points[:, 2] + np.pi / 2
    return np.column_stack(
        [points[:, 0] + np.cos(side) * offset, points[:, 1] + np.sin(side) * offset, points[:, 2]]
    )


def joined(
    path: PDMPath, pose: Array, distance: float, *, within: float = np.inf, lateral_acceleration: float = 0.0
) -> PDMPath:
    """A curve from ``pose [3]`` into ``path``, and the path from there on.

    Args:
        path: The path.
        pose: Pose to begin at: x, y [m], heading [rad] in the scene frame.
        distance: Way along the path from beside the pose to the end of the curve [m].
        within: Length of the first part of the path, beside which the pose lies [m].
        lateral_acceleration: Greatest lateral acceleration, see :func:`build_path` [m/s^2].
    """
    start = project(_beginning(path, within), pose[0], pose[1])
    points = _join(path, np.asarray(pose, float), min(start + distance, path.length))
    return build_path(points, lateral_acceleration)


@njit(cache=True)
def _join(path: PDMPath, pose: Array, target: float) -> Array:
    """Points of a cubic Hermite curve from ``pose`` to the path at ``target`` [m], and of the path after it."""
    joint = np.empty(3)
    pose_at(path, target, joint)
    rest = np.searchsorted(path.lengths, target, side="right")
    out = np.empty((JOIN_POINTS + len(path.points) - rest, 3))
    out[JOIN_POINTS:] = path.points[rest:]
    gap = np.hypot(joint[0] - pose[0], joint[1] - pose[1])
    for i in range(JOIN_POINTS):
        u = i / (JOIN_POINTS - 1.0)
        begin, leave, arrive = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, u**3 - u**2
        slope, leaving, arriving = 6 * u**2 - 6 * u, 3 * u**2 - 4 * u + 1, 3 * u**2 - 2 * u
        dx = gap * (leaving * np.cos(pose[2]) + arriving * np.cos(joint[2])) + slope * (pose[0] - joint[0])
        dy = gap * (leaving * np.sin(pose[2]) + arriving * np.sin(joint[2])) + slope * (pose[1] - joint[1])
        turn = gap * (leave * np.cos(pose[2]) + arrive * np.cos(joint[2]))
        out[i, 0] = begin * pose[0] + (1.0 - begin) * joint[0] + turn
        turn = gap * (leave * np.sin(pose[2]) + arrive * np.sin(joint[2]))
        out[i, 1] = begin * pose[1] + (1.0 - begin) * joint[1] + turn
        out[i, 2] = np.arctan2(dy, dx) if gap > 0.0 else pose[2]
    return out


def _beginning(path: PDMPath, length: float) -> PDMPath:
    """The path's vertices up to ``length`` [m] and one more."""
    count = max(2, int(np.searchsorted(path.lengths, length)) + 1)
    runs = (count + RUN - 2) // RUN
    if count >= len(path.points):
        return path
    return PDMPath(path.points[:count], path.lengths[:count], path.run_boxes[:runs], path.caps[:count])


@borrowing
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


@borrowing
def cap_at(path: PDMPath, s: float) -> float:
    """Highest speed [m/s] at arc length ``s``: of the vertex before or the one after, whichever is less."""
    last = len(path.lengths) - 1
    high = min(max(np.searchsorted(path.lengths, s), 1), last)
    return min(path.caps[high - 1], path.caps[high])


@borrowing
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
    if abs(out[2]) > np.pi:
        out[2] = np.arctan2(np.sin(out[2]), np.cos(out[2]))
