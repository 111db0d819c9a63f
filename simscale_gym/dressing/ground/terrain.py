"""What the ground is made of at each place near the ego's path: road, sidewalk, grass, ... and how far the path is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.errors import SceneError
from simscale_gym.geometry import polyline
from simscale_gym.scene import Lane, Scene, Shapes
from simscale_gym.scene.levels import LEVEL

Array = NDArray[np.float64]

REACH = 160.0
"""Around the path, beyond which the ground is neutral [m]."""

DETAIL_REACH = 42.0
"""Around the path, within which paint and kerbs are cut out of the ground [m]."""


AHEAD = 40.0
"""Length of the route beyond the end of the log that counts as path [m]: another driver may be faster."""


_PATH_REACH = 8.0  # [m] from the path within which its own heights count


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
    YELLOW_PAINT = 9


PAINTS = (Surface.PAINT, Surface.YELLOW_PAINT)
"""What lines are made of."""


@dataclass(frozen=True, eq=False)
class Terrain:
    """The plan of a scene's ground.

    Attributes:
        path: ``[K, 2]`` the logged ego's path [m].
        road: Paved area that vehicles use; its border is the kerb line.
        surfaces: Raster of :class:`Surface`.
        lanes: ``[L, 3]`` poses every metre along all centrelines.
        places: ``[M, 2]`` where the height of the road is known: the path, and lanes at its level.
        heights: ``[M]`` these heights [m].
    """

    path: Array
    road: shapely.MultiPolygon
    surfaces: GroundRaster
    lanes: Array
    places: Array
    heights: Array
    _lane_tree: cKDTree = field(repr=False)
    _place_tree: cKDTree = field(repr=False)

    @classmethod
    def of(cls, scene: Scene, shapes: Shapes) -> Terrain:
        """Read the plan off the scene's map and side shapes."""
        path, heights = _path_of(scene)
        window = shapely.box(*(path.min(0) - REACH), *(path.max(0) + REACH))
        road = _road_of(scene, shapes, window)
        surfaces = _draw(road, shapes, window)
        lanes = [polyline.resample(lane.centerline[:, :2], 1.0) for lane in scene.map.lanes.values()]
        lanes = np.concatenate(lanes) if lanes else np.zeros((1, 3))
        places, heights = _known_heights(scene, path, heights)
        trees = cKDTree(lanes[:, :2]), cKDTree(places)
        return cls(path, road, surfaces, lanes, places, heights, *trees)

    def distance(self, points: ArrayLike) -> Array:
        """Distance ``[N]`` of ``points [N, 2]`` from the path [m]."""
        return _distances(np.ascontiguousarray(points, float), np.ascontiguousarray(self.path.T))

    def height(self, points: ArrayLike) -> Array:
        """Height ``[N]`` of the road level at ``points [N, 2]`` [m], that of the nearest places where it is known."""
        if not self.heights.any():
            return np.zeros(len(points))
        nearest = list(range(1, min(4, len(self.places)) + 1))
        distance, row = self._place_tree.query(np.asarray(points, float), k=nearest)
        weight = 1.0 / (distance + 0.5)
        return (weight * self.heights[row]).sum(1) / weight.sum(1)

    def lane_offset(self, points: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
        """Signed offset ``[N]`` of ``points [N, 2]`` from the nearest centreline [m, left +] and its row."""
        points = np.asarray(points, float)
        row = self._lane_tree.query(points)[1]
        x, y, heading = self.lanes[row].T
        return (points[:, 1] - y) * np.cos(heading) - (points[:, 0] - x) * np.sin(heading), row


@njit(cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _distances(points, path):
    """From each of ``points [N, 2]`` to the nearest of ``path [2, K]``: for some hundred quicker than a tree."""
    out = np.empty(len(points))
    for i in range(len(points)):
        least = np.inf
        for k in range(path.shape[1]):
            x, y = path[0, k] - points[i, 0], path[1, k] - points[i, 1]
            least = min(least, x * x + y * y)
        out[i] = np.sqrt(least)
    return out


def _path_of(scene: Scene) -> tuple[Array, Array]:
    """Places ``[K, 2]`` every metre along the log and on along its route, with the height of the ground there."""
    poses = scene.ego.poses[:, :2]
    keep = np.r_[True, np.linalg.norm(np.diff(poses, axis=0), axis=1) > 1e-3]
    points, heights = poses[keep], scene.ego.z[keep]
    ahead, climb = _ahead(scene)
    points = np.concatenate([points, ahead])
    heights = np.concatenate([heights, heights[-1] + climb])
    if len(points) < 2:
        return points, heights
    length = polyline.arc_lengths(points)
    s = np.linspace(0.0, length[-1], max(2, int(length[-1]) + 1))
    return polyline.at_arc_length(points, s)[:, :2], np.interp(s, length, heights)


def _known_heights(scene: Scene, path: Array, heights: Array) -> tuple[Array, Array]:
    """Places ``[M, 2]`` of path and lanes with the height of the road there ``[M]``.

    Lanes that pass over or under the path are left out. The path says how high the others are, as it is the ego's own
    height that cameras stand at: boxes and lanes of a log differ by some decimetres.
    """
    known = [lane for lane in scene.map.lanes.values() if lane.heights is not None]
    if not known:
        return path, heights
    tree, places, levels, steps = cKDTree(path), [path], [heights], [np.zeros(0)]
    for lane in known:
        distance, nearest = tree.query(lane.centerline[:, :2])
        near, step = distance < _PATH_REACH, lane.heights - heights[nearest]
        if (np.abs(step[near]) < LEVEL).all():
            steps.append(step[near])
            places.append(lane.centerline[~near, :2])
            levels.append(lane.heights[~near])
    offset = np.median(np.concatenate(steps)) if any(map(len, steps)) else 0.0
    return np.concatenate(places), np.concatenate([heights, *(level - offset for level in levels[1:])])


def _ahead(scene: Scene) -> tuple[Array, Array]:
    """The route from the last logged pose on, for ``AHEAD`` metres; none where that is off the lanes.

    Returns:
        Places ``[M, 2]``, and how much higher than at the log's end the road is there ``[M]`` [m], where known.
    """
    try:
        lane_id, s, _ = scene.map.nearest_lane(scene.ego.poses[-1], max_distance=4.0)
    except SceneError:
        return np.zeros((0, 2)), np.zeros(0)
    lane, points, climbs, left = scene.map.lanes[lane_id], [], [], AHEAD
    base = _height_along(lane, np.array([s]))
    while left > 0.0:
        stations = np.arange(s + 1.0, min(lane.length, s + left), 1.0)
        points.append(polyline.at_arc_length(lane.centerline, stations)[:, :2])
        climbs.append(_height_along(lane, stations) - base)
        left -= lane.length - s
        following = [scene.map.lanes[i] for i in lane.successors if i in scene.map.lanes]
        if not following:
            break
        on_route = [item for item in following if item.roadblock_id in scene.route]
        lane, s = (on_route or following)[0], 0.0
    return np.concatenate(points), np.concatenate(climbs)


def _height_along(lane: Lane, stations: Array) -> Array:
    """Height ``[M]`` of ``lane`` at arc lengths ``stations [M]`` [m]; 0 where it is not known."""
    if lane.heights is None:
        return np.zeros(len(stations))
    return np.interp(stations, polyline.arc_lengths(lane.centerline), lane.heights)


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
    footprints = np.array([shapely.Polygon(building.footprint) for building in shapes.buildings], object)
    x0, y0, x1, y1 = shapely.bounds(footprints).T
    inside = (x1 > low_x) & (y1 > low_y) & (x0 < high_x) & (y0 < high_y)
    for shape in shapely.buffer(footprints[inside], -0.4, quad_segs=16):
        _fill(raster, shape, Surface.BUILDING)
    return raster


def _fill(raster: GroundRaster, shape: shapely.Geometry, value: int) -> None:
    for piece in getattr(shape, "geoms", [shape]):
        if isinstance(piece, shapely.Polygon) and not piece.is_empty:
            rings = [np.asarray(r.coords)[:, :2] for r in (piece.exterior, *piece.interiors)]
            raster.fill_polygon(rings, value)
