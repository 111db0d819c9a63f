"""PDM-Closed on the cases of a fixtures file, for comparison with NAVSIM's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.closed import PDMPlan, plan
from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.route import PDMRoute, find_route
from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline
from simscale_gym.metrics import MapLayers
from simscale_gym.scene import Area, Intersection, Lane, Roadblock, RoadMap, TrackType

Array = NDArray[np.float64]
Item = Mapping[str, Any]


def plan_case(item: Item, config: PDMConfig | None = None) -> tuple[PDMRoute, PDMPlan]:
    """Plan a case of the list ``pdm_closed``.

    Args:
        item: ``map`` (lanes, roadblocks), ``route_roadblock_ids``, ``ego_initial``, ``agents``; ``red_lights``,
            ids of closed lanes, where there are any.
        config: Settings; None for NAVSIM's.

    Raises:
        SceneError: There is no lane to drive on.
    """
    road_map, ego = case_map(item["map"]), np.array(item["ego_initial"], float)
    route = find_route(road_map, item["route_roadblock_ids"], ego, config)
    if route is None:
        raise SceneError("no lane to drive on.")
    agents = item["agents"]
    states = np.array([agent["state"] for agent in agents], float).reshape(-1, 5)
    sizes = np.array([[agent["length"], agent["width"]] for agent in agents], float).reshape(-1, 2)
    types = np.array([TrackType[agent["type"]] for agent in agents], np.uint8)
    layers, boxes = MapLayers.from_road_map(road_map), np.hstack([states[:, :3], sizes])
    red = [str(lane) for lane in item.get("red_lights", ())]
    return route, plan(layers, route, ego, boxes, states[:, 3:], types, red_lights=red, config=config)


def case_map(item: Item) -> RoadMap:
    """The map of a case; headings are those of the segments, as nuPlan's baseline paths have them."""
    lanes: dict[str, Lane] = {}
    connectors = {block["id"] for block in item["roadblocks"] if block.get("connector")}
    for lane in item["lanes"]:
        points = np.array(lane["centerline"], float)[:, :2]
        line = np.column_stack([points, polyline.headings(points)])
        lanes[lane["id"]] = Lane(
            lane["id"], lane["roadblock"] in connectors, lane["roadblock"], line, _open(lane["polygon"]),
            points, points, speed_limit=lane["speed_limit_mps"], successors=tuple(lane["outgoing"]),
        )  # fmt: skip
    blocks = {block["id"]: _roadblock(block, lanes, connectors) for block in item["roadblocks"]}
    return RoadMap(
        "case",
        lanes,
        blocks,
        {i["id"]: Intersection(i["id"], _open(i["polygon"])) for i in item.get("intersections", ())},
        carparks={a["id"]: Area(a["id"], _open(a["polygon"])) for a in item.get("carparks", ())},
    )


def _roadblock(block: Item, lanes: Mapping[str, Lane], connectors: set[str]) -> Roadblock:
    """The roadblock of ``block``, linked to others as its lanes are."""
    own = [lane for lane in lanes.values() if lane.roadblock_id == block["id"]]
    ids = {lane.id for lane in own}
    after = [lanes[following].roadblock_id for lane in own for following in lane.successors]
    before = [lane.roadblock_id for lane in lanes.values() if ids & set(lane.successors)]
    return Roadblock(
        block["id"],
        block["id"] in connectors,
        _open(block["polygon"]),
        tuple(lane.id for lane in own),
        tuple(dict.fromkeys(before)),
        tuple(dict.fromkeys(after)),
    )


def _open(ring: Any) -> Array:
    ring = np.array(ring, float)[:, :2]
    return ring[:-1] if np.array_equal(ring[0], ring[-1]) else ring
