"""Smooth lines for roads: fillets, Bezier links, Gaussian easing of curvature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle

Array = NDArray[np.float64]


def left_of(vector: Array) -> Array:
    """Vectors ``[..., 2]`` turned by +90 degrees."""
    vector = np.asarray(vector, float)
    return np.stack([-vector[..., 1], vector[..., 0]], -1)


def unit(vector: Array) -> Array:
    """Vectors ``[..., 2]`` scaled to length 1."""
    vector = np.asarray(vector, float)
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def crossing_of(p: Array, u: Array, q: Array, v: Array) -> tuple[float, float]:
    """Parameters ``(a, b)`` with ``p + a u == q + b v``; the lines must not be parallel."""
    det = u[0] * -v[1] + v[0] * u[1]
    d = q - p
    return (d[0] * -v[1] + v[0] * d[1]) / det, (u[0] * d[1] - u[1] * d[0]) / det


def fillet(before: Array, corner: Array, after: Array, radius: float, step: float = 0.25) -> Array:
    """Arc ``[K, 2]`` of at most ``radius`` [m] that rounds ``corner``, inside both segments."""
    u, v = unit(corner - before), unit(after - corner)
    turn = float(wrap_angle(np.arctan2(v[1], v[0]) - np.arctan2(u[1], u[0])))
    if abs(turn) < 1e-3:
        return corner[None]
    half = np.tan(abs(turn) / 2)
    tangent = min(radius * half, np.linalg.norm(corner - before), np.linalg.norm(after - corner))
    radius = tangent / half
    center = corner - tangent * u + np.sign(turn) * radius * left_of(u)
    start = np.arctan2(u[1], u[0]) - np.sign(turn) * np.pi / 2
    angles = start + turn * np.linspace(0, 1, max(3, int(np.ceil(radius * abs(turn) / step)) + 1))
    return center + radius * np.stack([np.cos(angles), np.sin(angles)], -1)


def rounded(points: Array, radii: Array) -> Array:
    """Polyline through ``points [K, 2]`` with its inner corners rounded by ``radii [K - 2]`` [m].

    A fillet takes at most half of each of its segments (all of it at the two ends).
    """
    points = np.asarray(points, float)
    last = len(points) - 1
    parts = [points[:1]]
    for k in range(1, last):
        before = points[0] if k == 1 else (points[k - 1] + points[k]) / 2
        after = points[last] if k == last - 1 else (points[k] + points[k + 1]) / 2
        parts.append(fillet(before, points[k], after, float(radii[k - 1])))
    return polyline.without_repeats(np.concatenate([*parts, points[-1:]]))


def eased(points: Array, sigma: float, step: float = 0.5) -> Array:
    """Points ``[K', 2]`` at equal steps, with curvature spread by a Gaussian of ``sigma`` [m]; ends stay."""
    dense = polyline.resample(points, step)[:, :2]
    length = polyline.arc_lengths(dense)[-1]
    step = length / (len(dense) - 1)
    reach = int(np.ceil(3 * sigma / step))
    head = dense[0] - unit(dense[1] - dense[0]) * step * np.arange(reach, 0, -1)[:, None]
    tail = dense[-1] + unit(dense[-1] - dense[-2]) * step * np.arange(1, reach + 1)[:, None]
    padded = np.concatenate([head, dense, tail])
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / sigma) ** 2)
    kernel /= kernel.sum()
    smooth = np.stack([np.convolve(padded[:, i], kernel, "valid") for i in range(2)], -1)
    smooth[0], smooth[-1] = dense[0], dense[-1]
    return polyline.resample(smooth, step)[:, :2]


def bezier(start: Array, end: Array, handle: float = 0.4, count: int = 40) -> Array:
    """Cubic curve ``[count, 2]`` between poses ``start [3]`` and ``end [3]``, handles as a share of the chord."""
    reach = handle * np.linalg.norm(end[:2] - start[:2])
    a = start[:2] + reach * np.array([np.cos(start[2]), np.sin(start[2])])
    b = end[:2] - reach * np.array([np.cos(end[2]), np.sin(end[2])])
    t = np.linspace(0, 1, count)[:, None]
    return (1 - t) ** 3 * start[:2] + 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3 * end[:2]


def link(start: Array, end: Array, share: float = 0.92) -> Array:
    """Drivable line ``[K, 2]`` from pose ``start [3]`` to pose ``end [3]``: an arc when it turns, else a curve."""
    turn = abs(float(wrap_angle(end[2] - start[2])))
    u = np.array([np.cos(start[2]), np.sin(start[2])])
    v = np.array([np.cos(end[2]), np.sin(end[2])])
    if turn < np.radians(25.0):
        return polyline.resample(bezier(start, end), 0.5)[:, :2]
    a, b = crossing_of(start[:2], u, end[:2], v)
    corner = start[:2] + a * u
    tangent = share * min(a, -b)
    arc = fillet(start[:2], corner, end[:2], tangent / np.tan(turn / 2))
    line = polyline.without_repeats(np.concatenate([start[None, :2], arc, end[None, :2]]))
    return eased(line, 1.0)


def strip(line: Array, near: float, far: float) -> tuple[Array, Array]:
    """Lines ``[K, 2]`` at offsets ``near`` and ``far`` [m, left +] of ``line``."""
    return polyline.offset_left(line, near), polyline.offset_left(line, far)


def ring_of(left: Array, right: Array) -> Array:
    """Counter-clockwise open ring between a left and a right line in the same direction."""
    return np.concatenate([right, left[::-1]])
