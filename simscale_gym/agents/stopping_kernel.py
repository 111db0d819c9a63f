"""Ways back to a route on which an ego comes to a stop."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.polyline import nearest_on, segment_at
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

_CURVE_POINTS = 21
_BEYOND = 39  # points of the route after the curve, 1 m apart
_REPEAT = 1e-3  # [m] between points that count as one


@njit(cache=True)
def stopping_plans(route: Array, lengths: Array, pose: Array, ways: Array, travelled: Array) -> Array:
    """Poses ``[F, K + 1, 3]`` on curves from ``pose [3]`` into the route, the first being ``pose``.

    Args:
        route: ``[V, 2+]`` points of the route [m], V >= 2.
        lengths: ``[V]`` arc length at each of its points [m].
        pose: Pose to begin at.
        ways: ``[F]`` ways along the route from beside the pose to the ends of the curves [m].
        travelled: ``[K]`` way that the ego has driven along its curve by each step [m].
    """
    out = np.empty((len(ways), len(travelled) + 1, 3))
    points, along = np.empty((_CURVE_POINTS + _BEYOND, 2)), np.empty(_CURVE_POINTS + _BEYOND)
    start = nearest_on(route, lengths, pose[0], pose[1])[0]
    for f in range(len(ways)):
        count = _curve(route, lengths, pose, start + ways[f], points, along)
        out[f, 0] = pose
        for k in range(len(travelled)):
            if count < 2:
                out[f, k + 1] = pose
                continue
            segment, share = segment_at(along[:count], travelled[k])
            dx, dy = points[segment + 1, 0] - points[segment, 0], points[segment + 1, 1] - points[segment, 1]
            out[f, k + 1, 0] = points[segment, 0] + share * dx
            out[f, k + 1, 1] = points[segment, 1] + share * dy
            out[f, k + 1, 2] = np.arctan2(dy, dx)
    return out


@borrowing
def _curve(route: Array, lengths: Array, pose: Array, joint_at: float, points: Array, along: Array) -> int:
    """Write a cubic Hermite curve into the route at ``joint_at`` [m], and the route after it: number of points.

    ``points [60, 2]``, and how far ``along [60]`` the way they lie [m].
    """
    joint = _place(route, lengths, joint_at)
    gap = np.hypot(joint[0] - pose[0], joint[1] - pose[1])
    leave, arrive = (
        (gap * np.cos(pose[2]), gap * np.sin(pose[2])),
        (gap * np.cos(joint[2]), gap * np.sin(joint[2])),
    )
    x, y, count = 0.0, 0.0, 0
    for i in range(_CURVE_POINTS + _BEYOND):
        last_x, last_y = x, y
        if i < _CURVE_POINTS:
            u = i / (_CURVE_POINTS - 1.0)
            begin, end = 2 * u**3 - 3 * u**2 + 1, 3 * u**2 - 2 * u**3
            leaving, arriving = u**3 - 2 * u**2 + u, u**3 - u**2
            x = begin * pose[0] + end * joint[0] + leaving * leave[0] + arriving * arrive[0]
            y = begin * pose[1] + end * joint[1] + leaving * leave[1] + arriving * arrive[1]
        else:
            x, y, _ = _place(route, lengths, joint_at + (i - _CURVE_POINTS + 1.0))
        if i > 0 and np.hypot(x - last_x, y - last_y) <= _REPEAT:
            continue
        points[count, 0], points[count, 1] = x, y
        along[count] = 0.0
        if count > 0:
            step = np.hypot(x - points[count - 1, 0], y - points[count - 1, 1])
            along[count] = along[count - 1] + step
        count += 1
    return count


@borrowing
def _place(route: Array, lengths: Array, s: float) -> tuple[float, float, float]:
    """x, y [m] and heading [rad] of the route at arc length ``s``."""
    k, share = segment_at(lengths, s)
    dx, dy = route[k + 1, 0] - route[k, 0], route[k + 1, 1] - route[k, 1]
    return route[k, 0] + share * dx, route[k, 1] + share * dy, np.arctan2(dy, dx)
