"""Contacts with other road users, present and foreseen: NC, TTC, and red lights: TLC.

NAVSIM: pdm_scorer.py, ``_calculate_no_at_fault_collision``, ``_calculate_ttc``,
``_calculate_traffic_light_compliance``; pdm_scorer_utils.py, ``get_collision_type``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.metrics.area_index import AreaIndex, flags_at
from simscale_gym.metrics.areas import INTERSECTION
from simscale_gym.metrics.predicates import boxes_meet, segment_meets_box
from simscale_gym.metrics.rings import Rings, ring_meets_box

Array = NDArray[np.float64]

STANDING = 0.05
"""At or below this speed [m/s] ego or track stand in a contact."""
TTC_STANDING = 5e-3
"""Below this speed [m/s] the ego foresees nothing."""
TTC_STRIDE, TTC_OFFSETS = 3, 4
"""The ego is moved on by 0, 3, 6, 9 steps."""
AHEAD, BEHIND = np.deg2rad(30.0), np.deg2rad(150.0)
"""Angles from the ego's heading within which an object is ahead, beyond which it is behind."""

_MULTIPLE_OR_OFF = 3  # EgoArea.MULTIPLE_LANES | EgoArea.NON_DRIVABLE


class Others(NamedTuple):
    """The boxes present at each step, one step after another.

    Attributes:
        starts: ``[T + 1]`` first row of each step.
        agents: ``[R]`` which agent each row is.
        x, y: ``[R]`` box centres [m].
        reach: ``[R]`` half diagonal [m].
        corners: ``[R, 4, 2]``.
        speeds: ``[N]`` of each agent where it was first seen [m/s].
        movers: ``[N]`` vehicle, pedestrian or bicycle.
        ignored: ``[N]`` contacts do not count from the start.
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


@njit(cache=True)
def _bearing(cos: float, sin: float, dx: float, dy: float) -> float:
    """Angle [rad] between a heading and the direction (dx, dy).

    Like nuPlan's, not a number where rounding takes the cosine beyond 1 or the distance is 0; every comparison is
    then false.
    """
    distance = np.sqrt(dx * dx + dy * dy)
    if distance == 0.0:
        return np.nan
    return np.arccos(cos * (dx / distance) + sin * (dy / distance))


@njit(cache=True)
def collisions(
    states: Array, corners: Array, centers: Array, areas: NDArray, others: Others, ego_reach: float
):
    """NC ``[P]`` and the step ``[P]`` of the first at-fault contact (T where there is none).

    Objects other than road users cost a half. Who was touched without fault is not asked about again.
    """
    score = np.ones(len(states))
    when = np.full(len(states), states.shape[1], np.int64)
    for p in range(len(states)):
        ignored = others.ignored.copy()
        for k in range(states.shape[1]):
            cx, cy = centers[p, k, 0], centers[p, k, 1]
            for r in range(others.starts[k], others.starts[k + 1]):
                dx, dy = others.x[r] - cx, others.y[r] - cy
                reach = others.reach[r] + ego_reach
                if dx * dx + dy * dy > reach * reach or ignored[others.agents[r]]:
                    continue
                if not boxes_meet(corners[p, k], others.corners[r]):
                    continue
                n = others.agents[r]
                kind = _kind_of_contact(states[p, k], corners[p, k], others, r)
                if kind == 1 or (kind == 2 and (areas[p, k] & _MULTIPLE_OR_OFF) != 0):
                    score[p] = min(score[p], 0.0 if others.movers[n] else 0.5)
                    when[p] = min(when[p], k)
                else:
                    ignored[n] = True
            if score[p] == 0.0:
                break
    return score, when


@njit(cache=True)
def _kind_of_contact(state: Array, corners: Array, others: Others, row: int) -> int:
    """0 not the ego's fault, 1 its fault, 2 from the side: its fault between lanes or off the road."""
    n = others.agents[row]
    if np.hypot(state[3], state[4]) <= STANDING:
        return 0
    if not others.movers[n] or others.speeds[n] <= STANDING:
        return 1
    cos, sin = np.cos(state[2]), np.sin(state[2])
    if _bearing(cos, sin, others.x[row] - state[0], others.y[row] - state[1]) > BEHIND:
        return 0
    front_left, front_right = corners[0], corners[3]
    if segment_meets_box(front_left[0], front_left[1], front_right[0], front_right[1], others.corners[row]):
        return 1
    return 2


@njit(cache=True)
def time_to_collision(
    states: Array, corners: Array, centers: Array, areas: NDArray, others: Others, ego_reach: float,
    index: AreaIndex, flags: NDArray,
):  # fmt: skip
    """TTC ``[P]`` and the step ``[P]`` of the first infraction (T where there is none).

    At each step the ego's box is moved on at its speed along its heading by up to 0.9 s; it must not meet what is
    ahead of it then, nor what is beside it if the ego is between lanes, off the road or in an intersection.
    """
    score = np.ones(len(states))
    when = np.full(len(states), states.shape[1], np.int64)
    moved = np.empty((4, 2))
    for p in range(len(states)):
        ignored = others.ignored.copy()
        for k in range(states.shape[1] - TTC_STRIDE * (TTC_OFFSETS - 1)):
            speed = np.hypot(states[p, k, 3], states[p, k, 4])
            if speed < TTC_STANDING:
                continue
            cos, sin = np.cos(states[p, k, 2]), np.sin(states[p, k, 2])
            for i in range(TTC_OFFSETS):
                at = k + i * TTC_STRIDE
                seconds = i * TTC_STRIDE * 0.1
                sx, sy = cos * speed * seconds, sin * speed * seconds
                cx, cy = centers[p, k, 0] + sx, centers[p, k, 1] + sy
                for r in range(others.starts[at], others.starts[at + 1]):
                    dx, dy = others.x[r] - cx, others.y[r] - cy
                    reach = others.reach[r] + ego_reach
                    if dx * dx + dy * dy > reach * reach or ignored[others.agents[r]]:
                        continue
                    for c in range(4):
                        moved[c, 0], moved[c, 1] = corners[p, k, c, 0] + sx, corners[p, k, c, 1] + sy
                    if not boxes_meet(moved, others.corners[r]):
                        continue
                    x, y = states[p, k, 0], states[p, k, 1]
                    bearing = _bearing(cos, sin, others.x[r] - x, others.y[r] - y)
                    exposed = (areas[p, k] & _MULTIPLE_OR_OFF) != 0
                    if bearing < AHEAD or (
                        not bearing > BEHIND
                        and (exposed or (flags_at(index, flags, x, y) & INTERSECTION) != 0)
                    ):
                        score[p] = 0.0
                        when[p] = min(when[p], k)
                    else:
                        ignored[others.agents[r]] = True
            if score[p] == 0.0:
                break
    return score, when


@njit(cache=True)
def traffic_lights(corners: Array, lights: RedLights) -> Array:
    """TLC ``[P]``: 0 where the ego's box touches a closed lane of the route at any step, also if from the start."""
    score = np.ones(len(corners))
    for p in range(len(corners)):
        for k in range(corners.shape[1]):
            for e in range(lights.starts[k], lights.starts[k + 1]):
                if ring_meets_box(lights.rings, lights.rows[e], corners[p, k]):
                    score[p] = 0.0
                    break
            if score[p] == 0.0:
                break
    return score
