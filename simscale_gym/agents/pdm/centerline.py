"""Where PDM-Closed drives: the lane to start on, the shortest way along the route, and paths beside it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.path import PDMPath, beside, build_path
from simscale_gym.agents.pdm.route import corrected_route
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.geometry import box
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import RoadMap, Vehicle, derived
from simscale_gym.sim import ego_boxes

Array = NDArray[np.float64]

_OFF_ROUTE = 5.0  # [m] from the route's nearest lane, beyond which free_route leaves the route aside
_MARGIN = 5.0  # [m]
TREE_NODE = 10
"""Entries of a node of NAVSIM's search trees, whose order decides between equals."""


@dataclass(frozen=True, eq=False)
class PDMRoute:
    """What the proposals of a planning step follow.

    Attributes:
        lane_ids: All lanes and connectors of the route.
        path_lane_ids: Those that the centreline runs along.
        paths: The centreline, then the paths beside it in the order of ``PDMConfig.lateral_offsets``.
        speed_limit: Of the start lane [m/s]; None where the map has none.
        start_length: Of the start lane [m], with a little more; the ego is beside this part of the paths.
    """

    lane_ids: tuple[str, ...]
    path_lane_ids: tuple[str, ...]
    paths: tuple[PDMPath, ...]
    speed_limit: float | None
    start_length: float

    @property
    def centerline(self) -> Array:
        """``[K, 3]`` x, y, heading."""
        return self.paths[0].points


def find_route(
    road_map: RoadMap,
    route: Sequence[str],
    ego: Array,
    config: PDMConfig | None = None,
    vehicle: Vehicle | None = None,
) -> PDMRoute | None:
    """The paths for an ego state ``ego [11]`` (or pose) that is to drive the roadblocks ``route``.

    Returns:
        None where there is no lane to drive on. Results are kept by start lane, so that asking again is cheap.
    """
    config, vehicle = config or PDMConfig(), vehicle or Vehicle()
    if np.ndim(ego) != 1 or len(ego) < 3 or not np.isfinite(ego).all():
        raise ArgumentError(f"ego: {ego}, expected a finite state [11] or pose [3].")
    blocks = _blocks(road_map, tuple(route), ego, config)
    lanes = _lanes_of(road_map, blocks)
    if config.free_route > 0.0:
        lanes = [lane for lane in lanes if _heading_error(road_map.lanes[lane].centerline, ego) < np.pi / 2]
    start, distance = starting_lane(road_map, lanes, ego, vehicle)
    if config.free_route > 0.0 and (start is None or distance > _OFF_ROUTE):
        try:
            start, blocks = road_map.nearest_lane(ego[:3])[0], ()
        except SceneError:
            start = None
    return None if start is None else _route_from(road_map, blocks, start, config)


def _blocks(road_map: RoadMap, route: tuple[str, ...], ego: Array, config: PDMConfig) -> tuple[str, ...]:
    """The route to search along.

    NAVSIM takes an ego that is askew for off the route, and mends the way to where it thinks it is. An expert that
    drives freely stays with the route while it is on it, where the pose makes no difference to how it is mended.
    """
    if not config.correct_route:
        return _on_map(road_map, route)
    if config.free_route > 0.0:
        lanes = set(_lanes_of(road_map, _on_map(road_map, route)))
        here = [lane for lane in lanes_touching(road_map, ego) if lane in lanes]
        if here:
            return _mended(road_map, route, road_map.lanes[here[0]].roadblock_id)
    return _once(corrected_route(road_map, route, ego[:3]))


@derived
def _mended(road_map: RoadMap, route: tuple[str, ...], block: str) -> tuple[str, ...]:
    """The mended route of an ego in the middle of a lane of ``block``, which is on it."""
    line = road_map.lanes[road_map.roadblocks[block].lane_ids[0]].centerline
    return _once(corrected_route(road_map, route, line[len(line) // 2]))


def _once(blocks: Sequence[str]) -> tuple[str, ...]:
    """Each roadblock where it comes first: what comes last is where to go, even if the route leads back from there."""
    return tuple(dict.fromkeys(blocks))


@derived
def _on_map(road_map: RoadMap, route: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(block for block in dict.fromkeys(route) if block in road_map.roadblocks)


@derived
def _lanes_of(road_map: RoadMap, blocks: tuple[str, ...]) -> tuple[str, ...]:
    ids = [lane for block in blocks for lane in road_map.roadblocks[block].lane_ids]
    return tuple(lane for lane in dict.fromkeys(ids) if lane in road_map.lanes)


@derived
def _lane_tree(road_map: RoadMap) -> tuple[shapely.STRtree, tuple[str, ...]]:
    """Search tree of the map's polygons in NAVSIM's order, and their ids (empty for what is no lane)."""
    blocks = sorted(road_map.roadblocks.values(), key=lambda block: block.connector)
    items = [("", block.polygon) for block in blocks if not block.connector]
    within = dict.fromkeys(lane for block in blocks for lane in block.lane_ids if lane in road_map.lanes)
    order = [*within, *(lane for lane in road_map.lanes if lane not in within)]
    items += [(lane, road_map.lanes[lane].polygon) for lane in order]
    areas = (*road_map.intersections.values(), *road_map.carparks.values())
    items += [("", area.polygon) for area in areas]
    polygons = [shapely.make_valid(shapely.Polygon(ring)) for _, ring in items]
    return shapely.STRtree(polygons, TREE_NODE), tuple(token for token, _ in items)


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
        return min(here, key=lambda lane: _heading_error(road_map.lanes[lane].centerline, ego)), 0.0
    footprint = ego_boxes(ego, vehicle)
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


def _heading_error(line: Array, ego: Array) -> float:
    vertex = np.argmin(np.hypot(line[:, 0] - ego[0], line[:, 1] - ego[1]))
    return abs(float(wrap_angle(line[vertex, 2] - ego[2])))


@derived
def _route_from(road_map: RoadMap, blocks: tuple[str, ...], start: str, config: PDMConfig) -> PDMRoute:
    """Paths along ``blocks`` (none for the straightest way) from the beginning of lane ``start``."""
    lanes, along = _lanes_of(road_map, blocks), [start]
    if blocks:
        block = road_map.lanes[start].roadblock_id
        first = blocks.index(block) if block in blocks else 0
        goal = blocks[first : first + config.search_depth][-1]
        along = shortest_way(road_map, start, goal, set(lanes))
    beyond: list[str] = []
    if config.free_route > 0.0:
        ahead = np.cumsum([0.0, *(road_map.lanes[lane].length for lane in along[1:])])
        along = along[: int(np.searchsorted(ahead, config.free_route)) + 1]
        beyond = _straight_on(road_map, along[-1], config.free_route - float(ahead[len(along) - 1]))
        lanes = (*lanes, *(m for lane in (start, *beyond) for m in _beside(road_map, lane)))
    points = np.concatenate([road_map.lanes[lane].centerline for lane in (*along, *beyond)])
    paths = (points, *(beside(points, offset) for offset in config.lateral_offsets))
    return PDMRoute(
        tuple(dict.fromkeys(lanes)),
        (*along, *beyond),
        tuple(build_path(path, config.curve_acceleration) for path in paths),
        road_map.lanes[start].speed_limit,
        road_map.lanes[start].length + _MARGIN,
    )


def _beside(road_map: RoadMap, lane: str) -> list[str]:
    """All lanes of the roadblock of ``lane``, itself among them."""
    block = road_map.roadblocks.get(road_map.lanes[lane].roadblock_id)
    return [lane] if block is None else [lane, *(m for m in block.lane_ids if m in road_map.lanes)]


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


def _straight_on(road_map: RoadMap, lane: str, length: float) -> list[str]:
    """The straightest car lanes after ``lane``, until they are ``length`` [m] long together."""
    beyond: list[str] = []
    while length > 0.0:
        options = [road_map.lanes[i] for i in road_map.lanes[lane].successors if i in road_map.lanes]
        options = [option for option in options if not option.bike]
        if not options:
            break
        best = min(options, key=lambda o: abs(float(wrap_angle(o.centerline[-1, 2] - o.centerline[0, 2]))))
        lane, length = best.id, length - best.length
        beyond.append(lane)
        if best.length <= 0.0 or beyond.count(lane) > 1:
            break
    return beyond
