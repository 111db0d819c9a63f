"""Conflicts of ways in the junctions of a map, who goes first, and where to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import Lane, RoadMap, StopLine, StopLineType, Turn, compiled

Array = NDArray[np.float64]

CONFLICT_DISTANCE = 2.4
"""Two connectors whose centrelines come nearer than this [m] cannot be driven at once by two cars."""
LARGEST_STOP_OFFSET = 12.0
"""A stop line further than this [m] before a junction belongs to something else."""

_TURN_PRIORITY = {Turn.STRAIGHT: 2, Turn.UNKNOWN: 2, Turn.RIGHT: 1, Turn.LEFT: 0, Turn.UTURN: -1}
_STOPS = (StopLineType.STOP_SIGN, StopLineType.YIELD, StopLineType.TRAFFIC_LIGHT, StopLineType.UNKNOWN)


class JunctionArrays(NamedTuple):
    """Connectors ``L`` by lane row; other lanes have no conflicts.

    Attributes:
        starts: ``[L + 1]`` first conflict of each connector, and their number.
        others: Row of the connector that each conflict is with.
        reach_other: Arc length along the other connector at which the conflict begins [m].
        clear_other: Arc length along the other connector at which a front has passed the conflict [m].
        reach_own: Arc length along the own connector at which the conflict begins [m].
        clear_own: Arc length along the own connector at which a front has passed the conflict [m].
        priorities: ``[L]`` the higher goes first: straight on, right, left; lower by 4 behind a yield line.
        stop_offsets: ``[L]`` distance from the connector's start back to the stop line before it [m].
    """

    starts: NDArray[np.int64]
    others: NDArray[np.int64]
    reach_other: Array
    clear_other: Array
    reach_own: Array
    clear_own: Array
    priorities: NDArray[np.int64]
    stop_offsets: Array


@compiled(JunctionArrays)
def junction_arrays(road_map: RoadMap) -> JunctionArrays:
    """Work out conflicts, priorities and stop lines of ``road_map``."""
    lanes, stops = list(road_map.lanes.values()), _stop_lines(road_map)
    lists: list[list[tuple[int, float, float, float, float]]] = [[] for _ in lanes]
    pairs = [(i, j) for i, j in _near_pairs(road_map) if not _one_behind_the_other(lanes[i], lanes[j])]
    for (i, j), near in zip(pairs, _near_stretches(lanes, pairs), strict=True):
        if near[0] >= 0:
            own, other = _span(*near[:3], lanes[i].length), _span(*near[3:], lanes[j].length)
            lists[i].append((j, *other, *own))
            lists[j].append((i, *own, *other))
    flat = [item for items in lists for item in sorted(items)]
    return JunctionArrays(
        starts=np.concatenate([[0], np.cumsum([len(items) for items in lists])]).astype(np.int64),
        others=np.array([item[0] for item in flat], np.int64),
        reach_other=np.array([item[1] for item in flat], float),
        clear_other=np.array([item[2] for item in flat], float),
        reach_own=np.array([item[3] for item in flat], float),
        clear_own=np.array([item[4] for item in flat], float),
        priorities=np.array([_priority(lane, stops.get(lane.id, [])) for lane in lanes], np.int64),
        stop_offsets=np.array(
            [_stop_offset(lane, stops.get(lane.id, []), road_map) for lane in lanes], float
        ),
    )


def _near_pairs(road_map: RoadMap) -> list[tuple[int, int]]:
    """Pairs ``i < j`` of car connectors whose bounding boxes come within the conflict distance."""
    graph = road_map.graph
    rows = np.flatnonzero(graph.connector & ~graph.bike)
    low, high = graph.bounds[rows, :2] - CONFLICT_DISTANCE, graph.bounds[rows, 2:]
    meet = (low[:, None] <= high[None]).all(-1)
    first, second = np.nonzero(np.triu(meet & meet.T, 1))
    return [(int(rows[i]), int(rows[j])) for i, j in zip(first, second, strict=True)]


def _one_behind_the_other(a: Lane, b: Lane) -> bool:
    """Do they leave the same lane, or follow each other? Such connectors do not conflict."""
    return bool(set(a.predecessors) & set(b.predecessors)) or b.id in a.successors or a.id in b.successors


def _near_stretches(lanes: Sequence[Lane], pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The points along both of each pair, 1 m apart at most, that come too near the other one: ``[pairs, 6]``.

    First, last and number of points, of the one and of the other; first -1 where they do not come near.
    """
    rows = sorted({row for pair in pairs for row in pair})
    lines = [polyline.resample(lanes[row].centerline, 1.0)[:, :2] for row in rows]
    place = {row: number for number, row in enumerate(rows)}
    starts = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
    points = np.concatenate(lines) if lines else np.zeros((0, 2))
    numbers = np.array([(place[i], place[j]) for i, j in pairs], np.int64).reshape(-1, 2)
    return _stretches(points, starts, numbers)


@njit(cache=True)
def _stretches(points, starts, pairs):
    out = np.empty((len(pairs), 6), np.int64)
    for p in range(len(pairs)):
        a, b = pairs[p]
        rows, columns = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
        out[p] = -1, -1, rows, -1, -1, columns
        for i in range(rows):
            for j in range(columns):
                dx = points[starts[a] + i, 0] - points[starts[b] + j, 0]
                dy = points[starts[a] + i, 1] - points[starts[b] + j, 1]
                if dx * dx + dy * dy < CONFLICT_DISTANCE**2:
                    if out[p, 0] < 0:
                        out[p, 0], out[p, 3], out[p, 4] = i, j, j
                    out[p, 1] = i
                    out[p, 3], out[p, 4] = min(out[p, 3], j), max(out[p, 4], j)
    return out


def _span(first: int, last: int, count: int, length: float) -> tuple[float, float]:
    """Arc lengths just outside points ``first`` and ``last`` of ``count`` equally spaced ones."""
    step = length / (int(count) - 1)
    return max(float(first - 1) * step, 0.0), float(last + 1) * step


def _stop_lines(road_map: RoadMap) -> dict[str, list[StopLine]]:
    """Stop lines before each connector: its own, and those across the lanes that lead into it."""
    lines = [line for line in road_map.stop_lines.values() if line.type in _STOPS]
    across: dict[str, list[int]] = {}
    for row, line in enumerate(lines):
        for lane_id in line.lane_ids:
            across.setdefault(lane_id, []).append(row)
    named = {line.id: row for row, line in enumerate(lines)}
    out: dict[str, list[StopLine]] = {}
    for lane in road_map.lanes.values():
        if lane.connector:
            rows = {row for i in (lane.id, *lane.predecessors) for row in across.get(i, ())}
            rows |= {named[i] for i in lane.stop_line_ids if i in named}
            out[lane.id] = [lines[row] for row in sorted(rows)]
    return out


def _priority(lane: Lane, stops: Sequence[StopLine]) -> int:
    yields = any(line.type in (StopLineType.YIELD, StopLineType.STOP_SIGN) for line in stops)
    return _TURN_PRIORITY[Turn(lane.turn)] - 4 * yields


def _stop_offset(lane: Lane, stops: Sequence[StopLine], road_map: RoadMap) -> float:
    """Distance before the connector ``lane`` at which the first of its stop lines is crossed [m]."""
    offset = 0.0
    for before in lane.predecessors if stops else ():
        if before not in road_map.lanes:
            continue
        line = shapely.LineString(road_map.lanes[before].centerline[:, :2])
        for stop in stops:
            crossing = line.intersection(shapely.make_valid(shapely.Polygon(stop.polygon)))
            for x, y in shapely.get_coordinates(crossing):
                back = line.length - line.project(shapely.Point(x, y))
                if back <= LARGEST_STOP_OFFSET:
                    offset = max(offset, float(back))
    return offset
