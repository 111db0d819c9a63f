"""Cyclists, and vehicles away from lanes, once disturbed: along their logged path with a speed of their own."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive import idm_kernel as idm
from simscale_gym.agents.reactive.crowd import STANDING, Crowd, Moving
from simscale_gym.agents.reactive.foresight import LOOK_STEP, LOOKS, foresee, within_reach
from simscale_gym.agents.reactive.lane_walk import LaneArrays
from simscale_gym.agents.reactive.logged_path import (
    FREE,
    PLACE,
    SPEED,
    LogArrays,
    advance_place,
    lay_out_log,
    log_point,
    log_speed,
    wait_ahead,
    wrapped,
)
from simscale_gym.agents.reactive.right_of_way import RED, YELLOW
from simscale_gym.geometry.box import boxes_touch
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT

Array = NDArray[np.float64]

RIDER = idm.DriverParameters(10.0, 0.8, 1.0, 1.2, 1.8, 3.0, 1.5, 0.2, 0.5, 1.0)
"""A cyclist: closer, quicker to start and weaker brakes than a car."""
STOP_DECELERATION = 1.5
"""Deceleration for a light or a wait that can be seen coming [m/s^2]."""
CATCH_UP, LEAST_CATCH_UP, MOST_CATCH_UP = 0.01, 0.03, 0.15
"""Share of its pace by which somebody late is faster, for each frame of lateness [1/frame]; at least and at most."""
TOGETHER = 0.1
"""Nearer to its log than this [frames] a road user joins it again."""


@borrowing
def pace_at(log: LogArrays, n: int, place: float, lag: float) -> float:
    """Speed [m/s] that suits track ``n`` at ``place``: as logged, a little faster when late, slower when early."""
    if lag < TOGETHER:
        return (1.0 + max(CATCH_UP * lag - LEAST_CATCH_UP, -2.0 * MOST_CATCH_UP)) * log_speed(log, n, place)
    factor = 1.0 + min(CATCH_UP * lag + LEAST_CATCH_UP, MOST_CATCH_UP)
    return factor * max(log.pace[n, min(int(place), log.pace.shape[1] - 1)], log_speed(log, n, place))


@borrowing
def stopping(v: float, room: float) -> float:
    """Acceleration [m/s^2] with which to come to rest after ``room`` [m], braking steadily."""
    # the speed from which steady braking ends in time after this step; the last centimetres are crept
    allowed = max(np.sqrt(2.0 * STOP_DECELERATION * max(room - v * DT, 0.0)), min(0.3, room / DT))
    return (allowed - v) / DT


@borrowing
def _light_ahead(
    log: LogArrays, n: int, place: float, half_length: float, v: float, lights: NDArray
) -> float:
    """Distance [m] from the front of ``n`` to the next light that it has to stop at; infinite if there is none."""
    way, sight, i = 0.0, 10.0 + v * v, int(place)
    rest = i + 1 - place
    while i < log.way.shape[1] - 1 and way < sight:
        lane = log.gates[n, i]
        way += rest * (log.way[n, i + 1] - log.way[n, i])
        if lane >= 0 and (lights[lane] == RED or lights[lane] == YELLOW):
            room = way - half_length
            hardest = RIDER.emergency if lights[lane] == RED else STOP_DECELERATION
            if room > -0.5 and v * v <= 2.0 * hardest * max(room, 0.1):
                return max(room, 0.0)
        i, rest = i + 1, 1.0
    return np.inf


@njit(cache=True)
def _crossing_room(n: int, v: float, lanes: LaneArrays, log: LogArrays, before: Crowd, moving: Moving, m: int,
                   ego_motion: Array) -> float:  # fmt: skip
    """Distance [m] that ``n`` can go before ``m`` crosses its path; infinite if waiting is not needed or no help."""
    if not moving.known[m]:
        foresee(m, lanes, log, before, moving, ego_motion)
    standing, going, other = moving.boxes[n].copy(), moving.boxes[n].copy(), moving.boxes[m].copy()
    place, way = before.walks[n, PLACE], 0.0
    pace = max(v, 1.0)
    for k in range(1, LOOKS):
        other[:3] = moving.foreseen[m, k]
        if boxes_touch(standing, other):  # it comes to where n is: waiting there would not help
            return np.inf
        place = advance_place(log, n, place, pace * LOOK_STEP, 1 << 30)
        going[0], going[1], going[2], _, _ = log_point(log, n, place)
        if boxes_touch(going, other):
            return way
        way += pace * LOOK_STEP
    return np.inf


@njit(cache=True)
def _acceleration(n: int, lanes: LaneArrays, log: LogArrays, before: Crowd, moving: Moving, ego_motion: Array,
                  lights: NDArray, frame: int) -> float:  # fmt: skip
    """Smallest acceleration [m/s^2] that anybody on or across its path, a light or a wait asks for."""
    walk, box = before.walks[n], moving.boxes[n]
    v, lag = walk[SPEED], frame - walk[PLACE]
    sight = 8.0 + box[3] / 2.0 + 1.5 * v + v * v / 3.0
    segments = np.empty((48, 7))
    count = lay_out_log(log, n, walk[PLACE], sight, 0.8, segments)
    desired = max(pace_at(log, n, walk[PLACE], lag), 0.3)
    result = idm.following(v, desired, 1e6, v, RIDER)
    straight = np.zeros(6)
    half_width = box[4] / 2.0 + RIDER.margin
    cos, sin = np.cos(box[2]), np.sin(box[2])
    for m in range(len(moving.present)):
        if (
            m == n
            or not moving.present[m]
            or not within_reach(n, m, v + 2.0, moving.boxes, moving.velocities)
        ):
            continue
        if m < len(before.kinds) and before.kinds[m] == STANDING and moving.as_logged[m]:
            continue  # the logged path leads past it
        other = moving.swept[m]
        distance, k = idm.entry_distance(segments, count, straight, half_width, other)
        gap = distance - box[3] / 2.0
        if k >= 0:
            if gap <= 0.0 and cos * (other[0] - box[0]) + sin * (other[1] - box[1]) <= 0.0:
                continue
            along = moving.velocities[m, 0] * segments[k, 2] + moving.velocities[m, 1] * segments[k, 3]
            result = min(result, idm.following(v, desired, gap, max(along, 0.0), RIDER))
        else:
            room = _crossing_room(n, v, lanes, log, before, moving, m, ego_motion)
            if room < np.inf:
                result = min(result, stopping(v, room))
    room = min(
        wait_ahead(log, n, walk[PLACE], lag, sight),
        _light_ahead(log, n, walk[PLACE], box[3] / 2.0, v, lights),
    )
    if room < sight:
        result = min(result, stopping(v, room))
    return max(result, -RIDER.emergency)


@njit(cache=True)
def ride(n: int, lanes: LaneArrays, log: LogArrays, before: Crowd, crowd: Crowd, moving: Moving, ego_motion: Array,
         lights: NDArray, frame: int, may_join: bool):  # fmt: skip
    """Move the disturbed track ``n`` one frame on along its logged path, in place; it joins its log if it may."""
    walk = crowd.walks[n]
    acceleration = _acceleration(n, lanes, log, before, moving, ego_motion, lights, frame)
    speed = max(walk[SPEED] + acceleration * DT, 0.0)
    way = (walk[SPEED] + speed) / 2.0 * DT
    walk[PLACE] = advance_place(log, n, walk[PLACE], way, frame + 1)
    walk[SPEED] = speed
    x, y, heading, vx, vy = log_point(log, n, walk[PLACE])
    if may_join and abs(frame + 1 - walk[PLACE]) < TOGETHER and abs(np.hypot(vx, vy) - speed) < 0.3:
        walk[FREE], walk[PLACE] = 0.0, frame + 1.0
        x, y, heading, vx, vy = log_point(log, n, walk[PLACE])
        speed = np.hypot(vx, vy)
    crowd.poses[n, 0], crowd.poses[n, 1], crowd.poses[n, 2] = x, y, wrapped(heading)
    logged = np.hypot(vx, vy)
    cos, sin = (vx / logged, vy / logged) if logged > 0.3 else (np.cos(heading), np.sin(heading))
    crowd.velocities[n, 0], crowd.velocities[n, 1] = speed * cos, speed * sin
