"""Lanes and connectors out of the layers of a nuPlan map, cut to what is near a path."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import BoundaryType, Lane, Turn, derived
from simscale_gym.sources.nuplan.geopackage import Layer

Array = NDArray[np.float64]
Kind = TypeVar("Kind", bound=IntEnum)

_SAME_POINT = 1e-3  # [m]
CONNECTOR_AREAS = "gen_lane_connectors_scaled_width_polygons"
"""Layer of the connectors' polygons."""


@dataclass(frozen=True, eq=False)
class MapFile:
    """Layers of a ``map.gpkg`` that a road map is made of, whole or around a drive, in metres of ``epsg``.

    Attributes:
        name: nuPlan's name of the place.
        path: The file.
        epsg: Code of the projected coordinate system.
        layers: Layers of the file by name.
    """

    name: str
    path: Path
    epsg: int
    layers: Mapping[str, Layer]

    @cached_property
    def baselines(self) -> tuple[dict[str, int], dict[str, int]]:
        """Rows of ``baseline_paths`` by lane and by connector."""
        table = self.layers["baseline_paths"].table
        return _index(table["lane_fid"]), _index(table["lane_connector_fid"])

    @cached_property
    def boundaries(self) -> dict[str, int]:
        """Rows of ``boundaries`` by fid."""
        return _index(self.layers["boundaries"].table["fid"])

    @cached_property
    def connector_areas(self) -> dict[str, int]:
        """Rows of the connectors' polygons by connector."""
        return _index(self.layers[CONNECTOR_AREAS].table["lane_connector_fid"])


class Outlines(NamedTuple):
    """Points of the geometries of a layer.

    Attributes:
        points: ``[V, 2]`` one geometry after another, global [m].
        starts: ``[rows + 1]`` first point of each.
    """

    points: Array
    starts: NDArray[np.int64]

    def of(self, row: int) -> Array:
        """Points ``[K, 2]`` of one row; none where it has no such geometry."""
        return self.points[self.starts[row] : self.starts[row + 1]]


@derived
def rings_of(file: MapFile, layer: str) -> Outlines:
    """Open outlines of the polygons of a layer (of their largest parts)."""
    polygons, rows = _largest(file.layers[layer].geometries, shapely.GeometryType.POLYGON, shapely.area)
    points, part = shapely.get_coordinates(shapely.get_exterior_ring(polygons), return_index=True)
    return _by_row(
        points, rows[part], np.r_[part[1:] == part[:-1], False][: len(part)], len(file.layers[layer])
    )


@derived
def lines_of(file: MapFile, layer: str) -> Outlines:
    """Lines of a layer (their longest parts), without points that repeat."""
    lines, rows = _largest(file.layers[layer].geometries, shapely.GeometryType.LINESTRING, shapely.length)
    points, part = shapely.get_coordinates(lines, return_index=True)
    apart = np.linalg.norm(np.diff(points, axis=0), axis=1) > _SAME_POINT
    keep = np.r_[True, apart | (part[1:] != part[:-1])][: len(part)]
    return _by_row(points, rows[part], keep, len(file.layers[layer]))


def _largest(
    shapes: NDArray[np.object_], kind: shapely.GeometryType, measure: Callable
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The largest part of that kind and any size of each shape that has one, and its row; the first of equals."""
    parts, rows = shapely.get_parts(shapes, return_index=True)
    size = measure(parts)
    fit = (shapely.get_type_id(parts) == kind) & (size > 0.0)
    parts, rows, size = parts[fit], rows[fit], size[fit]
    order = np.lexsort((-size, rows))
    first = np.r_[True, np.diff(rows[order]) > 0][: len(order)]
    return parts[order[first]], rows[order[first]]


def _by_row(points: Array, rows: NDArray[np.int64], keep: NDArray[np.bool_], count: int) -> Outlines:
    counts = np.bincount(rows[keep], minlength=count)
    return Outlines(points[keep], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _index(fids: Any) -> dict[str, int]:
    return {fid_text(fid): row for row, fid in enumerate(fids) if fid is not None}


def fid_text(value: Any) -> str:
    """A fid as text; empty where the map has none."""
    return str(int(value)) if isinstance(value, int | float) and np.isfinite(value) else ""


def fid_list(value: Any) -> tuple[str, ...]:
    """Fids of a comma separated column."""
    return tuple(part.strip() for part in str(value or "").split(",") if part.strip())


@dataclass(frozen=True, eq=False)
class Cut:
    """What to take from a map file: everything within ``margin`` [m] of ``line``, moved to ``origin``.

    Attributes:
        file: The map.
        origin: ``[2]`` global position of the new frame [m].
        line: The path, global.
        margin: Distance from the line up to which elements are taken [m].
    """

    file: MapFile
    origin: Array
    line: shapely.Geometry
    margin: float

    def near(self, layer: str) -> list[int]:
        """Rows of ``layer`` near the path."""
        return _near(self, layer)

    @cached_property
    def kept(self) -> dict[str, frozenset[str]]:
        """Fids near the path of the layers that lanes and roadblocks point to."""
        layers = ("intersections", "stop_polygons")
        return {layer: frozenset(str(self.fid(layer, row)) for row in self.near(layer)) for layer in layers}

    def intersection(self, value: Any) -> str | None:
        """Id of an intersection that is near the path, else None."""
        fid = fid_text(value)
        return fid if fid in self.kept["intersections"] else None

    def fid(self, layer: str, row: int) -> int:
        """Fid of a row."""
        return self.file.layers[layer].table["fid"][row]

    def ring(self, layer: str, row: int) -> Array:
        """Outline ``[M, 2]`` of a polygon (of its largest part), open."""
        ring = rings_of(self.file, layer).of(row)
        if len(ring) < 3:
            kind = self.file.layers[layer].geometries[row].geom_type
            raise self._fault(layer, "geom", row, f"{kind} without area", "a polygon")
        return ring - self.origin

    def path(self, layer: str, row: int) -> Array:
        """Points ``[K, 2]`` of a line."""
        points = lines_of(self.file, layer).of(row)
        if len(points) < 2:
            kind = self.file.layers[layer].geometries[row].geom_type
            raise self._fault(layer, "geom", row, f"{kind} without length", "a line")
        return points - self.origin

    def kinds(self, layer: str, column: str, default: Kind) -> list[tuple[str, int, Kind]]:
        """Fid, row and type of the rows near the path; types that nuPlan does not list become ``default``."""
        values = self.file.layers[layer].table[column]
        return [(str(self.fid(layer, row)), row, _kind(values[row], default)) for row in self.near(layer)]

    def linked(
        self, rows: Mapping[str, int], key: str, layer: str, column: str, row: int, target: str
    ) -> int:
        """Row of ``target`` that ``column`` of ``layer`` names by ``key``.

        Raises:
            DataError: There is none.
        """
        if key not in rows:
            raise self._fault(layer, column, row, key or "no fid", f"the fid of a row that {target} has")
        return rows[key]

    def _fault(self, layer: str, column: str, row: int, found: str, expected: str) -> Exception:
        table = self.file.layers[layer].table
        return table.fault(
            column, row, f"{found} (fid {table['fid'][row]})", expected, "The map is broken there."
        )


@derived
def _near(cut: Cut, layer: str) -> list[int]:
    shapes = cut.file.layers[layer].geometries
    return np.flatnonzero(shapely.dwithin(shapes, cut.line, cut.margin)).tolist() if len(shapes) else []


def _kind(value: Any, default: Kind) -> Kind:
    try:
        return type(default)(value)
    except ValueError:
        return default


def read_lanes(cut: Cut) -> tuple[dict[str, Lane], dict[str, tuple[int, ...]]]:
    """Lanes and connectors of the roadblocks near the path, and how they sort from left to right."""
    groups = {str(cut.fid("lane_groups_polygons", row)) for row in cut.near("lane_groups_polygons")}
    joints = {str(cut.fid("lane_group_connectors", row)) for row in cut.near("lane_group_connectors")}
    table, joint_table = cut.file.layers["lanes_polygons"].table, cut.file.layers["lane_connectors"].table
    rows = {
        str(table["fid"][row]): row
        for row, fid in enumerate(table["lane_group_fid"])
        if fid_text(fid) in groups
    }
    joint_rows = {
        str(joint_table["fid"][row]): row
        for row, fid in enumerate(joint_table["lane_group_connector_fid"])
        if fid_text(fid) in joints
    }
    clash = next(iter(rows.keys() & joint_rows.keys()), None)
    if clash is not None:
        raise joint_table.fault("fid", joint_rows[clash], f"{clash}, a lane's too", "a fid of its own")
    before: dict[str, list[str]] = {i: [] for i in (*rows, *joint_rows)}
    after: dict[str, list[str]] = {i: [] for i in (*rows, *joint_rows)}
    for i, row in joint_rows.items():
        start, end = fid_text(joint_table["exit_lane_fid"][row]), fid_text(joint_table["entry_lane_fid"][row])
        for first, second in ((start, i), (i, end)):
            if first in after and second in before:
                after[first].append(second)
                before[second].append(first)
    place = {(fid_text(table["lane_group_fid"][row]), table["lane_index"][row]): i for i, row in rows.items()}
    lanes = {i: _lane(cut, i, row, before[i], after[i], place) for i, row in rows.items()}
    lanes.update({i: _connector(cut, i, row, before[i], after[i]) for i, row in joint_rows.items()})
    order = {i: (table["lane_index"][row] or 0, 0, int(i)) for i, row in rows.items()}
    for i in joint_rows:
        ends = [order[j][0] if j else 0 for j in (*(before[i] or [""])[:1], *(after[i] or [""])[:1])]
        order[i] = (*ends, int(i))
    return lanes, order


def _lane(
    cut: Cut, i: str, row: int, before: list[str], after: list[str], place: Mapping[tuple[str, Any], str]
) -> Lane:
    layer, table = "lanes_polygons", cut.file.layers["lanes_polygons"].table
    group, index = fid_text(table["lane_group_fid"][row]), table["lane_index"][row] or 0
    baseline = cut.linked(cut.file.baselines[0], i, layer, "fid", row, "baseline_paths")
    line = cut.path("baseline_paths", baseline)
    left, left_type = _boundary(cut, layer, "left_boundary_fid", row, line)
    right, right_type = _boundary(cut, layer, "right_boundary_fid", row, line)
    return Lane(
        id=i,
        connector=False,
        roadblock_id=group,
        centerline=polyline.with_headings(line),
        polygon=cut.ring(layer, row),
        left_boundary=left,
        right_boundary=right,
        left_type=left_type,
        right_type=right_type,
        speed_limit=_speed(table["speed_limit_mps"][row]),
        predecessors=tuple(before),
        successors=tuple(after),
        left_neighbor=place.get((group, index - 1)),
        right_neighbor=place.get((group, index + 1)),
        bike=table["lane_type_fid"][row] == 1,
    )


def _connector(cut: Cut, i: str, row: int, before: list[str], after: list[str]) -> Lane:
    layer, table = "lane_connectors", cut.file.layers["lane_connectors"].table
    stops = cut.kept["stop_polygons"]
    baseline = cut.linked(cut.file.baselines[1], i, layer, "fid", row, "baseline_paths")
    area = cut.linked(cut.file.connector_areas, i, layer, "fid", row, CONNECTOR_AREAS)
    line = cut.path("baseline_paths", baseline)
    left, left_type = _boundary(cut, CONNECTOR_AREAS, "left_boundary_fid", area, line)
    right, right_type = _boundary(cut, CONNECTOR_AREAS, "right_boundary_fid", area, line)
    return Lane(
        id=i,
        connector=True,
        roadblock_id=fid_text(table["lane_group_connector_fid"][row]),
        centerline=polyline.with_headings(line),
        polygon=cut.ring(CONNECTOR_AREAS, area),
        left_boundary=left,
        right_boundary=right,
        left_type=left_type,
        right_type=right_type,
        speed_limit=_speed(table["speed_limit_mps"][row]),
        predecessors=tuple(before),
        successors=tuple(after),
        intersection_id=cut.intersection(table["intersection_fid"][row]),
        turn=_kind(table["turn_type_fid"][row], Turn.UNKNOWN),
        stop_line_ids=tuple(i for i in fid_list(table["traffic_light_stop_line_fids"][row]) if i in stops),
    )


def _speed(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0.0 else None


def _boundary(cut: Cut, layer: str, column: str, row: int, baseline: Array) -> tuple[Array, BoundaryType]:
    """A side of a lane in driving direction: nuPlan's lines may run either way."""
    key = fid_text(cut.file.layers[layer].table[column][row])
    target = cut.linked(cut.file.boundaries, key, layer, column, row, "boundaries")
    line = cut.path("boundaries", target)
    start, end, first, last = line[0], line[-1], baseline[0], baseline[-1]
    same = math.dist(start, first) + math.dist(end, last)
    other = math.dist(end, first) + math.dist(start, last)
    kind = _kind(cut.file.layers["boundaries"].table["boundary_type_fid"][target], BoundaryType.VIRTUAL)
    return (line[::-1] if other < same else line), kind
