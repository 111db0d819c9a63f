"""Where PDM-Closed drives: the route ahead, and the paths along it and beside it that its proposals follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.path import PDMPath, beside, build_path
from simscale_gym.scene import RoadMap, Vehicle, derived
from simscale_gym.scoring.route_ahead import RouteAhead, find_route_ahead

Array = NDArray[np.float64]

_MARGIN = 5.0  # [m]


@dataclass(frozen=True, eq=False)
class PDMRoute:
    """What the proposals of a planning step follow.

    Attributes:
        ahead: Lanes of the route from the ego's on, and their centreline.
        paths: The centreline, then the paths beside it in the order of ``PDMConfig.lateral_offsets``.
        speed_limit: Speed limit of the start lane [m/s]; None where the map has none.
        start_length: Length of the start lane [m], with a little more; the ego is beside this part of the paths.
    """

    ahead: RouteAhead
    paths: tuple[PDMPath, ...]
    speed_limit: float | None
    start_length: float


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
    config = config or PDMConfig()
    ahead = find_route_ahead(road_map, route, ego, config.search, vehicle)
    return None if ahead is None else with_paths(road_map, ahead, config)


@derived
def with_paths(road_map: RoadMap, ahead: RouteAhead, config: PDMConfig) -> PDMRoute:
    """``ahead`` with the paths that the proposals of ``config`` run along."""
    start, points = road_map.lanes[ahead.path_lane_ids[0]], ahead.centerline
    paths = (points, *(beside(points, offset) for offset in config.lateral_offsets))
    built = tuple(build_path(path, config.curve_acceleration) for path in paths)
    return PDMRoute(ahead, built, start.speed_limit, start.length + _MARGIN)
