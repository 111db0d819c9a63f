"""Who crosses whose way in the junctions of a map, who goes first, and where to stop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import Lane, RoadMap, StopLine, StopLineType, Turn

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
        starts: ``[L + 1]`` into the conflict lists.
        others: Row of the connector that each conflict is with.
        reach_other: Arc length along it at which the conflict begins [m].
        clear_other: Arc length along it at which it has passed the conflict [m].
        reach_own: As ``reach_other``, along the own connector.
        clear_own: As ``clear_other``, along the own connector.
        priorities: ``[L]`` the higher goes first: straight on, right, left; lower by 4 behind a yield line.
        stop_offsets: ``[L]`` from the connector's start back to the stop line before it [m].
    """

    starts: NDArray[np.int64]
    others: NDArray[np.int64]
    reach_other: Array
    clear_other: Array
    reach_own: Array
    clear_own: Array
    priorities: NDArray[np.int64]
    stop_offsets: Array


def junction_arrays(road_map: RoadMap) -> JunctionArrays:
    """Work out conflicts, priorities and stop lines of ``road_map``."""
    lanes = list(road_map.lanes.values())
    lists: list[list[tuple[int, float, float, float, float]]] = [[] for _ in lanes]
    for i, j in _near_pairs(road_map):
        spans = _conflict(lanes[i], lanes[j])
        if spans is not None:
            lists[i].append((j, *spans[1], *spans[0]))
            lists[j].append((i, *spans[0], *spans[1]))
    flat = [item for items in lists for item in sorted(items)]
    return JunctionArrays(
        starts=np.concatenate([[0], np.cumsum([len(items) for items in lists])]).astype(np.int64),
        others=np.array([item[0] for item in flat], np.int64),
        reach_other=np.array([item[1] for item in flat], float),
        clear_other=np.array([item[2] for item in flat], float),
        reach_own=np.array([item[3] for item in flat], float),
        clear_own=np.array([item[4] for item in flat], float),
        priorities=np.array([_priority(lane, road_map) for lane in lanes], np.int64),
        stop_offsets=np.array([_stop_offset(lane, road_map) for lane in lanes], float),
    )


def _near_pairs(road_map: RoadMap) -> list[tuple[int, int]]:
    """Pairs ``i < j`` of car connectors whose bounding boxes come within the conflict distance."""
    graph = road_map.graph
    rows = np.flatnonzero(graph.connector & ~graph.bike)
    low, high = graph.bounds[rows, :2] - CONFLICT_DISTANCE, graph.bounds[rows, 2:]
    meet = (low[:, None] <= high[None]).all(-1)
    first, second = np.nonzero(np.triu(meet & meet.T, 1))
    return [(int(rows[i]), int(rows[j])) for i, j in zip(first, second, strict=True)]


def _conflict(a: Lane, b: Lane) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Arc lengths along ``a`` and ``b`` between which each is too near the other, or None if they do not meet.

    Connectors that leave the same lane do not conflict: their vehicles follow each other.
    """
    if set(a.predecessors) & set(b.predecessors) or b.id in a.successors or a.id in b.successors:
        return None
    along_a, along_b = polyline.resample(a.centerline, 1.0), polyline.resample(b.centerline, 1.0)
    delta = along_a[:, None, :2] - along_b[None, :, :2]
    near = (delta**2).sum(-1) < CONFLICT_DISTANCE**2
    return (_span(near.any(1), a.length), _span(near.any(0), b.length)) if near.any() else None


def _span(near: NDArray[np.bool_], length: float) -> tuple[float, float]:
    """Arc lengths just outside the first and the last of equally spaced points that are ``near``."""
    rows, step = np.flatnonzero(near), length / (len(near) - 1)
    return max(float(rows[0] - 1) * step, 0.0), float(rows[-1] + 1) * step


def _stop_lines(lane: Lane, road_map: RoadMap) -> list[StopLine]:
    """Stop lines before the connector ``lane``: its own, and those across the lanes that lead into it."""
    if not lane.connector:
        return []
    ids = {lane.id, *lane.predecessors}
    lines = road_map.stop_lines.values()
    return [x for x in lines if x.type in _STOPS and (x.id in lane.stop_line_ids or ids & set(x.lane_ids))]


def _priority(lane: Lane, road_map: RoadMap) -> int:
    kinds = {line.type for line in _stop_lines(lane, road_map)}
    yields = bool(kinds & {StopLineType.YIELD, StopLineType.STOP_SIGN})
    return _TURN_PRIORITY[Turn(lane.turn)] - 4 * yields


def _stop_offset(lane: Lane, road_map: RoadMap) -> float:
    """How far before the connector ``lane`` the first of its stop lines is crossed [m]."""
    offset = 0.0
    for before in lane.predecessors if lane.connector else ():
        if before not in road_map.lanes:
            continue
        line = shapely.LineString(road_map.lanes[before].centerline[:, :2])
        for stop in _stop_lines(lane, road_map):
            crossing = line.intersection(shapely.make_valid(shapely.Polygon(stop.polygon)))
            for x, y in shapely.get_coordinates(crossing):
                back = line.length - line.project(shapely.Point(x, y))
                if back <= LARGEST_STOP_OFFSET:
                    offset = max(offset, float(back))
    return offset
