"""Where the logs of an export lie: on nuPlan's own maps, or all side by side on one map under a borrowed name.

NAVSIM opens maps of four cities and no others, so whatever is no nuPlan log takes the name of one of them, in a folder
of maps of its own. There the logs' maps lie beside each other, renumbered, so that any number of them fits into one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.navsim.shared_map import as_nuplan, bounds, joined, moved, unsayable
from simscale_gym.errors import SceneError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.scene import RoadMap, Scene
from simscale_gym.sources.nuplan.map_writer import MapFids, write_map, write_map_folder
from simscale_gym.sources.nuplan.schema import LOCATIONS

Array = NDArray[np.float64]

BORROWED = "us-nv-las-vegas-strip"
"""The city whose name made-up maps take."""

_FIRST = np.array([200_000.0, 3_000_000.0])  # lower left corner, in the city's projection [m]
_EAST_END = 800_000.0
_APART, _GRID = 500.0, 1_000.0  # [m] between two maps at least, and what their corners are multiples of


@dataclass(frozen=True, eq=False)
class Place:
    """What turns a scene's frame and ids into NAVSIM's.

    Attributes:
        location: Name of the city.
        origin: ``[3]`` global place of the scene frame's origin [m].
        lanes, roadblocks: Numbers on the map by id; what is not on it has none.
    """

    location: str
    origin: Array
    lanes: Mapping[str, int]
    roadblocks: Mapping[str, int]

    def blocks(self, route: tuple[str, ...]) -> list[str]:
        """Numbers of a route's roadblocks, as NAVSIM has them: text, and only those that are on the map."""
        return [str(self.roadblocks[block]) for block in route if block in self.roadblocks]


def has_own_map(scene: Scene) -> bool:
    """Whether NAVSIM has the map that a scene lies on."""
    return scene.source in ("nuplan", "navsim")


def own_place(scene: Scene) -> Place:
    """The place of a nuPlan log, on the map that it was recorded on.

    Raises:
        SceneError: NAVSIM knows no such map.
    """
    if scene.map.name not in LOCATIONS:
        raise SceneError(
            f"scene {scene.id}: its map is {scene.map.name!r}, NAVSIM opens {', '.join(LOCATIONS)}."
        )
    lanes, blocks = ({i: int(i) for i in layer} for layer in (scene.map.lanes, scene.map.roadblocks))
    return Place(scene.map.name, np.asarray(scene.origin, float), lanes, blocks)


class SharedMap:
    """The map on which those of several logs lie, in rows, in the order in which they came."""

    def __init__(self) -> None:
        self._maps: dict[str, tuple[RoadMap, Array]] = {}
        self._corner, self._depth = _FIRST, 0.0

    def add(self, log_id: str, road_map: RoadMap) -> str:
        """Lay the map of a log beside those that are there; why that cannot be, or ""."""
        kept = as_nuplan(road_map)
        if why := unsayable(kept):
            return why
        low, high = bounds(kept)
        width, depth = np.ceil((high - low + _APART) / _GRID) * _GRID
        if self._corner[0] + width > _EAST_END and self._corner[0] > _FIRST[0]:
            self._corner, self._depth = np.array([_FIRST[0], self._corner[1] + self._depth]), 0.0
        self._maps[log_id] = kept, np.round(self._corner - low)
        self._corner, self._depth = self._corner + np.array([width, 0.0]), max(self._depth, depth)
        return ""

    def write(self, folder: Path) -> dict[str, Place]:
        """Write a folder of maps as nuPlan's, where it is not there yet; the place of each log on it.

        Raises:
            DataError: There is no room.
        """
        items = list(enumerate(self._maps.values()))
        if not items:
            return {}
        shared = joined(BORROWED, (moved(road, f"{k}:", by) for k, (road, by) in items))
        if not folder.exists():
            _write(folder, shared)
        fids = MapFids.of(shared)

        def place(k: int, road: RoadMap, by: Array) -> Place:
            lanes = {i: fids.lanes[f"{k}:{i}"] for i in road.lanes}
            return Place(
                BORROWED, np.append(by, 0.0), lanes, {i: fids.roadblocks[f"{k}:{i}"] for i in road.roadblocks}
            )

        return {log: place(k, *item) for log, (k, item) in zip(self._maps, items, strict=True)}


def _write(folder: Path, road_map: RoadMap) -> None:
    with atomic_write(folder) as built:
        built.mkdir()
        write_map(built / "map.gpkg", road_map, LOCATIONS[BORROWED].epsg, np.zeros(2))
        write_map_folder(built, BORROWED, built / "map.gpkg")
