"""Rows of buildings along the streets, set back behind the sidewalk."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.dressing.surroundings.street_space import StreetSpace
from simscale_gym.geometry import polyline
from simscale_gym.scene import Building

Array = NDArray[np.float64]

_WIDTHS = (8, 22)  # [m] of a façade
_DEPTHS = (10.0, 16.0)  # [m]
_STEP = 3  # [m] to the next try where nothing fits
_GAP_SHARE, _GAPS = 0.12, (3, 9)  # of the façades stand apart from the next by so much [m]
_ROWS_BEHIND = (16.0, 30.0, 45.0)  # [m] further back, where car parks or squares leave the first row open
_STOREY = 3.2  # [m]
# Style, its share, and its fewest and most storeys.
_STYLES = (
    ("brick", 0.32, 2, 6), ("plaster", 0.24, 2, 5), ("stone", 0.14, 3, 6), ("concrete", 0.14, 3, 9),
    ("glass", 0.10, 4, 12), ("house", 0.06, 1, 2),
)  # fmt: skip


def build_frontage(space: StreetSpace, setback: float, rng: np.random.Generator) -> list[Building]:
    """Footprints ``setback`` [m] off the road, or further where that is taken, with open sight of the road.

    They are clear of ``space.blocked``, of walkways and of each other.
    """
    clear_of = space.blocked.union(space.walkways.buffer(0.3)).union(space.road.buffer(setback - 0.6))
    shapely.prepare(clear_of)
    shapely.prepare(space.focus)
    footprints: list[Array] = []
    for distance in (setback, *(setback + back for back in _ROWS_BEHIND)):
        for line in space.kerbs(distance):
            _add_row(footprints, line, space, clear_of, distance, rng)
    return [_dress(footprint, rng) for footprint in footprints]


def _add_row(
    footprints: list[Array],
    line: Array,
    space: StreetSpace,
    clear_of: shapely.Geometry,
    distance: float,
    rng: np.random.Generator,
) -> None:
    """Fill one closed ``line [K, 2]``, ``distance`` [m] off the road, with façades as wide as fit."""
    poses = polyline.resample(line, 1.0)  # façades are whole meters wide
    points = poses[:, :2]
    others = shapely.STRtree([shapely.Polygon(footprint) for footprint in footprints])
    open_sites = _open_sites(poses, space, clear_of, others, distance)
    i = 0
    while i + _WIDTHS[0] < len(points):
        if not open_sites[i]:
            i += 1
            continue
        wanted, depth = int(rng.integers(_WIDTHS[0], _WIDTHS[1] + 1)), rng.uniform(*_DEPTHS)
        gap = int(rng.integers(*_GAPS)) if rng.random() < _GAP_SHARE else 0
        for width in (wanted, (wanted + _WIDTHS[0]) // 2, _WIDTHS[0]):
            footprint = _footprint(points[i], points[min(i + width, len(points) - 1)], depth)
            if _fits(footprint, clear_of, others, distance):
                footprints.append(footprint)
                others = shapely.STRtree([*others.geometries, shapely.Polygon(footprint)])
                i += width + gap
                break
        else:
            i += _STEP


def _open_sites(
    poses: Array, space: StreetSpace, clear_of: shapely.Geometry, others: shapely.STRtree, distance: float
) -> NDArray[np.bool_]:
    """Whether a façade may start at each of ``K`` poses of a line: the least width is free and sees the road."""
    points, heading = poses[:, :2], poses[:, 2]
    road = points + (distance - 1.0) * np.column_stack([-np.sin(heading), np.cos(heading)])
    good = shapely.contains_xy(space.focus, points) & ~shapely.contains_xy(clear_of, points)
    hidden, _ = others.query(shapely.linestrings(np.stack([points, road], 1)), predicate="intersects")
    good[hidden] = False
    ahead = np.lib.stride_tricks.sliding_window_view(np.pad(good, (0, _WIDTHS[0])), _WIDTHS[0])[:, 1:-1]
    return ahead.all(1)[: len(good)]


def _footprint(start: Array, end: Array, depth: float) -> Array:
    """Rectangle ``[4, 2]``, counter-clockwise, behind the front from ``start`` to ``end``."""
    along = (end - start) / max(np.linalg.norm(end - start), 1e-9)
    away = np.array([along[1], -along[0]])  # the road lies to the left of the line
    start, end = start + 0.02 * along, end - 0.02 * along  # neighbors touch without overlap
    return np.array([end, start, start + depth * away, end + depth * away])


def _fits(footprint: Array, clear_of: shapely.Geometry, others: shapely.STRtree, distance: float) -> bool:
    area = shapely.Polygon(footprint)
    if area.area < 0.7 * _WIDTHS[0] * _DEPTHS[0] or clear_of.intersects(area):
        return False
    forward = (footprint[0] - footprint[3]) / np.linalg.norm(footprint[0] - footprint[3])
    sight = shapely.Polygon([*footprint[2:], *(footprint[:2] + (distance - 1.0) * forward)])
    return not len(others.query(sight, predicate="intersects"))


def _dress(footprint: Array, rng: np.random.Generator) -> Building:
    shares = np.array([share for _, share, _, _ in _STYLES])
    style, _, low, high = _STYLES[rng.choice(len(_STYLES), p=shares / shares.sum())]
    height = _STOREY * int(rng.integers(low, high + 1)) + rng.uniform(0.5, 1.5)
    return Building(footprint, float(height), style, int(rng.integers(2**31)))
