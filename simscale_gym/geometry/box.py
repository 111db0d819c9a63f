"""Oriented boxes in the plane: ``[..., 5]`` = centre x, y [m], heading [rad], length, width [m]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def corners(boxes: Array) -> Array:
    """Corners ``[..., 4, 2]``: front left, rear left, rear right, front right (NAVSIM's order)."""
    boxes = np.asarray(boxes, float)
    half_length, half_width = boxes[..., 3, None] / 2, boxes[..., 4, None] / 2
    along = half_length * np.array([1.0, -1.0, -1.0, 1.0])
    across = half_width * np.array([1.0, 1.0, -1.0, -1.0])
    cos, sin = np.cos(boxes[..., 2, None]), np.sin(boxes[..., 2, None])
    x = boxes[..., 0, None] + cos * along - sin * across
    y = boxes[..., 1, None] + sin * along + cos * across
    return np.stack([x, y], -1)


def overlap(a: Array, b: Array) -> NDArray[np.bool_]:
    """Do boxes ``a [..., 5]`` and ``b [..., 5]`` (broadcast) touch or overlap? Separating-axis test."""
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    dx, dy = b[..., 0] - a[..., 0], b[..., 1] - a[..., 1]
    cos, sin = np.cos(b[..., 2] - a[..., 2]), np.sin(b[..., 2] - a[..., 2])
    hit = np.ones(a.shape[:-1], bool)
    for box, other in ((a, b), (b, a)):
        along = np.cos(box[..., 2]) * dx + np.sin(box[..., 2]) * dy
        across = -np.sin(box[..., 2]) * dx + np.cos(box[..., 2]) * dy
        reach_along = box[..., 3] / 2 + (np.abs(cos) * other[..., 3] + np.abs(sin) * other[..., 4]) / 2
        reach_across = box[..., 4] / 2 + (np.abs(sin) * other[..., 3] + np.abs(cos) * other[..., 4]) / 2
        hit &= (np.abs(along) <= reach_along) & (np.abs(across) <= reach_across)
    return hit
