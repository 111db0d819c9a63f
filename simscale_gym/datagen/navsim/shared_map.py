"""Road maps of several logs laid side by side as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import RoadMap

Array = NDArray[np.float64]
Item = TypeVar("Item")

_LAYERS = tuple(item.name for item in fields(RoadMap) if item.name != "name")


def as_nuplan(road_map: RoadMap) -> RoadMap:
    """The map as nuPlan's format can say it, with the same road for NAVSIM as for us.

    Connectors that have no lane at one end are left out: the map's border cuts some. What is drivable besides lanes
    stands among the car parks as well, for NAVSIM takes these for road, and other drivable areas not.
    """
    blocks = {i: block for i, block in road_map.roadblocks.items() if not block.connector or _ends(block)}
    lanes = {
        i: lane
        for i, lane in road_map.lanes.items()
        if lane.roadblock_id in blocks and (not lane.connector or _ends(lane))
    }
    held = {lane.roadblock_id for lane in lanes.values()}
    return replace(
        road_map,
        lanes=lanes,
        roadblocks={i: block for i, block in blocks.items() if i in held},
        carparks={**road_map.carparks, **{f"drivable {i}": a for i, a in road_map.generic_drivable.items()}},
    )


def unsayable(road_map: RoadMap) -> str:
    """Why nuPlan's format cannot say the map of :func:`as_nuplan`, or "".

    There a lane leads to connectors, and each connector from one lane to one.
    """
    lanes = road_map.lanes
    if not lanes:
        return "its map has no lanes with roadblocks"
    for lane in lanes.values():
        if lane.connector and not len(lane.predecessors) == len(lane.successors) == 1:
            return "its map has connectors of more than two lanes"
        if any(not lane.connector and i in lanes and not lanes[i].connector for i in lane.successors):
            return "its map has lanes that follow lanes without a connector"
    return ""


def moved(road_map: RoadMap, prefix: str, by: Array) -> RoadMap:
    """The map moved ``by [2]`` [m], ``prefix`` before all its ids."""
    layers = {
        name: {prefix + i: _moved(item, prefix, by) for i, item in getattr(road_map, name).items()}
        for name in _LAYERS
    }
    return RoadMap(road_map.name, **layers)


def joined(name: str, maps: Iterable[RoadMap]) -> RoadMap:
    """All of ``maps``, whose ids differ, as one."""
    layers: dict[str, dict[str, Any]] = {layer: {} for layer in _LAYERS}
    for road_map in maps:
        for layer, items in layers.items():
            items.update(getattr(road_map, layer))
    return RoadMap(name, **layers)


def bounds(road_map: RoadMap) -> tuple[Array, Array]:
    """Lower left and upper right corner ``[2]`` of all that the map holds."""
    rings = [item.polygon[:, :2] for layer in _LAYERS for item in getattr(road_map, layer).values()]
    rings += [lane.centerline[:, :2] for lane in road_map.lanes.values()]
    points = np.concatenate(rings)
    return points.min(0), points.max(0)


def _ends(item: Any) -> bool:
    return bool(item.predecessors and item.successors)


def _moved(item: Item, prefix: str, by: Array) -> Item:
    """A lane, roadblock or area elsewhere: all its arrays are places, all its words and lists of words ids."""
    changes: dict[str, Any] = {}
    for part in fields(item):  # type: ignore[arg-type]
        value = getattr(item, part.name)
        if isinstance(value, np.ndarray):
            changes[part.name] = value + np.append(by, np.zeros(value.shape[1] - 2))
        elif isinstance(value, tuple):
            changes[part.name] = tuple(prefix + i for i in value)
        elif isinstance(value, str):
            changes[part.name] = prefix + value
    return replace(item, **changes)  # type: ignore[type-var]
