"""The route that a logged drive took: its poses matched to lanes, and led on along the lane graph."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import RoadMap

Array = NDArray[np.float64]

_SPACING = 3.0  # [m] between the poses that are matched
_REACH = 6.0  # [m] from a lane's centreline
_JUMP_COST = 30.0  # of a step between lanes that no link joins; an offset of 1 m costs 1
_MAX_HOPS = 6  # lanes between two matched ones


def match_lanes(road_map: RoadMap, poses: Array) -> list[str]:
    """Lanes that the drive ``poses [T, 3]`` went along, in order, each once per visit.

    The cheapest sequence (Viterbi) over the lanes within 6 m of each pose: near, aligned and linked.
    Poses with no lane near are passed over; the list is empty when that holds for all.
    """
    travelled = polyline.arc_lengths(poses)
    rows = np.unique(np.searchsorted(travelled, np.arange(0.0, travelled[-1] + 1e-6, _SPACING)))
    steps = [near for near in (_lanes_near(road_map, poses[min(r, len(poses) - 1)]) for r in rows) if near]
    if not steps:
        return []
    cost, back = dict(steps[0]), []
    for near in steps[1:]:
        chosen = {}
        for lane, own in near.items():
            total, previous = min((cost[other] + _move_cost(road_map, other, lane), other) for other in cost)
            chosen[lane] = (total + own, previous)
        back.append({lane: previous for lane, (_, previous) in chosen.items()})
        cost = {lane: total for lane, (total, _) in chosen.items()}
    sequence = [min(cost, key=lambda lane: (cost[lane], lane))]
    for previous in reversed(back):
        sequence.append(previous[sequence[-1]])
    sequence.reverse()
    return [lane for i, lane in enumerate(sequence) if i == 0 or lane != sequence[i - 1]]


def find_route(road_map: RoadMap, poses: Array, ahead: float = 200.0) -> tuple[str, ...]:
    """Roadblocks of the drive ``poses [T, 3]``, led on straight for ``ahead`` [m] beyond its last lane."""
    matched = match_lanes(road_map, poses)
    lanes: list[str] = matched[:1]
    for lane in matched[1:]:
        lanes += [*_lanes_between(road_map, lanes[-1], lane), lane]
    lanes += _straight_on(road_map, lanes[-1], ahead) if lanes else []
    blocks = [road_map.lanes[lane].roadblock_id for lane in lanes]
    return tuple(block for i, block in enumerate(blocks) if i == 0 or block != blocks[i - 1])


def _lanes_near(road_map: RoadMap, pose: Array) -> dict[str, float]:
    """Cost of each lane within reach that runs with the pose: squared offset and angle."""
    graph, near = road_map.graph, {}
    for row in graph.lanes_near(pose[:2], _REACH):
        line = graph.centerline(row)
        s, d = polyline.project(line, pose[None, :2])
        angle = abs(wrap_angle(polyline.at_arc_length(line, s)[0, 2] - pose[2]))
        gap = np.hypot(*(polyline.at_arc_length(line, s)[0, :2] - pose[:2]))
        if gap < _REACH and angle < np.pi / 3 and not graph.bike[row]:
            near[road_map.lane_ids[row]] = float(d[0] ** 2 + 4.0 * angle**2)
    return near


def _move_cost(road_map: RoadMap, start: str, end: str) -> float:
    if start == end:
        return 0.0
    lane = road_map.lanes[start]
    if end in lane.successors:
        return 0.1
    if end in (lane.left_neighbor, lane.right_neighbor):
        return 2.0
    skipped = any(end in road_map.lanes[i].successors for i in lane.successors if i in road_map.lanes)
    return 1.0 if skipped else _JUMP_COST


def _lanes_between(road_map: RoadMap, start: str, end: str) -> list[str]:
    """Lanes of the shortest way from ``start`` to the roadblock of ``end``, without these; none if far."""
    goal = road_map.lanes[end].roadblock_id
    queue: deque[list[str]] = deque([[start]])
    seen = {start}
    while queue:
        path = queue.popleft()
        if road_map.lanes[path[-1]].roadblock_id == goal:
            return path[1:-1]
        if len(path) > _MAX_HOPS:
            continue
        for lane in road_map.lanes[path[-1]].successors:
            if lane in road_map.lanes and lane not in seen:
                seen.add(lane)
                queue.append([*path, lane])
    return []


def _straight_on(road_map: RoadMap, lane_id: str, distance: float) -> list[str]:
    """Lanes that follow, at each fork the one that turns least, until ``distance`` [m] is covered."""
    lanes: list[str] = []
    while distance > 0.0:
        options = [i for i in road_map.lanes[lane_id].successors if i in road_map.lanes and i not in lanes]
        if not options:
            break
        lane_id = min(options, key=lambda i: (_bend(road_map, i), i))
        lanes.append(lane_id)
        distance -= road_map.lanes[lane_id].length
    return lanes


def _bend(road_map: RoadMap, lane_id: str) -> float:
    return abs(float(wrap_angle(np.diff(road_map.lanes[lane_id].centerline[:, 2])).sum()))
