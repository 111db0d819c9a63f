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
from simscale_gym.scene import RoadMap, Vehicle, derived
from simscale_gym.scoring.lane_search import (
    heading_error,
    lanes_touching,
    shortest_way,
    starting_lane,
    straightest_on,
)
from simscale_gym.scoring.route_correction import corrected_route

Array = NDArray[np.float64]

_OFF_ROUTE = 5.0  # [m] from the route's nearest lane, beyond which free_route leaves the route aside


@dataclass(frozen=True)
class RouteSearch:
    """How :func:`find_route_ahead` looks for a way. The defaults are NAVSIM's.

    Attributes:
        correct_route: Mend the route around the ego as NAVSIM does: search for links that are missing, cut loops.
        free_route: Correction: without a route, or far off it, follow the nearest lane; go on along the
            straightest lanes where the route ends; never start on a lane of the opposite direction; look only so
            far ahead [m], so that a route that comes by here again does not confuse. 0 for none of it.
        depth: Roadblocks of the route that the centreline runs through at most.
    """

    correct_route: bool = True
    free_route: float = 0.0
    depth: int = 30

    @classmethod
    def off_route(cls) -> RouteSearch:
        """For an ego that may be anywhere: what experts follow and what drives are scored on."""
        return cls(free_route=250.0)


@dataclass(frozen=True, eq=False)
class RouteAhead:
    """The route from a start lane on.

    Attributes:
        lane_ids: All lanes and connectors of the route.
        path_lane_ids: Those that the centreline runs along, the start lane first.
        centerline: ``[K, 3]`` x, y, heading from the beginning of the start lane on.
    """

    lane_ids: tuple[str, ...]
    path_lane_ids: tuple[str, ...]
    centerline: Array


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

    NAVSIM takes an ego that is askew for off the route, and mends the way to where it thinks it is. An expert that
    drives freely stays with the route while it is on it, where the pose makes no difference to how it is mended.
    """
    if not search.correct_route:
        return _on_map(road_map, route)
    if search.free_route > 0.0:
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
def _from_lane(road_map: RoadMap, blocks: tuple[str, ...], start: str, search: RouteSearch) -> RouteAhead:
    """The way along ``blocks`` (none for the straightest way) from the beginning of lane ``start``."""
    lanes, along = _lanes_of(road_map, blocks), [start]
    if blocks:
        block = road_map.lanes[start].roadblock_id
        first = blocks.index(block) if block in blocks else 0
        goal = blocks[first : first + search.depth][-1]
        along = shortest_way(road_map, start, goal, set(lanes))
    beyond: list[str] = []
    if search.free_route > 0.0:
        ahead = np.cumsum([0.0, *(road_map.lanes[lane].length for lane in along[1:])])
        along = along[: int(np.searchsorted(ahead, search.free_route)) + 1]
        beyond = straightest_on(road_map, along[-1], search.free_route - float(ahead[len(along) - 1]))
        lanes = (*lanes, *(m for lane in (start, *beyond) for m in _beside(road_map, lane)))
    path = (*along, *beyond)
    points = np.concatenate([road_map.lanes[lane].centerline for lane in path])
    return RouteAhead(tuple(dict.fromkeys(lanes)), path, points)


def _beside(road_map: RoadMap, lane: str) -> list[str]:
    """All lanes of the roadblock of ``lane``, itself among them."""
    block = road_map.roadblocks.get(road_map.lanes[lane].roadblock_id)
    return [lane] if block is None else [lane, *(m for m in block.lane_ids if m in road_map.lanes)]
