"""How far along the centreline, and how close to it: the progress and lane keeping subscores.

NAVSIM: pdm_scorer.py, ``_calculate_progress``, ``_calculate_lane_keeping`` and ``_aggregate_pdm_scores``; distances
and projections as GEOS computes them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.areas import IN_INTERSECTION

Array = NDArray[np.float64]

RUN = 8
"""Segments in a run at most."""
LANE_LIMIT = 0.5
"""Distance of the box centre from the centreline that is still lane keeping [m]."""
LANE_STEPS = 20
"""Steps beyond the limit in a row (2 s) that break lane keeping."""
PROGRESS_THRESHOLD = 5.0
"""Progress of the best valid plan [m] up to which progress is not judged."""


class Centerline(NamedTuple):
    """A polyline cut into runs of segments with bounding boxes.

    Attributes:
        points: ``[K, 2]`` [m].
        lengths: ``[K]`` arc length at each point [m].
        run_boxes: ``[R, 4]`` x min, y min, x max, y max of each run of ``RUN`` segments.
    """

    points: Array
    lengths: Array
    run_boxes: Array


def build_centerline(points: Array) -> Centerline:
    """Index ``points [K, 2+]``, K >= 2."""
    points = np.ascontiguousarray(np.asarray(points, float)[:, :2])
    start, end = points[:-1], points[1:]
    heads = np.arange(0, len(start), RUN)
    low = np.minimum.reduceat(np.minimum(start, end), heads)
    high = np.maximum.reduceat(np.maximum(start, end), heads)
    steps = np.sqrt(((end - start) ** 2).sum(1))
    return Centerline(points, np.concatenate([[0.0], np.cumsum(steps)]), np.concatenate([low, high], 1))


@borrowing
def _distance(points: Array, segment: int, x: float, y: float) -> tuple[float, float]:
    """Distance to the segment that leaves a point, and the share of it where the nearest point lies."""
    ax, ay, bx, by = points[segment, 0], points[segment, 1], points[segment + 1, 0], points[segment + 1, 1]
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    if squared <= 0.0:
        return np.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay)), 0.0
    share = ((x - ax) * dx + (y - ay) * dy) / squared
    if share <= 0.0:
        return np.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay)), 0.0
    if share >= 1.0:
        return np.sqrt((x - bx) * (x - bx) + (y - by) * (y - by)), 1.0
    return abs(((ay - y) * dx - (ax - x) * dy) / squared) * np.sqrt(squared), share


@borrowing
def gap_to_run(boxes: Array, run: int, x: float, y: float) -> float:
    """Squared distance to box ``run``."""
    dx = max(max(boxes[run, 0] - x, 0.0), x - boxes[run, 2])
    dy = max(max(boxes[run, 1] - y, 0.0), y - boxes[run, 3])
    return dx * dx + dy * dy


@borrowing
def _farther(boxes: Array, run: int, x: float, y: float, limit: float) -> bool:
    """Is every point of box ``run`` farther than ``limit`` by more than rounding?"""
    return gap_to_run(boxes, run, x, y) > limit * limit * (1.0 + 1e-9) + 1e-12


@borrowing
def project_point(points: Array, lengths: Array, run_boxes: Array, x: float, y: float) -> float:
    """Arc length of the nearest point; the first one among equals."""
    best, where = np.inf, 0.0
    for r in range(len(run_boxes)):
        if best < np.inf and _farther(run_boxes, r, x, y, best):
            continue
        for v in range(r * RUN, min((r + 1) * RUN, len(points) - 1)):
            distance, share = _distance(points, v, x, y)
            if distance < best:
                best, where = distance, lengths[v] + share * (lengths[v + 1] - lengths[v])
    return where


def arc_lengths_of(line: Centerline, points: Array) -> Array:
    """Arc lengths ``[M]`` [m] of the places on the line that are nearest to ``points [M, 2]``."""
    return _project_all(*line, np.ascontiguousarray(points, float))


@njit(cache=True)
def _project_all(points: Array, lengths: Array, run_boxes: Array, queries: Array) -> Array:
    out = np.empty(len(queries))
    for m in range(len(queries)):
        out[m] = project_point(points, lengths, run_boxes, queries[m, 0], queries[m, 1])
    return out


@borrowing
def is_near_run(points: Array, run: int, x: float, y: float) -> bool:
    """Is (x, y) within ``LANE_LIMIT`` of a segment of ``run``?"""
    for v in range(run * RUN, min((run + 1) * RUN, len(points) - 1)):
        if _distance(points, v, x, y)[0] <= LANE_LIMIT:
            return True
    return False


def raw_progress(line: Centerline, centers: Array) -> Array:
    """Way along the centreline ``[P]`` [m] from the first to the last of ``centers [P, T, 2]``, 0 if backwards."""
    return _raw_progress(*line, centers)


@njit(cache=True)
def _raw_progress(points: Array, lengths: Array, run_boxes: Array, centers: Array) -> Array:
    out, last = np.zeros(len(centers)), centers.shape[1] - 1
    for p in range(len(centers)):
        start = project_point(points, lengths, run_boxes, centers[p, 0, 0], centers[p, 0, 1])
        end = project_point(points, lengths, run_boxes, centers[p, last, 0], centers[p, last, 1])
        out[p] = max(0.0, end - start)
    return out


def lane_keeping(line: Centerline, centers: Array, areas: NDArray) -> Array:
    """LK ``[P]``: 0 where the centre is off the centreline for 2 s on end.

    Steps inside an intersection are passed over: they neither count nor end a count.
    """
    return _lane_keeping(line.points, line.run_boxes, centers, areas)


@njit(cache=True)
def _lane_keeping(points: Array, run_boxes: Array, centers: Array, areas: NDArray) -> Array:
    out = np.ones(len(centers))
    # the bound that passes runs over is a little wider than the limit: what it lets through is measured exactly
    reach = LANE_LIMIT * LANE_LIMIT * (1.0 + 1e-9) + 1e-12
    for p in range(len(centers)):
        count, run, free = 0, 0, 0.0  # the centre must go ``free`` metres before it can be near the line
        for k in range(centers.shape[1]):
            x, y = centers[p, k, 0], centers[p, k, 1]
            if k > 0:
                dx, dy = x - centers[p, k - 1, 0], y - centers[p, k - 1, 1]
                free -= np.sqrt(dx * dx + dy * dy)
            if (areas[p, k] & IN_INTERSECTION) != 0:
                continue
            near = False
            # the run of the step before is asked first: a car stays on it for many steps
            if free <= 1e-6:
                near = gap_to_run(run_boxes, run, x, y) <= reach and is_near_run(points, run, x, y)
                if not near:
                    nearest = np.inf
                    for r in range(len(run_boxes)):
                        gap = gap_to_run(run_boxes, r, x, y)
                        nearest = min(nearest, gap)
                        if gap <= reach and is_near_run(points, r, x, y):
                            near, run = True, r
                            break
                    free = np.sqrt(nearest) - LANE_LIMIT
            count = 0 if near else count + 1
            if count >= LANE_STEPS:
                out[p] = 0.0
                break
    return out


def ego_progress(raw: Array, product: Array) -> Array:
    """EP ``[P]``: progress relative to the best valid plan.

    The best is the largest raw progress times multiplicative subscores; a plan's own multipliers do not lower its
    progress. Where the best is at most 5 m, all have 1.
    """
    best = float(np.max(raw * product)) if len(raw) else 0.0
    return np.clip(raw / best, 0.0, 1.0) if best > PROGRESS_THRESHOLD else np.ones(len(raw))
