"""Contacts with other road users, present and foreseen: NC, TTC, and red lights: TLC.

NAVSIM: pdm_scorer.py, ``_calculate_no_at_fault_collision``, ``_calculate_ttc``,
``_calculate_traffic_light_compliance``; pdm_scorer_utils.py, ``get_collision_type``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.geometry.box import place_corners
from simscale_gym.geometry.predicates import add_product, boxes_meet, centroid, segment_meets_box
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.area_index import AreaIndex, flags_at
from simscale_gym.metrics.areas import INTERSECTION, MULTIPLE_OR_OFF
from simscale_gym.metrics.rings import Rings, ring_meets_box

Array = NDArray[np.float64]

STANDING = 0.05
"""Greatest speed [m/s] at which ego or track count as standing in a contact."""
TTC_STANDING = 5e-3
"""Below this speed [m/s] the ego foresees nothing."""
TTC_STRIDE, TTC_OFFSETS = 3, 4
"""The ego is moved on by 0, 3, 6, 9 steps."""
AHEAD, BEHIND = np.deg2rad(30.0), np.deg2rad(150.0)
"""Angles from the ego's heading within which an object is ahead, beyond which it is behind."""

_SLACK = 1e-6  # [m] added to half diagonals, so that culling by distance never decides


class Others(NamedTuple):
    """The boxes present at each step, one step after another.

    Attributes:
        starts: ``[T + 1]`` first row of each step.
        agents: ``[R]`` index of the agent of each row.
        x, y: ``[R]`` box centres [m].
        reach: ``[R]`` half diagonal [m].
        corners: ``[R, 4, 2]`` corners of the boxes [m].
        speeds: ``[N]`` speed of each agent where it was first seen [m/s].
        movers: ``[N]`` whether it is a vehicle, pedestrian or bicycle.
        ignored: ``[N]`` whether contacts with it do not count from the start.
    """

    starts: NDArray[np.int64]
    agents: NDArray[np.int64]
    x: Array
    y: Array
    reach: Array
    corners: Array
    speeds: Array
    movers: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


class RedLights(NamedTuple):
    """Lanes closed at each step: ``rows`` of ``rings``, one step after another (``starts [T + 1]``)."""

    rings: Rings
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]


@borrowing
def bearing_to(cos: float, sin: float, x: float, y: float, box: Array) -> float:
    """Angle [rad] between a heading at (x, y) and the direction to the centroid of ``box [4, 2]``.

    Like nuPlan's, not a number where rounding takes the cosine beyond 1 or the distance is 0; every comparison is
    then false. That befalls half of what lies straight ahead, so the sums are rounded as there: the centroid as in
    GEOS, products added without rounding in between as by the linear algebra below numpy.
    """
    cx, cy = centroid(box)
    dx, dy = cx - x, cy - y
    distance = np.sqrt(add_product(dy, dy, dx * dx))
    if distance == 0.0:
        return np.nan
    return np.arccos(add_product(sin, dy / distance, cos * (dx / distance)))


def touching(footprint: Array, boxes: Array, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of ``boxes [N, 5]``, where ``valid [N]``, touch the box ``footprint [5]``: ``[N]``."""
    return _touching(footprint, box.corners(footprint), np.ascontiguousarray(boxes), valid)


@njit(cache=True)
def _touching(footprint: Array, corners: Array, boxes: Array, valid: NDArray) -> NDArray:
    out, other = np.zeros(len(boxes), np.bool_), np.empty((4, 2))
    reach = np.hypot(footprint[3], footprint[4]) + _SLACK
    for n in range(len(boxes)):
        dx, dy, length, width = (
            boxes[n, 0] - footprint[0],
            boxes[n, 1] - footprint[1],
            boxes[n, 3],
            boxes[n, 4],
        )
        if valid[n] and np.hypot(dx, dy) <= (reach + np.hypot(length, width)) / 2.0:
            place_corners(boxes[n, 0], boxes[n, 1], boxes[n, 2], length / 2.0, width / 2.0, other)
            out[n] = boxes_meet(corners, other)
    return out


@njit(cache=True)
def collisions(
    states: Array, corners: Array, centers: Array, areas: NDArray, others: Others, ego_reach: float
):
    """NC ``[P]`` and the step ``[P]`` of the first at-fault contact (T where there is none).

    Objects other than road users cost a half. Who was touched without fault is not asked about again.
    """
    starts, agents, xs, ys, reaches, boxes, speeds, movers, ignored_first = others
    score = np.ones(len(states))
    when = np.full(len(states), states.shape[1], np.int64)
    ignored = ignored_first.copy()
    for p in range(len(states)):
        ignored[:] = ignored_first
        for k in range(states.shape[1]):
            cx, cy = centers[p, k, 0], centers[p, k, 1]
            for r in range(starts[k], starts[k + 1]):
                dx, dy, reach, n = xs[r] - cx, ys[r] - cy, reaches[r] + ego_reach, agents[r]
                if dx * dx + dy * dy > reach * reach or ignored[n] or not boxes_meet(corners[p, k], boxes[r]):
                    continue
                moving = movers[n] and speeds[n] > STANDING
                if is_at_fault(states[p, k], areas[p, k], corners[p, k], boxes[r], moving):
                    score[p] = min(score[p], 0.0 if movers[n] else 0.5)
                    when[p] = min(when[p], k)
                else:
                    ignored[n] = True
            if score[p] == 0.0:
                break
    return score, when


@borrowing
def is_at_fault(state: Array, area: int, corners: Array, other: Array, moving: bool) -> bool:
    """Is a contact of the ego with the box ``other [4, 2]`` its own fault?

    It is not where the ego stands, or was hit from behind, or from the side while inside one lane; NAVSIM's order
    of questions.

    Args:
        state: ``[11]`` state of the ego.
        area: Bits of the ego's :class:`simscale_gym.metrics.EgoArea`.
        corners: ``[4, 2]`` corners of the ego's box [m].
        other: Corners of the box that it touches [m].
        moving: Whether the other is a road user that moved when first seen.
    """
    if np.hypot(state[3], state[4]) <= STANDING:
        return False
    if not moving:
        return True
    if bearing_to(np.cos(state[2]), np.sin(state[2]), state[0], state[1], other) > BEHIND:
        return False
    left, right = corners[0], corners[3]
    return segment_meets_box(left[0], left[1], right[0], right[1], other) or (area & MULTIPLE_OR_OFF) != 0


@njit(cache=True)
def time_to_collision(
    states: Array, corners: Array, centers: Array, areas: NDArray, others: Others, ego_reach: float,
    polygons: Rings, index: AreaIndex, flags: NDArray,
):  # fmt: skip
    """TTC ``[P]`` and the step ``[P]`` of the first infraction (T where there is none).

    At each step the ego's box is moved on at its speed along its heading by up to 0.9 s; it must not meet what is
    ahead of it then, nor what is beside it if the ego is between lanes, off the road or in an intersection.
    """
    starts, agents, xs, ys, reaches, boxes, _, _, ignored_first = others
    vertices, runs, run_boxes, ring_runs, _ = polygons
    grid, tile_starts, entries = index
    score = np.ones(len(states))
    when = np.full(len(states), states.shape[1], np.int64)
    moved, ignored = np.empty((4, 2)), ignored_first.copy()
    for p in range(len(states)):
        ignored[:] = ignored_first
        for k in range(states.shape[1] - TTC_STRIDE * (TTC_OFFSETS - 1)):
            speed = np.hypot(states[p, k, 3], states[p, k, 4])
            if speed < TTC_STANDING:
                continue
            cos, sin = np.cos(states[p, k, 2]), np.sin(states[p, k, 2])
            for i in range(TTC_OFFSETS):
                at, seconds = k + i * TTC_STRIDE, i * TTC_STRIDE * 0.1
                sx, sy = cos * speed * seconds, sin * speed * seconds
                cx, cy = centers[p, k, 0] + sx, centers[p, k, 1] + sy
                for r in range(starts[at], starts[at + 1]):
                    dx, dy, reach = xs[r] - cx, ys[r] - cy, reaches[r] + ego_reach
                    if dx * dx + dy * dy > reach * reach or ignored[agents[r]]:
                        continue
                    for c in range(4):
                        moved[c, 0], moved[c, 1] = corners[p, k, c, 0] + sx, corners[p, k, c, 1] + sy
                    if not boxes_meet(moved, boxes[r]):
                        continue
                    x, y = states[p, k, 0], states[p, k, 1]
                    bearing = bearing_to(cos, sin, x, y, boxes[r])
                    exposed = (areas[p, k] & MULTIPLE_OR_OFF) != 0 or (
                        flags_at(
                            grid, tile_starts, entries, flags, vertices, runs, run_boxes, ring_runs, x, y
                        )
                        & INTERSECTION
                    ) != 0
                    if bearing < AHEAD or (exposed and not bearing > BEHIND):
                        score[p], when[p] = 0.0, min(when[p], k)
                    else:
                        ignored[agents[r]] = True
            if score[p] == 0.0:
                break
    return score, when


@njit(cache=True)
def traffic_lights(corners: Array, lights: RedLights) -> Array:
    """TLC ``[P]``: 0 where the ego's box touches a closed lane of the route at any step, also if from the start."""
    rings, starts, rows = lights
    vertices, runs, run_boxes, ring_runs, boxes = rings
    score, bounds = np.ones(len(corners)), np.empty(4)
    if len(rows) == 0:
        return score
    for p in range(len(corners)):
        for k in range(corners.shape[1]):
            if starts[k] == starts[k + 1]:
                continue
            for c in range(2):
                bounds[c] = min(
                    min(corners[p, k, 0, c], corners[p, k, 1, c]),
                    min(corners[p, k, 2, c], corners[p, k, 3, c]),
                )
                bounds[c + 2] = max(
                    max(corners[p, k, 0, c], corners[p, k, 1, c]),
                    max(corners[p, k, 2, c], corners[p, k, 3, c]),
                )
            for e in range(starts[k], starts[k + 1]):
                row = rows[e]
                if (
                    bounds[2] < boxes[row, 0]
                    or bounds[0] > boxes[row, 2]
                    or bounds[3] < boxes[row, 1]
                    or bounds[1] > boxes[row, 3]
                ):
                    continue
                if ring_meets_box(vertices, runs, run_boxes, ring_runs, row, corners[p, k], bounds):
                    score[p] = 0.0
            if score[p] == 0.0:
                break
    return score
