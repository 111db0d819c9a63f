"""What the ground is made of at each place near the ego's path: road, sidewalk, grass, ... and how far the path is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline
from simscale_gym.scene import Scene, Shapes

Array = NDArray[np.float64]

REACH = 160.0
"""Around the path, beyond which the ground is neutral [m]."""

DETAIL_REACH = 42.0
"""Around the path, within which paint and kerbs are cut out of the ground [m]."""


AHEAD = 40.0
"""Length of the route beyond the end of the log that counts as path [m]: another driver may be faster."""


class Surface(IntEnum):
    """Kinds of ground."""

    NEUTRAL = 0
    SIDEWALK = 1
    GRASS = 2
    PLAZA = 3
    ISLAND = 4
    ROAD = 5
    BUILDING = 6
    PAINT = 7
    KERB = 8


@dataclass(frozen=True, eq=False)
class Terrain:
    """The plan of a scene's ground.

    Attributes:
        path: ``[K, 2]`` the logged ego's path [m].
        road: Paved area that vehicles use; its border is the kerb line.
        surfaces: Raster of :class:`Surface`.
        lanes: ``[L, 3]`` poses every metre along all centrelines.
        heights: ``[K]`` heights of the ground at the path [m].
    """

    path: Array
    road: shapely.MultiPolygon
    surfaces: GroundRaster
    lanes: Array
    heights: Array
    _path_tree: cKDTree = field(repr=False)
    _lane_tree: cKDTree = field(repr=False)

    @classmethod
    def of(cls, scene: Scene, shapes: Shapes) -> Terrain:
        """Read the plan off the scene's map and side shapes."""
        path, heights = _path_of(scene)
        window = shapely.box(*(path.min(0) - REACH), *(path.max(0) + REACH))
        road = _road_of(scene, shapes, window)
        surfaces = _draw(road, shapes, window)
        lanes = [polyline.resample(lane.centerline[:, :2], 1.0) for lane in scene.map.lanes.values()]
        lanes = np.concatenate(lanes) if lanes else np.zeros((1, 3))
        return cls(path, road, surfaces, lanes, heights, cKDTree(path), cKDTree(lanes[:, :2]))

    def distance(self, points: ArrayLike) -> Array:
        """Distance ``[N]`` of ``points [N, 2]`` from the path [m]."""
        return self._path_tree.query(np.asarray(points, float))[0]

    def height(self, points: ArrayLike) -> Array:
        """Height ``[N]`` of the road level at ``points [N, 2]`` [m], that of the nearest places on the path."""
        nearest = list(range(1, min(4, len(self.path)) + 1))
        distance, row = self._path_tree.query(np.asarray(points, float), k=nearest)
        weight = 1.0 / (distance + 0.5)
        return (weight * self.heights[row]).sum(1) / weight.sum(1)

    def lane_offset(self, points: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
        """Signed offset ``[N]`` of ``points [N, 2]`` from the nearest centreline [m, left +] and its row."""
        points = np.asarray(points, float)
        row = self._lane_tree.query(points)[1]
        x, y, heading = self.lanes[row].T
        return (points[:, 1] - y) * np.cos(heading) - (points[:, 0] - x) * np.sin(heading), row


def _path_of(scene: Scene) -> tuple[Array, Array]:
    """Places ``[K, 2]`` every metre along the log and on along its route, with the height of the ground there."""
    poses = scene.ego.poses[:, :2]
    keep = np.r_[True, np.linalg.norm(np.diff(poses, axis=0), axis=1) > 1e-3]
    points, heights = poses[keep], scene.ego.z[keep]
    ahead = _ahead(scene)
    points = np.concatenate([points, ahead])
    heights = np.concatenate([heights, np.full(len(ahead), heights[-1])])
    if len(points) < 2:
        return points, heights
    length = polyline.arc_lengths(points)
    s = np.linspace(0.0, length[-1], max(2, int(length[-1]) + 1))
    return polyline.at_arc_length(points, s)[:, :2], np.interp(s, length, heights)


def _ahead(scene: Scene) -> Array:
    """The route from the last logged pose on, for ``AHEAD`` metres: ``[M, 2]``; none where that is off the lanes."""
    try:
        lane_id, s, _ = scene.map.nearest_lane(scene.ego.poses[-1], max_distance=4.0)
    except SceneError:
        return np.zeros((0, 2))
    lane, points, left = scene.map.lanes[lane_id], [], AHEAD
    while left > 0.0:
        stations = np.arange(s + 1.0, min(lane.length, s + left), 1.0)
        points.append(polyline.at_arc_length(lane.centerline, stations)[:, :2])
        left -= lane.length - s
        following = [scene.map.lanes[i] for i in lane.successors if i in scene.map.lanes]
        if not following:
            break
        on_route = [item for item in following if item.roadblock_id in scene.route]
        lane, s = (on_route or following)[0], 0.0
    return np.concatenate(points)


def _road_of(scene: Scene, shapes: Shapes, window: shapely.Polygon) -> shapely.MultiPolygon:
    """The drivable region, gaps that no kerb would frame closed, traffic islands cut out."""
    region = scene.map.drivable_region.intersection(window)
    region = region.buffer(1.0).buffer(-1.0).simplify(0.02)
    islands = [shapely.Polygon(g.polygon).buffer(0) for g in shapes.grounds if g.kind == "island"]
    solid = [shapely.Polygon(p.exterior, [h for h in p.interiors if shapely.Polygon(h).area > 12.0])
             for p in getattr(region, "geoms", [region]) if p.area > 4.0]  # fmt: skip
    road = (
        shapely.unary_union(solid).difference(shapely.unary_union(islands))
        if islands
        else shapely.unary_union(solid)
    )
    pieces = [p for p in getattr(road, "geoms", [road]) if isinstance(p, shapely.Polygon) and not p.is_empty]
    return shapely.MultiPolygon(pieces)


def _draw(road: shapely.MultiPolygon, shapes: Shapes, window: shapely.Polygon) -> GroundRaster:
    low_x, low_y, high_x, high_y = window.bounds
    raster = GroundRaster.over((low_x, low_y), (high_x, high_y), 0.1)
    paved = any(ground.kind in ("sidewalk", "plaza") for ground in shapes.grounds)
    _fill(raster, road.buffer(0.5 if paved else 3.2), Surface.SIDEWALK)
    order = ("plaza", "sidewalk", "island", "grass")
    for ground in sorted(shapes.grounds, key=lambda g: order.index(g.kind)):
        raster.fill_polygon([ground.polygon], Surface[ground.kind.upper()])
    _fill(raster, road, Surface.ROAD)
    for building in shapes.buildings:
        _fill(raster, shapely.Polygon(building.footprint).buffer(-0.4), Surface.BUILDING)
    return raster


def _fill(raster: GroundRaster, shape: shapely.Geometry, value: int) -> None:
    for piece in getattr(shape, "geoms", [shape]):
        if isinstance(piece, shapely.Polygon) and not piece.is_empty:
            rings = [np.asarray(r.coords)[:, :2] for r in (piece.exterior, *piece.interiors)]
            raster.fill_polygon(rings, value)
