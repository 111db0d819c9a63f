"""The step of lane-following traffic, compiled: what each vehicle sees along its path, and how it reacts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive.junction import JunctionArrays
from simscale_gym.agents.reactive.lane_walk import (
    LaneArrays,
    body_pose,
    extend_route,
    point_at,
    vertex_before,
)
from simscale_gym.agents.reactive.right_of_way import FAR, Approaches, must_yield, taken_gap
from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]

S, SPEED, OFFSET, SLOPE, TRAVELLED, ACCELERATION = range(6)
"""Columns of ``motion [N, 6]``: arc length along the present lane [m], speed [m/s]; lateral offset [m] and its
slope at the start; distance since the start [m]; acceleration of the last step [m/s^2]."""
SIGHT = 100.0
"""Distance up to which routes are kept ahead of a vehicle [m]."""
CHORD = 2.0
"""Vertices nearer than this [m] are skipped when a path is laid out as segments."""
MAX_SEGMENTS = 96
AXLE_SHARE = 0.3
"""Distance of the axles from the middle of a body, as a share of its length."""
OFFSET_DECAY = 0.1
"""Rate at which an initial offset from the centreline is steered away [1/m], critically damped."""


class DriverParameters(NamedTuple):
    """:class:`simscale_gym.agents.reactive.idm.IDMConfig` as kernels take it."""

    speed: float
    min_gap: float
    headway: float
    acceleration: float
    deceleration: float
    emergency: float
    lateral: float
    margin: float
    sweep: float
    speed_factor: float


SPEED_FACTOR, MIN_GAP, HEADWAY, LARGEST_ACCELERATION = range(4)
"""Columns of ``traits [N, 4]``: what differs from driver to driver."""


@njit(cache=True)
def driver_of(driver: DriverParameters, traits: Array) -> DriverParameters:
    """The parameters that all drivers share, with the ``traits [4]`` of one of them in place."""
    return DriverParameters(
        driver.speed, traits[MIN_GAP], traits[HEADWAY], traits[LARGEST_ACCELERATION], driver.deceleration,
        driver.emergency, driver.lateral, driver.margin, driver.sweep, traits[SPEED_FACTOR],
    )  # fmt: skip


class Obstacles(NamedTuple):
    """Everybody ``M`` that may be in the way; the first ``N`` in the order of the tracks, the last is the ego.

    Attributes:
        boxes: ``[M, 5]``, swept ahead along the velocity where somebody may cross.
        velocities: ``[M, 2]`` [m/s].
        present: ``[M]`` whether it is present.
    """

    boxes: Array
    velocities: Array
    present: NDArray[np.bool_]


@borrowing
def following(v: float, desired: float, gap: float, lead_speed: float, driver: DriverParameters) -> float:
    """IDM acceleration [m/s^2], with a floor on the wished gap and braking as hard as a collision demands.

    Without the floor the formula brakes for a lead that speeds away; beyond the comfortable deceleration it
    would drive into whoever cuts in.
    """
    approach = v * (v - lead_speed) / (2.0 * np.sqrt(driver.acceleration * driver.deceleration))
    wished = driver.min_gap + max(v * driver.headway + approach, 0.0)
    ratio = wished / max(gap, driver.min_gap)
    free = 1.0 - (v / max(desired, 0.5)) ** 4  # a wish to stand would divide by nothing
    result = driver.acceleration * (free - ratio * ratio)
    result = min(max(result, -driver.deceleration), driver.acceleration)
    if v > lead_speed:
        # deceleration that comes down to the lead's speed 0.3 m behind it
        needed = (v * v - lead_speed * lead_speed) / (2.0 * max(gap - 0.3, 0.1))
        if needed > driver.deceleration:
            result = min(result, -min(needed, driver.emergency))
    return result


@borrowing
def lay_out(lanes: LaneArrays, route: NDArray, s: float, distance: float, segments: Array) -> int:
    """Lay out the path ahead as straight segments.

    Args:
        lanes: The map.
        route: ``[R]`` lane rows; the second is the present lane.
        s: Arc length along the present lane [m].
        distance: Length of path to lay out [m].
        segments: ``[MAX_SEGMENTS, 7]``, written: start x, y, direction cos, sin, length, distance of the start
            from ``s``, speed limit.

    Returns:
        Number of segments.
    """
    x, y = point_at(lanes, route[1], s)
    count, ahead, at = 0, 0.0, 1
    vertex = vertex_before(lanes, route[1], s) + 1
    while ahead < distance and count < len(segments):
        lane = route[at]
        last = vertex == lanes.starts[lane + 1] - 1
        dx, dy = lanes.points[vertex, 0] - x, lanes.points[vertex, 1] - y
        length = np.sqrt(dx * dx + dy * dy)
        if length >= CHORD or (last and length > 1e-3):
            segments[count, 0], segments[count, 1] = x, y
            segments[count, 2], segments[count, 3] = dx / length, dy / length
            segments[count, 4], segments[count, 5] = length, ahead
            segments[count, 6] = lanes.limits[lane]
            x, y = lanes.points[vertex, 0], lanes.points[vertex, 1]
            ahead += length
            count += 1
        vertex += 1
        if last:
            at += 1
            if at >= len(route) or route[at] < 0:
                break
            vertex = lanes.starts[route[at]]
    return count


@borrowing
def desired_speed(segments: Array, count: int, driver: DriverParameters) -> float:
    """Speed [m/s] allowed now by the limits and curves ahead, braking comfortably for them."""
    allowed = np.inf
    for k in range(count):
        limit = segments[k, 6]
        limit = min(limit, driver.speed) if limit == np.inf else limit
        limit *= driver.speed_factor
        squared = limit * limit
        if k > 0:
            sine = segments[k - 1, 2] * segments[k, 3] - segments[k - 1, 3] * segments[k, 2]
            bend = abs(sine) / max((segments[k - 1, 4] + segments[k, 4]) / 2.0, 1.0)
            squared = min(squared, driver.lateral / max(bend, 1e-4))
        # the new speed is reached 1 m early, with three quarters of what is comfortable: the IDM lags what it aims at
        room = max(segments[k, 5] - 1.0, 0.0)
        allowed = min(allowed, squared + 2.0 * 0.75 * driver.deceleration * room)
    return np.sqrt(allowed) if count else driver.speed * driver.speed_factor


@borrowing
def lateral_offset(motion: Array, further: float) -> tuple[float, float]:
    """Offset [m] from the centreline and its slope, ``further`` [m] ahead of a vehicle with ``motion [6]``."""
    u = motion[TRAVELLED] + further
    if motion[OFFSET] == 0.0 and motion[SLOPE] == 0.0:
        return 0.0, 0.0
    rise = motion[SLOPE] + OFFSET_DECAY * motion[OFFSET]
    fade = np.exp(-OFFSET_DECAY * u)
    return (motion[OFFSET] + rise * u) * fade, (motion[SLOPE] - OFFSET_DECAY * rise * u) * fade


@borrowing
def farthest_offset(motion: Array) -> float:
    """A bound [m] of :func:`lateral_offset` from here on."""
    offset, slope = lateral_offset(motion, 0.0)
    return abs(offset) + abs(slope + OFFSET_DECAY * offset) / (OFFSET_DECAY * np.e)


@borrowing
def entry_distance(
    segments: Array, count: int, motion: Array, half_width: float, box: Array
) -> tuple[float, int]:
    """Distance [m] along the path at which its corridor first meets ``box [5]``, and the segment; inf, -1 if never.

    Exact for each straight segment: the box is clipped by the corridor's two edges.
    """
    cos_b, sin_b = np.cos(box[2]), np.sin(box[2])
    reach = half_width + (box[3] + box[4]) / 2.0 + farthest_offset(motion)
    nowhere_before = 0.0
    for k in range(count):
        if segments[k, 5] + segments[k, 4] < nowhere_before:
            continue
        c, s, length = segments[k, 2], segments[k, 3], segments[k, 4]
        dx, dy = box[0] - segments[k, 0], box[1] - segments[k, 1]
        away = np.sqrt(dx * dx + dy * dy) - reach
        if away > length:  # so much further the path has to go at least
            nowhere_before = segments[k, 5] + away
            continue
        px = c * dx + s * dy
        py = c * dy - s * dx - lateral_offset(motion, segments[k, 5])[0]
        cos, sin = c * cos_b + s * sin_b, c * sin_b - s * cos_b
        reach_x = (abs(cos) * box[3] + abs(sin) * box[4]) / 2.0
        reach_y = (abs(sin) * box[3] + abs(cos) * box[4]) / 2.0
        if abs(py) > half_width + reach_y or px - reach_x > length or px + reach_x < 0.0:
            continue
        low, high = np.inf, -np.inf
        for corner in range(4):
            ax, ay = _corner(px, py, cos, sin, box, corner)
            bx, by = _corner(px, py, cos, sin, box, corner + 1)
            if abs(ay) <= half_width:
                low, high = min(low, ax), max(high, ax)
            for edge in (-half_width, half_width):
                if (ay - edge) * (by - edge) < 0.0:
                    x = ax + (edge - ay) / (by - ay) * (bx - ax)
                    low, high = min(low, x), max(high, x)
        if low <= length and high >= 0.0:
            return segments[k, 5] + max(low, 0.0), k
    return np.inf, -1


@borrowing
def _corner(px: float, py: float, cos: float, sin: float, box: Array, index: int) -> tuple[float, float]:
    along = box[3] / 2.0 if index % 4 in (0, 3) else -box[3] / 2.0
    across = box[4] / 2.0 if index % 4 < 2 else -box[4] / 2.0
    return px + cos * along - sin * across, py + sin * along + cos * across


@borrowing
def _react_to_others(n: int, pose: Array, motion: Array, size: Array, segments: Array, count: int,
                     desired: float, others: Obstacles, sight: float, driver: DriverParameters) -> float:  # fmt: skip
    """Smallest acceleration that anybody on the path of vehicle ``n`` asks for."""
    boxes, velocities, present = others.boxes, others.velocities, others.present
    v, half_length, x, y = motion[SPEED], size[0] / 2.0, pose[0], pose[1]
    half_width = size[1] / 2.0 + driver.margin
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    result = driver.acceleration
    for m in range(len(present)):
        if m == n or not present[m]:
            continue
        dx, dy = boxes[m, 0] - x, boxes[m, 1] - y
        reach = sight + boxes[m, 3]
        if dx * dx + dy * dy > reach * reach:
            continue
        distance, k = entry_distance(segments, count, motion, half_width, boxes[m])
        gap = distance - half_length
        if k < 0 or (gap <= 0.0 and cos * dx + sin * dy <= 0.0):  # beside or behind: its turn to react
            continue
        along = velocities[m, 0] * segments[k, 2] + velocities[m, 1] * segments[k, 3]
        result = min(result, following(v, desired, gap, max(along, 0.0), driver))
    return result


@njit(cache=True)
def accelerations(lanes: LaneArrays, junctions: JunctionArrays, approaches: Approaches, routes: NDArray,
                  motion: Array, driving: NDArray, poses: Array, sizes: Array, others: Obstacles,
                  common: DriverParameters, traits: Array, paces: Array) -> Array:  # fmt: skip
    """Acceleration ``[N]`` [m/s^2] of each driving vehicle; all see the same instant.

    Where ``paces [N]`` are not negative, vehicles aim at these speeds [m/s] and not at those of their lanes.
    """
    result = np.zeros(len(driving))
    segments = np.empty((MAX_SEGMENTS, 7))
    for n in range(len(driving)):
        if not driving[n]:
            continue
        v, driver = motion[n, SPEED], driver_of(common, traits[n])
        # the way to a stop at 1.5 m/s^2 after 1.5 s, and 15 m: nobody further ahead changes what is done now
        sight = min(15.0 + sizes[n, 0] / 2.0 + 1.5 * v + v * v / 3.0, SIGHT)
        count = lay_out(lanes, routes[n], motion[n, S], sight, segments)
        desired = desired_speed(segments, count, driver) if paces[n] < 0.0 else paces[n]
        value = _react_to_others(
            n, poses[n], motion[n], sizes[n], segments, count, desired, others, sight, driver
        )
        value = min(
            value, following(v, desired, 1e6, v, driver)
        )  # the free road: a lead out of sight, as fast
        room = approaches.stop_gap[n]
        if approaches.halted[n] or (
            room < 8.0 + v * v / 3.0 and must_yield(n, junctions, approaches, driver.deceleration)
        ):
            value = min(value, following(v, desired, room, 0.0, driver))
        taken = taken_gap(n, junctions, approaches)
        if taken < FAR:
            value = min(value, following(v, desired, taken, 0.0, driver))
        result[n] = value
    return result


@njit(cache=True)
def integrate(lanes: LaneArrays, routes: NDArray, motion: Array, driving: NDArray, acceleration: Array,
              dt: float, red: NDArray) -> NDArray:  # fmt: skip
    """Move the driving vehicles one step in place (explicit Euler, as nuPlan); True where a road ended."""
    ended = np.zeros(len(driving), np.bool_)
    for n in range(len(driving)):
        if not driving[n]:
            continue
        step = motion[n, SPEED] * dt
        motion[n, S] += step
        motion[n, TRAVELLED] += step
        motion[n, SPEED] = max(motion[n, SPEED] + acceleration[n] * dt, 0.0)
        motion[n, ACCELERATION] = acceleration[n]
        while motion[n, S] > lanes.lengths[routes[n, 1]]:
            if routes[n, 2] < 0:
                ended[n] = True
                break
            motion[n, S] -= lanes.lengths[routes[n, 1]]
            routes[n, :-1] = routes[n, 1:].copy()
            routes[n, -1] = -1
        extend_route(lanes, routes[n], motion[n, S], SIGHT, n, red)
    return ended


@borrowing
def place_on_routes(lanes: LaneArrays, routes: NDArray, motion: Array, driving: NDArray, sizes: Array,
                    poses: Array, velocities: Array):  # fmt: skip
    """Write poses and velocities of the driving vehicles."""
    for n in range(len(driving)):
        if not driving[n]:
            continue
        x, y, heading = body_pose(lanes, routes[n], motion[n, S], AXLE_SHARE * sizes[n, 0])
        d, slope = lateral_offset(motion[n], 0.0)
        poses[n, 0], poses[n, 1] = x - np.sin(heading) * d, y + np.cos(heading) * d
        heading += np.arctan(slope)
        poses[n, 2] = heading - 2.0 * np.pi * np.floor((heading + np.pi) / (2.0 * np.pi))
        velocities[n, 0] = motion[n, SPEED] * np.cos(heading)
        velocities[n, 1] = motion[n, SPEED] * np.sin(heading)
