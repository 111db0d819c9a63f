"""Polylines ``[K, 2]`` in the plane, addressed by arc length ``s`` [m] and signed offset ``d`` [m, left +]."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

_COARSE = 16  # vertices between those that bound a distance
_ROUNDING = 1e-6  # [m] by which what is passed over is surely farther away


def arc_lengths(points: Array) -> Array:
    """Arc length ``[K]`` at each vertex of ``points [K, 2+]``, from 0."""
    return _lengths(np.ascontiguousarray(points, float))


def without_repeats(points: Array, tolerance: float = 1e-6) -> Array:
    """Drop vertices that lie within ``tolerance`` [m] of their predecessor (the first one stays)."""
    points = np.asarray(points, float)
    keep = np.r_[True, np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1) > tolerance]
    return points[keep]


def headings(points: Array) -> Array:
    """Heading [rad] ``[K]`` at each vertex: of the segment that leaves it, for the last of the one that enters."""
    delta = np.diff(np.asarray(points, float)[:, :2], axis=0)
    angle = np.arctan2(delta[:, 1], delta[:, 0])
    return np.r_[angle, angle[-1]]


def with_headings(points: Array) -> Array:
    """Poses ``[K, 3]``: the points ``[K, 2]`` with smooth vertex headings (mean of the two segments)."""
    points = np.asarray(points, float)[:, :2]
    poses, tangent = np.empty((len(points), 3)), np.empty((len(points), 2))
    tangent[1:-1] = (points[2:] - points[:-2]) / 2.0
    tangent[0], tangent[-1] = points[1] - points[0], points[-1] - points[-2]
    poses[:, :2], poses[:, 2] = points, np.arctan2(tangent[:, 1], tangent[:, 0])
    return poses


def at_arc_length(points: Array, s: Array | float, lengths: Array | None = None) -> Array:
    """Poses ``[..., 3]`` (x, y, heading) at arc lengths ``s [...]``, clipped to the ends.

    ``lengths [K]`` are the points' :func:`arc_lengths`, for a line that is asked often.
    """
    s, points = np.asarray(s, float), np.ascontiguousarray(points, float)
    lengths = _lengths(points) if lengths is None else lengths
    position, delta = _places(points, lengths, s.reshape(-1))
    poses = np.empty((len(position), 3))
    poses[:, :2], poses[:, 2] = position, np.arctan2(delta[:, 1], delta[:, 0])
    return poses.reshape(*s.shape, 3)


def resample(points: Array, spacing: float) -> Array:
    """Poses ``[K', 3]`` at equal steps of at most ``spacing`` [m], both ends kept.

    A length that is a whole number of steps but for a millionth of one has as many, whatever its last bit is.
    """
    length = arc_lengths(points)[-1]
    return at_arc_length(points, np.linspace(0.0, length, max(2, int(np.ceil(length / spacing - 1e-6)) + 1)))


def project(points: Array, queries: Array, lengths: Array | None = None) -> tuple[Array, Array]:
    """Nearest arc length ``s [M]`` and signed lateral offset ``d [M]`` (left +) of ``queries [M, 2]``.

    Beyond the ends ``s`` is clipped and ``d`` is the distance to the end, signed by side. ``lengths [K]`` are the
    points' :func:`arc_lengths`, for a line that is asked often.
    """
    points, queries = np.ascontiguousarray(points, float), np.ascontiguousarray(queries, float)
    lengths = _lengths(points) if lengths is None else lengths
    return _project(points, lengths, queries if queries.ndim == 2 else queries[None])


def offset_left(points: Array, distance: float | Array) -> Array:
    """Points ``[K, 2]`` shifted by ``distance`` [m] to the left of travel (negative: to the right)."""
    poses = with_headings(points)
    normal = np.column_stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])])
    return poses[:, :2] + np.asarray(distance, float).reshape(-1, 1) * normal


def curvature(points: Array) -> Array:
    """Signed curvature [1/m] ``[K]`` at each vertex (left +): heading change over mean segment length."""
    angle, length = headings(points), np.diff(arc_lengths(points))
    turn = wrap_angle(np.diff(angle[:-1]))
    inner = turn / np.maximum((length[:-1] + length[1:]) / 2, 1e-9)
    return np.r_[inner[:1], inner, inner[-1:]] if len(inner) else np.zeros(len(angle))


@borrowing
def segment_at(lengths: Array, s: float) -> tuple[int, float]:
    """Segment at arc length ``s``, clipped to the ends, and the share of it that lies before; K >= 2."""
    here = min(max(s, 0.0), lengths[-1])
    k = min(max(np.searchsorted(lengths, here, side="right") - 1, 0), len(lengths) - 2)
    return k, (here - lengths[k]) / max(lengths[k + 1] - lengths[k], 1e-12)


@njit(cache=True)
def _places(points: Array, lengths: Array, s: Array) -> tuple[Array, Array]:
    """Points ``[M, 2]`` at arc lengths ``s [M]`` in any order, and the segments ``[M, 2]`` that they lie on."""
    position, delta = np.empty((len(s), 2)), np.empty((len(s), 2))
    for m in range(len(s)):
        k, share = segment_at(lengths, s[m])
        for axis in range(2):
            delta[m, axis] = points[k + 1, axis] - points[k, axis]
            position[m, axis] = points[k, axis] + share * delta[m, axis]
    return position, delta


@njit(cache=True)
def _lengths(points: Array) -> Array:
    """Arc lengths ``[K]`` of a polyline's points, see :func:`arc_lengths`."""
    length = np.empty(len(points))
    length[0] = 0.0
    for k in range(1, len(points)):
        dx, dy = points[k, 0] - points[k - 1, 0], points[k, 1] - points[k - 1, 1]
        length[k] = np.sqrt(dx * dx + dy * dy)
    for k in range(1, len(points)):
        length[k] += length[k - 1]
    return length


@njit(cache=True)
def nearest_on(points: Array, lengths: Array, x: float, y: float) -> tuple[float, float]:
    """The place on a polyline nearest to (x, y), see :func:`project`; the first of equally near segments counts.

    A few vertices bound the distance. From a vertex that is farther away, the line must run on for at least the
    difference before it can come as near: these segments are passed over.
    """
    bound = np.inf
    for k in range(0, len(points), _COARSE):
        rx, ry = x - points[k, 0], y - points[k, 1]
        bound = min(bound, rx * rx + ry * ry)
    reach = np.sqrt(bound) + _ROUNDING
    least, best, best_share, side = np.inf, 0, 0.0, 0.0
    k, end = 0, len(points) - 1
    while k < end:
        rx, ry = x - points[k, 0], y - points[k, 1]
        free = lengths[k] + np.sqrt(rx * rx + ry * ry) - reach
        if lengths[k + 1] < free:
            k += np.searchsorted(lengths[k + 1 :], free)
            continue
        dx, dy = points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1]
        squared = max(dx * dx + dy * dy, 1e-24)
        share = min(max((rx * dx + ry * dy) / squared, 0.0), 1.0)
        ox, oy = rx - share * dx, ry - share * dy
        distance = ox * ox + oy * oy
        if distance < least:
            least, best, best_share, side = distance, k, share * np.sqrt(squared), dx * ry - dy * rx
            reach = min(reach, np.sqrt(least) + _ROUNDING)
        k += 1
    return lengths[best] + best_share, np.copysign(np.sqrt(least), side)


@njit(cache=True)
def _project(points: Array, lengths: Array, queries: Array) -> tuple[Array, Array]:
    s, d = np.empty(len(queries)), np.empty(len(queries))
    for m in range(len(queries)):
        s[m], d[m] = nearest_on(points, lengths, queries[m, 0], queries[m, 1])
    return s, d
