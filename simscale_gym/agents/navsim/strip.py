"""Strips along a path and boxes, as rings, and how far apart they are (numba).

A strip is what GEOS 3.14 makes of a line with a flat-ended buffer (OffsetSegmentGenerator.cpp), which is what NAVSIM
measures between: an outer bend is a round join of few chords, an inner one the crossing of the two offset lines.
Other releases of GEOS differ by less than a ten-thousandth of the strip's half width. Not made: GEOS's smoothing of
vertices that lie closer together than a hundredth of the half width.

All rings run clockwise, ``[K, 2]``; only their first so many points count.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

QUANTUM = math.pi / 32
"""A round join has a chord for each of these [rad]: shapely's 16 in a quarter circle."""
_SAME = 1e-4  # of the half width: a point this near to the one before it is left out
_CLOSE = 1e-3  # of the half width: a bend whose two offset ends are this near is a point
_CLOSING = 80.0  # where the offset lines of an inner bend do not meet, how near to the bend they are linked
_PARALLEL = 1e-9  # of the half width: too near to parallel to cross two lines
TOUCHING = 1e-18
"""Squared distance [m^2] below which two rings touch: a nanometre."""


@borrowing
def box_ring(pose: tuple[float, float, float], length: float, width: float, ring: Array) -> None:
    """Write the corners of a box into ``ring [4, 2]``: front left, front right, rear right, rear left."""
    x, y, heading = pose
    side = heading + np.pi / 2.0
    for i in range(4):
        along = length / 2.0 if i < 2 else -length / 2.0
        across = width / 2.0 if i == 0 or i == 3 else -width / 2.0
        ring[i, 0] = x + (across * np.cos(side) + along * np.cos(heading))
        ring[i, 1] = y + (across * np.sin(side) + along * np.sin(heading))


@borrowing
def strip_ring(line: Array, count: int, half: float, ring: Array) -> int:
    """Write the strip ``half`` [m] to both sides of the first ``count`` points of ``line`` into ``ring``.

    Points of ``line`` that repeat their predecessor are taken out of it, in place.

    Returns:
        Number of points of the ring; 0 for a line without length.
    """
    kept = 1
    for i in range(1, count):
        if line[i, 0] != line[kept - 1, 0] or line[i, 1] != line[kept - 1, 1]:
            line[kept, 0], line[kept, 1] = line[i, 0], line[i, 1]
            kept += 1
    if kept < 2:
        return 0
    size = _add_side(line, 0, 1, kept, half, ring, 0)
    return _add_side(line, kept - 1, -1, kept, half, ring, size)


@borrowing
def _add_side(line: Array, first: int, way: int, count: int, half: float, ring: Array, size: int) -> int:
    """Add the left side of ``line``, walked from ``first`` on by ``way``, from end to end."""
    i = first
    ux, uy = _offset(line, i, i + way, half)
    size = _add(line[i, 0] - uy, line[i, 1] + ux, half, ring, size)
    for _ in range(count - 2):
        i += way
        vx, vy = _offset(line, i, i + way, half)
        size = _add_bend(line, i, way, (ux, uy), (vx, vy), half, ring, size)
        ux, uy = vx, vy
    i += way
    return _add(line[i, 0] - uy, line[i, 1] + ux, half, ring, size)


@borrowing
def _offset(line: Array, i: int, j: int, half: float) -> tuple[float, float]:
    """The direction from point ``i`` to ``j``, as long as the strip is wide to one side."""
    dx, dy = line[j, 0] - line[i, 0], line[j, 1] - line[i, 1]
    length = np.sqrt(dx * dx + dy * dy)
    return half * dx / length, half * dy / length


@borrowing
def _add(x: float, y: float, half: float, ring: Array, size: int) -> int:
    if size > 0 and np.sqrt((x - ring[size - 1, 0]) ** 2 + (y - ring[size - 1, 1]) ** 2) < _SAME * half:
        return size
    ring[size, 0], ring[size, 1] = x, y
    return size + 1


@borrowing
def _add_bend(
    line: Array, i: int, way: int, before: tuple[float, float], after: tuple[float, float], half: float,
    ring: Array, size: int,
) -> int:  # fmt: skip
    """Add the left side of the bend at point ``i`` between two directions."""
    x, y = line[i, 0], line[i, 1]
    (ux, uy), (vx, vy) = before, after
    ax, ay, bx, by = x - uy, y + ux, x - vy, y + vx
    turn = ux * vy - uy * vx
    apart = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if turn == 0.0 and ux * vx + uy * vy > 0.0:
        return size
    if apart < _PARALLEL * half:
        return _add(ax, ay, half, ring, size)
    if turn <= 0.0:
        size = _add(ax, ay, half, ring, size)
        if apart >= _CLOSE * half:
            size = _add_round(x, y, (ay - y, ax - x), (by - y, bx - x), half, ring, size)
            size = _add(bx, by, half, ring, size)
        return size
    px, py = line[i - way, 0] - x, line[i - way, 1] - y
    qx, qy = line[i + way, 0] - x, line[i + way, 1] - y
    # The offset lines, from their ends at the bend: a + s (p), b + t (q), with s and t in [0, 1] where they cross.
    cross = px * qy - py * qx
    s = ((bx - ax) * qy - (by - ay) * qx) / cross
    t = ((bx - ax) * py - (by - ay) * px) / cross
    if 0.0 <= s <= 1.0 and 0.0 <= t <= 1.0:
        return _add(ax + s * px, ay + s * py, half, ring, size)
    size = _add(ax, ay, half, ring, size)
    if apart < _CLOSE * half:
        return size
    share = 1.0 / (_CLOSING + 1.0)
    size = _add(ax + share * (x - ax), ay + share * (y - ay), half, ring, size)
    size = _add(bx + share * (x - bx), by + share * (y - by), half, ring, size)
    return _add(bx, by, half, ring, size)


@borrowing
def _add_round(
    x: float,
    y: float,
    first: tuple[float, float],
    last: tuple[float, float],
    half: float,
    ring: Array,
    size: int,
) -> int:
    """Add the chords of a clockwise round join about x, y; ``first`` and ``last`` are (y, x) from there."""
    begin, end = np.arctan2(first[0], first[1]), np.arctan2(last[0], last[1])
    if begin <= end:
        begin += 2.0 * np.pi
    chords = int((begin - end) / QUANTUM + 0.5)
    for k in range(chords):
        angle = begin - k * (begin - end) / chords
        size = _add(x + half * np.cos(angle), y + half * np.sin(angle), half, ring, size)
    return size


@borrowing
def ring_gap(a: Array, na: int, b: Array, nb: int, bounds: Array, most: float) -> float:
    """Squared distance [m^2] of two rings, 0 where they touch or overlap; ``most`` where it is not below that.

    Args:
        a: A ring.
        na: Number of points of ``a``.
        b: Another one.
        nb: Number of points of ``b``.
        bounds: ``[4]`` x min, y min, x max, y max of something that holds ``b``.
        most: Squared distance of interest [m^2].
    """
    least = most
    for i in range(na):
        k = i + 1 if i + 1 < na else 0
        px, py, qx, qy = a[i, 0], a[i, 1], a[k, 0], a[k, 1]
        low_x, high_x, low_y, high_y = min(px, qx), max(px, qx), min(py, qy), max(py, qy)
        gap_x = max(low_x - bounds[2], bounds[0] - high_x, 0.0)
        gap_y = max(low_y - bounds[3], bounds[1] - high_y, 0.0)
        if gap_x * gap_x + gap_y * gap_y >= least:
            continue
        rx, ry = b[nb - 1, 0], b[nb - 1, 1]
        for j in range(nb):
            sx, sy = b[j, 0], b[j, 1]
            gap_x = max(low_x - max(rx, sx), min(rx, sx) - high_x, 0.0)
            gap_y = max(low_y - max(ry, sy), min(ry, sy) - high_y, 0.0)
            if gap_x * gap_x + gap_y * gap_y < least:
                least = min(least, _segment_gap(px, py, qx, qy, rx, ry, sx, sy))
                if least < TOUCHING:
                    return 0.0
            rx, ry = sx, sy
    if na and nb and (_inside(a[0], b, nb) or _inside(b[0], a, na)):
        return 0.0
    return least


@borrowing
def _segment_gap(
    px: float, py: float, qx: float, qy: float, rx: float, ry: float, sx: float, sy: float
) -> float:
    """Squared distance of the segments p q and r s."""
    pqx, pqy, rsx, rsy = qx - px, qy - py, sx - rx, sy - ry
    r_left = pqx * (ry - py) - pqy * (rx - px) > 0.0
    s_left = pqx * (sy - py) - pqy * (sx - px) > 0.0
    p_left = rsx * (py - ry) - rsy * (px - rx) > 0.0
    q_left = rsx * (qy - ry) - rsy * (qx - rx) > 0.0
    if r_left != s_left and p_left != q_left:
        return 0.0
    near = min(_point_gap(px, py, rx, ry, rsx, rsy), _point_gap(qx, qy, rx, ry, rsx, rsy))
    return min(near, min(_point_gap(rx, ry, px, py, pqx, pqy), _point_gap(sx, sy, px, py, pqx, pqy)))


@borrowing
def _point_gap(x: float, y: float, rx: float, ry: float, dx: float, dy: float) -> float:
    """Squared distance of a point from the segment that leads from r by d."""
    squared, share = dx * dx + dy * dy, 0.0
    if squared > 0.0:
        share = min(max(((x - rx) * dx + (y - ry) * dy) / squared, 0.0), 1.0)
    return (x - rx - share * dx) ** 2 + (y - ry - share * dy) ** 2


@borrowing
def _left_of(p: Array, q: Array, r: Array) -> float:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


@borrowing
def _inside(p: Array, ring: Array, count: int) -> bool:
    """Whether a clockwise ring winds around p; the small loops of inner bends wind the other way."""
    winding = 0
    for i in range(count):
        r, s = ring[i], ring[i + 1 if i + 1 < count else 0]
        if r[1] <= p[1] < s[1] and _left_of(r, s, p) > 0.0:
            winding += 1
        elif s[1] <= p[1] < r[1] and _left_of(r, s, p) < 0.0:
            winding -= 1
    return winding < 0
