"""Lanes as NAVSIM's reactive vehicles see them: rails that they are put on, and where on which."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.agents.navsim.strip import QUANTUM
from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import Lane, RoadMap, derived

Array = NDArray[np.float64]

_LOOK_AHEAD = 0.5  # [m], polyline_map_object.py: the chord that gives a snapped vehicle's heading
_REPEATED = 1e-8  # [m], numpy.isclose with zero: such steps of a baseline are left out


class Rails(NamedTuple):
    """The paths of all lanes, one after another; without what NAVSIM leaves out, the last vertex among it.

    Attributes:
        points: ``[V, 2]`` vertices of the paths [m].
        progress: ``[V]`` distance along the own lane [m], counted over the whole centerline.
        headings: ``[V]`` heading of the segment that leaves each vertex, unwrapped along the lane [rad].
        starts: ``[L + 1]`` first vertex of each lane.
    """

    points: Array
    progress: Array
    headings: Array
    starts: NDArray[np.int64]


class RailMap(NamedTuple):
    """A map's rails and what a vehicle is looked up in.

    Attributes:
        rails: Paths of the lanes, in the order of ``road_map.lane_ids``.
        lines: ``[L]`` centerlines.
        limits: ``[L]`` speed limits [m/s]; 0 for none.
        ring_size: Points that the ring of a strip along any of them can have.
        lanes, connectors: Trees over polygons, and the lane row of each.
        intersections: A tree over polygons.
    """

    rails: Rails
    lines: NDArray[np.object_]
    limits: Array
    ring_size: int
    lanes: tuple[shapely.STRtree, NDArray[np.int64]]
    connectors: tuple[shapely.STRtree, NDArray[np.int64]]
    intersections: shapely.STRtree


class Berth(NamedTuple):
    """A place on rails that a vehicle would be put at.

    Attributes:
        lane: Row of the lane; -1 where there is none.
        progress: Distance along the lane's whole centerline [m].
        pose: x, y, heading on the centerline.
        deviation: Distance that it is moved by [m].
        on_road: Whether the vehicle is in a lane or an intersection at all.
    """

    lane: int
    progress: float
    pose: tuple[float, float, float]
    deviation: float
    on_road: bool


@derived
def rail_map(road_map: RoadMap) -> RailMap:
    """Derive :class:`RailMap`. Bicycle lanes, which nuPlan has none of, are left out."""
    lanes = list(road_map.lanes.values())
    paths = [_path(lane) for lane in lanes]
    return RailMap(
        Rails(
            np.concatenate([path[0] for path in paths]) if paths else np.zeros((0, 2)),
            np.concatenate([path[1] for path in paths]) if paths else np.zeros(0),
            np.concatenate([path[2] for path in paths]) if paths else np.zeros(0),
            np.concatenate([[0], np.cumsum([len(path[1]) for path in paths])]).astype(np.int64),
        ),
        np.array([shapely.LineString(lane.centerline[:, :2]) for lane in lanes], object),
        np.array([lane.speed_limit or 0.0 for lane in lanes], float),
        max((_ring_size(path[2]) for path in paths), default=0),
        _tree(lanes, connector=False),
        _tree(lanes, connector=True),
        shapely.STRtree([shapely.Polygon(area.polygon) for area in road_map.intersections.values()]),
    )


def berth(rails: RailMap, pose: Array) -> Berth:
    """The place on rails of a vehicle at ``pose [3]``.

    On the lane around its center whose heading differs least, as numbers: NAVSIM wraps no angle here. Without a
    lane, likewise among the connectors if it stands in an intersection.
    """
    center = shapely.Point(float(pose[0]), float(pose[1]))
    rows, on_road = _around(rails.lanes, center), True
    if not len(rows):
        on_road = bool(len(rails.intersections.query(center, predicate="within")))
        rows = _around(rails.connectors, center) if on_road else rows
    if not len(rows):
        return Berth(-1, 0.0, (0.0, 0.0, 0.0), 0.0, on_road)
    places = [_nearest(rails.lines[row], center) for row in rows]
    best = int(np.argmin([abs(place[1][2] - pose[2]) for place in places]))
    progress, nearest = places[best]
    deviation = float(np.hypot(nearest[0] - pose[0], nearest[1] - pose[1]))
    return Berth(int(rows[best]), progress, nearest, deviation, on_road)


def _path(lane: Lane) -> tuple[Array, Array, Array]:
    """Points, progress and headings of a lane.

    NAVSIM drops the last vertex together with repeated ones (idm/utils.py: the mask is one shorter than the path).
    It fails on a lane of two vertices; here such a one keeps both.
    """
    points = lane.centerline[:, :2]
    progress, headings = polyline.arc_lengths(points), polyline.headings(points)
    keep = np.r_[np.diff(progress) > _REPEATED, False]
    if keep.sum() < 2:
        keep = np.r_[True, np.diff(progress) > _REPEATED]
    return points[keep], progress[keep], np.unwrap(headings[keep])


def _ring_size(headings: Array) -> int:
    """Points of a ring around a path: at most four at each vertex on either side, and the chords of round joins."""
    turns = np.abs(wrap_angle(np.diff(headings))).sum()
    return 8 * (len(headings) + 4) + int(2.0 * turns / QUANTUM)


def _tree(lanes: list[Lane], *, connector: bool) -> tuple[shapely.STRtree, NDArray[np.int64]]:
    rows = [row for row, lane in enumerate(lanes) if lane.connector == connector and not lane.bike]
    return shapely.STRtree([shapely.Polygon(lanes[row].polygon) for row in rows]), np.array(rows, np.int64)


def _around(index: tuple[shapely.STRtree, NDArray[np.int64]], center: shapely.Point) -> NDArray[np.int64]:
    """Rows whose polygon has ``center`` strictly inside, in the map's order."""
    return index[1][np.sort(index[0].query(center, predicate="within"))]


def _nearest(line: shapely.LineString, center: shapely.Point) -> tuple[float, tuple[float, float, float]]:
    """Arc length and pose of the nearest place of ``line``; the heading is that of the next 0.5 m."""
    s = line.project(center)
    here, ahead = line.interpolate(s), line.interpolate(s + _LOOK_AHEAD)
    behind = here
    if here == ahead:
        behind, ahead = line.interpolate(s - _LOOK_AHEAD), here
    heading = float(np.arctan2(ahead.y - behind.y, ahead.x - behind.x))
    return float(s), (float(here.x), float(here.y), heading)
