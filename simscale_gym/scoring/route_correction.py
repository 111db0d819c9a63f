"""The route mended around the ego, as NAVSIM does before it plans (route_utils.py, bfs_roadblock.py)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import RoadMap
from simscale_gym.scoring.outlines import outlines

Array = NDArray[np.float64]

NEAR = 1.0
"""Half edge of the square around the rear axle in which roadblocks are looked for [m]."""
HEADING_LIMIT, DISTANCE_LIMIT = np.pi / 4, 3.0
"""The ego drives on a lane whose nearest point is within these [rad, m]."""
DEPTH_BACK, DEPTH_AHEAD = 15, 30
"""Roadblocks that are searched through."""
LOOP_AREA = 1.0
"""Two roadblock connectors of a route that overlap by more than this [m^2] make a loop."""


def corrected_route(road_map: RoadMap, route: Sequence[str], pose: Array) -> list[str]:
    """Roadblock ids of ``route`` with the ego at ``pose [3]``: joined to where it is, links filled in, loops cut.

    Ids that are not on the map are dropped; an empty route stays empty.
    """
    return _without_loops(road_map, joined_route(road_map, route, pose))


def joined_route(road_map: RoadMap, route: Sequence[str], pose: Array) -> list[str]:
    """The route as of :func:`corrected_route`, but with its loops left in."""
    route = [block for block in dict.fromkeys(route) if block in road_map.roadblocks]
    if not route:
        return []
    current, candidates = current_roadblock(road_map, pose, set(route))
    if current is not None and current not in route:
        route = _joined(road_map, route, current, candidates)
    return _linked(road_map, route)


def current_roadblock(road_map: RoadMap, pose: Array, route: Collection[str]) -> tuple[str | None, list[str]]:
    """The roadblock that the ego at ``pose [3]`` drives on, best on the route, and all that it may drive on."""
    on_route, elsewhere, nearest = [], [], []
    blocks = _roadblocks_near(road_map, pose)
    for block in blocks:
        least = np.inf
        for lane_id in road_map.roadblocks[block].lane_ids:
            line = road_map.lanes[lane_id].centerline
            distances = np.hypot(line[:, 0] - pose[0], line[:, 1] - pose[1])
            vertex = int(np.argmin(distances))
            distance, angle = float(distances[vertex]), abs(float(wrap_angle(line[vertex, 2] - pose[2])))
            least = min(least, distance)
            if angle < HEADING_LIMIT and distance < DISTANCE_LIMIT:
                (on_route if block in route else elsewhere).append((distance, block))
        nearest.append((least, block))
    for found in (on_route, elsewhere):
        if found:
            return min(found, key=lambda item: item[0])[1], [block for _, block in found]
    return (min(nearest, key=lambda item: item[0])[1], blocks) if nearest else (None, [])


def _roadblocks_near(road_map: RoadMap, pose: Array) -> list[str]:
    """Roadblocks, then connectors, that touch the square around ``pose``; else the nearest of both."""
    blocks, shapes = list(road_map.roadblocks.values()), outlines(road_map)["roadblocks"]
    square = shapely.box(pose[0] - NEAR, pose[1] - NEAR, pose[0] + NEAR, pose[1] + NEAR)
    touching = shapely.intersects(shapes, square)
    found = [blocks[i].id for i in np.flatnonzero(touching) if not blocks[i].connector]
    found += [blocks[i].id for i in np.flatnonzero(touching) if blocks[i].connector]
    if found:
        return found
    distances = shapely.distance(shapes, shapely.Point(pose[:2]))
    for connector in (False, True):
        rows = [i for i, block in enumerate(blocks) if block.connector == connector]
        if rows:
            found.append(blocks[min(rows, key=lambda i: distances[i])].id)
    return found


def reached_route(road_map: RoadMap, route: Sequence[str], pose: Array) -> list[str] | None:
    """The route of :func:`joined_route`, or None where it is not met forwards; so OpenScene annotates commands."""
    route = [block for block in dict.fromkeys(route) if block in road_map.roadblocks]
    if not route:
        return None
    current, candidates = current_roadblock(road_map, pose, set(route))
    if current is not None and current not in route:
        route = _reached(road_map, route, candidates)
    return None if route is None else _linked(road_map, route)


def _reached(road_map: RoadMap, route: list[str], candidates: list[str]) -> list[str] | None:
    """The route with the way to its start from one of ``candidates``."""
    path = _search(road_map, route[0], candidates, DEPTH_BACK, forward=False)
    return None if path is None else path[::-1][:-1] + route


def _joined(road_map: RoadMap, route: list[str], current: str, candidates: list[str]) -> list[str]:
    """The route from the ego's roadblock on: backwards from its start, else forwards to one of its first three."""
    reached = _reached(road_map, route, candidates)
    if reached is not None:
        return reached
    path = _search(road_map, current, route[:3], DEPTH_AHEAD, forward=True)
    return route if path is None else path + route[route.index(path[-1]) + 1 :]


def _linked(road_map: RoadMap, route: list[str]) -> list[str]:
    linked = route[:1]
    for before, block in pairwise(route):
        if before not in road_map.roadblocks[block].predecessors:
            path = _search(road_map, before, [block], DEPTH_AHEAD, forward=True)
            linked += path[1:-1] if path is not None else []
        linked.append(block)
    return linked


def _search(
    road_map: RoadMap, start: str, goals: Collection[str], depth: int, *, forward: bool
) -> list[str] | None:
    """Fewest roadblocks from ``start`` to the first of ``goals``; None where it takes more than ``depth``.

    Level by level. Among parents of a roadblock the one that NAVSIM's queue comes to last wins, so besides the
    order of first mention, which decides what is looked at first, that of last mention is kept.
    """
    level, last, parents = [start], [start], [dict[str, str]()]
    for reached in range(depth):
        for block in level:
            if block in goals:
                path = [block]
                for step in range(reached, 0, -1):
                    path.append(parents[step][path[-1]])
                return path[::-1]
        parent: dict[str, str] = {}
        following = [n for block in level for n in _neighbors(road_map, block, forward)]
        for block in last:
            for neighbor in _neighbors(road_map, block, forward):
                parent.pop(neighbor, None)
                parent[neighbor] = block
        if not parent:
            return None
        level, last = list(dict.fromkeys(following)), list(parent)
        parents.append(parent)
    return None


def _neighbors(road_map: RoadMap, block: str, forward: bool) -> list[str]:
    item = road_map.roadblocks[block]
    return [n for n in (item.successors if forward else item.predecessors) if n in road_map.roadblocks]


def _without_loops(road_map: RoadMap, route: list[str]) -> list[str]:
    """The route up to the first connector that overlaps an earlier one."""
    seen: list[shapely.Geometry] = []
    for i, block in enumerate(route):
        if road_map.roadblocks[block].connector:
            shape = shapely.make_valid(shapely.Polygon(road_map.roadblocks[block].polygon))
            if seen and (shapely.area(shapely.intersection(seen, shape)) > LOOP_AREA).any():
                return route[:i]
            seen.append(shape)
    return route
