"""The space beside the road: where it is paved, where things may stand, and what must stay clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import box, polyline
from simscale_gym.geometry.simple_rings import polygons_of
from simscale_gym.scene import RoadMap, Scene
from simscale_gym.scene.road_map import GRID

Array = NDArray[np.float64]

FOCUS = 150.0
"""Shapes are made this far around the logged ego [m]."""

_CLOSE = 0.4  # [m] half width of the gaps between map polygons that are no gaps in the road
_MIN_HOLE = 15.0  # [m^2] smaller holes in the road are gaps between its polygons
_RUN_ON = 40.0  # [m] a road goes on at least this far behind the end of its map
_CLEARANCE = 0.5  # [m] beside anything that moves
_BOX_STRIDE = (
    5  # [frames] between the boxes of a track that are kept clear: long ones swing out of their path
)
_MARGIN = 60.0  # [m] of map beyond the focus, so that its own edge makes no kerb


@dataclass(frozen=True, eq=False)
class StreetSpace:
    """Areas in the scene frame.

    Attributes:
        focus: Surroundings of the logged ego, which get a street.
        road: Area that vehicles may drive on.
        run_on: Area where roads would go on behind the end of the map.
        walkways, crosswalks: Walkways and crosswalks of the map.
        junctions: Intersections of the map.
        moving: Places where the ego or a track was, with some clearance.
        blocked: ``road``, ``run_on``, ``crosswalks``, ``moving`` and what lies under bridges: nothing may stand there.
    """

    focus: shapely.Geometry
    road: shapely.Geometry
    run_on: shapely.Geometry
    walkways: shapely.Geometry
    crosswalks: shapely.Geometry
    junctions: shapely.Geometry
    moving: shapely.Geometry
    blocked: shapely.Geometry

    def kerbs(self, distance: float) -> list[Array]:
        """Closed lines ``[K, 2]`` that run ``distance`` [m] off the road, the road to their left, near the ego."""
        grown = self.road.buffer(distance, join_style="round", quad_segs=4).simplify(0.1)
        lines = []
        for part in polygons_of(grown):
            part = shapely.geometry.polygon.orient(part)
            for ring in (part.exterior, *part.interiors):
                near = ring.intersects(self.focus)
                lines += [np.asarray(ring.coords)] if near and ring.length > 2.0 * np.pi * distance else []
        return lines


def street_space(scene: Scene) -> StreetSpace:
    """Work out the areas around the log of ``scene``."""
    path = shapely.LineString(polyline.resample(scene.ego.poses[:, :2], 5.0)[:, :2])
    focus = path.simplify(1.0).buffer(FOCUS, quad_segs=8)
    near = focus.buffer(_MARGIN)
    road = _road(scene.map, near)
    run_on, moving = _run_on(scene.map, near), _moving(scene)
    crosswalks = _union([a.polygon for a in scene.map.crosswalks.values()], near)
    return StreetSpace(
        focus=focus,
        road=road,
        run_on=run_on,
        walkways=_union([a.polygon for a in scene.map.walkways.values()], near),
        crosswalks=crosswalks,
        junctions=_union([a.polygon for a in scene.map.intersections.values()], near),
        moving=moving,
        blocked=shapely.unary_union([road, run_on, crosswalks, moving, _under_bridges(scene.map, near)]),
    )


def _union(rings: list[Array], near: shapely.Geometry) -> shapely.Geometry:
    """Union of those rings that come near, invalid ones repaired."""
    if not rings:
        return shapely.MultiPolygon()
    areas = shapely.make_valid(np.array([shapely.Polygon(ring[:, :2]) for ring in rings]))
    shapely.prepare(near)
    kept = areas[shapely.intersects(areas, near)]
    return shapely.MultiPolygon(
        [part for area in [shapely.unary_union(kept, grid_size=GRID)] for part in polygons_of(area)]
    )


def _road(road_map: RoadMap, near: shapely.Geometry) -> shapely.Geometry:
    union = _union(road_map.drivable_rings, near)
    closed = union.buffer(_CLOSE, join_style="mitre").buffer(-_CLOSE, join_style="mitre")
    filled = [
        shapely.Polygon(part.exterior, [h for h in part.interiors if shapely.Polygon(h).area > _MIN_HOLE])
        for part in polygons_of(closed)
    ]
    return shapely.MultiPolygon(polygons_of(shapely.make_valid(shapely.MultiPolygon(filled).simplify(0.05))))


def _run_on(road_map: RoadMap, near: shapely.Geometry) -> shapely.Geometry:
    """Strips straight on from lanes that end, and back from lanes that begin, without another."""
    strips = []
    for lane in road_map.lanes.values():
        width = max(2.0, np.linalg.norm(lane.left_boundary[-1] - lane.right_boundary[-1]) / 2 + 0.5)
        ends = [(lane.centerline[-1], 1.0)] if not lane.successors else []
        ends += [(lane.centerline[0], -1.0)] if not lane.predecessors else []
        for (x, y, heading), sign in ends:
            tip = (x + sign * _RUN_ON * np.cos(heading), y + sign * _RUN_ON * np.sin(heading))
            strips.append(shapely.LineString([(x, y), tip]).buffer(width, cap_style="flat"))
    return shapely.unary_union([strip for strip in strips if strip.intersects(near)])


def _under_bridges(road_map: RoadMap, near: shapely.Geometry) -> shapely.Geometry:
    return _union([lane.polygon for lane in road_map.elsewhere.values()], near).buffer(2.0 * _CLEARANCE)


def _moving(scene: Scene) -> shapely.Geometry:
    """Swept by the ego and by the tracks."""
    ego = scene.vehicle
    parts = [_swept(scene.ego.poses[:, :2], ego.width)]
    for row in range(len(scene.tracks)):
        frames = np.flatnonzero(scene.tracks.valid[row])
        if len(frames):
            size = scene.tracks.sizes[row]
            stops = scene.tracks.poses[row, np.unique(np.r_[frames[::_BOX_STRIDE], frames[-1]])]
            padded = np.tile(size[:2] + 2 * _CLEARANCE, (len(stops), 1))
            boxes = box.corners(np.concatenate([stops, padded], 1))
            parts += [_swept(scene.tracks.poses[row, frames, :2], size[1]), *map(shapely.Polygon, boxes)]
    return shapely.unary_union(parts)


def _swept(points: Array, width: float) -> shapely.Geometry:
    points = polyline.without_repeats(points, 0.2)
    line = shapely.LineString(points).simplify(0.1) if len(points) > 1 else shapely.Point(points[0])
    return line.buffer(width / 2 + _CLEARANCE, quad_segs=2)
