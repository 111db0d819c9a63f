"""Widths of lanes: rays cast to both sides of its centreline onto a polygon or onto painted lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.sources.inferred import lane_linking
from simscale_gym.sources.inferred.features import LaneFeature

Array = NDArray[np.float64]

DEFAULT_HALF_WIDTH = 1.75
"""Half of a lane of 3.5 m, the common urban width (AASHTO Green Book: 3.0 to 3.6 m) [m]."""

MIN_HALF_WIDTH = 0.6
"""Nearer hits [m] are the lane's own ends or a line painted along its centre."""

_OVERLAP = 0.02  # [m] of lanes that are led on to each other


def cast_sideways(poses: Array, segments: Array) -> tuple[Array, Array]:
    """Distance [m] from ``poses [K, 3]`` straight left and right to the nearest of ``segments [S, 2, 2]``.

    Returns:
        Left and right ``[K]``; infinite where the ray meets nothing.
    """
    left, right = np.full((2, len(poses)), np.inf)
    directions = np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])])
    _cast(np.ascontiguousarray(poses, float), directions, np.ascontiguousarray(segments, float), left, right)
    return left, right


def half_widths(centerline: Array, segments: Array, reach: float) -> tuple[Array | None, Array | None]:
    """Half widths [m] of a lane ``centerline [K, 3]`` towards the nearest of ``segments [S, 2, 2]``.

    A side counts as known when at least half of its rays meet something within ``reach`` [m]; gaps are
    interpolated and single outliers removed.

    Returns:
        Left and right ``[K]``, None for a side that is not known.
    """
    length = polyline.arc_lengths(centerline)
    inset = min(0.3, length[-1] / 4)  # the lane's own end edges lie along the first and the last ray
    poses = polyline.at_arc_length(centerline, np.clip(length, inset, length[-1] - inset))
    poses[:, 2] = centerline[:, 2]
    sides = cast_sideways(poses, segments[_near(centerline, segments, reach)])
    return tuple(_known(side, length, reach) for side in sides)


def edges_of(centerline: Array, left: Array | float, right: Array | float) -> tuple[Array, Array]:
    """Left and right boundary ``[K, 2]`` of a lane with these half widths [m]."""
    return polyline.offset_left(centerline, left), polyline.offset_left(centerline, -np.asarray(right, float))


def within_edges(centerline: Array, widths: tuple[Array, Array], segments: Array) -> tuple[Array, Array]:
    """Left and right half ``widths [K]`` [m] of a lane ``centerline [K, 3]``, no wider than up to the road's edges.

    Args:
        centerline: The lane.
        widths: Half widths that were worked out without these edges.
        segments: Edges of the road ``[S, 2, 2]``.
    """
    near = _near(centerline, segments, float(np.max(widths)))
    sides = cast_sideways(centerline, segments[near])
    return tuple(
        np.where(hit >= MIN_HALF_WIDTH, np.minimum(hit, side), side)
        for hit, side in zip(sides, widths, strict=True)
    )


def ring_up_to(lane: LaneFeature, edges: tuple[Array, Array], following: Sequence[LaneFeature]) -> Array:
    """Ring ``[M, 2]`` of a lane: its polygon, or what lies between its ``edges``, led on to the lanes that follow.

    Recorded lanes end centimetres before the next begins, and whoever stands on such a seam would be on no lane.
    """
    ring = lane.polygon if lane.polygon is not None else ring_between(*edges)
    end, seams = lane.centerline[-1], [lane_linking.seam(lane.centerline, x.centerline) for x in following]
    gap = max(seams, default=0.0)
    if gap <= 0.0:
        return ring
    reach = (gap + _OVERLAP) * np.array([np.cos(end[2]), np.sin(end[2])])
    back = -_OVERLAP * np.array([np.cos(end[2]), np.sin(end[2])])
    left, right = edges[0][-1], edges[1][-1]
    cap = shapely.Polygon([left + back, left + reach, right + reach, right + back])
    both = shapely.unary_union([valid_area(ring), valid_area(np.asarray(cap.exterior.coords)[:-1])])
    if not isinstance(both, shapely.Polygon) or both.interiors:
        return ring
    return np.asarray(both.exterior.coords)[:-1]


def valid_area(ring: Array) -> shapely.Geometry:
    """The area inside ``ring [M, 2]``, also where it crosses itself."""
    polygon = shapely.Polygon(ring)
    return polygon if polygon.is_valid else shapely.make_valid(polygon).buffer(0.0)


def ring_between(left: Array, right: Array) -> Array:
    """Open ring ``[M, 2]`` around the area between two boundaries ``[., 2]`` in driving direction."""
    return np.concatenate([left, right[::-1]])


def ring_segments(ring: Array) -> Array:
    """Edges ``[M, 2, 2]`` of a ring ``[M, 2]``."""
    return np.stack([ring, np.roll(ring, -1, axis=0)], 1)


def line_segments(lines: list[Array]) -> Array:
    """Edges ``[S, 2, 2]`` of several polylines."""
    pieces = [np.stack([line[:-1, :2], line[1:, :2]], 1) for line in lines if len(line) > 1]
    return np.concatenate(pieces) if pieces else np.zeros((0, 2, 2))


def _near(centerline: Array, segments: Array, reach: float) -> NDArray[np.bool_]:
    """Which of ``segments [S, 2, 2]`` may lie within ``reach`` [m] of ``centerline [K, 3]``."""
    low, high = centerline[:, :2].min(0) - reach, centerline[:, :2].max(0) + reach
    return meeting(np.ascontiguousarray(segments, float), low, high)


@njit(cache=True)
def meeting(segments: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Which of ``segments [S, 2, 2]`` have a bounding box that meets the box from ``low [2]`` to ``high [2]``."""
    out = np.empty(len(segments), np.bool_)
    for k in range(len(segments)):
        out[k] = True
        for axis in range(2):
            one, other = segments[k, 0, axis], segments[k, 1, axis]
            out[k] &= max(one, other) >= low[axis] and min(one, other) <= high[axis]
    return out


@njit(cache=True)
def _cast(poses: Array, directions: Array, segments: Array, left: Array, right: Array):
    for row in range(len(poses)):
        cos, sin = directions[row, 0], directions[row, 1]
        for k in range(len(segments)):
            dx, dy = segments[k, 0, 0] - poses[row, 0], segments[k, 0, 1] - poses[row, 1]
            ex, ey = segments[k, 1, 0] - poses[row, 0], segments[k, 1, 1] - poses[row, 1]
            x0, x1 = dx * cos + dy * sin, ex * cos + ey * sin
            if (x0 > 0.0) == (x1 > 0.0):
                continue
            y0, y1 = -dx * sin + dy * cos, -ex * sin + ey * cos
            y = y0 + (y1 - y0) * x0 / (x0 - x1)
            if y > 0.0:
                left[row] = min(left[row], y)
            else:
                right[row] = min(right[row], -y)


def _known(side: Array, length: Array, reach: float) -> Array | None:
    good = (side >= MIN_HALF_WIDTH) & (side <= reach)
    if good.mean() < 0.5:
        return None
    filled = np.interp(length, length[good], side[good])
    padded = np.pad(filled, 1, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
