"""Outlines of a map's polygons as shapely takes them, mended where they cross themselves."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.scene import RoadMap, compiled, derived


@derived
def outlines(road_map: RoadMap) -> dict[str, NDArray[np.object_]]:
    """Shapes of the roadblocks, lanes, intersections and carparks of ``road_map``, by layer, in the map's order."""
    return {
        layer: shapely.from_wkb([wkb.tobytes() for wkb in items])
        for layer, items in _as_wkb(road_map).items()
    }


@compiled()
def _as_wkb(road_map: RoadMap) -> dict[str, list[NDArray[np.uint8]]]:
    layers = {
        name: getattr(road_map, name).values()
        for name in ("roadblocks", "lanes", "intersections", "carparks")
    }
    return {name: [_mended(item.polygon) for item in items] for name, items in layers.items()}


def _mended(ring: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.frombuffer(shapely.to_wkb(shapely.make_valid(shapely.Polygon(ring))), np.uint8)
