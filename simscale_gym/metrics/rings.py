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

from simscale_gym.metrics.predicates import crossing, segment_meets_box

Array = NDArray[np.float64]

RUN = 12
"""Edges in a run at most."""


class Rings(NamedTuple):
    """Closed rings.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, the first vertex of each repeated at its end [m].
        run_starts: ``[R + 1, 2]`` first and last vertex of each run of edges (they share their ends).
        run_boxes: ``[R, 4]`` x min, y min, x max, y max of each run.
        ring_runs: ``[M + 1]`` first run of each ring.
        boxes: ``[M, 4]`` x min, y min, x max, y max of each ring.
    """

    vertices: Array
    run_starts: NDArray[np.int64]
    run_boxes: Array
    ring_runs: NDArray[np.int64]
    boxes: Array


def build_rings(rings: Sequence[Array]) -> Rings:
    """Flatten ``rings``, each ``[K, 2+]`` with K >= 3, open or closed."""
    closed = [_closed(np.asarray(ring, float)[:, :2]) for ring in rings]
    starts = np.concatenate([[0], np.cumsum([len(ring) for ring in closed])]).astype(np.int64)
    run_starts, ring_runs = [], [0]
    for first, end in zip(starts[:-1], starts[1:], strict=True):
        heads = np.arange(first, end - 1, RUN)
        run_starts.append(np.stack([heads, np.minimum(heads + RUN, end - 1)], 1))
        ring_runs.append(ring_runs[-1] + len(heads))
    vertices = np.concatenate(closed) if closed else np.zeros((0, 2))
    runs = np.concatenate(run_starts) if run_starts else np.zeros((0, 2), np.int64)
    boxes = np.array([[*ring.min(0), *ring.max(0)] for ring in closed], float).reshape(-1, 4)
    return Rings(
        np.ascontiguousarray(vertices), runs, _run_boxes(vertices, runs), np.array(ring_runs, np.int64), boxes
    )


def _closed(ring: Array) -> Array:
    return ring if np.array_equal(ring[0], ring[-1]) else np.concatenate([ring, ring[:1]])


@njit(cache=True)
def _run_boxes(vertices: Array, runs: NDArray) -> Array:
    boxes = np.empty((len(runs), 4))
    for r in range(len(runs)):
        part = vertices[runs[r, 0] : runs[r, 1] + 1]
        boxes[r, 0], boxes[r, 1] = part[:, 0].min(), part[:, 1].min()
        boxes[r, 2], boxes[r, 3] = part[:, 0].max(), part[:, 1].max()
    return boxes


@njit(cache=True)
def holds(rings: Rings, ring: int, x: float, y: float) -> bool:
    """Is (x, y) strictly inside ``ring``?"""
    inside = False
    for r in range(rings.ring_runs[ring], rings.ring_runs[ring + 1]):
        box = rings.run_boxes[r]
        if y < box[1] or y > box[3] or x > box[2]:
            continue
        first, last = rings.run_starts[r, 0], rings.run_starts[r, 1]
        if x < box[0]:
            inside ^= (rings.vertices[first, 1] > y) != (rings.vertices[last, 1] > y)
            continue
        for v in range(first, last):
            a, b = rings.vertices[v], rings.vertices[v + 1]
            kind = crossing(a[0], a[1], b[0], b[1], x, y)
            if kind < 0:
                return False
            inside ^= kind > 0
    return inside


@njit(cache=True)
def ring_meets_box(rings: Rings, ring: int, corners: Array) -> bool:
    """Does ``ring`` with its inside share a point with the box of ``corners [4, 2]``?"""
    x0, y0 = corners[:, 0].min(), corners[:, 1].min()
    x1, y1 = corners[:, 0].max(), corners[:, 1].max()
    box = rings.boxes[ring]
    if x1 < box[0] or x0 > box[2] or y1 < box[1] or y0 > box[3]:
        return False
    for r in range(rings.ring_runs[ring], rings.ring_runs[ring + 1]):
        box = rings.run_boxes[r]
        if x1 < box[0] or x0 > box[2] or y1 < box[1] or y0 > box[3]:
            continue
        for v in range(rings.run_starts[r, 0], rings.run_starts[r, 1]):
            a, b = rings.vertices[v], rings.vertices[v + 1]
            if segment_meets_box(a[0], a[1], b[0], b[1], corners):
                return True
    return holds(rings, ring, corners[0, 0], corners[0, 1])
