"""Polylines ``[K, 2]`` in the plane, addressed by arc length ``s`` [m] and signed offset ``d`` [m, left +]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle

Array = NDArray[np.float64]


def arc_lengths(points: Array) -> Array:
    """Arc length ``[K]`` at each vertex of ``points [K, 2+]``, from 0."""
    steps = np.linalg.norm(np.diff(np.asarray(points, float)[:, :2], axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


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
    tangent = np.gradient(points, axis=0) if len(points) > 2 else np.diff(points, axis=0).repeat(2, 0)
    return np.column_stack([points, np.arctan2(tangent[:, 1], tangent[:, 0])])


def at_arc_length(points: Array, s: Array | float) -> Array:
    """Poses ``[..., 3]`` (x, y, heading) at arc lengths ``s [...]``, clipped to the ends."""
    points = np.asarray(points, float)
    length = arc_lengths(points)
    s = np.clip(s, 0.0, length[-1])
    index = np.clip(np.searchsorted(length, s, side="right") - 1, 0, len(points) - 2)
    start, end = points[index, :2], points[index + 1, :2]
    share = (s - length[index]) / np.maximum(length[index + 1] - length[index], 1e-12)
    delta = end - start
    position = start + share[..., None] * delta
    return np.concatenate([position, np.arctan2(delta[..., 1], delta[..., 0])[..., None]], -1)


def resample(points: Array, spacing: float) -> Array:
    """Poses ``[K', 3]`` at equal steps of at most ``spacing`` [m], both ends kept."""
    length = arc_lengths(points)[-1]
    return at_arc_length(points, np.linspace(0.0, length, max(2, int(np.ceil(length / spacing)) + 1)))


def project(points: Array, queries: Array) -> tuple[Array, Array]:
    """Nearest arc length ``s [M]`` and signed lateral offset ``d [M]`` (left +) of ``queries [M, 2]``.

    Beyond the ends ``s`` is clipped and ``d`` is the distance to the end, signed by side.
    """
    points, queries = np.asarray(points, float)[:, :2], np.atleast_2d(np.asarray(queries, float))[:, :2]
    start, delta = points[:-1], np.diff(points, axis=0)
    squared = np.maximum((delta**2).sum(1), 1e-24)
    relative = queries[:, None] - start[None]
    share = np.clip((relative * delta).sum(-1) / squared, 0.0, 1.0)
    offset = relative - share[..., None] * delta
    distance = (offset**2).sum(-1)
    best = np.argmin(distance, axis=1)
    rows = np.arange(len(queries))
    s = arc_lengths(points)[best] + share[rows, best] * np.sqrt(squared[best])
    side = delta[best, 0] * relative[rows, best, 1] - delta[best, 1] * relative[rows, best, 0]
    return s, np.copysign(np.sqrt(distance[rows, best]), side)


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
