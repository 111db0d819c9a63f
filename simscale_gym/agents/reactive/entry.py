"""Entry of a track into the traffic: along which lanes or along its log, and whether there is room for it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive import idm_kernel as idm
from simscale_gym.agents.reactive.crowd import DRIVING, LOGGED, PENDING, REPLAYED, STANDING, Crowd
from simscale_gym.agents.reactive.lane_walk import LaneArrays, body_pose, match_route
from simscale_gym.agents.reactive.logged_path import PLACE
from simscale_gym.agents.reactive.scene_arrays import PARKED_SPEED, SceneArrays
from simscale_gym.geometry.box import boxes_touch
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import TrackType

Array = NDArray[np.float64]

PARKED_OFFSET = 1.5
"""A standing vehicle further than this [m] from a centreline is parked."""
SNAP_REACH, SNAP_ANGLE = 3.0, 1.0
"""A vehicle within these of a lane [m, rad] drives along it (reach as NAVSIM's snap threshold)."""
LOG_STRIDE = 3
"""Every so many frames of the log are matched to lanes."""
VEHICLE, BICYCLE, PEDESTRIAN = int(TrackType.VEHICLE), int(TrackType.BICYCLE), int(TrackType.PEDESTRIAN)


@njit(cache=True)
def enter(world: SceneArrays, crowd: Crowd, n: int, frame: int, replays: bool):
    """Let track ``n`` take part from its logged place at ``frame`` on, in place.

    ``replays``: a vehicle does what it did as long as nobody disturbs it.
    """
    pose, velocity = world.log.poses[n, frame], world.log.velocities[n, frame]
    crowd.poses[n], crowd.velocities[n], crowd.valid[n] = pose, velocity, True
    crowd.walks[n] = 0.0
    crowd.walks[n, PLACE] = frame
    if world.types[n] == VEHICLE:
        last = world.log.last[n]
        kind = join_lanes(world, crowd, n, world.log.poses[n, frame : last + 1 : LOG_STRIDE, :2], frame)
        crowd.kinds[n] = REPLAYED if replays and kind == DRIVING else kind
    elif world.types[n] in (BICYCLE, PEDESTRIAN):
        crowd.kinds[n] = LOGGED
    else:
        crowd.kinds[n] = STANDING
    if crowd.kinds[n] == STANDING:
        crowd.velocities[n] = 0.0


@njit(cache=True)
def join_lanes(world: SceneArrays, crowd: Crowd, n: int, log: Array, frame: int) -> int:
    """Put vehicle ``n`` from its present pose on the lanes that lead along ``log [K, 2]``; returns its kind."""
    pose, velocity, route = crowd.poses[n], crowd.velocities[n], crowd.routes[n]
    s = match_route(world.lanes, pose, log, SNAP_REACH, SNAP_ANGLE, route)
    half_base = idm.AXLE_SHARE * world.sizes[n, 0]
    if route[1] >= 0:
        route[0] = _lane_behind(world.lanes, pose, route[1], s - half_base)
        s, offset, slope = offset_from_route(world.lanes, route, s, half_base, pose)
        beside = abs(offset) > PARKED_OFFSET or world.carpark[n, frame]
        if not (beside and np.hypot(velocity[0], velocity[1]) < PARKED_SPEED):
            speed = max(velocity[0] * np.cos(pose[2]) + velocity[1] * np.sin(pose[2]), 0.0)
            motion = crowd.motion[n]
            motion[:] = 0.0
            motion[idm.S], motion[idm.SPEED], motion[idm.OFFSET], motion[idm.SLOPE] = s, speed, offset, slope
            return DRIVING
    route[:] = -1
    return LOGGED if world.moves[n] else STANDING


@borrowing
def _lane_behind(lanes: LaneArrays, pose: Array, lane: int, rear: float) -> int:
    """The lane that the rear axle is still on when it lies before the start of ``lane``; -1 if none."""
    if rear > 0.0:
        return -1
    x, y = pose[0] + (rear - 1.0) * np.cos(pose[2]), pose[1] + (rear - 1.0) * np.sin(pose[2])
    best, nearest = -1, np.inf
    for k in range(lanes.predecessor_starts[lane], lanes.predecessor_starts[lane + 1]):
        row = lanes.predecessors[k]
        for i in range(lanes.starts[row], lanes.starts[row + 1]):
            gap = (lanes.points[i, 0] - x) ** 2 + (lanes.points[i, 1] - y) ** 2
            if gap < nearest:
                best, nearest = row, gap
    return best


@borrowing
def offset_from_route(
    lanes: LaneArrays, route: NDArray, s: float, half_base: float, pose: Array
) -> tuple[float, float, float]:
    """Arc length, lateral offset [m] and slope with which a body on ``route`` has exactly ``pose``."""
    x, y, heading = body_pose(lanes, route, s, half_base)
    for _ in range(3):  # the axles ride on the lane, so their middle is no point of it: found by iterating
        s += np.cos(heading) * (pose[0] - x) + np.sin(heading) * (pose[1] - y)
        x, y, heading = body_pose(lanes, route, s, half_base)
    offset = -np.sin(heading) * (pose[0] - x) + np.cos(heading) * (pose[1] - y)
    turn = (pose[2] - heading + np.pi) % (2.0 * np.pi) - np.pi
    return s, offset, np.tan(min(max(turn, -1.0), 1.0))


@njit(cache=True)
def has_room(world: SceneArrays, crowd: Crowd, n: int, frame: int, ego_box: Array) -> bool:
    """Whether nobody stands where track ``n`` would appear; ahead of a moving vehicle a second must be free."""
    velocity = world.log.velocities[n, frame]
    speed, room = np.hypot(velocity[0], velocity[1]), 0.2
    if world.types[n] == VEHICLE and speed > PARKED_SPEED:
        room += 2.0 + speed
    place, other = np.empty(5), np.empty(5)
    place[:3] = world.log.poses[n, frame]
    place[3], place[4] = world.sizes[n, 0] + 2.0 * room, world.sizes[n, 1] + 0.2
    if boxes_touch(place, ego_box):
        return False
    for m in range(len(crowd.kinds)):
        if crowd.valid[m]:
            other[:3], other[3], other[4] = crowd.poses[m], world.sizes[m, 0], world.sizes[m, 1]
            if boxes_touch(place, other):
                return False
    return True


@njit(cache=True)
def enter_present(
    world: SceneArrays, crowd: Crowd, frame: int, replays: NDArray, ego_box: Array, check: bool
):
    """Let all that are recorded at ``frame``, and not there yet, take part; with ``check`` only where there is room."""
    for n in range(len(crowd.kinds)):
        if crowd.kinds[n] != PENDING or not world.present[n, frame]:
            continue
        if not check or has_room(world, crowd, n, frame, ego_box):
            enter(world, crowd, n, frame, replays[n])
