"""``log_map_archive_*.json``: lanes with their boundaries and graph, crosswalks, drivable areas near one log."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.files.fields import Fields
from simscale_gym.geometry import polyline
from simscale_gym.geometry.simple_rings import simple_rings
from simscale_gym.scene import BoundaryType
from simscale_gym.sources.inferred.extent import Extent
from simscale_gym.sources.inferred.features import LaneFeature, MapFeatures, centerline_of, open_ring
from simscale_gym.sources.inferred.own_level import OwnLevel

Array = NDArray[np.float64]

MAX_MAP_BYTES = 2**27
"""A larger map [byte] is refused before it is read; those of logs have a few hundred thousand."""

_UNPAINTED = ("NONE", "UNKNOWN")
_DASHED = ("DASHED_", "DOUBLE_DASH_")


def read_map_archive(path: Path, origin: Array, extent: Extent, way: Array | None = None) -> MapFeatures:
    """The map in the scene frame, moved by ``-origin [3]`` [m].

    Args:
        path: The file.
        origin: Origin of the scene.
        extent: Where the map may reach, in the frame of the scene; what lies beyond is left out.
        way: ``[T, 3]`` where the ego drove, in the frame of the scene: lanes that pass over or under that are set
            apart. None where the ego's heights are not known: then lanes have none.

    Raises:
        DataError: No such map, or something in it is missing or misshapen.
    """
    archive = Fields.of(path, "", _content(path))
    found, behind = MapFeatures(), {}
    for _, segment in archive.child("lane_segments").children():
        if not all(_is_near(segment, f"{side}_lane_boundary", origin, extent) for side in ("left", "right")):
            continue
        lane = _read_lane(segment, origin, level=way is not None)
        if lane is None:
            behind[str(segment.integer("id"))] = _ids(segment, "successors")
        else:
            found.lanes.append(lane)
    found.specks = len(behind)
    if not found.lanes:
        raise archive.error("lane_segments", "no lane", "at least one lane")
    found.lanes = _one_way([replace(lane, exits=_past(lane.exits or (), behind)) for lane in found.lanes])
    if way is not None:
        passing = OwnLevel(way, found.lanes).elsewhere
        found.elsewhere = [lane for lane in found.lanes if lane.id in passing]
        found.lanes = [lane for lane in found.lanes if lane.id not in passing]
    for _, area in archive.child("drivable_areas").children():
        if not _is_near(area, "area_boundary", origin, extent):
            continue
        key, ring = str(area.integer("id")), open_ring(_line(area, "area_boundary", origin))
        if ring is not None:
            pieces = simple_rings(shapely.make_valid(shapely.Polygon(ring)))
            found.paved |= {f"{key}_{i}": piece for i, piece in enumerate(pieces)}
    for _, crossing in archive.child("pedestrian_crossings").children():
        if not all(_is_near(crossing, edge, origin, extent) for edge in ("edge1", "edge2")):
            continue
        corners = np.concatenate([_line(crossing, edge, origin) for edge in ("edge1", "edge2")])
        hull = shapely.MultiPoint(corners).convex_hull
        if isinstance(hull, shapely.Polygon):
            found.crosswalks[str(crossing.integer("id"))] = shapely.get_coordinates(hull)[:-1]
    return found


def _content(path: Path) -> object:
    expected = "a JSON map of Argoverse 2"
    if not path.is_file():
        raise DataError(path, found="no such file", expected=expected, hint="Download the whole folder.")
    if path.stat().st_size > MAX_MAP_BYTES:
        raise DataError(path, found=f"{path.stat().st_size} bytes", expected=f"at most {MAX_MAP_BYTES}")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(path, found=f"no JSON ({str(error)[:80]})", expected=expected) from None


def _read_lane(segment: Fields, origin: Array, level: bool) -> LaneFeature | None:
    left, right = (_line(segment, f"{side}_lane_boundary", origin) for side in ("left", "right"))
    centerline = centerline_of(midline(left, right))
    if centerline is None:
        return None
    whole = len(left) > 1 and len(right) > 1  # one side of a turning place may be a point
    return LaneFeature(
        id=str(segment.integer("id")),
        centerline=centerline,
        connector=segment.flag("is_intersection"),
        heights=_heights(segment, centerline, origin) if level else None,
        bike=segment.text("lane_type", ("VEHICLE", "BIKE", "BUS")) == "BIKE",
        polygon=open_ring(np.concatenate([left, right[::-1]])),
        edges=(left, right) if whole else None,
        paint=(_paint(segment, "left"), _paint(segment, "right")),
        exits=_ids(segment, "successors"),
        entries=_ids(segment, "predecessors"),
        left_ids=_neighbor(segment, "left"),
        right_ids=_neighbor(segment, "right"),
    )


def _heights(segment: Fields, centerline: Array, origin: Array) -> Array | None:
    """Heights ``[K]`` [m] along a lane: midway between its boundaries; None where one has no heights."""
    share, sides = polyline.arc_lengths(centerline), []
    for side in ("left", "right"):
        line = polyline.without_repeats(_points(segment, f"{side}_lane_boundary"))
        if line.shape[1] < 3:
            return None
        lengths = polyline.arc_lengths(line[:, :2])
        sides.append(np.interp(share / share[-1] * lengths[-1], lengths, line[:, 2]))
    return (sides[0] + sides[1]) / 2.0 - origin[2]


def midline(left: Array, right: Array) -> Array:
    """The line ``[K, 2]`` midway between two boundaries ``[., 2]``, at equal shares of their lengths."""
    lengths = [polyline.arc_lengths(side)[-1] for side in (left, right)]
    shares = np.linspace(0.0, 1.0, max(2, int(np.ceil(max(lengths))) + 1))
    sides = [
        polyline.at_arc_length(side, shares * length)[:, :2]
        if length > 0
        else np.repeat(side[:1], len(shares), 0)
        for side, length in zip((left, right), lengths, strict=True)
    ]
    return (sides[0] + sides[1]) / 2.0


def _past(exits: tuple[str, ...], behind: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Lanes after a lane, where those too short to be one are passed over."""
    return tuple(key for lane in exits for key in behind.get(lane, (lane,)))


def _one_way(lanes: list[LaneFeature]) -> list[LaneFeature]:
    """The lanes without those neighbours that run against them."""
    middle = {lane.id: lane.centerline[len(lane.centerline) // 2, 2] for lane in lanes}

    def along(lane: LaneFeature, ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(i for i in ids if i in middle and np.cos(middle[i] - middle[lane.id]) > 0)

    return [
        replace(lane, left_ids=along(lane, lane.left_ids), right_ids=along(lane, lane.right_ids))
        for lane in lanes
    ]


def _is_near(fields: Fields, key: str, origin: Array, extent: Extent) -> bool:
    return extent.holds(_points(fields, key)[:, :2] - origin[:2], partial(fields.error, key))


def _line(fields: Fields, key: str, origin: Array) -> Array:
    """Points ``[K, 2]`` in the scene frame, without repeats."""
    return polyline.without_repeats(_points(fields, key)[:, :2] - origin[:2])


def _points(fields: Fields, key: str) -> Array:
    """Points ``[K, 3]`` in the city's frame, ``[K, 2]`` where they have no heights."""
    points = fields.get(key)
    try:
        axes = "xyz" if all("z" in point for point in points) else "xy"
        line = np.array([[point[axis] for axis in axes] for point in points])
    except (TypeError, KeyError, ValueError, IndexError):
        raise fields.error(key, shown(points), "a list of points with x and y") from None
    if line.ndim != 2 or line.dtype.kind not in "iuf" or not np.isfinite(line).all():
        raise fields.error(key, shown(points), "some points with finite numbers x and y")
    return line


def _paint(segment: Fields, side: str) -> BoundaryType:
    mark = segment.text(f"{side}_lane_mark_type")
    if mark in _UNPAINTED:
        return BoundaryType.VIRTUAL
    dashed = mark.startswith(_DASHED)
    if mark.endswith("YELLOW"):
        return BoundaryType.DASHED_YELLOW if dashed else BoundaryType.SOLID_YELLOW
    return BoundaryType.DASHED_WHITE if dashed else BoundaryType.SOLID_WHITE


def _ids(segment: Fields, key: str) -> tuple[str, ...]:
    value = segment.get(key)
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        raise segment.error(key, shown(value), "a list of lane ids")
    return tuple(str(item) for item in value)


def _neighbor(segment: Fields, side: str) -> tuple[str, ...]:
    key = f"{side}_neighbor_id"
    return (str(segment.integer(key)),) if segment.has(key) else ()
