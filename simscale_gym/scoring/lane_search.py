"""Lanes found on a map: those at a point, the one to start on, the shortest way to a roadblock.

NAVSIM's rules (abstract_pdm_planner.py, bfs_roadblock.py, dijkstra.py), and its order between equals.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import RoadMap, Vehicle, derived
from simscale_gym.scoring.outlines import outlines

Array = NDArray[np.float64]

TREE_NODE = 10
"""Entries of a node of NAVSIM's search trees, whose order decides between equals."""


@derived
def _lane_tree(road_map: RoadMap) -> tuple[shapely.STRtree, tuple[str, ...]]:
    """Search tree of the map's polygons in NAVSIM's order, and their ids (empty for what is no lane)."""
    blocks, shapes = (
        sorted(road_map.roadblocks.values(), key=lambda block: block.connector),
        outlines(road_map),
    )
    within = dict.fromkeys(lane for block in blocks for lane in block.lane_ids if lane in road_map.lanes)
    order = list(dict.fromkeys((*within, *road_map.lanes)))
    roads = shapes["roadblocks"][[not block.connector for block in road_map.roadblocks.values()]]
    lanes = shapes["lanes"][[road_map.lane_index[lane] for lane in order]]
    areas = np.concatenate([shapes["intersections"], shapes["carparks"]])
    tokens = (*[""] * len(roads), *order, *[""] * len(areas))
    return shapely.STRtree(np.concatenate([roads, lanes, areas]), TREE_NODE), tokens


def lanes_touching(road_map: RoadMap, point: Array) -> list[str]:
    """Lanes whose polygon holds ``point [2+]`` or has it on its edge."""
    tree, tokens = _lane_tree(road_map)
    rows = tree.query(shapely.Point(point[0], point[1]), predicate="intersects")
    return [tokens[row] for row in rows if tokens[row]]


def starting_lane(
    road_map: RoadMap, lanes: Sequence[str], ego: Array, vehicle: Vehicle
) -> tuple[str | None, float]:
    """The lane of ``lanes`` that the ego is on, or the nearest one, and its distance from the ego [m].

    On: it holds the rear axle; of several the one best aligned, at its vertex nearest to the axle. Else the first
    that holds the box centre, else the one nearest to the ego's box.
    """
    allowed = set(lanes)
    here = [lane for lane in lanes_touching(road_map, ego) if lane in allowed]
    if here:
        return min(here, key=lambda lane: heading_error(road_map.lanes[lane].centerline, ego)), 0.0
    footprint = vehicle.boxes(ego)
    center, shape = shapely.Point(footprint[:2]), shapely.Polygon(box.corners(footprint))
    nearest, least = None, np.inf
    for lane in lanes:
        polygon = shapely.Polygon(road_map.lanes[lane].polygon)
        if polygon.contains(center):
            return lane, 0.0
        distance = polygon.distance(shape)
        if distance < least:
            nearest, least = lane, distance
    return nearest, least


def heading_error(line: Array, ego: Array) -> float:
    """Angle [rad] between ``ego [3+]`` and the vertex of ``line [K, 3]`` that is nearest to it."""
    vertex = np.argmin(np.hypot(line[:, 0] - ego[0], line[:, 1] - ego[1]))
    return abs(float(wrap_angle(line[vertex, 2] - ego[2])))


def shortest_way(road_map: RoadMap, start: str, goal: str, allowed: Collection[str]) -> list[str]:
    """Lanes from ``start`` to roadblock ``goal`` along ``allowed`` ones by the least length (Dijkstra).

    Where there is no way, to the lane that most lanes lead to, the nearest of these.
    """
    parents: dict[str, str | None] = {start: None}
    cost, depth, order = {start: 1.0}, {start: 1}, {start: 0}
    queue = [(1.0, 0, start)]
    expanded: list[str] = []
    done: set[str] = set()
    while queue:
        _, _, lane = heapq.heappop(queue)
        if lane in done:
            continue
        if road_map.lanes[lane].roadblock_id == goal:
            return _traced(parents, lane)
        done.add(lane)
        expanded.append(lane)
        for following in road_map.lanes[lane].successors:
            if following not in allowed or following in done:
                continue
            length = cost[lane] + road_map.lanes[following].length
            if following not in cost or length < cost[following]:
                parents[following], cost[following], depth[following] = lane, length, depth[lane] + 1
                order.setdefault(following, len(order))
                heapq.heappush(queue, (length, order[following], following))
    deepest = max(depth[lane] for lane in expanded)
    return _traced(parents, min((lane for lane in expanded if depth[lane] == deepest), key=cost.__getitem__))


def _traced(parents: dict[str, str | None], lane: str) -> list[str]:
    way = [lane]
    while (before := parents[way[-1]]) is not None:
        way.append(before)
    return way[::-1]
