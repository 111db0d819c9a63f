"""Where everybody will be in the next seconds, as far as one can see it, and whom that disturbs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.reactive import idm_kernel as idm
from simscale_gym.agents.reactive.crowd import DRIVING, LOGGED, REPLAYED, Crowd, Moving
from simscale_gym.agents.reactive.lane_walk import LaneArrays, body_pose
from simscale_gym.agents.reactive.logged_path import FREE, PLACE, LogArrays, log_point
from simscale_gym.geometry.box import boxes_touch
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT

Array = NDArray[np.float64]

LOOK_STEP, LOOKS, SHORT_LOOKS = 0.25, 13, 9
"""Time between the instants that are foreseen [s], and their number, the present one included: for those on wheels, and
for pedestrians, who stop within a step. Odd numbers, as every other one is the middle of its neighbors."""
SPACE = 0.25
"""Distance kept to whoever is not where it was logged [m]."""
LOGGED_DISTANCE, LOGGED_SPEED, LOGGED_ANGLE = 0.5, 1.0, 0.2
"""Differences from its own log [m, m/s, rad] below which somebody does what the others' logs reckon with."""


@borrowing
def is_as_logged(log: LogArrays, n: int, frame: int, pose: Array, velocity: Array) -> bool:
    """Is track ``n`` about where it was logged at ``frame``?"""
    if not log.first[n] <= frame:
        return False
    x, y, heading, vx, vy = log_point(log, n, frame)
    turn = (heading - pose[2] + np.pi) % (2.0 * np.pi) - np.pi
    near = (x - pose[0]) ** 2 + (y - pose[1]) ** 2 < LOGGED_DISTANCE**2
    return near and np.hypot(vx - velocity[0], vy - velocity[1]) < LOGGED_SPEED and abs(turn) < LOGGED_ANGLE


@borrowing
def foresee(m: int, lanes: LaneArrays, log: LogArrays, before: Crowd, moving: Moving, ego_motion: Array):
    """Fill ``moving.foreseen[m]``: along its lanes, along its log, round the ego's curve, or straight on.

    Speeds stay, and who brakes goes on braking. ``ego_motion [2]`` is the ego's yaw rate and acceleration.
    """
    moving.known[m] = True
    out = moving.foreseen[m]
    for k in range(LOOKS):
        out[k, 0], out[k, 1], out[k, 2] = moving.boxes[m, 0], moving.boxes[m, 1], moving.boxes[m, 2]
    speed = np.hypot(moving.velocities[m, 0], moving.velocities[m, 1])
    if m == len(before.kinds):
        _along_curve(out, speed, ego_motion[0], min(ego_motion[1], 0.0))
        return
    kind = before.kinds[m]
    if kind == DRIVING:
        half_base = idm.AXLE_SHARE * moving.boxes[m, 3]
        braking = min(before.motion[m, idm.ACCELERATION], 0.0)
        # places on lanes are searched for, which is dear: every other one, those between are means of their neighbors
        for k in range(2, LOOKS, 2):
            way = rolled(speed, braking, k * LOOK_STEP)
            x, y, heading = body_pose(lanes, before.routes[m], before.motion[m, idm.S] + way, half_base)
            aside = idm.lateral_offset(before.motion[m], way)[0]
            out[k, 0], out[k, 1] = x - np.sin(heading) * aside, y + np.cos(heading) * aside
            turn = (heading - out[k - 2, 2] + np.pi) % (2.0 * np.pi) - np.pi
            out[k, 2] = heading
            out[k - 1, 0], out[k - 1, 1] = (
                (out[k, 0] + out[k - 2, 0]) / 2.0,
                (out[k, 1] + out[k - 2, 1]) / 2.0,
            )
            out[k - 1, 2] = heading - turn / 2.0
    elif kind == REPLAYED or (kind == LOGGED and before.walks[m, FREE] == 0.0):
        for k in range(1, LOOKS):
            point = log_point(log, m, before.walks[m, PLACE] + k * LOOK_STEP / DT)
            out[k, 0], out[k, 1], out[k, 2] = point[0], point[1], point[2]
    else:
        for k in range(1, LOOKS):
            out[k, 0] += k * LOOK_STEP * moving.velocities[m, 0]
            out[k, 1] += k * LOOK_STEP * moving.velocities[m, 1]


@borrowing
def rolled(speed: float, acceleration: float, seconds: float) -> float:
    """Distance [m] driven in ``seconds``; braking ends at rest."""
    if acceleration < 0.0:
        seconds = min(seconds, -speed / acceleration)
    return max(speed * seconds + 0.5 * acceleration * seconds * seconds, 0.0)


@borrowing
def _along_curve(out: Array, speed: float, turn: float, braking: float):
    for k in range(1, LOOKS):
        way = rolled(speed, braking, k * LOOK_STEP) - rolled(speed, braking, (k - 1) * LOOK_STEP)
        # yaw rate over speed is the curvature, which stays while the speed falls; near rest it would have no end
        change = turn / max(speed, 0.5) * way
        middle = out[k - 1, 2] + change / 2.0
        out[k, 0], out[k, 1] = out[k - 1, 0] + way * np.cos(middle), out[k - 1, 1] + way * np.sin(middle)
        out[k, 2] = out[k - 1, 2] + change


@borrowing
def within_reach(n: int, m: int, speed: float, boxes: Array, velocities: Array) -> bool:
    """Can ``n``, at up to ``speed`` [m/s], meet ``m`` within what is foreseen?"""
    other = np.hypot(velocities[m, 0], velocities[m, 1])
    sides = boxes[n, 3] + boxes[n, 4] + boxes[m, 3] + boxes[m, 4]
    reach = (speed + other) * LOOK_STEP * (LOOKS - 1) + sides / 2.0 + 1.0
    return (boxes[n, 0] - boxes[m, 0]) ** 2 + (boxes[n, 1] - boxes[m, 1]) ** 2 < reach * reach


class Scratch(NamedTuple):
    """Room to work in, made once for all who are asked about.

    Attributes:
        way: ``[LOOKS, 3]`` poses of whoever goes on as logged.
        own, other: ``[5]`` boxes of two that may touch.
    """

    way: Array
    own: Array
    other: Array


@borrowing
def is_disturbed(
    n: int, looks: int, lanes: LaneArrays, log: LogArrays, before: Crowd, moving: Moving, ego_motion: Array,
    scratch: Scratch,
) -> bool:  # fmt: skip
    """Would track ``n``, if it went on as logged, touch somebody who is not where it was logged, within ``looks``?"""
    way, own, other = scratch
    boxes, foreseen, laid_out = moving.boxes, moving.foreseen, False
    speed = np.hypot(moving.velocities[n, 0], moving.velocities[n, 1])
    for m in range(len(moving.present)):
        if moving.as_logged[m] or m == n or not moving.present[m]:
            continue
        if not within_reach(n, m, speed + 1.0, boxes, moving.velocities):
            continue
        if not laid_out:
            laid_out = True
            for k in range(1, looks):
                way[k, 0], way[k, 1], way[k, 2], _, _ = log_point(
                    log, n, before.walks[n, PLACE] + k * LOOK_STEP / DT
                )
        if not moving.known[m]:
            foresee(m, lanes, log, before, moving, ego_motion)
        own[3], own[4] = boxes[n, 3] + 2.0 * SPACE, boxes[n, 4] + 2.0 * SPACE
        other[3], other[4] = boxes[m, 3], boxes[m, 4]
        reach = (own[3] + own[4] + other[3] + other[4]) / 2.0
        for k in range(1, looks):
            dx, dy = way[k, 0] - foreseen[m, k, 0], way[k, 1] - foreseen[m, k, 1]
            if dx * dx + dy * dy > reach * reach:
                continue
            for i in range(3):
                own[i], other[i] = way[k, i], foreseen[m, k, i]
            if boxes_touch(own, other):
                return True
    return False
