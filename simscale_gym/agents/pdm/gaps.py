"""Boxes against polygons: do they touch, and how far are they apart; decided as GEOS decides it.

A polygon here is its outline and its holes as closed rings one after another: ``vertices [V, 2]`` and the first
vertex of each ring, ``starts [H + 1]``. Boxes are their corners ``[4, 2]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry.predicates import boxes_meet, crossing, segment_meets_box
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]


class Outlines(NamedTuple):
    """Polygons.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, the first vertex of each repeated at its end [m].
        starts: ``[R + 1]`` first vertex of each ring.
        polygons: ``[M + 1]`` first ring of each polygon; it is the outline, those after it are holes.
    """

    vertices: Array
    starts: NDArray[np.int64]
    polygons: NDArray[np.int64]


def outlines(shapes: Sequence[shapely.Polygon]) -> Outlines:
    """Flatten polygons."""
    rings = [[shape.exterior, *shape.interiors] for shape in shapes]
    points = [shapely.get_coordinates(ring) for group in rings for ring in group]
    vertices = np.concatenate(points) if points else np.zeros((0, 2))
    starts = np.cumsum([0, *(len(p) for p in points)])
    return Outlines(vertices, starts.astype(np.int64), np.cumsum([0, *map(len, rings)]).astype(np.int64))


@borrowing
def box_gap(a: Array, b: Array) -> float:
    """Distance between boxes ``a [4, 2]`` and ``b [4, 2]`` [m]; 0 where they touch."""
    if boxes_meet(a, b):
        return 0.0
    best = np.inf
    for i in range(4):
        j = (i + 1) & 3
        for k in range(4):
            best = min(best, _squared(a[k, 0], a[k, 1], b[i, 0], b[i, 1], b[j, 0], b[j, 1]))
            best = min(best, _squared(b[k, 0], b[k, 1], a[i, 0], a[i, 1], a[j, 0], a[j, 1]))
    return np.sqrt(best)


@borrowing
def polygon_meets_box(shapes: Outlines, polygon: int, corners: Array) -> bool:
    """Do a polygon and a box share a point?"""
    vertices, starts = shapes.vertices, shapes.starts
    first, end = shapes.polygons[polygon], shapes.polygons[polygon + 1]
    x0, y0, x1, y1 = _bounds(corners)
    for v in range(starts[first], starts[end] - 1):
        ax, ay, bx, by = vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1]
        if (ax < x0 and bx < x0) or (ax > x1 and bx > x1) or (ay < y0 and by < y0) or (ay > y1 and by > y1):
            continue
        if segment_meets_box(ax, ay, bx, by, corners) and not _is_seam(starts, first, end, v):
            return True
    for ring in range(first, end):  # the box lies wholly inside or outside of each ring
        if _holds(vertices, starts[ring], starts[ring + 1], corners[0, 0], corners[0, 1]) != (ring == first):
            return False
    return True


@borrowing
def polygon_gap(shapes: Outlines, polygon: int, corners: Array) -> float:
    """Distance between a polygon and a box [m]; 0 where they touch."""
    if polygon_meets_box(shapes, polygon, corners):
        return 0.0
    vertices, starts = shapes.vertices, shapes.starts
    first, end = shapes.polygons[polygon], shapes.polygons[polygon + 1]
    x0, y0, x1, y1 = _bounds(corners)
    best = np.inf
    for v in range(starts[first], starts[end] - 1):
        ax, ay, bx, by = vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1]
        dx, dy = max(min(ax, bx) - x1, 0.0, x0 - max(ax, bx)), max(min(ay, by) - y1, 0.0, y0 - max(ay, by))
        if dx * dx + dy * dy >= best or _is_seam(starts, first, end, v):
            continue
        for k in range(4):
            j = (k + 1) & 3
            best = min(best, _squared(corners[k, 0], corners[k, 1], ax, ay, bx, by))
            best = min(best, _squared(ax, ay, corners[k, 0], corners[k, 1], corners[j, 0], corners[j, 1]))
    return np.sqrt(best)


@borrowing
def _is_seam(starts: NDArray, first: int, end: int, vertex: int) -> bool:
    """Does the step from this vertex lead from one ring to the next?"""
    for ring in range(first + 1, end):  # noqa: SIM110 (numba)
        if vertex == starts[ring] - 1:
            return True
    return False


@borrowing
def _bounds(corners: Array) -> tuple[float, float, float, float]:
    return corners[:, 0].min(), corners[:, 1].min(), corners[:, 0].max(), corners[:, 1].max()


@borrowing
def _holds(vertices: Array, start: int, end: int, x: float, y: float) -> bool:
    inside = False
    for v in range(start, end - 1):
        kind = crossing(vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1], x, y)
        if kind < 0:
            return False
        inside ^= kind > 0
    return inside


@borrowing
def _squared(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Squared distance from (x, y) to the segment from a to b."""
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    share = ((x - ax) * dx + (y - ay) * dy) / squared if squared > 0.0 else 0.0
    share = min(max(share, 0.0), 1.0)
    ex, ey = x - ax - share * dx, y - ay - share * dy
    return ex * ex + ey * ey
