"""Areas with holes as sets of small simple polygons."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SPECK = 0.01  # [m^2] pieces smaller than this are rounding


def simple_rings(region: shapely.Geometry, *, max_edge: float = 60.0, max_vertices: int = 60) -> list[Array]:
    """Cut ``region`` into rings ``[K, 2]`` without holes that do not overlap and together cover it.

    Args:
        region: Polygon, multipolygon or a collection; what is not an area is dropped.
        max_edge: Longest edge of a piece's bounding box [m].
        max_vertices: Most vertices of a piece; exceeded only by pieces under 1 m.
    """
    return [ring for part in polygons_of(region) for ring in _cut(part, max_edge, max_vertices)]


def polygons_of(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """The polygons in any geometry, specks left out."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if isinstance(part, shapely.Polygon) and part.area > _SPECK]


def closed_gaps(region: shapely.Geometry, width: float) -> shapely.Geometry:
    """``region`` with the gaps that are narrower than ``width`` [m] filled in."""
    closed = region.buffer(width / 2.0).buffer(-width / 2.0)
    return shapely.make_valid(closed)  # growing and shrinking a sliver may leave edges that cross


def _cut(polygon: shapely.Polygon, max_edge: float, max_vertices: int) -> list[Array]:
    """Halve across the longer side until small and without holes."""
    x0, y0, x1, y1 = polygon.bounds
    edge = max(x1 - x0, y1 - y0)
    simple = not polygon.interiors and edge <= max_edge
    if simple and (shapely.get_num_coordinates(polygon) <= max_vertices or edge < 1.0):
        return [np.asarray(polygon.exterior.coords)[:-1]]
    if x1 - x0 >= y1 - y0:
        middle = (x0 + x1) / 2
        halves = (shapely.box(x0, y0, middle, y1), shapely.box(middle, y0, x1, y1))
    else:
        middle = (y0 + y1) / 2
        halves = (shapely.box(x0, y0, x1, middle), shapely.box(x0, middle, x1, y1))
    parts = [part for half in halves for part in polygons_of(polygon.intersection(half))]
    return [ring for part in parts for ring in _cut(part, max_edge, max_vertices)]
