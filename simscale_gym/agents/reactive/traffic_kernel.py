"""One step of all other road users, compiled: everybody sees the same instant, whatever the order of the tracks."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive import idm_kernel as idm
from simscale_gym.agents.reactive.crowd import DRIVING, GONE, LOGGED, REPLAYED, Crowd, Moving
from simscale_gym.agents.reactive.entry import BICYCLE, LOG_STRIDE, PEDESTRIAN, enter_present, join_lanes
from simscale_gym.agents.reactive.foresight import (
    LOGGED_DISTANCE,
    LOGGED_SPEED,
    LOOKS,
    SHORT_LOOKS,
    Scratch,
    is_as_logged,
    is_disturbed,
)
from simscale_gym.agents.reactive.logged_path import FREE, PLACE, SPEED, log_point, log_speed, wrapped
from simscale_gym.agents.reactive.pedestrian import FASTEST, walk_on
from simscale_gym.agents.reactive.rider import ride
from simscale_gym.agents.reactive.right_of_way import RED, approaches_of
from simscale_gym.agents.reactive.scene_arrays import SceneArrays
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT
from simscale_gym.sim.kinematics import AX, HEADING, VX, YAW_RATE, X, Y

Array = NDArray[np.float64]

MOVER_SWEEP = 1.0
"""Pedestrians and cyclists are seen where they will be up to this long from now [s]."""
PASSED, ELSEWHERE = 3.0, 3.0
"""Further than this beyond the place where its log stands, or beside it [m], a vehicle does not wait for its log."""
WITH_LOG, CATCH_UP = 10.0, 0.5
"""Nearer than this to its log [m] a vehicle drives at its pace, and so much faster for each metre that it is behind
[1/s]."""
CROSSING_SPEED = 0.3
"""Slower than this [m/s] nobody is swept ahead."""


@njit(cache=True)
def everybody(
    world: SceneArrays, before: Crowd, ego: Array, ego_box: Array, ego_sweep: float, frame: int
) -> Moving:
    """All tracks and the ego as they are seen now."""
    n = len(before.kinds)
    boxes, velocities = np.empty((n + 1, 5)), np.empty((n + 1, 2))
    present, as_logged = np.ones(n + 1, np.bool_), np.zeros(n + 1, np.bool_)
    boxes[:n, :3], boxes[:n, 3:], boxes[n] = before.poses, world.sizes, ego_box
    velocities[:n], present[:n] = before.velocities, before.valid
    velocities[n, 0], velocities[n, 1] = ego[VX] * np.cos(ego[HEADING]), ego[VX] * np.sin(ego[HEADING])
    seen = boxes.copy()
    for m in range(n):
        if before.valid[m]:
            as_logged[m] = is_as_logged(world.log, m, frame, before.poses[m], before.velocities[m])
            if world.types[m] == PEDESTRIAN or world.types[m] == BICYCLE:
                sweep(seen[m], velocities[m], MOVER_SWEEP)
    sweep(seen[n], velocities[n], ego_sweep)
    if frame < len(world.ego):
        log = world.ego[frame]
        near = (log[X] - ego[X]) ** 2 + (log[Y] - ego[Y]) ** 2 < LOGGED_DISTANCE**2
        as_logged[n] = near and abs(log[VX] - ego[VX]) < LOGGED_SPEED
    foreseen, known = np.empty((n + 1, LOOKS, 3)), np.zeros(n + 1, np.bool_)
    return Moving(boxes, seen, velocities, present, as_logged, foreseen, known)


@borrowing
def sweep(box: Array, velocity: Array, seconds: float):
    """Lengthen ``box [5]`` in place to where it will be within ``seconds``."""
    speed = np.hypot(velocity[0], velocity[1])
    if seconds <= 0.0 or speed < CROSSING_SPEED:
        return
    box[0] += velocity[0] * seconds / 2.0
    box[1] += velocity[1] * seconds / 2.0
    box[2] = np.arctan2(velocity[1], velocity[0])
    box[3] += speed * seconds


@njit(cache=True)
def drive_on(world: SceneArrays, before: Crowd, crowd: Crowd, moving: Moving, driver: idm.DriverParameters,
             traits: Array, ego: Array, lights: NDArray, frame: int) -> NDArray:  # fmt: skip
    """Move those on lanes; True where a road ended."""
    n = len(before.kinds)
    driving, on_lanes, speeds = before.kinds == DRIVING, np.zeros(n, np.bool_), np.empty(n + 1)
    for i in range(n):
        on_lanes[i] = driving[i] or before.kinds[i] == REPLAYED
        speeds[i] = before.motion[i, idm.SPEED]
    speeds[n] = ego[VX]
    approaches = approaches_of(world.lanes, world.junctions, lights, before.routes, before.motion[:, idm.S], speeds,
                               on_lanes, moving.boxes[:, 3] / 2.0, moving.boxes[n, :3], driver.deceleration,
                               driver.emergency)  # fmt: skip
    others = idm.Obstacles(moving.swept, moving.velocities, moving.present)
    acceleration = idm.accelerations(world.lanes, world.junctions, approaches, before.routes, before.motion, driving,
                                     before.poses, world.sizes, others, driver, traits,
                                     paces_as_logged(world, before, frame))  # fmt: skip
    wait_as_logged(world, before, driving, driver, traits, frame, acceleration)
    ended = idm.integrate(world.lanes, crowd.routes, crowd.motion, on_lanes, acceleration, DT, lights == RED)
    idm.place_on_routes(
        world.lanes, crowd.routes, crowd.motion, driving, world.sizes, crowd.poses, crowd.velocities
    )
    return ended & driving


@njit(cache=True)
def paces_as_logged(world: SceneArrays, before: Crowd, frame: int) -> Array:
    """Speeds ``[N]`` [m/s] that keep vehicles with their logs; -1 for those far from theirs, or without one."""
    at = min(frame, world.paces.shape[1] - 1)
    paces = np.full(len(before.kinds), -1.0)
    for i in range(len(paces)):
        pace = world.paces[i, at]
        if pace < 0.0 or frame != at:
            continue
        x, y, heading = before.poses[i]
        dx, dy = world.log.poses[i, at, 0] - x, world.log.poses[i, at, 1] - y
        along = np.cos(heading) * dx + np.sin(heading) * dy
        if dx * dx + dy * dy < WITH_LOG**2:
            paces[i] = max(pace + CATCH_UP * along, 0.5)  # a wish to stand would divide by nothing
    return paces


@njit(cache=True)
def wait_as_logged(world: SceneArrays, before: Crowd, driving: NDArray, driver: idm.DriverParameters,
                   traits: Array, frame: int, acceleration: Array):  # fmt: skip
    """Have those on lanes come to rest where their logs stand, and stay, by their ``acceleration [N]``, in place."""
    at = min(frame, world.stops.shape[1] - 1)
    for i in range(len(driving)):
        stop = world.stops[i, at]
        if stop < 0 or not driving[i]:
            continue
        x, y, heading = before.poses[i]
        dx, dy = world.log.poses[i, stop, 0] - x, world.log.poses[i, stop, 1] - y
        along = np.cos(heading) * dx + np.sin(heading) * dy
        across = np.cos(heading) * dy - np.sin(heading) * dx
        if along < -PASSED or abs(across) > ELSEWHERE:
            continue
        own, speed = idm.driver_of(driver, traits[i]), before.motion[i, idm.SPEED]
        to_rest = idm.following(speed, own.speed, own.min_gap + max(along, 0.0), 0.0, own)
        acceleration[i] = min(acceleration[i], to_rest)


@borrowing
def follow_log(world: SceneArrays, crowd: Crowd, n: int, frame: int):
    """Put track ``n`` exactly where it was logged at ``frame``."""
    crowd.walks[n, PLACE] = frame
    x, y, heading, vx, vy = log_point(world.log, n, frame)
    crowd.poses[n, 0], crowd.poses[n, 1], crowd.poses[n, 2] = x, y, wrapped(heading)
    crowd.velocities[n, 0], crowd.velocities[n, 1] = vx, vy
    crowd.motion[n, idm.SPEED] = np.hypot(vx, vy)


@njit(cache=True)
def take_lanes(world: SceneArrays, crowd: Crowd, n: int, frame: int):
    """Let vehicle ``n``, disturbed in its log, drive along lanes from where it is."""
    log = world.log
    first = min(frame, log.last[n])
    kind = join_lanes(world, crowd, n, log.poses[n, first : log.last[n] + 1 : LOG_STRIDE, :2], first)
    crowd.kinds[n] = kind
    crowd.walks[n, FREE], crowd.walks[n, SPEED] = 1.0, log_speed(log, n, crowd.walks[n, PLACE])


@njit(cache=True)
def advance_traffic(world: SceneArrays, before: Crowd, crowd: Crowd, driver: idm.DriverParameters, traits: Array,
                    replays: NDArray, ego: Array, ego_box: Array, frame: int, leave_distance: float):  # fmt: skip
    """Move everybody from ``frame`` to the next.

    Args:
        world: The scene.
        before: Everybody at ``frame``; not changed.
        crowd: A copy of it, changed in place.
        driver: What all drivers have in common.
        traits: ``[N, 4]`` what differs from driver to driver.
        replays: ``[N]`` vehicles that do what they did until they are disturbed.
        ego: ``[11]`` state of the ego.
        ego_box: ``[5]`` box of the ego.
        frame: Frame of the log that ``before`` stands at.
        leave_distance: Distance from the ego beyond which a track may vanish when its log has ended [m].
    """
    n, log = len(before.kinds), world.log
    lights = world.lights[min(frame, len(world.lights) - 1)]
    moving = everybody(world, before, ego, ego_box, driver.sweep, frame)
    ego_motion = np.array([ego[YAW_RATE], ego[AX]])
    scratch = Scratch(np.empty((LOOKS, 3)), np.empty(5), np.empty(5))
    ended = drive_on(world, before, crowd, moving, driver, traits, ego, lights, frame)
    for i in range(n):
        kind = before.kinds[i]
        if kind != LOGGED and kind != REPLAYED:
            continue
        free = before.walks[i, FREE] > 0.0
        looks = SHORT_LOOKS if world.types[i] == PEDESTRIAN else LOOKS
        disturbed = is_disturbed(i, looks, world.lanes, log, before, moving, ego_motion, scratch)
        if disturbed and not free:
            free, crowd.walks[i, FREE] = True, 1.0
            speed = log_speed(log, i, before.walks[i, PLACE])
            crowd.walks[i, SPEED] = min(speed, FASTEST) if world.types[i] == PEDESTRIAN else speed
        if kind == REPLAYED:
            follow_log(world, crowd, i, frame + 1)
            if free or frame + 1 >= log.last[i]:
                take_lanes(world, crowd, i, frame + 1)
        elif not free:
            follow_log(world, crowd, i, frame + 1)
        elif world.types[i] == PEDESTRIAN:
            walk_on(i, world.lanes, log, before, crowd, moving, ego_motion, frame, not disturbed)
        else:
            ride(i, world.lanes, log, before, crowd, moving, ego_motion, lights, frame, not disturbed)
    for i in range(n):
        far = np.hypot(crowd.poses[i, 0] - ego_box[0], crowd.poses[i, 1] - ego_box[1]) > leave_distance
        on_the_move = crowd.kinds[i] in (DRIVING, LOGGED, REPLAYED)
        if ended[i] or (frame >= log.last[i] and far and on_the_move):
            crowd.kinds[i], crowd.valid[i], crowd.velocities[i] = GONE, False, 0.0
    goes_on = frame + 1 < len(world.lights)
    if goes_on:  # given as a value, so that nothing is compiled once more for a literal
        enter_present(world, crowd, frame + 1, replays, ego_box, goes_on)
