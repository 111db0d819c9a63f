"""Read nuPlan's ``map.gpkg`` and cut from it the road map around a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import (
    Area,
    Intersection,
    IntersectionType,
    Lane,
    Roadblock,
    RoadMap,
    StopLine,
    StopLineType,
)
from simscale_gym.sources.nuplan.geopackage import Layer, read_layer, read_projection
from simscale_gym.sources.nuplan.lanes import Cut, MapFile, fid_list, fid_text, read_lanes
from simscale_gym.sources.nuplan.map_index import kept_index
from simscale_gym.sources.nuplan.sqlite_table import open_database

Array = NDArray[np.float64]

MARGIN = 250.0
"""What lies within this distance [m] of the ego's path belongs to the map of its log."""

CITY = 16 * 2**20
"""Size of a file [byte] from which on it is indexed and read in parts: a smaller one is read whole in a moment."""

_KIND = "nuPlan map (map.gpkg)"
_SIMPLIFIED = 5.0  # [m] of detail that the ego's path loses before distances to it are measured

_COLUMNS: dict[str, tuple[str, ...]] = {
    "lanes_polygons": (
        "lane_group_fid", "lane_index", "lane_type_fid", "left_boundary_fid", "right_boundary_fid", "speed_limit_mps",
    ),
    "lane_connectors": (
        "exit_lane_fid", "entry_lane_fid", "lane_group_connector_fid", "intersection_fid", "turn_type_fid",
        "traffic_light_stop_line_fids", "speed_limit_mps",
    ),
    "gen_lane_connectors_scaled_width_polygons": ("lane_connector_fid", "left_boundary_fid", "right_boundary_fid"),
    "baseline_paths": ("lane_fid", "lane_connector_fid"),
    "boundaries": ("boundary_type_fid",),
    "lane_groups_polygons": (),
    "lane_group_connectors": ("intersection_fid", "from_lane_group_fid", "to_lane_group_fid"),
    "intersections": ("intersection_type_fid",),
    "stop_polygons": ("stop_polygon_type_fid", "lane_fids", "lane_connector_fids"),
    "crosswalks": (),
    "carpark_areas": (),
    "generic_drivable_areas": (),
    "walkways": (),
}  # fmt: skip


def read_map(path: Path, name: str, bounds: Array | None = None, *, indexed_from: int = CITY) -> MapFile:
    """Read the layers of ``path``; the last few files that were read whole stay in memory.

    Args:
        path: The file.
        name: nuPlan's name of the place.
        bounds: ``[4]`` least x, y, greatest x, y [m] of what is wanted; None for all. A small file is read whole all
            the same.
        indexed_from: Size of a file that is not small [byte].

    Raises:
        DataError: Missing, damaged, or without a layer or column that a road map needs.
    """
    size, changed = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else (0, 0)
    if bounds is None or size < indexed_from:
        return _read_whole(path, name, changed)
    index = kept_index(path, lambda: _layers(path))
    rows = {layer: fids.tolist() for layer, fids in index.rows_around(np.asarray(bounds, float)).items()}
    return _read(path, name, rows)


@lru_cache(maxsize=4)
def _read_whole(path: Path, name: str, _changed: int) -> MapFile:
    return _read(path, name, {})


def _read(path: Path, name: str, rows: Mapping[str, Sequence[int]]) -> MapFile:
    """All of a map, or the ``rows`` of each layer, by fid."""
    with open_database(path, _KIND) as database:
        epsg = read_projection(database, path)
    return MapFile(name, path, epsg, dict(_layers(path, rows)))


def _layers(
    path: Path, rows: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> Iterator[tuple[str, Layer]]:
    """Layers by name, one after the other: all of each, or those of its ``rows``."""
    with open_database(path, _KIND) as database:
        epsg = read_projection(database, path)
        for name, columns in _COLUMNS.items():
            yield name, read_layer(database, path, name, columns, epsg, rows.get(name))


def map_around(path: Path, name: str, drive: Array, origin: Array) -> RoadMap:
    """The road map of the file ``path`` within MARGIN of ``drive [K, 2]``, in the frame of ``origin [2+]``.

    Raises:
        DataError: The map cannot be used.
    """
    reach = MARGIN + _SIMPLIFIED
    bounds = np.concatenate([drive.min(0) - reach, drive.max(0) + reach])
    return crop_map(read_map(path, name, bounds), drive, origin)


def crop_map(file: MapFile, path: Array, origin: Array, margin: float = MARGIN) -> RoadMap:
    """The road map within ``margin`` [m] of ``path [K, 2]``, both global, in the frame of ``origin [2+]``.

    Whole roadblocks are kept, so that no lane loses its neighbours; links to what is cut off are dropped.

    Raises:
        DataError: A row names another that is not there, or a fid stands for two things.
    """
    points = polyline.without_repeats(np.asarray(path, float)[:, :2], 1.0)
    line = shapely.LineString(points) if len(points) > 1 else shapely.Point(points[0])
    cut = Cut(file, np.asarray(origin, float)[:2], shapely.simplify(line, _SIMPLIFIED), margin)
    lanes, orders = read_lanes(cut)
    return RoadMap(
        name=file.name,
        lanes=lanes,
        roadblocks=_roadblocks(cut, lanes, orders),
        intersections={
            i: Intersection(i, cut.ring("intersections", row), kind)
            for i, row, kind in cut.kinds("intersections", "intersection_type_fid", IntersectionType.DEFAULT)
        },
        stop_lines={
            i: StopLine(i, cut.ring("stop_polygons", row), kind, _lanes_of(cut, row, lanes))
            for i, row, kind in cut.kinds("stop_polygons", "stop_polygon_type_fid", StopLineType.UNKNOWN)
        },
        crosswalks=_areas(cut, "crosswalks"),
        walkways=_areas(cut, "walkways"),
        carparks=_areas(cut, "carpark_areas"),
        generic_drivable=_areas(cut, "generic_drivable_areas"),
    )


def _roadblocks(
    cut: Cut, lanes: Mapping[str, Lane], orders: Mapping[str, tuple[int, ...]]
) -> dict[str, Roadblock]:
    members: dict[str, list[str]] = {}
    for lane_id in sorted(lanes, key=orders.__getitem__):
        members.setdefault(lanes[lane_id].roadblock_id, []).append(lane_id)
    joints = cut.file.layers["lane_group_connectors"].table
    ends = {
        joints["fid"][row]: (
            fid_text(joints["from_lane_group_fid"][row]),
            fid_text(joints["to_lane_group_fid"][row]),
        )
        for row in cut.near("lane_group_connectors")
    }
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for joint, (start, end) in ends.items():
        after.setdefault(start, []).append(str(joint))
        before.setdefault(end, []).append(str(joint))
    out: dict[str, Roadblock] = {}
    for row in cut.near("lane_groups_polygons"):
        i = str(cut.fid("lane_groups_polygons", row))
        out[i] = Roadblock(
            id=i,
            connector=False,
            polygon=cut.ring("lane_groups_polygons", row),
            lane_ids=tuple(members.get(i, ())),
            predecessors=tuple(before.get(i, ())),
            successors=tuple(after.get(i, ())),
        )
    plain = set(out)
    for row in cut.near("lane_group_connectors"):
        fid = cut.fid("lane_group_connectors", row)
        if str(fid) in plain:
            raise joints.fault("fid", row, f"{fid}, a lane group's too", "a fid of its own")
        start, end = ends[fid]
        out[str(fid)] = Roadblock(
            id=str(fid),
            connector=True,
            polygon=cut.ring("lane_group_connectors", row),
            lane_ids=tuple(members.get(str(fid), ())),
            predecessors=(start,) if start in plain else (),
            successors=(end,) if end in plain else (),
            intersection_id=cut.intersection(joints["intersection_fid"][row]),
        )
    return out


def _lanes_of(cut: Cut, row: int, lanes: Mapping[str, Lane]) -> tuple[str, ...]:
    table = cut.file.layers["stop_polygons"].table
    ids = fid_list(table["lane_fids"][row]) + fid_list(table["lane_connector_fids"][row])
    return tuple(i for i in ids if i in lanes)


def _areas(cut: Cut, layer: str) -> dict[str, Area]:
    rows = [(str(cut.fid(layer, row)), row) for row in cut.near(layer)]
    return {i: Area(i, cut.ring(layer, row)) for i, row in rows}
