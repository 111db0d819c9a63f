"""The map as NAVSIM's scorer sees it: polygons, each of a layer, with a token."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.area_index import AreaIndex, build_area_index, tile_cover
from simscale_gym.metrics.areas import DRIVABLE, INTERSECTION, LANE
from simscale_gym.metrics.rings import Rings, build_rings
from simscale_gym.one_line import one_line
from simscale_gym.scene import RoadMap

Array = NDArray[np.float64]

LANE_LAYERS = ("LANE", "LANE_CONNECTOR")
_BITS = {
    "LANE": LANE,
    "LANE_CONNECTOR": LANE,
    "ROADBLOCK": DRIVABLE,
    "INTERSECTION": DRIVABLE | INTERSECTION,
    "DRIVABLE_AREA": DRIVABLE,
    "CARPARK_AREA": DRIVABLE,
}
LAYERS = (
    "LANE", "INTERSECTION", "STOP_LINE", "TURN_STOP", "CROSSWALK", "DRIVABLE_AREA", "YIELD", "TRAFFIC_LIGHT",
    "STOP_SIGN", "EXTENDED_PUDO", "SPEED_BUMP", "LANE_CONNECTOR", "BASELINE_PATHS", "BOUNDARIES", "WALKWAYS",
    "CARPARK_AREA", "PUDO", "ROADBLOCK", "ROADBLOCK_CONNECTOR", "PRECEDENCE_AREA",
)  # fmt: skip
"""nuPlan's SemanticMapLayer names. Lanes, roadblocks, intersections, car parks and drivable areas take part in
scores, the others do not."""


class Road(NamedTuple):
    """The drivable area of a map as kernels take it, one array after another.

    Attributes:
        cover: ``[tiles]`` of :func:`simscale_gym.metrics.area_index.tile_cover`.
        grid, starts, entries: Fields of the map's :class:`simscale_gym.metrics.area_index.AreaIndex`.
        flags: ``[M]`` bit DRIVABLE or 0 for each polygon.
        vertices, runs, run_boxes, ring_runs: Fields of the map's :class:`simscale_gym.metrics.rings.Rings`.
    """

    cover: NDArray[np.uint8]
    grid: Array
    starts: NDArray[np.int32]
    entries: NDArray[np.int32]
    flags: NDArray[np.uint8]
    vertices: Array
    runs: NDArray[np.int64]
    run_boxes: Array
    ring_runs: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MapLayers:
    """Polygons of a map. Build it once a map: situations share it, and its look-up tables with it.

    Attributes:
        rings: Outlines ``[K, 2+]`` of the polygons, open or closed, in the frame of the situation [m].
        layers: One of :data:`LAYERS` for each ring.
        tokens: One for each ring, unique within its layer.
    """

    rings: tuple[Array, ...]
    layers: tuple[str, ...]
    tokens: tuple[str, ...]

    __repr__ = one_line

    def __post_init__(self) -> None:
        if not len(self.rings) == len(self.layers) == len(self.tokens):
            raise ArgumentError(
                f"map: {len(self.rings)} rings, {len(self.layers)} layers, {len(self.tokens)} tokens; "
                "expected as many of each."
            )
        for ring, layer, token in zip(self.rings, self.layers, self.tokens, strict=True):
            if layer not in LAYERS:
                near = get_close_matches(str(layer).upper(), LAYERS, 1)
                raise ArgumentError(
                    f"map: polygon {token!r} has layer {layer!r}, expected one of {', '.join(near or LAYERS)}."
                )
            if np.ndim(ring) != 2 or len(ring) < 3 or np.shape(ring)[1] < 2 or not np.isfinite(ring).all():
                raise ArgumentError(
                    f"map: polygon {token!r} has shape {np.shape(ring)}, expected finite [K, 2], K >= 3."
                )
        for (layer, token), count in Counter(zip(self.layers, self.tokens, strict=True)).items():
            if count > 1:
                raise ArgumentError(
                    f"map: token {token!r} stands {count} times in layer {layer}, expected once."
                )

    @classmethod
    def from_road_map(cls, road_map: RoadMap, *, generic_drivable: bool = False) -> MapLayers:
        """The layers that NAVSIM queries, of a scene's map.

        Args:
            road_map: The map.
            generic_drivable: Take other drivable areas too; NAVSIM leaves them out.
        """
        items: list[tuple[Array, str, str]] = []
        items += [(r.polygon, "ROADBLOCK", r.id) for r in road_map.roadblocks.values() if not r.connector]
        for lane in road_map.lanes.values():
            items.append((lane.polygon, "LANE_CONNECTOR" if lane.connector else "LANE", lane.id))
        items += [(i.polygon, "INTERSECTION", i.id) for i in road_map.intersections.values()]
        items += [(a.polygon, "CARPARK_AREA", a.id) for a in road_map.carparks.values()]
        if generic_drivable:
            items += [(a.polygon, "DRIVABLE_AREA", a.id) for a in road_map.generic_drivable.values()]
        rings, layers, tokens = zip(*items, strict=True) if items else ((), (), ())
        return cls(rings, layers, tokens)

    @cached_property
    def polygons(self) -> Rings:
        """The rings as flat arrays."""
        return build_rings(self.rings)

    @cached_property
    def index(self) -> AreaIndex:
        """Look-up of the polygons at a point."""
        return build_area_index(self.polygons)

    @cached_property
    def flags(self) -> NDArray[np.uint8]:
        """LANE, DRIVABLE and INTERSECTION bits of each polygon."""
        return np.array([_BITS.get(layer, 0) for layer in self.layers], np.uint8)

    @cached_property
    def road(self) -> Road:
        """The drivable area alone."""
        index, flags = self.index, self.flags & DRIVABLE
        cover = tile_cover(index.starts, index.entries, flags)
        return Road(cover, *index, flags, *self.polygons[:4])

    @cached_property
    def lane_rows(self) -> dict[str, int]:
        """Row of each lane and lane connector by token."""
        rows = enumerate(zip(self.layers, self.tokens, strict=True))
        return {token: row for row, (layer, token) in rows if layer in LANE_LAYERS}
