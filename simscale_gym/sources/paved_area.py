"""The paved area that closed lines bound: outer rings and holes, cut into small simple polygons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MIN_AREA = 20.0  # [m^2] a smaller ring is a marking, no road
_MAX_VERTICES = 60  # of a piece: keeps point-in-polygon queries short
_MAX_EDGE = 60.0  # [m] of a piece


def paved_pieces(rings: Sequence[Array]) -> list[Array]:
    """Cut the area inside ``rings``, each ``[K, 2]``, by the even-odd rule, into rings without holes."""
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) >= 3]
    region = shapely.Polygon()
    for area in sorted((a for a in areas if a.area >= _MIN_AREA), key=lambda a: -a.area):
        region = region.symmetric_difference(area)
    return [ring for part in _polygons(region) for ring in _cut(part)]


def _cut(polygon: shapely.Polygon) -> list[Array]:
    """Halve until small and without holes."""
    x0, y0, x1, y1 = polygon.bounds
    small = max(x1 - x0, y1 - y0) <= _MAX_EDGE and shapely.get_num_coordinates(polygon) <= _MAX_VERTICES
    if not polygon.interiors and (small or polygon.area < _MIN_AREA):
        return [np.asarray(polygon.exterior.coords)[:-1]]
    if x1 - x0 >= y1 - y0:
        middle = (x0 + x1) / 2
        halves = (shapely.box(x0, y0, middle, y1), shapely.box(middle, y0, x1, y1))
    else:
        middle = (y0 + y1) / 2
        halves = (shapely.box(x0, y0, x1, middle), shapely.box(x0, middle, x1, y1))
    return [ring for half in halves for part in _polygons(polygon.intersection(half)) for ring in _cut(part)]


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0.01]
