"""Write a road map as nuPlan does: a GeoPackage ``map.gpkg``, and the folder of maps around it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.errors import SceneError
from simscale_gym.scene import Area, Lane, Roadblock, RoadMap
from simscale_gym.sources.nuplan.geopackage import create_geopackage, write_attributes, write_layer
from simscale_gym.sources.nuplan.schema import LOCATIONS, MAP_LAYERS

Array = NDArray[np.float64]
Columns = dict[str, Sequence[Any]]
Sides = Mapping[str, tuple[int, int]]

MAP_INDEX = "nuplan-maps-v1.0.json"

_MAX_FID = 2**31


@dataclass(frozen=True)
class MapFids:
    """Numbers that stand for the ids of a map in nuPlan's files, by id.

    Attributes:
        lanes: Numbers of lanes and connectors, unique over both.
        roadblocks: Numbers of roadblocks and roadblock connectors, unique over both.
        intersections, stop_lines: Numbers of intersections, and of stop lines.
    """

    lanes: Mapping[str, int]
    roadblocks: Mapping[str, int]
    intersections: Mapping[str, int]
    stop_lines: Mapping[str, int]

    @classmethod
    def of(cls, road_map: RoadMap) -> MapFids:
        """The ids themselves where all of a kind are numbers, else counted from 1."""
        return cls(
            _numbers(road_map.lanes),
            _numbers(road_map.roadblocks),
            _numbers(road_map.intersections),
            _numbers(road_map.stop_lines),
        )


def _numbers(ids: Iterable[str]) -> dict[str, int]:
    ids = list(ids)
    plain = all(i.isdecimal() and str(int(i)) == i and int(i) < _MAX_FID for i in ids)
    return {i: int(i) if plain else row for row, i in enumerate(ids, 1)}


def write_map(path: Path, road_map: RoadMap, epsg: int, origin: Array) -> MapFids:
    """Write ``road_map`` to the new file ``path``, its frame's origin at ``origin [2+]`` [m] of ``epsg``.

    Raises:
        SceneError: A connector does not join exactly two lanes, which nuPlan's format cannot say.
    """
    fids = MapFids.of(road_map)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        create_geopackage(database)
        write_attributes(
            database, "meta", {"geographicCoordSystem": "epsg:4326", "projectedCoordSystem": f"epsg:{epsg}"}
        )
        layers = _layers(road_map, fids)
        for name, schema in MAP_LAYERS.items():
            columns, shapes = layers.get(name, ({"fid": []}, []))
            shifted = shapely.transform(np.array(shapes, object), lambda points: points + origin[:2])
            write_layer(database, name, schema.geometry, schema.columns, columns, shifted, epsg)
    return fids


def write_map_folder(folder: Path, location: str, source: Path) -> None:
    """Fill ``folder`` with the index and one ``map.gpkg`` per location of nuPlan.

    nuplan-devkit opens the maps of all four locations whatever it is asked for, so ``source``, the map of
    ``location``, stands in for the other three as well.
    """
    index = {name: {"version": place.version, "layers": {}} for name, place in LOCATIONS.items()}
    (folder / MAP_INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    for name, place in LOCATIONS.items():
        target = folder / name / place.version / "map.gpkg"
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == location:
            shutil.move(source, target)
            source = target
    for name, place in LOCATIONS.items():
        if name != location:
            shutil.copyfile(source, folder / name / place.version / "map.gpkg")


class _Boundaries:
    """Boundary lines, each counted once however many lanes share it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, int], int] = {}
        self.lines: list[Array] = []

    def fid(self, line: Array, kind: int) -> int:
        """Number of ``line``, a new one for a new line."""
        line = np.asarray(line, float)[:, :2]
        row = self.rows.setdefault((line.tobytes(), int(kind)), len(self.rows) + 1)
        if row > len(self.lines):
            self.lines.append(line)
        return row

    def layer(self) -> tuple[Columns, list]:
        """All lines so far."""
        count = len(self.lines)
        columns = {
            "fid": range(1, count + 1),
            "boundary_segment_fids": [""] * count,
            "has_reflectors": [0] * count,
            "boundary_type_fid": [kind for _, kind in self.rows],
        }
        return columns, [shapely.LineString(line) for line in self.lines]


def _layers(road_map: RoadMap, fids: MapFids) -> dict[str, tuple[Columns, list]]:
    """Columns and shapes of every layer that the map has anything for."""
    lanes = [lane for lane in road_map.lanes.values() if not lane.connector]
    connectors = [lane for lane in road_map.lanes.values() if lane.connector]
    boundaries = _Boundaries()
    sides = {
        lane.id: (
            boundaries.fid(lane.left_boundary, lane.left_type.white),
            boundaries.fid(lane.right_boundary, lane.right_type.white),
        )
        for lane in road_map.lanes.values()
    }
    blocks = [block for block in road_map.roadblocks.values() if not block.connector]
    joints = [block for block in road_map.roadblocks.values() if block.connector]
    return {
        "lanes_polygons": _lanes(road_map, lanes, fids, sides),
        "lane_connectors": _connectors(road_map, connectors, fids),
        "gen_lane_connectors_scaled_width_polygons": _connector_areas(connectors, fids, sides),
        "baseline_paths": _baselines(lanes + connectors, fids),
        "boundaries": boundaries.layer(),
        "lane_groups_polygons": _blocks(blocks, fids, sides),
        "lane_group_connectors": _block_connectors(joints, fids, sides),
        "road_segments": _road_segments(blocks, fids),
        **_junction_layers(road_map, fids),
        "carpark_areas": _areas(road_map.carparks),
        "generic_drivable_areas": _areas(road_map.generic_drivable),
        "walkways": _areas(road_map.walkways),
    }


def _lanes(road_map: RoadMap, lanes: list[Lane], fids: MapFids, sides: Sides) -> tuple[Columns, list]:
    numbers = [fids.lanes[lane.id] for lane in lanes]
    columns = {
        "fid": numbers,
        "lane_fid": numbers,
        "lane_group_fid": [fids.roadblocks[lane.roadblock_id] for lane in lanes],
        "lane_index": [road_map.roadblocks[lane.roadblock_id].lane_ids.index(lane.id) for lane in lanes],
        "lane_type_fid": [int(lane.bike) for lane in lanes],
        "speed_limit_mps": [lane.speed_limit for lane in lanes],
        "left_boundary_fid": [sides[lane.id][0] for lane in lanes],
        "right_boundary_fid": [sides[lane.id][1] for lane in lanes],
        "left_has_reflectors": [0] * len(lanes),
        "right_has_reflectors": [0] * len(lanes),
    }
    return columns, [shapely.Polygon(lane.polygon) for lane in lanes]


def _connectors(road_map: RoadMap, connectors: list[Lane], fids: MapFids) -> tuple[Columns, list]:
    before = [road_map.lanes[_only(x, x.predecessors)] for x in connectors]
    after = [road_map.lanes[_only(x, x.successors)] for x in connectors]
    columns = {
        "fid": [fids.lanes[x.id] for x in connectors],
        "exit_lane_fid": [fids.lanes[lane.id] for lane in before],
        "exit_lane_group_fid": [fids.roadblocks[lane.roadblock_id] for lane in before],
        "entry_lane_fid": [fids.lanes[lane.id] for lane in after],
        "entry_lane_group_fid": [fids.roadblocks[lane.roadblock_id] for lane in after],
        "lane_group_connector_fid": [fids.roadblocks[x.roadblock_id] for x in connectors],
        "intersection_fid": [fids.intersections.get(x.intersection_id or "", 0) for x in connectors],
        "turn_type_fid": [int(x.turn) for x in connectors],
        "bulb_fids": [""] * len(connectors),
        "traffic_light_stop_line_fids": [_list(fids.stop_lines, x.stop_line_ids) for x in connectors],
        "speed_limit_mps": [x.speed_limit for x in connectors],
    }
    return columns, [shapely.LineString(x.centerline[:, :2]) for x in connectors]


def _connector_areas(connectors: list[Lane], fids: MapFids, sides: Sides) -> tuple[Columns, list]:
    columns = {
        "fid": range(1, len(connectors) + 1),
        "lane_connector_fid": [fids.lanes[x.id] for x in connectors],
        "left_boundary_fid": [sides[x.id][0] for x in connectors],
        "right_boundary_fid": [sides[x.id][1] for x in connectors],
    }
    return columns, [shapely.Polygon(x.polygon) for x in connectors]


def _baselines(items: list[Lane], fids: MapFids) -> tuple[Columns, list]:
    columns = {
        "fid": range(1, len(items) + 1),
        "path_type_fid": [0] * len(items),
        "lane_fid": [None if x.connector else fids.lanes[x.id] for x in items],
        "lane_connector_fid": [fids.lanes[x.id] if x.connector else None for x in items],
        "dubins_node_fids": [""] * len(items),
    }
    return columns, [shapely.LineString(x.centerline[:, :2]) for x in items]


def _blocks(blocks: list[Roadblock], fids: MapFids, sides: Sides) -> tuple[Columns, list]:
    columns = {
        "fid": [fids.roadblocks[block.id] for block in blocks],
        "left_boundary_fid": [sides[block.lane_ids[0]][0] for block in blocks],
        "right_boundary_fid": [sides[block.lane_ids[-1]][1] for block in blocks],
    }
    return columns, [shapely.Polygon(block.polygon) for block in blocks]


def _block_connectors(blocks: list[Roadblock], fids: MapFids, sides: Sides) -> tuple[Columns, list]:
    columns, polygons = _blocks(blocks, fids, sides)
    ends = {
        "from_lane_group_fid": [fids.roadblocks[_only(block, block.predecessors)] for block in blocks],
        "to_lane_group_fid": [fids.roadblocks[_only(block, block.successors)] for block in blocks],
        "intersection_fid": [fids.intersections.get(block.intersection_id or "", 0) for block in blocks],
    }
    return {**columns, **ends}, polygons


def _road_segments(blocks: list[Roadblock], fids: MapFids) -> tuple[Columns, list]:
    columns = {
        "fid": range(1, len(blocks) + 1),
        "lane_group_fids": [str(fids.roadblocks[block.id]) for block in blocks],
    }
    return columns, [shapely.Polygon(block.polygon) for block in blocks]


def _junction_layers(road_map: RoadMap, fids: MapFids) -> dict[str, tuple[Columns, list]]:
    crossings, lines = road_map.intersections.values(), road_map.stop_lines.values()
    plain = {lane.id: fids.lanes[lane.id] for lane in road_map.lanes.values() if not lane.connector}
    joint = {lane.id: fids.lanes[lane.id] for lane in road_map.lanes.values() if lane.connector}
    intersections = {
        "fid": [fids.intersections[x.id] for x in crossings],
        "intersection_type_fid": [int(x.type) for x in crossings],
        "is_mini": [0] * len(crossings),
    }
    stops = {
        "fid": [fids.stop_lines[x.id] for x in lines],
        "stop_polygon_type_fid": [int(x.type) for x in lines],
        "lane_fids": [_list(plain, x.lane_ids) for x in lines],
        "lane_connector_fids": [_list(joint, x.lane_ids) for x in lines],
        **{
            name: [""] * len(lines)
            for name in ("traffic_light_fids", "crosswalk_fids", "precedence_area_fids")
        },
    }
    columns, polygons = _areas(road_map.crosswalks)
    count = len(polygons)
    crosswalks = {
        **columns,
        "intersection_fids": [""] * count,
        "lane_fids": [""] * count,
        "is_marked": [1] * count,
    }
    return {
        "intersections": (intersections, [shapely.Polygon(x.polygon) for x in crossings]),
        "stop_polygons": (stops, [shapely.Polygon(x.polygon) for x in lines]),
        "crosswalks": (crosswalks, polygons),
    }


def _areas(areas: Mapping[str, Area]) -> tuple[Columns, list]:
    columns = {"fid": list(_numbers(areas).values())}
    return columns, [shapely.Polygon(area.polygon) for area in areas.values()]


def _only(item: Lane | Roadblock, ids: tuple[str, ...]) -> str:
    if len(ids) != 1:
        raise SceneError(
            f"connector {item.id} has {len(ids)} lanes or roadblocks at one end; nuPlan's map format needs exactly "
            "one. Cut the map so that connectors join exactly two."
        )
    return ids[0]


def _list(numbers: Mapping[str, int], ids: Iterable[str]) -> str:
    return ",".join(str(numbers[i]) for i in ids if i in numbers)
