"""One step of all other road users, compiled: lane-following vehicles, log followers, standing ones."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.idm_kernel import (
    SPEED,
    DriverParameters,
    Obstacles,
    S,
    accelerations,
    integrate,
    place_on_routes,
)
from simscale_gym.agents.junction import JunctionArrays
from simscale_gym.agents.lane_walk import LaneArrays
from simscale_gym.agents.right_of_way import RED, approaches_of
from simscale_gym.agents.yielding_log import LogArrays, follow_logs

Array = NDArray[np.float64]

PENDING, DRIVING, LOGGED, STANDING, GONE = range(5)
"""Kinds of road users: not yet there, on a lane, on its logged path, standing for good, left."""
MOVER_SWEEP = 1.0
"""Pedestrians and cyclists are seen where they will be up to this long from now [s]."""
CROSSING_SPEED = 0.3
"""Slower than this [m/s] nobody is swept ahead."""


@njit(cache=True)
def gather(poses: Array, velocities: Array, valid: NDArray, sizes: Array, ego_box: Array, ego_speed: float):
    """Boxes ``[N + 1, 5]``, velocities ``[N + 1, 2]`` and presence ``[N + 1]`` of all, the ego last."""
    n = len(valid)
    boxes, moving, present = np.empty((n + 1, 5)), np.empty((n + 1, 2)), np.ones(n + 1, np.bool_)
    boxes[:n, :3], boxes[:n, 3:], boxes[n] = poses, sizes, ego_box
    moving[:n], present[:n] = velocities, valid
    moving[n, 0], moving[n, 1] = ego_speed * np.cos(ego_box[2]), ego_speed * np.sin(ego_box[2])
    return boxes, moving, present


@njit(cache=True)
def swept(boxes: Array, velocities: Array, seconds: Array) -> Array:
    """Boxes ``[M, 5]`` lengthened ahead to where each will be within ``seconds [M]``."""
    out = boxes.copy()
    for m in range(len(boxes)):
        speed = np.hypot(velocities[m, 0], velocities[m, 1])
        if seconds[m] <= 0.0 or speed < CROSSING_SPEED:
            continue
        cos, sin = velocities[m, 0] / speed, velocities[m, 1] / speed
        out[m, 0] += cos * speed * seconds[m] / 2.0
        out[m, 1] += sin * speed * seconds[m] / 2.0
        out[m, 2] = np.arctan2(sin, cos)
        out[m, 3] += speed * seconds[m]
    return out


@njit(cache=True)
def advance_traffic(lanes: LaneArrays, junctions: JunctionArrays, lights: NDArray, log: LogArrays,
                    sizes: Array, vehicles: NDArray, movers: NDArray, kinds: NDArray, routes: NDArray,
                    motion: Array, clocks: Array, poses: Array, velocities: Array, valid: NDArray,
                    ego_box: Array, ego_speed: float, frame: int, driver: DriverParameters,
                    leave_distance: float):  # fmt: skip
    """Move everybody from ``frame`` to the next, in place; all react to the same instant.

    Args:
        lanes: The map.
        junctions: Its junctions.
        lights: ``[L]`` status of each lane's light at ``frame``.
        log: The recorded tracks.
        sizes: ``[N, 2]`` length and width [m].
        vehicles: ``[N]`` by type.
        movers: ``[N]`` pedestrians and cyclists.
        kinds: ``[N]``.
        routes: ``[N, R]``.
        motion: ``[N, 5]``.
        clocks: ``[N, 2]``.
        poses: ``[N, 3]``.
        velocities: ``[N, 2]``.
        valid: ``[N]``.
        ego_box: ``[5]``.
        ego_speed: [m/s].
        frame: Of the log.
        driver: Parameters.
        leave_distance: [m].
    """
    n = len(kinds)
    boxes, moving, present = gather(poses, velocities, valid, sizes, ego_box, ego_speed)
    driving, logged = kinds == DRIVING, kinds == LOGGED
    seconds, waits_for, speeds = np.zeros(n + 1), np.ones(n + 1, np.bool_), np.empty(n + 1)
    for i in range(n):
        seconds[i] = MOVER_SWEEP if movers[i] else 0.0
        waits_for[i] = vehicles[i] and valid[i]
        speeds[i] = motion[i, SPEED]
    seconds[n], speeds[n] = driver.sweep, ego_speed
    others = Obstacles(swept(boxes, moving, seconds), moving, present)
    approaches = approaches_of(lanes, junctions, lights, routes, motion[:, S], speeds, driving, boxes[:, 3] / 2.0,
                               ego_box[:3], driver.deceleration, driver.emergency)  # fmt: skip
    acceleration = accelerations(
        lanes, junctions, approaches, routes, motion, driving, poses, sizes, others, driver
    )
    ended = integrate(lanes, routes, motion, driving, acceleration, 0.1, lights == RED)
    place_on_routes(lanes, routes, motion, driving, sizes, poses, velocities)
    follow_logs(log, logged, clocks, sizes, boxes, moving, waits_for, poses, velocities)
    for i in range(n):
        far = np.hypot(poses[i, 0] - ego_box[0], poses[i, 1] - ego_box[1]) > leave_distance
        over = frame >= log.last[i] and far and (driving[i] or logged[i])
        if ended[i] or over:
            kinds[i], valid[i], velocities[i] = GONE, False, 0.0
