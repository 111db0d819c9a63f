"""Many polygons as flat arrays, each ring cut into short runs of edges with bounding boxes.

A run that lies wholly to the right of a point counts by its two ends alone, so asking whether a ring of hundreds
of edges holds a point takes a look at a few boxes and at the edges of one or two runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.predicates import crossing, segment_meets_box
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

RUN = 8
"""Edges in a run at most."""


class Rings(NamedTuple):
    """Closed rings.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, the first vertex of each repeated at its end [m].
        runs: ``[R, 2]`` first and last vertex of each run of edges (they share their ends).
        run_boxes: ``[R, 4]`` x min, y min, x max, y max of each run.
        ring_runs: ``[M + 1]`` first run of each ring.
        boxes: ``[M, 4]`` x min, y min, x max, y max of each ring.
    """

    vertices: Array
    runs: NDArray[np.int64]
    run_boxes: Array
    ring_runs: NDArray[np.int64]
    boxes: Array


def build_rings(rings: Sequence[Array]) -> Rings:
    """Flatten ``rings``, each ``[K, 2+]`` with K >= 3, open or closed."""
    closed = [_closed(np.asarray(ring, float)[:, :2]) for ring in rings]
    lengths = np.array([len(ring) for ring in closed], np.int64)
    ends = np.cumsum(lengths)
    ring_runs = np.concatenate([[0], np.cumsum(-(-(lengths - 1) // RUN))]).astype(np.int64)
    ring = np.repeat(np.arange(len(closed)), np.diff(ring_runs))
    heads = (ends - lengths)[ring] + RUN * (np.arange(len(ring)) - ring_runs[ring])
    runs = np.stack([heads, np.minimum(heads + RUN, ends[ring] - 1)], 1)
    vertices = np.ascontiguousarray(np.concatenate(closed)) if closed else np.zeros((0, 2))
    boxes = _run_boxes(vertices, np.stack([ends - lengths, ends - 1], 1))
    return Rings(vertices, runs, _run_boxes(vertices, runs), ring_runs, boxes)


def _closed(ring: Array) -> Array:
    closed = ring[0, 0] == ring[-1, 0] and ring[0, 1] == ring[-1, 1]
    return ring if closed else np.concatenate([ring, ring[:1]])


@njit(cache=True)
def _run_boxes(vertices: Array, runs: NDArray) -> Array:
    boxes = np.empty((len(runs), 4))
    for r in range(len(runs)):
        part = vertices[runs[r, 0] : runs[r, 1] + 1]
        boxes[r, 0], boxes[r, 1] = part[:, 0].min(), part[:, 1].min()
        boxes[r, 2], boxes[r, 3] = part[:, 0].max(), part[:, 1].max()
    return boxes


# The kernels take arrays one by one: a caller that does not borrow counts references at each look into a tuple.


@borrowing
def holds(
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray, ring: int, x: float, y: float
) -> bool:
    """Is (x, y) strictly inside ``ring``? The arrays are those of :class:`Rings`."""
    inside = False
    for r in range(ring_runs[ring], ring_runs[ring + 1]):
        if y < run_boxes[r, 1] or y > run_boxes[r, 3] or x > run_boxes[r, 2]:
            continue
        first, last = runs[r, 0], runs[r, 1]
        if x < run_boxes[r, 0]:
            # all of the run lies to the right: however it winds, the ray crosses it an odd number of times if its ends
            # lie on two sides
            inside ^= (vertices[first, 1] > y) != (vertices[last, 1] > y)
            continue
        for v in range(first, last):
            kind = crossing(vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1], x, y)
            if kind < 0:  # on the edge itself: not strictly inside
                return False
            inside ^= kind > 0
    return inside


@borrowing
def ring_meets_box(
    vertices: Array,
    runs: NDArray,
    run_boxes: Array,
    ring_runs: NDArray,
    ring: int,
    corners: Array,
    bounds: Array,
) -> bool:
    """Does ``ring`` with its inside share a point with the box of ``corners [4, 2]``?

    ``bounds [4]`` are the x min, y min, x max, y max of the corners.
    """
    for r in range(ring_runs[ring], ring_runs[ring + 1]):
        if (
            bounds[2] < run_boxes[r, 0]
            or bounds[0] > run_boxes[r, 2]
            or bounds[3] < run_boxes[r, 1]
            or bounds[1] > run_boxes[r, 3]
        ):
            continue
        for v in range(runs[r, 0], runs[r, 1]):
            if segment_meets_box(
                vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1], corners
            ):
                return True
    # no edge meets the box, so all of it lies on one side of the ring: any corner tells which
    return holds(vertices, runs, run_boxes, ring_runs, ring, corners[0, 0], corners[0, 1])
