"""The recovery expert's kernels: the nearest futures, bent, driven and looked at one by one until one is safe."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.box import boxes_touch, place_corners
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.areas import corner_off_road
from simscale_gym.metrics.layers import Road
from simscale_gym.scene import DT
from simscale_gym.sim.kinematics import move_bicycle
from simscale_gym.sim.tracker import command_at, fit_profile

Array = NDArray[np.float64]

LOOK = 2
"""Simulation steps between the moments that are looked at."""
SETTLED = 2
"""Looks until a plan must also keep the margin to the edge of the road."""
_MOVING = 0.05  # [m] in 0.1 s


class Driving(NamedTuple):
    """The vehicle and its tracker, as the kernels take them.

    Attributes:
        ahead: Distance from the rear axle to the box centre [m].
        half_length, half_width: Half extents of the box [m].
        wheel_base: Distance between the axles [m].
        margin: Room around the box that must stay free [m].
        factor: Factors of the speed regulator, from :func:`simscale_gym.sim.tracker.speed_factor`.
    """

    ahead: float
    half_length: float
    half_width: float
    wheel_base: float
    margin: float
    factor: Array


class Surroundings(NamedTuple):
    """What is around: the tracks ``[N]`` as in :class:`simscale_gym.sim.TrafficState`, and the road.

    Attributes:
        poses: ``[N, 3]`` box centre x, y [m], heading [rad] now.
        velocities: ``[N, 2]`` velocities [m/s], which are taken to stay.
        sizes: ``[N, 3]`` length, width, height [m].
        valid: ``[N]`` whether the track is present.
        road: The drivable area.
    """

    poses: Array
    velocities: Array
    sizes: Array
    valid: NDArray[np.bool_]
    road: Road


@borrowing
def wrap(angle: float) -> float:
    """``angle`` [rad], wrapped into [-pi, pi)."""
    return angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi))


@njit(cache=True)
def nearest(features: Array, sought: Array, weights: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """Rows of the ``count`` features nearest to ``sought [5]``, nearest first, and their weighted L1 distances.

    Of ``features [M, 5]``, M >= ``count``, the last is an angle. Of equally near ones the lower row comes first.
    """
    rows, distances, found = np.empty(count, np.int64), np.full(count, np.inf), 0
    for m in range(len(features)):
        distance = 0.0
        for c in range(4):
            distance += weights[c] * abs(features[m, c] - sought[c])
        if distance >= distances[-1]:
            continue
        distance += weights[4] * abs(wrap(features[m, 4] - sought[4]))
        if distance >= distances[-1]:
            continue
        place = min(found, count - 1)
        while place > 0 and distances[place - 1] > distance:
            rows[place], distances[place] = rows[place - 1], distances[place - 1]
            place -= 1
        rows[place], distances[place] = m, distance
        found += 1
    return rows, distances


@borrowing
def bend(future: Array, target: Array, most: Array, out: Array):
    """Write ``future [K, 3]``, its end moved toward ``target [3]`` by at most ``most [2]``, into ``out [K, 3]``."""
    count = len(future)
    shift_x = min(max(target[0] - future[-1, 0], -most[0]), most[0])
    shift_y = min(max(target[1] - future[-1, 1], -most[1]), most[1])
    last_x, last_y, x, y = 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        share = (k + 1.0) / count
        share = share * share * (3.0 - 2.0 * share)
        out[k, 0], out[k, 1] = future[k, 0] + share * shift_x, future[k, 1] + share * shift_y
        new_x, new_y, old_x, old_y = (
            out[k, 0] - x,
            out[k, 1] - y,
            future[k, 0] - last_x,
            future[k, 1] - last_y,
        )
        turn = 0.0
        if np.hypot(new_x, new_y) > _MOVING and np.hypot(old_x, old_y) > _MOVING:
            turn = wrap(np.arctan2(new_y, new_x) - np.arctan2(old_y, old_x))
        out[k, 2] = wrap(future[k, 2] + turn)
        last_x, last_y, x, y = future[k, 0], future[k, 1], out[k, 0], out[k, 1]


@njit(cache=True)
def bend_all(futures: Array, target: Array, most: Array) -> Array:
    """:func:`bend` of ``futures [P, K, 3]``."""
    out = np.empty(futures.shape)
    for p in range(len(futures)):
        bend(futures[p], target, most, out[p])
    return out


@njit(cache=True)
def first_safe(
    futures: Array, rows: NDArray, target: Array, most: Array, ego: Array, driving: Driving, around: Surroundings,
    plan: Array,
) -> int:  # fmt: skip
    """First of ``rows`` whose future, bent, is safe to drive; -1 for none.

    Args:
        futures: ``[M, K, 3]`` human futures in the ego frame: x, y [m], heading [rad].
        rows: Futures to try, in this order.
        target: Pose to end at, see :func:`bend`.
        most: Most that is closed by bending, see :func:`bend`.
        ego: ``[11]`` state of the ego.
        driving: Vehicle and tracker to drive them with.
        around: Drivable area and the others.
        plan: ``[K, 3]`` receives the future as bent, the last one that was tried.
    """
    steps = len(plan)
    poses, speeds, curvatures = np.empty((steps + 1, 3)), np.empty(steps), np.empty(steps)
    others, drifts = _others(ego, driving, around)
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    for place in range(len(rows)):
        bend(futures[rows[place]], target, most, plan)
        poses[0] = ego[:3]
        for k in range(steps):
            poses[k + 1, 0] = ego[0] + cos * plan[k, 0] - sin * plan[k, 1]
            poses[k + 1, 1] = ego[1] + sin * plan[k, 0] + cos * plan[k, 1]
            poses[k + 1, 2] = wrap(plan[k, 2] + ego[2])
        fit_profile(poses, driving.factor, DT, speeds, curvatures)
        if _is_safe(poses, speeds, curvatures, ego, driving, others, drifts, around.road):
            return place
    return -1


@njit(cache=True)
def _others(ego: Array, driving: Driving, around: Surroundings) -> tuple[Array, Array]:
    """Boxes ``[R, 5]`` of all who do not touch the ego now, and their velocities and half diagonals ``[R, 3]``."""
    mine, boxes = np.empty(5), np.empty((len(around.poses), 5))
    drifts, count = np.empty((len(boxes), 3)), 0
    mine[0], mine[1] = ego[0] + driving.ahead * np.cos(ego[2]), ego[1] + driving.ahead * np.sin(ego[2])
    mine[2], mine[3], mine[4] = ego[2], 2.0 * driving.half_length, 2.0 * driving.half_width
    for n in range(len(boxes)):
        if around.valid[n]:
            boxes[count, :3], boxes[count, 3:] = around.poses[n], around.sizes[n, :2]
            drifts[count, :2] = around.velocities[n]
            drifts[count, 2] = np.hypot(boxes[count, 3], boxes[count, 4]) / 2.0
            count += not boxes_touch(mine, boxes[count])
    return boxes[:count], drifts[:count]


@njit(cache=True)
def _is_safe(
    poses: Array, speeds: Array, curvatures: Array, ego: Array, driving: Driving, others: Array, drifts: Array,
    road: Road,
) -> bool:  # fmt: skip
    """Does the ego, tracking ``poses``, keep to the road and clear of the others?"""
    state, after, mine, other = ego.copy(), np.empty_like(ego), np.empty(5), np.empty(5)
    cover, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs = road
    corners = np.empty((4, 2))
    half_length, half_width = driving.half_length + driving.margin, driving.half_width + driving.margin
    mine[3], mine[4] = 2.0 * half_length, 2.0 * half_width
    diagonal = np.hypot(half_length, half_width)
    for k in range(len(speeds)):
        command = command_at(state, poses[k], speeds, curvatures, k, DT, driving.wheel_base)
        move_bicycle(state, after, command[0], command[1], DT, driving.wheel_base)
        state, after = after, state
        if (k + 1) % LOOK:
            continue
        cos, sin, time = np.cos(state[2]), np.sin(state[2]), (k + 1) * DT
        x, y = state[0] + driving.ahead * cos, state[1] + driving.ahead * sin
        if k + 1 >= SETTLED * LOOK:
            place_corners(x, y, state[2], half_length, half_width, corners)
            if corner_off_road(
                corners, cover, grid, starts, entries, flags, vertices, runs, run_boxes, ring_runs
            ):
                return False
        mine[0], mine[1], mine[2] = x, y, state[2]
        for n in range(len(others)):
            other_x, other_y = others[n, 0] + time * drifts[n, 0], others[n, 1] + time * drifts[n, 1]
            dx, dy, reach = other_x - x, other_y - y, diagonal + drifts[n, 2]
            if dx * dx + dy * dy > reach * reach:
                continue
            other[:] = others[n]
            other[0], other[1] = other_x, other_y
            if boxes_touch(mine, other):
                return False
    return True
