"""Pedestrians, once disturbed: along their logged path, waiting, hurrying and stepping aside as need be."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive.crowd import Crowd, Moving
from simscale_gym.agents.reactive.foresight import LOOK_STEP, LOOKS, foresee, within_reach
from simscale_gym.agents.reactive.lane_walk import LaneArrays
from simscale_gym.agents.reactive.logged_path import (
    ASIDE_X,
    ASIDE_Y,
    DRIFT_X,
    DRIFT_Y,
    FREE,
    PLACE,
    SPEED,
    LogArrays,
    advance_place,
    log_point,
    wait_ahead,
    wrapped,
)
from simscale_gym.agents.reactive.rider import TOGETHER, pace_at, stopping
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT

Array = NDArray[np.float64]

HURRY, FASTEST = 2.3, 2.5
"""Speed along the path when hurrying, and in any direction [m/s]."""
ALONG, ACROSS = 2.2, 2.0
"""Acceleration along the path and of a step aside [m/s^2]; together 3."""
FARTHEST = 2.5
"""A step aside ends this far from the path [m]."""
TURN_RATE = 2.5
"""Largest rate at which the body turns [rad/s]."""
STEP_SECONDS = 1.25
"""A step aside is thought of as lasting this long [s]."""
TOUCH, BERTH, BERTH_TIME = 0.12, 0.15, 0.15
"""Clearance that counts as being hit [m]; clearance wished from who stands [m], and more per speed [m per m/s]."""
CHOICES = np.array([
    (1.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.0, 0.0), (HURRY, 0.0, 0.0),
    (1.0, 0.0, -0.7), (1.0, 0.0, 0.7), (1.0, 0.0, -1.6), (1.0, 0.0, 1.6),
    (0.0, 0.0, -1.2), (0.0, 0.0, 1.2), (0.0, 0.0, -2.2), (0.0, 0.0, 2.2), (0.0, -1.2, 0.0), (0.0, -2.2, 0.0),
    (0.0, 2.2, 0.0), (HURRY, 0.0, -1.0), (HURRY, 0.0, 1.0),
])  # fmt: skip
"""What is considered: speed along the path (up to 1 a share of the wished one), step ahead, step left [m/s]."""
STEADINESS = 0.3
"""Cost of another step aside than the present one [s/m]."""
PATH_STEP = 0.5
"""Distance between the points of the way ahead [m]."""
_NEAR, _PATH_POINTS = 16, 12


@borrowing
def clearance(x: float, y: float, radius: float, pose: Array, length: float, width: float) -> float:
    """Distance [m] between a disc and a box; negative inside."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    dx, dy = x - pose[0], y - pose[1]
    out_x = abs(cos * dx + sin * dy) - length / 2.0
    out_y = abs(cos * dy - sin * dx) - width / 2.0
    if out_x <= 0.0 and out_y <= 0.0:
        return max(out_x, out_y) - radius
    return np.hypot(max(out_x, 0.0), max(out_y, 0.0)) - radius


@borrowing
def _danger(
    now: Array, plan: tuple, path: Array, radius: float, near: NDArray, count: int, moving: Moving
) -> float:
    """Danger of a choice: 0 where nobody comes near, beyond 1 where somebody is hit, the more the sooner.

    Args:
        now: ``[7]`` x, y, speed along the path, displacement from it x, y and its rate x, y.
        plan: Speed along the path, and rate x, y of the displacement that are aimed at.
        path: ``[K, 2]`` points of the way ahead, ``PATH_STEP`` apart, from where the walker is on it.
        radius: Radius of the pedestrian [m].
        near: Rows of road users who may matter.
        count: Number of rows in ``near``.
        moving: Everybody at this instant.
    """
    boxes, velocities, foreseen = moving.boxes, moving.velocities, moving.foreseen
    x, y, speed, drift_x, drift_y = now[0], now[1], now[2], now[5], now[6]
    aside_x, aside_y, way, danger = 0.0, 0.0, 0.0, 0.0
    for k in range(1, LOOKS):
        aim_x, aim_y = (plan[1], plan[2]) if k * LOOK_STEP <= STEP_SECONDS else (0.0, 0.0)
        speed += min(max(plan[0] - speed, -ALONG * LOOK_STEP), ALONG * LOOK_STEP)
        change_x, change_y = aim_x - drift_x, aim_y - drift_y
        share = min(ACROSS * LOOK_STEP / max(np.hypot(change_x, change_y), 1e-9), 1.0)
        drift_x, drift_y = drift_x + share * change_x, drift_y + share * change_y
        way += speed * LOOK_STEP
        aside_x, aside_y = aside_x + drift_x * LOOK_STEP, aside_y + drift_y * LOOK_STEP
        i = min(int(way / PATH_STEP), len(path) - 2)
        share = min(way / PATH_STEP - i, 1.0)
        x = now[0] + path[i, 0] - path[0, 0] + share * (path[i + 1, 0] - path[i, 0]) + aside_x
        y = now[1] + path[i, 1] - path[0, 1] + share * (path[i + 1, 1] - path[i, 1]) + aside_y
        weight = 1.5 - k / LOOKS  # what comes first counts more than twice as much as what comes last
        for j in range(count):
            m = near[j]
            length, width = boxes[m, 3], boxes[m, 4]
            reach = length + width + 2.0
            if (x - foreseen[m, k, 0]) ** 2 + (y - foreseen[m, k, 1]) ** 2 > reach * reach:
                continue
            room = clearance(x, y, radius, foreseen[m, k], length, width)
            pace = np.hypot(velocities[m, 0], velocities[m, 1])
            berth = BERTH + BERTH_TIME * min(pace, 4.0)
            if room < TOUCH:
                danger += weight * (4.0 + min(pace, 4.0) - room)
            elif room < berth:
                danger += 0.3 * weight * (berth - room) / berth
    return danger


@borrowing
def _choose(now: Array, wish: float, back: tuple, direction: tuple, path: Array, radius: float, near: NDArray,
            count: int, moving: Moving) -> tuple[float, float, float]:  # fmt: skip
    """The choice with the least danger and effort: speed along the path, and rate of the displacement."""
    best, cost = (wish, back[0], back[1]), np.inf
    for k in range(len(CHOICES)):
        along, ahead, left = CHOICES[k, 0], CHOICES[k, 1], CHOICES[k, 2]
        speed = along * wish if along <= 1.0 else max(along, wish)
        step_x = ahead * direction[0] - left * direction[1]
        step_y = ahead * direction[1] + left * direction[0]
        if ahead == 0.0 and left == 0.0:
            step_x, step_y = back
        out = (now[3] + 0.5 * step_x) ** 2 + (now[4] + 0.5 * step_y) ** 2
        if out > FARTHEST**2 and out > now[3] ** 2 + now[4] ** 2:
            continue
        speed = min(speed, np.sqrt(max(FASTEST**2 - left * left, 0.0)))
        # efforts are m/s of what is given up; a hit costs 4 and more at each look
        effort = 0.6 * abs(speed - wish) + 0.8 * np.hypot(step_x - back[0], step_y - back[1])
        effort += 0.05 * (left > 0.0) + 0.3 * (ahead < 0.0)  # rather to the right, and not backwards
        effort += STEADINESS * np.hypot(step_x - now[5], step_y - now[6])
        if effort >= cost:  # danger only adds: no need to look ahead
            continue
        total = effort + _danger(now, (speed, step_x, step_y), path, radius, near, count, moving)
        if total < cost:
            best, cost = (speed, step_x, step_y), total
    return best


@borrowing
def _near_ones(n: int, lanes: LaneArrays, log: LogArrays, before: Crowd, moving: Moving, ego_motion: Array,
               near: NDArray) -> int:  # fmt: skip
    count = 0
    # the ego, which is last, comes first: should there be no room for all, it is not the one left out
    for m in range(len(moving.present) - 1, -1, -1):
        if m == n or not moving.present[m] or not within_reach(n, m, HURRY, moving.boxes, moving.velocities):
            continue
        if not moving.known[m]:
            foresee(m, lanes, log, before, moving, ego_motion)
        if count < len(near):
            near[count] = m
            count += 1
    return count


@njit(cache=True)
def walk_on(n: int, lanes: LaneArrays, log: LogArrays, before: Crowd, crowd: Crowd, moving: Moving,
            ego_motion: Array, frame: int, may_join: bool):  # fmt: skip
    """Move the disturbed pedestrian ``n`` from ``frame`` to the next, in place; if it ``may_join`` its log it does."""
    walk, pose = crowd.walks[n], crowd.poses[n]
    lag = frame - walk[PLACE]
    _, _, heading, vx, vy = log_point(log, n, walk[PLACE])
    logged = np.hypot(vx, vy)
    direction = (vx / logged, vy / logged) if logged > 0.3 else (np.cos(heading), np.sin(heading))
    room = wait_ahead(log, n, walk[PLACE], lag, (_PATH_POINTS - 1) * PATH_STEP)
    path = np.empty((_PATH_POINTS, 2))
    for k in range(_PATH_POINTS):
        place = (
            advance_place(log, n, walk[PLACE], min(k * PATH_STEP, room), 1 << 30)
            if room > 0.0
            else walk[PLACE]
        )
        path[k, 0], path[k, 1], _, _, _ = log_point(log, n, place)
    wish = min(pace_at(log, n, walk[PLACE], lag), FASTEST)
    if room < (_PATH_POINTS - 1) * PATH_STEP:
        wish = min(wish, max(walk[SPEED] + stopping(walk[SPEED], room) * DT, 0.0))
    now = np.array(
        [pose[0], pose[1], walk[SPEED], walk[ASIDE_X], walk[ASIDE_Y], walk[DRIFT_X], walk[DRIFT_Y]]
    )
    away = np.hypot(now[3], now[4])
    share = -min(0.8 * away, 0.6) / max(away, 1e-9)  # back to the path, at 0.6 m/s at most and slower near it
    radius = max(moving.boxes[n, 3], moving.boxes[n, 4]) / 2.0
    near = np.empty(_NEAR, np.int64)
    count = _near_ones(n, lanes, log, before, moving, ego_motion, near)
    plan = _choose(now, wish, (share * now[3], share * now[4]), direction, path, radius, near, count, moving)
    walk[SPEED] = max(walk[SPEED] + min(max(plan[0] - walk[SPEED], -ALONG * DT), ALONG * DT), 0.0)
    change_x, change_y = plan[1] - walk[DRIFT_X], plan[2] - walk[DRIFT_Y]
    part = min(ACROSS * DT / max(np.hypot(change_x, change_y), 1e-9), 1.0)
    walk[DRIFT_X] += part * change_x
    walk[DRIFT_Y] += part * change_y
    walk[ASIDE_X] += walk[DRIFT_X] * DT
    walk[ASIDE_Y] += walk[DRIFT_Y] * DT
    walk[SPEED] = min(walk[SPEED], room / DT)
    walk[PLACE] = advance_place(log, n, walk[PLACE], walk[SPEED] * DT, frame + 1)
    _stand_at(n, log, crowd, frame + 1, may_join)


@borrowing
def _stand_at(n: int, log: LogArrays, crowd: Crowd, frame: int, may_join: bool):
    """Write pose and velocity; who is where it was logged, and goes as logged, joins its log again."""
    walk = crowd.walks[n]
    x, y, heading, vx, vy = log_point(log, n, walk[PLACE])
    before_x, before_y, facing = crowd.poses[n, 0], crowd.poses[n, 1], crowd.poses[n, 2]
    near = np.hypot(walk[ASIDE_X], walk[ASIDE_Y]) < 0.03 and np.hypot(walk[DRIFT_X], walk[DRIFT_Y]) < 0.1
    turn = (heading - facing + np.pi) % (2.0 * np.pi) - np.pi
    in_step = abs(frame - walk[PLACE]) < TOGETHER and abs(np.hypot(vx, vy) - walk[SPEED]) < 0.3
    if may_join and near and in_step and abs(turn) < 0.2:
        walk[PLACE] = frame
        walk[ASIDE_X] = walk[ASIDE_Y] = walk[DRIFT_X] = walk[DRIFT_Y] = walk[FREE] = 0.0
        x, y, heading, vx, vy = log_point(log, n, walk[PLACE])
        crowd.poses[n, 0], crowd.poses[n, 1], crowd.poses[n, 2] = x, y, wrapped(heading)
        crowd.velocities[n, 0], crowd.velocities[n, 1] = vx, vy
        return
    x, y = x + walk[ASIDE_X], y + walk[ASIDE_Y]
    vx, vy = (x - before_x) / DT, (y - before_y) / DT
    goal = heading
    if np.hypot(walk[DRIFT_X], walk[DRIFT_Y]) > 0.4 and np.hypot(vx, vy) > 0.5:
        lean = (np.arctan2(vy, vx) - heading + np.pi) % (2.0 * np.pi) - np.pi
        goal += min(max(lean, -0.6), 0.6) if abs(lean) < 2.0 else 0.0
    turn = (goal - facing + np.pi) % (2.0 * np.pi) - np.pi
    facing += min(max(turn, -TURN_RATE * DT), TURN_RATE * DT)
    crowd.poses[n, 0], crowd.poses[n, 1], crowd.poses[n, 2] = x, y, wrapped(facing)
    crowd.velocities[n, 0], crowd.velocities[n, 1] = vx, vy
