"""The ground that things are drawn on: heights, and lines and areas of the map as they are sent to a browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simscale_gym.scene import Scene, derived

Array = NDArray[np.float64]

_EDGE = 3.0  # longest edge of the outline of an area before it is cut into triangles [m]


def heights(scene: Scene, points: Array) -> Array:
    """Height ``[K]`` of the road at ``points [K, 2]`` [m]: that of the nearest logged pose."""
    return scene.ego.z[_logged_places(scene).query(points[:, :2])[1]]


@derived
def _logged_places(scene: Scene) -> cKDTree:
    return cKDTree(scene.ego.poses[:, :2])


def lifted(scene: Scene, points: Array, above: float) -> Array:
    """Points ``[K, 3]`` that lie ``above`` [m] the road at ``points [K, 2 or more]``."""
    flat = np.asarray(points, float)[:, :2]
    return np.column_stack([flat, heights(scene, flat) + above])


def segments(lines: Iterable[Array]) -> NDArray[np.float32]:
    """Segments ``[S, 2, 3]`` of polylines ``[K, 3]``."""
    parts = [np.stack([line[:-1], line[1:]], axis=1) for line in lines if len(line) > 1]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 2, 3), np.float32)


def dashed(line: Array, on: float = 3.0, off: float = 4.0) -> list[Array]:
    """Dashes of a polyline ``[K, 3]``, ``on`` [m] long and ``off`` [m] apart."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    starts = np.arange(0.0, lengths[-1], on + off)
    ends = np.minimum(starts + on, lengths[-1])
    at = np.stack([starts, ends], axis=1)
    places = [np.stack([np.interp(span, lengths, line[:, axis]) for axis in range(3)], axis=1) for span in at]
    return places


def near(points: Array, way: Array, reach: float) -> bool:
    """Whether any of ``points [K, 2]`` lies within ``reach`` [m] of a pose of ``way [T, 2]``."""
    low, high = way[:, :2].min(0) - reach, way[:, :2].max(0) + reach
    return bool(((points[:, :2] > low) & (points[:, :2] < high)).all(1).any())


def filled(scene: Scene, areas: Sequence[shapely.Polygon], above: float) -> tuple[NDArray, NDArray]:
    """Vertices ``[V, 3]`` and faces ``[F, 3]`` that cover areas, ``above`` [m] the road."""
    vertices, faces, count = [], [], 0
    for area in areas:
        fine = shapely.segmentize(area, _EDGE)
        triangles = shapely.get_parts(
            shapely.delaunay_triangles(shapely.MultiPoint(shapely.get_coordinates(fine)))
        )
        inside = triangles[shapely.contains(area.buffer(1e-3), shapely.centroid(triangles))]
        corners = shapely.get_coordinates(inside).reshape(-1, 4, 2)[:, :3].reshape(-1, 2)
        vertices.append(lifted(scene, corners, above))
        faces.append(count + np.arange(len(corners)).reshape(-1, 3))
        count += len(corners)
    if not count:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32)
    return np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.uint32)
