"""Oriented boxes in the plane: ``[..., 5]`` = centre x, y [m], heading [rad], length, width [m].

Whether two touch is answered twice: :func:`boxes_touch` within rounding, for those who drive, and
:func:`simscale_gym.geometry.predicates.boxes_meet` exactly for given corners, for whoever judges.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]


def corners(boxes: Array) -> Array:
    """Corners ``[..., 4, 2]``: front left, rear left, rear right, front right (NAVSIM's order, and its rounding)."""
    boxes = np.asarray(boxes, float)
    flat = np.ascontiguousarray(boxes).reshape(-1, 5)
    out = np.empty((len(flat), 4, 2))
    _corners(flat, out)
    return out.reshape(*boxes.shape[:-1], 4, 2)


def around(poses: Array, ahead: float, length: float, width: float) -> Array:
    """Boxes ``[..., 5]`` whose centres lie ``ahead`` [m] of ``poses [..., 3+]`` (x, y, heading)."""
    poses = np.asarray(poses, float)
    flat = np.ascontiguousarray(poses).reshape(-1, poses.shape[-1])
    out = np.empty((len(flat), 5))
    _around(flat, ahead, length, width, out)
    return out.reshape(*poses.shape[:-1], 5)


def overlap(a: Array, b: Array) -> NDArray[np.bool_]:
    """Which boxes ``a [..., 5]`` and ``b [..., 5]`` (broadcast) touch or overlap: ``[...]``."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    shape = np.broadcast_shapes(a.shape, b.shape)
    flat = [np.array(np.broadcast_to(boxes, shape)).reshape(-1, 5) for boxes in (a, b)]
    return _overlap(*flat).reshape(shape[:-1])


@borrowing
def place_corners(x: float, y: float, heading: float, half_length: float, half_width: float, out: Array):
    """Write the corners ``[4, 2]`` of the box around (x, y), each term computed as NAVSIM does."""
    cos, sin = np.cos(heading), np.sin(heading)
    cos_side, sin_side = np.cos(heading + np.pi / 2), np.sin(heading + np.pi / 2)
    for i in range(4):
        along = half_length if i == 0 or i == 3 else -half_length
        across = half_width if i < 2 else -half_width
        out[i, 0] = x + (across * cos_side + along * cos)
        out[i, 1] = y + (across * sin_side + along * sin)


@borrowing
def place_around(pose: Array, ahead: float, length: float, width: float, out: Array):
    """Write the box ``[5]`` whose centre lies ``ahead`` [m] of ``pose [3+]``."""
    heading = pose[2]
    out[0] = pose[0] + ahead * np.cos(heading)
    out[1] = pose[1] + ahead * np.sin(heading)
    out[2], out[3], out[4] = heading, length, width


@borrowing
def boxes_touch(a: Array, b: Array) -> bool:
    """Do boxes ``a [5]`` and ``b [5]`` touch or overlap? Separating-axis test."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    reach = (np.hypot(a[3], a[4]) + np.hypot(b[3], b[4])) / 2.0
    if dx * dx + dy * dy > reach * reach:
        return False
    cos_a, sin_a, cos_b, sin_b = np.cos(a[2]), np.sin(a[2]), np.cos(b[2]), np.sin(b[2])
    cos = abs(cos_a * cos_b + sin_a * sin_b)
    sin = abs(sin_a * cos_b - cos_a * sin_b)
    return (
        abs(cos_a * dx + sin_a * dy) <= (a[3] + cos * b[3] + sin * b[4]) / 2.0
        and abs(cos_a * dy - sin_a * dx) <= (a[4] + sin * b[3] + cos * b[4]) / 2.0
        and abs(cos_b * dx + sin_b * dy) <= (b[3] + cos * a[3] + sin * a[4]) / 2.0
        and abs(cos_b * dy - sin_b * dx) <= (b[4] + sin * a[3] + cos * a[4]) / 2.0
    )


@borrowing
def _corners(boxes: Array, out: Array):
    for n in range(len(boxes)):
        x, y, heading = boxes[n, 0], boxes[n, 1], boxes[n, 2]
        place_corners(x, y, heading, boxes[n, 3] / 2.0, boxes[n, 4] / 2.0, out[n])


@borrowing
def _around(poses: Array, ahead: float, length: float, width: float, out: Array):
    for n in range(len(poses)):
        place_around(poses[n], ahead, length, width, out[n])


@njit(cache=True)
def _overlap(a: Array, b: Array) -> NDArray:
    out = np.empty(len(a), np.bool_)
    for n in range(len(a)):
        out[n] = boxes_touch(a[n], b[n])
    return out
