"""What NAVSIM's reactive vehicles are seen as: a strip of the path ahead of them, and a box (numba).

NAVSIM also smooths the shapes by up to 1e-5 m each time that it looks at them, which is left out here: it tells on
paths whose vertices are that near to a straight line, by some 1e-7 m/s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.navsim.rails import Rails
from simscale_gym.agents.navsim.strip import TOUCHING, box_ring, ring_gap, strip_ring
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

PROGRESS, SPEED, TARGET = 0, 1, 2
"""Columns of a vehicle's motion: place along its path [m], speed and target speed [m/s]."""


class Shapes(NamedTuple):
    """What is seen of ``M`` vehicles: a strip ahead, if it has one, and a box.

    Attributes:
        strips: ``[M, R, 2]`` rings.
        counts: ``[M]`` number of points of each strip.
        boxes: ``[M, 4, 2]`` rings.
        bounds: ``[M, 4]`` x min, y min, x max, y max of both.
    """

    strips: Array
    counts: NDArray[np.int64]
    boxes: Array
    bounds: Array


@njit(cache=True)
def rail_pose(rails: Rails, lane: int, progress: float) -> tuple[float, float, float]:
    """x, y, heading at ``progress`` [m], held between the ends of the path; the heading in [-pi, pi)."""
    first, last = rails.starts[lane], rails.starts[lane + 1]
    here = min(max(progress, rails.progress[first]), rails.progress[last - 1])
    high = first + max(np.searchsorted(rails.progress[first:last], here), 1)
    low = high - 1
    span, ahead = rails.progress[high] - rails.progress[low], here - rails.progress[low]
    x = (rails.points[high, 0] - rails.points[low, 0]) / span * ahead + rails.points[low, 0]
    y = (rails.points[high, 1] - rails.points[low, 1]) / span * ahead + rails.points[low, 1]
    heading = (rails.headings[high] - rails.headings[low]) / span * ahead + rails.headings[low]
    return x, y, (heading + np.pi) % (2.0 * np.pi) - np.pi


@njit(cache=True)
def stretch(rails: Rails, lane: int, begin: float, end: float, line: Array) -> int:
    """Write the points of a path between two places on it into ``line``; at its very end, the last two."""
    first, last = rails.starts[lane], rails.starts[lane + 1]
    begin = min(max(begin, rails.progress[first]), rails.progress[last - 1])
    end = min(max(end, rails.progress[first]), rails.progress[last - 1])
    front = first + np.searchsorted(rails.progress[first:last], begin, side="right")
    back = first + np.searchsorted(rails.progress[first:last], end)
    if front == last:
        front, back = last - 2, last
        line[:2] = rails.points[front:back]
        return 2
    if back == first:
        line[:2] = rails.points[first : first + 2]
        return 2
    line[0, 0], line[0, 1], _ = rail_pose(rails, lane, begin)
    count = 1
    for i in range(front, back):
        line[count] = rails.points[i]
        count += 1
    line[count, 0], line[count, 1], _ = rail_pose(rails, lane, end)
    return count + 1


@borrowing
def set_shape(shapes: Shapes, k: int, pose: tuple[float, float, float], length: float, width: float) -> None:
    """Make shape ``k`` that of a box, with the strip that stands there, in place."""
    box_ring(pose, length, width, shapes.boxes[k])
    set_bounds(shapes.boxes[k], 4, shapes.bounds[k], np.inf)
    if shapes.counts[k]:
        set_bounds(shapes.strips[k], shapes.counts[k], shapes.bounds[k], -np.inf)


@borrowing
def set_bounds(ring: Array, count: int, bounds: Array, fresh: float) -> None:
    """Widen ``bounds [4]`` by a ring, in place; from nothing where ``fresh`` is positive."""
    if fresh > 0.0:
        bounds[:2], bounds[2:] = np.inf, -np.inf
    for i in range(count):
        for axis in range(2):
            bounds[axis] = min(bounds[axis], ring[i, axis])
            bounds[2 + axis] = max(bounds[2 + axis], ring[i, axis])


@njit(cache=True)
def set_footprint(
    shapes: Shapes, k: int, rails: Rails, lane: int, motion: Array, size: Array, headway: float, line: Array
) -> None:
    """Make shape ``k`` the path from a vehicle's back to where its front is in ``headway`` [s], and its box."""
    length, width, progress = size[0], size[1], motion[PROGRESS]
    begin, end = progress - length / 2.0, progress + length / 2.0 + motion[SPEED] * headway
    count = stretch(rails, lane, begin, end, line)
    shapes.counts[k] = strip_ring(line, count, width / 2.0, shapes.strips[k])
    set_shape(shapes, k, rail_pose(rails, lane, progress), length, width)


@borrowing
def shape_gap(shapes: Shapes, i: int, j: int) -> float:
    """Squared distance of two shapes [m^2]."""
    bounds, least = shapes.bounds[j], np.inf
    for ring, count in ((shapes.boxes[i], 4), (shapes.strips[i], shapes.counts[i])):
        least = ring_gap(ring, count, shapes.boxes[j], 4, bounds, least)
        if shapes.counts[j]:
            least = ring_gap(ring, count, shapes.strips[j], shapes.counts[j], bounds, least)
    return least


@borrowing
def touches(shapes: Shapes, j: int, way: Array, count: int) -> bool:
    """Whether shape ``j`` touches a ring."""
    bounds = shapes.bounds[j]
    if ring_gap(way, count, shapes.boxes[j], 4, bounds, TOUCHING) == 0.0:
        return True
    strip = shapes.counts[j]
    return strip > 0 and ring_gap(way, count, shapes.strips[j], strip, bounds, TOUCHING) == 0.0


@borrowing
def bounds_gap(a: Array, b: Array) -> float:
    """Squared distance of two bounds ``[4]`` [m^2]."""
    gap_x, gap_y = max(a[0] - b[2], b[0] - a[2], 0.0), max(a[1] - b[3], b[1] - a[3], 0.0)
    return gap_x * gap_x + gap_y * gap_y
