"""The route from where the ego is: which lanes it may drive on, and the centreline that EPDMS judges it by.

NAVSIM: metric_cache_processor.py and abstract_pdm_planner.py; what :class:`RouteSearch` adds is for an ego that
leaves its route.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.one_line import one_line
from simscale_gym.scene import RoadMap, Scene, Vehicle, derived
from simscale_gym.scene.lane_sequence import (
    is_change,
    lane_line,
    lanes_of_block,
    lanes_through,
    linked,
    straight_on,
)
from simscale_gym.scoring.lane_search import heading_error, lanes_touching, shortest_way, starting_lane
from simscale_gym.scoring.route_correction import corrected_route, joined_route

Array = NDArray[np.float64]

_OFF_ROUTE = 5.0  # [m] from the route's nearest lane, beyond which free_route leaves the route aside


@dataclass(frozen=True)
class RouteSearch:
    """Settings of :func:`find_route_ahead`. The defaults are NAVSIM's.

    Attributes:
        correct_route: Mend the route around the ego as NAVSIM does: search for links that are missing, cut loops.
        free_route: Correction: take the route's roadblocks in order, loops included, and change lanes where the
            ego's does not lead along them; without a route, or far off it, follow the nearest lane; go on along the
            straightest lanes where the route ends; never start on a lane of the opposite direction; look only so
            far ahead [m]. 0 for none of it.
        depth: Roadblocks of the route that the centreline runs through at most.
    """

    correct_route: bool = True
    free_route: float = 0.0
    depth: int = 30

    @classmethod
    def off_route(cls) -> RouteSearch:
        """Settings for an ego that may be anywhere: experts follow what they find, and drives are scored on it."""
        return cls(free_route=250.0)


@dataclass(frozen=True, eq=False)
class RouteAhead:
    """The route from a start lane on.

    Attributes:
        lane_ids: All lanes and connectors of the route.
        path_lane_ids: Lanes that the centreline runs along, the start lane first.
        centerline: ``[K, 3]`` x, y, heading from the beginning of the start lane on.
    """

    lane_ids: tuple[str, ...]
    path_lane_ids: tuple[str, ...]
    centerline: Array

    __repr__ = one_line


def route_ahead(scene: Scene, ego: Array, search: RouteSearch) -> RouteAhead | None:
    """The route of ``scene`` from an ego state ``ego [11]`` (or pose) on; None where there is no lane to drive on.

    Who drives freely follows the roadblocks of the scene's way; NAVSIM's search is given the route that the source
    names, as there.
    """
    blocks = scene.way.blocks if search.free_route > 0.0 else scene.route
    return find_route_ahead(scene.map, blocks, ego, search, scene.vehicle)


def find_route_ahead(
    road_map: RoadMap,
    route: Sequence[str],
    ego: Array,
    search: RouteSearch | None = None,
    vehicle: Vehicle | None = None,
) -> RouteAhead | None:
    """The way of an ego state ``ego [11]`` (or pose) that is to drive the roadblocks ``route``.

    Returns:
        None where there is no lane to drive on. Results are kept by start lane, so that asking again is cheap.
    """
    search, vehicle = search or RouteSearch(), vehicle or Vehicle()
    if np.ndim(ego) != 1 or len(ego) < 3 or not np.isfinite(ego).all():
        raise ArgumentError(f"ego: {ego}, expected a finite state [11] or pose [3].")
    blocks = _blocks(road_map, tuple(route), ego, search)
    lanes = _lanes_of(road_map, blocks)
    if search.free_route > 0.0:
        lanes = [lane for lane in lanes if heading_error(road_map.lanes[lane].centerline, ego) < np.pi / 2]
    start, distance = starting_lane(road_map, lanes, ego, vehicle)
    if search.free_route > 0.0 and (start is None or distance > _OFF_ROUTE):
        try:
            start, blocks = road_map.nearest_lane(ego[:3])[0], ()
        except SceneError:
            start = None
    return None if start is None else _from_lane(road_map, blocks, start, search)


def _blocks(road_map: RoadMap, route: tuple[str, ...], ego: Array, search: RouteSearch) -> tuple[str, ...]:
    """The route to search along.

    NAVSIM takes an ego that is askew for off the route, and mends the way to where it thinks it is. Who drives
    freely stays with the route while it is on it, and is led to it as NAVSIM does while it is not.
    """
    if not search.correct_route:
        return _on_map(road_map, route)
    if search.free_route <= 0.0:
        return tuple(dict.fromkeys(corrected_route(road_map, route, ego[:3])))
    lanes = set(_lanes_of(road_map, linked(road_map, route)))
    if any(lane in lanes for lane in lanes_touching(road_map, ego)):
        return linked(road_map, route)
    return linked(road_map, tuple(joined_route(road_map, route, ego[:3])))


@derived
def _on_map(road_map: RoadMap, route: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(block for block in dict.fromkeys(route) if block in road_map.roadblocks)


@derived
def _lanes_of(road_map: RoadMap, blocks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lane for block in blocks for lane in lanes_of_block(road_map, block)))


@derived
def _from_lane(road_map: RoadMap, blocks: tuple[str, ...], start: str, search: RouteSearch) -> RouteAhead:
    """The way along ``blocks`` (none for the straightest way) from the beginning of lane ``start``."""
    lanes, along, beyond = _lanes_of(road_map, blocks), [start], []
    first = _visit(road_map, blocks, start)
    if blocks and search.free_route <= 0.0:
        along = shortest_way(road_map, start, blocks[first : first + search.depth][-1], set(lanes))
    if search.free_route > 0.0:
        along, left = _within(road_map, lanes_through(road_map, start, blocks[first:]), search.free_route)
        beyond = straight_on(road_map, along[-1], left)
        besides = [road_map.lanes[lane].roadblock_id for lane in (start, *beyond)]
        lanes = (*lanes, *along, *beyond, *_lanes_of(road_map, tuple(besides)))
    path = (*along, *beyond)
    return RouteAhead(tuple(dict.fromkeys(lanes)), path, lane_line(road_map, path))


def _visit(road_map: RoadMap, blocks: tuple[str, ...], start: str) -> int:
    """Place of the roadblock of lane ``start`` among ``blocks``, 0 where it is not there.

    A recorded map may have lanes behind each other in one roadblock, beside a long one: a route comes there twice. From
    a lane it goes on with the first visit that is left farther ahead than the lane begins.
    """
    lane = road_map.lanes[start]
    visits = [k for k, block in enumerate(blocks) if block == lane.roadblock_id]
    beside = [road_map.lanes[i] for i in lanes_of_block(road_map, lane.roadblock_id)]
    for k in visits:
        after = lanes_of_block(road_map, blocks[k + 1]) if k + 1 < len(blocks) else ()
        ends = [other.centerline[-1, :2] for other in beside if not set(after).isdisjoint(other.successors)]
        if not ends or se2.points_to_local(lane.centerline[0], np.array(ends))[:, 0].max() > 0.0:
            return k
    return visits[0] if visits else 0


def _within(road_map: RoadMap, lanes: list[str], distance: float) -> tuple[list[str], float]:
    """The first of ``lanes``, up to the one that ends ``distance`` [m] after the first does, and what is left of it."""
    for k in range(1, len(lanes)):
        if distance <= 0.0:
            return lanes[:k], 0.0
        if not is_change(road_map, lanes[k - 1], lanes[k]):
            distance -= road_map.lanes[lanes[k]].length
    return lanes, distance
