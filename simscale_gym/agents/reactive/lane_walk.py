"""Walking along the lanes of a map: places on a route, its extension, and the route that a log followed.

A route is a row of lane indices ``[R]``: the lane behind, the present lane, then those ahead; -1 where none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import LaneGraph

Array = NDArray[np.float64]

STRAIGHT_ON = 0.6
"""Share of free choices at a junction that take the straightest way, as nuPlan's agents always do."""
_SLACK = 1e-6  # [m] so that rounding never leaves out the nearest place


class LaneArrays(NamedTuple):
    """A :class:`LaneGraph` as kernels take it.

    Attributes:
        points: ``[V, 3]`` centrelines one after another: x, y, heading.
        s: ``[V]`` arc length of each vertex [m].
        starts: ``[L + 1]`` first vertex of each lane.
        lengths: ``[L]`` [m].
        limits: ``[L]`` speed limits [m/s], infinite where the map has none.
        turns: ``[L]`` absolute change of heading along each lane [rad].
        connector: ``[L]`` lies in a junction.
        closed: ``[L]`` not for cars.
        successor_starts: ``[L + 1]`` first entry of each lane in ``successors``, and their number.
        successors: Rows of the lanes that follow each lane, one lane after another.
        predecessor_starts: ``[L + 1]`` first entry of each lane in ``predecessors``, and their number.
        predecessors: Rows of the lanes that lead to each lane, one lane after another.
        bounds: ``[L, 4]`` x min, y min, x max, y max.
    """

    points: Array
    s: Array
    starts: NDArray[np.int64]
    lengths: Array
    limits: Array
    turns: Array
    connector: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    successor_starts: NDArray[np.int64]
    successors: NDArray[np.int64]
    predecessor_starts: NDArray[np.int64]
    predecessors: NDArray[np.int64]
    bounds: Array


def lane_arrays(graph: LaneGraph) -> LaneArrays:
    """The kernels' view of ``graph``."""
    headings = graph.points[:, 2]
    along = headings[graph.starts[1:] - 1] - headings[graph.starts[:-1]]
    return LaneArrays(
        points=np.ascontiguousarray(graph.points),
        s=graph.s,
        starts=graph.starts,
        lengths=graph.lengths,
        limits=np.where(graph.has_speed_limit, graph.speed_limits, np.inf),
        turns=np.abs(wrap_angle(along)),
        connector=graph.connector,
        closed=graph.bike,
        successor_starts=graph.successor_starts,
        successors=graph.successors,
        predecessor_starts=graph.predecessor_starts,
        predecessors=graph.predecessors,
        bounds=graph.bounds,
    )


@borrowing
def vertex_before(lanes: LaneArrays, lane: int, s: float) -> int:
    """Index of the last vertex of ``lane`` at or before ``s``, such that a segment follows it."""
    low, high = lanes.starts[lane], lanes.starts[lane + 1] - 2
    while low < high:
        middle = (low + high + 1) // 2
        if lanes.s[middle] <= s:
            low = middle
        else:
            high = middle - 1
    return low


@borrowing
def point_at(lanes: LaneArrays, lane: int, s: float) -> tuple[float, float]:
    """Point at ``s`` [m] along ``lane``; beyond its ends on their straight continuation."""
    i = vertex_before(lanes, lane, s)
    share = (s - lanes.s[i]) / max(lanes.s[i + 1] - lanes.s[i], 1e-9)
    x = lanes.points[i, 0] + share * (lanes.points[i + 1, 0] - lanes.points[i, 0])
    y = lanes.points[i, 1] + share * (lanes.points[i + 1, 1] - lanes.points[i, 1])
    return x, y


@borrowing
def route_point(lanes: LaneArrays, route: NDArray, s: float) -> tuple[float, float]:
    """Point at ``s`` [m] along the present lane of ``route [R]``, also on the lanes behind and ahead."""
    at = 1
    if s < 0.0 and route[0] >= 0:
        at, s = 0, s + lanes.lengths[route[0]]
    while s > lanes.lengths[route[at]] and at + 1 < len(route) and route[at + 1] >= 0:
        s -= lanes.lengths[route[at]]
        at += 1
    return point_at(lanes, route[at], s)


@borrowing
def body_pose(lanes: LaneArrays, route: NDArray, s: float, half_base: float) -> tuple[float, float, float]:
    """Pose of a body whose two axles, ``half_base`` [m] before and behind its centre, ride on the route."""
    rear_x, rear_y = route_point(lanes, route, s - half_base)
    front_x, front_y = route_point(lanes, route, s + half_base)
    heading = np.arctan2(front_y - rear_y, front_x - rear_x)
    return (rear_x + front_x) / 2.0, (rear_y + front_y) / 2.0, heading


@borrowing
def project_on_lane(lanes: LaneArrays, lane: int, x: float, y: float) -> tuple[float, float, float, float]:
    """Arc length, signed offset (left +), heading there, and distance of the nearest point of ``lane``."""
    best, best_s, best_d, best_heading, passed = np.inf, 0.0, 0.0, 0.0, -1.0
    for i in range(lanes.starts[lane], lanes.starts[lane + 1] - 1):
        if lanes.s[i + 1] < passed:
            continue
        dx, dy = lanes.points[i + 1, 0] - lanes.points[i, 0], lanes.points[i + 1, 1] - lanes.points[i, 1]
        px, py = x - lanes.points[i, 0], y - lanes.points[i, 1]
        squared = max(dx * dx + dy * dy, 1e-18)
        share = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
        distance = (px - share * dx) ** 2 + (py - share * dy) ** 2
        if distance < best:
            best, best_s = distance, lanes.s[i] + share * np.sqrt(squared)
            best_d, best_heading = (dx * py - dy * px) / np.sqrt(squared), np.arctan2(dy, dx)
        # From here it is at least this far along the lane to a place that is nearer than the nearest so far.
        passed = lanes.s[i + 1] + np.sqrt(distance) - np.sqrt(best) - _SLACK
    return best_s, best_d, best_heading, np.sqrt(best)


@borrowing
def _hash(a: int, b: int) -> float:
    """A number in [0, 1) that looks random, the same for the same ``a`` and ``b`` (splitmix64)."""
    z = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0  # 2^53: what a float64 tells apart


@borrowing
def choose_successor(lanes: LaneArrays, lane: int, key: int, red: NDArray) -> int:
    """A lane to follow ``lane``, or -1: without a red light if there is one, mostly the straightest.

    Args:
        lanes: The map.
        lane: Row of the lane that ends.
        key: Number of the vehicle; the same key chooses the same way at the same place.
        red: ``[L]`` lanes whose light is red now.
    """
    straightest, open_lanes, all_red = -1, 0, True
    first, last = lanes.successor_starts[lane], lanes.successor_starts[lane + 1]
    for k in range(first, last):
        all_red = all_red and (red[lanes.successors[k]] or lanes.closed[lanes.successors[k]])
    for k in range(first, last):
        row = lanes.successors[k]
        if lanes.closed[row] or (red[row] and not all_red):
            continue
        open_lanes += 1
        if straightest < 0 or lanes.turns[row] < lanes.turns[straightest]:
            straightest = row
    draw = _hash(key, lane)
    if draw < STRAIGHT_ON or open_lanes < 2:
        return straightest
    # what is left of the draw, stretched to 0 .. 1 again, chooses among all open ones, the straightest included
    pick = min(int((draw - STRAIGHT_ON) / (1.0 - STRAIGHT_ON) * open_lanes), open_lanes - 1)
    for k in range(first, last):
        row = lanes.successors[k]
        if not (lanes.closed[row] or (red[row] and not all_red)):
            if pick == 0:
                return row
            pick -= 1
    return straightest


@borrowing
def extend_route(lanes: LaneArrays, route: NDArray, s: float, distance: float, key: int, red: NDArray):
    """Append lanes to ``route [R]`` in place until it reaches ``distance`` [m] beyond ``s``, or a dead end."""
    ahead, at = lanes.lengths[route[1]] - s, 1
    while at + 1 < len(route) and route[at + 1] >= 0:
        at += 1
        ahead += lanes.lengths[route[at]]
    while ahead < distance and at + 1 < len(route):
        row = choose_successor(lanes, route[at], key, red)
        if row < 0:
            return
        at += 1
        route[at] = row
        ahead += lanes.lengths[row]


@njit(cache=True)
def _window_deviation(lanes: LaneArrays, lane: int, log: Array, travelled: Array, first: float, last: float):
    """Mean distance from ``lane`` of the log's points between two travelled distances, and their number."""
    total, count = 0.0, 0
    for k in range(len(log)):
        if first < travelled[k] <= last:
            total += project_on_lane(lanes, lane, log[k, 0], log[k, 1])[3]
            count += 1
    return total / max(count, 1), count


@njit(cache=True)
def follow_log(lanes: LaneArrays, lane: int, s: float, log: Array, route: NDArray) -> float:
    """Fill ``route [R]`` from ``lane`` on with the lanes that ``log [K, 2]`` drove.

    Returns:
        Mean distance [m] of the log's points from those lanes.
    """
    travelled = np.zeros(len(log))
    for k in range(1, len(log)):
        travelled[k] = travelled[k - 1] + np.hypot(log[k, 0] - log[k - 1, 0], log[k, 1] - log[k - 1, 1])
    route[:] = -1
    route[1] = lane
    covered, at = lanes.lengths[lane] - s, 1
    mean, points = _window_deviation(lanes, lane, log, travelled, -1.0, covered)
    total = mean * points
    while covered < travelled[-1] and at + 1 < len(route):
        best, best_mean, best_points = -1, np.inf, 0
        for j in range(lanes.successor_starts[route[at]], lanes.successor_starts[route[at] + 1]):
            row = lanes.successors[j]
            if lanes.closed[row]:
                continue
            reach = covered + max(
                lanes.lengths[row], 5.0
            )  # a short connector holds too few points to judge by
            mean, points = _window_deviation(lanes, row, log, travelled, covered, reach)
            if points > 0 and (mean, row) < (
                best_mean,
                best,
            ):  # equally near ones by row: the same in any process
                best, best_mean, best_points = row, mean, points
        if best < 0:
            break
        at += 1
        route[at] = best
        total += best_mean * best_points
        covered += lanes.lengths[best]
    return total / len(log)


@njit(cache=True)
def match_route(
    lanes: LaneArrays, pose: Array, log: Array, reach: float, angle: float, route: NDArray
) -> float:
    """Find the lane at ``pose [3]`` and the route of the log from there.

    Among the lanes within ``reach`` [m] and ``angle`` [rad] it takes the one whose continuation the log stays
    nearest to.

    Args:
        lanes: The map.
        pose: Centre x, y, heading.
        log: ``[K, 2]`` centres from now on, at least one.
        reach: Largest lateral offset [m].
        angle: Largest difference of heading [rad].
        route: ``[R]``, written; all -1 where no lane fits.

    Returns:
        Arc length along the present lane [m].
    """
    trial = np.empty_like(route)
    best, best_s = np.inf, 0.0
    route[:] = -1
    for lane in range(len(lanes.lengths)):
        bounds = lanes.bounds[lane]
        if lanes.closed[lane] or not (
            bounds[0] - reach <= pose[0] <= bounds[2] + reach
            and bounds[1] - reach <= pose[1] <= bounds[3] + reach
        ):
            continue
        s, d, heading, distance = project_on_lane(lanes, lane, pose[0], pose[1])
        turn = abs((heading - pose[2] + np.pi) % (2.0 * np.pi) - np.pi)
        if distance > reach or turn > angle:
            continue
        # mean distance of the log first; then near and aligned; what distance exceeds the offset by lies off the ends
        cost = follow_log(lanes, lane, s, log, trial) + 0.3 * distance + 2.0 * turn + (distance - abs(d))
        if cost < best:
            best, best_s = cost, s
            route[:] = trial
    return best_s
