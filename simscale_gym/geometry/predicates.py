"""Exact answers about points, boxes and rings: whether they touch, decided as GEOS decides it.

NAVSIM asks shapely, whose predicates are exact for the coordinates given: a shared boundary point counts for
``intersects`` and does not count for ``contains``. Signs of areas are therefore taken in double precision only
where its error cannot matter, and in twice that precision elsewhere.

Boxes here are their corners ``[4, 2]`` in NAVSIM's order (front left, rear left, rear right, front right), which
runs counter-clockwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

SAFE_ERROR = 1e-15  # relative error bound of the plain determinant (GEOS, CGAlgorithmsDD)
_SPLIT = 134217729.0  # 2^27 + 1, splits a double into halves (Dekker 1971)


@borrowing
def _difference(a: float, b: float) -> tuple[float, float]:
    """``a - b`` as a rounded value and its error (Knuth's two-sum)."""
    value = a - b
    virtual = a - value
    return value, (a - (value + virtual)) + (virtual - b)


@borrowing
def _product(a: float, b: float) -> tuple[float, float]:
    """``a * b`` as a rounded value and its error (Dekker's two-product)."""
    value = a * b
    large = _SPLIT * a
    a_high = large - (large - a)
    a_low = a - a_high
    large = _SPLIT * b
    b_high = large - (large - b)
    b_low = b - b_high
    return value, a_low * b_low - (((value - a_high * b_high) - a_low * b_high) - a_high * b_low)


@borrowing
def add_product(a: float, b: float, c: float) -> float:
    """``a * b + c`` with one rounding."""
    product, low = _product(a, b)
    value, error = _difference(product, -c)
    return value + (error + low)


@borrowing
def centroid(box: Array) -> tuple[float, float]:
    """Centroid of ``box [4, 2]``, summed over triangles as GEOS does."""
    x0, y0 = box[0, 0], box[0, 1]
    x, y, area = 0.0, 0.0, 0.0
    for i in range(4):
        j = (i + 1) & 3
        ax, ay, bx, by = box[i, 0], box[i, 1], box[j, 0], box[j, 1]
        part = (ax - x0) * (by - y0) - (bx - x0) * (ay - y0)
        x, y, area = x + part * (x0 + ax + bx), y + part * (y0 + ay + by), area + part
    return x / 3.0 / area, y / 3.0 / area


@borrowing
def _precise_side(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    dx, dx_low = _difference(ax, x)
    dy, dy_low = _difference(by, y)
    ex, ex_low = _difference(ay, y)
    ey, ey_low = _difference(bx, x)
    left, left_low = _product(dx, dy)
    left_low += dx * dy_low + dx_low * dy
    right, right_low = _product(ex, ey)
    right_low += ex * ey_low + ex_low * ey
    value, error = _difference(left, right)
    total = value + (error + (left_low - right_low))
    return 1 if total > 0.0 else (-1 if total < 0.0 else 0)


@borrowing
def side(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    """1 if (x, y) lies left of the line from a to b, -1 if right of it, 0 if on it."""
    left, right = (ax - x) * (by - y), (ay - y) * (bx - x)
    value = left - right
    bound = SAFE_ERROR * (abs(left) + abs(right))
    if value > bound:
        return 1
    if value < -bound:
        return -1
    return _precise_side(ax, ay, bx, by, x, y)


@borrowing
def _beyond_an_edge(a: Array, b: Array) -> bool:
    """Do all of ``b [., 2]`` lie strictly outside one edge of the counter-clockwise box ``a [4, 2]``?"""
    for i in range(4):
        j = (i + 1) & 3
        outside = True
        for k in range(len(b)):
            if side(a[i, 0], a[i, 1], a[j, 0], a[j, 1], b[k, 0], b[k, 1]) >= 0:
                outside = False
                break
        if outside:
            return True
    return False


@borrowing
def boxes_meet(a: Array, b: Array) -> bool:
    """Do boxes ``a [4, 2]`` and ``b [4, 2]`` share a point?"""
    return not (_beyond_an_edge(a, b) or _beyond_an_edge(b, a))


@borrowing
def segment_meets_box(ax: float, ay: float, bx: float, by: float, box: Array) -> bool:
    """Does the segment from a to b share a point with ``box [4, 2]``?"""
    for i in range(4):
        j = (i + 1) & 3
        if (
            side(box[i, 0], box[i, 1], box[j, 0], box[j, 1], ax, ay) < 0
            and side(box[i, 0], box[i, 1], box[j, 0], box[j, 1], bx, by) < 0
        ):
            return False
    first = side(ax, ay, bx, by, box[0, 0], box[0, 1])
    for k in range(1, 4):
        if side(ax, ay, bx, by, box[k, 0], box[k, 1]) != first:
            return True
    return first == 0


@borrowing
def crossing(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    """Whether a ray from a point to the right crosses the edge from a to b: 1 if so; -1 if the point is on the edge.

    Of the ends, only one at or below the ray counts, so that a ray through a vertex counts once.
    """
    if (ay > y and by > y) or (ay < y and by < y) or (ax < x and bx < x):
        return 0
    if ay == y and by == y:
        return -1 if min(ax, bx) <= x <= max(ax, bx) else 0
    if bx == x and by == y:
        return -1
    if (ay > y) == (by > y):
        return 0
    turn = side(ax, ay, bx, by, x, y)
    if turn == 0:
        return -1
    return 1 if (turn > 0) == (by > ay) else 0
