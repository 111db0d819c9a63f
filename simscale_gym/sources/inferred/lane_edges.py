"""Widths of lanes: rays cast to both sides of its centreline onto a polygon or onto painted lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import points_to_local

Array = NDArray[np.float64]

DEFAULT_HALF_WIDTH = 1.75
"""Half of a lane of 3.5 m, the common urban width (AASHTO Green Book: 3.0 to 3.6 m) [m]."""

MIN_HALF_WIDTH = 0.6
"""Nearer hits [m] are the lane's own ends or a line painted along its centre."""


def cast_sideways(poses: Array, segments: Array) -> tuple[Array, Array]:
    """Distance [m] from ``poses [K, 3]`` straight left and right to the nearest of ``segments [S, 2, 2]``.

    Returns:
        Left and right ``[K]``; infinite where the ray meets nothing.
    """
    local = points_to_local(poses[:, None], np.broadcast_to(segments, (len(poses), *segments.shape)))
    (x0, y0), (x1, y1) = np.moveaxis(local[:, :, 0], -1, 0), np.moveaxis(local[:, :, 1], -1, 0)
    crosses = (x0 > 0) != (x1 > 0)
    y = y0 + (y1 - y0) * x0 / np.where(crosses, x0 - x1, 1.0)
    left = np.where(crosses & (y > 0), y, np.inf).min(1, initial=np.inf)
    return left, np.where(crosses & (y <= 0), -y, np.inf).min(1, initial=np.inf)


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
    low, high = centerline[:, :2].min(0) - reach, centerline[:, :2].max(0) + reach
    near = ((segments.max(1) >= low) & (segments.min(1) <= high)).all(1)
    sides = cast_sideways(poses, segments[near])
    return tuple(_known(side, length, reach) for side in sides)


def edges_of(centerline: Array, left: Array | float, right: Array | float) -> tuple[Array, Array]:
    """Left and right boundary ``[K, 2]`` of a lane with these half widths [m]."""
    return polyline.offset_left(centerline, left), polyline.offset_left(centerline, -np.asarray(right, float))


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


def _known(side: Array, length: Array, reach: float) -> Array | None:
    good = (side >= MIN_HALF_WIDTH) & (side <= reach)
    if good.mean() < 0.5:
        return None
    filled = np.interp(length, length[good], side[good])
    padded = np.pad(filled, 1, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
