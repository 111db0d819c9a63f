"""Rectangular cells of ground: what the road surface, its paint and its borders are cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.geometry import polyline

Array = NDArray[np.float64]

TAKEN, SKIRT = 1, 2
"""Bits of the raster of laid cells: paint, patterns and kerb stones; and the fine cells beside them."""

NEAR, MIDDLE, FAR = 14.0, 42.0, 110.0
"""Distances from the ego's path [m] up to which paint is cut out in fine and in coarse cells, and laid on top."""

SKIRT_WIDTHS = ((0.05, 0.10, 0.20, 0.30), (0.12, 0.25, 0.45))
"""Columns of cells beside a sharp edge [m], near and middle: wide enough that the grid beyond does not bleed in."""


SMOOTHING = 0.15
"""Normals of a line are taken over this length to either side [m]."""


@dataclass(frozen=True, eq=False)
class Cells:
    """``N`` level rectangles.

    Attributes:
        boxes: ``[N, 5]`` x, y, heading, length, width.
        surface: ``[N]`` kinds of ground (:class:`simscale_gym.dressing.ground.terrain.Surface`).
        z: ``[N]`` heights above the road level [m].
    """

    boxes: Array
    surface: NDArray[np.uint8]
    z: Array

    @classmethod
    def of(cls, boxes: Array, surface: ArrayLike, z: ArrayLike = 0.0) -> Cells:
        """Cells at ``boxes [N, 5]``; ``surface`` and ``z`` broadcast."""
        boxes = np.asarray(boxes, float).reshape(-1, 5)
        count = len(boxes)
        surface = np.broadcast_to(np.asarray(surface, np.uint8), count)
        return cls(boxes, surface, np.broadcast_to(np.asarray(z, float), count))

    @classmethod
    def concatenate(cls, parts: Sequence[Cells]) -> Cells:
        """Join, in order."""
        if not parts:
            return cls.of(np.zeros((0, 5)), 0)
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.boxes)


RAISE = 0.06
"""Height of far paint over the uncut road [m]: seen from 42 m it sorts before the road cells around it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one kind of paint lays down.

    Attributes:
        solid: Cells that replace the road.
        skirts: Columns of fine road cells beside them, inner ones first.
        raised: Far paint, on top of the road.
    """

    solid: Cells
    skirts: tuple[Array, ...]
    raised: Cells


@dataclass(frozen=True, eq=False)
class Line:
    """A polyline prepared for laying cells along it: smooth normals at any arc length.

    Attributes:
        points: ``[K, 2]`` [m].
        s: ``[K]`` arc length of each point [m].
    """

    points: Array
    s: Array

    @classmethod
    def of(cls, points: ArrayLike) -> Line:
        """Prepare ``points [K, 2]``, repeated ones dropped."""
        points = polyline.without_repeats(np.asarray(points, float)[:, :2], 1e-3)
        return cls(points, polyline.arc_lengths(points))

    @property
    def length(self) -> float:
        """Length of the whole line [m]."""
        return float(self.s[-1])

    def at(self, s: Array, offset: float = 0.0) -> Array:
        """Points ``[M, 2]`` at arc lengths ``s [M]`` (straight on beyond the ends), ``offset`` [m] to the left."""
        places, left = self.frames(s)
        return places + offset * left

    def frames(self, s: Array) -> tuple[Array, Array]:
        """Points ``[M, 2]`` at arc lengths ``s [M]`` and the directions to the left there ``[M, 2]``."""
        return _frames(self.points, self.s, s)

    def pieces(self, s_low: Array, s_high: Array) -> Pieces:
        """Its pieces from ``s_low`` to ``s_high [M]`` [m]."""
        (start, left_at_start), (end, left_at_end) = self.frames(s_low), self.frames(s_high)
        heading = np.arctan2(end[:, 1] - start[:, 1], end[:, 0] - start[:, 0])
        return Pieces(start, left_at_start, end, left_at_end, heading)

    def boxes(self, s_low: Array, s_high: Array, low: float, high: float) -> Array:
        """Boxes ``[M, 5]`` along its pieces (see :meth:`Pieces.boxes`)."""
        return self.pieces(s_low, s_high).boxes(low, high)


@dataclass(frozen=True, eq=False)
class Pieces:
    """``M`` pieces of a line.

    Attributes:
        start, end: ``[M, 2]`` [m].
        left_at_start, left_at_end: ``[M, 2]`` unit directions to the left.
        heading: ``[M]`` [rad].
    """

    start: Array
    left_at_start: Array
    end: Array
    left_at_end: Array
    heading: Array

    def boxes(self, low: float, high: float) -> Array:
        """Boxes ``[M, 5]`` along the pieces, from ``low`` to ``high`` [m] to the left.

        On the inner side of a sharp bend boxes would turn round: those come out with length 0.
        """
        middle = (low + high) / 2
        start, end = self.start + middle * self.left_at_start, self.end + middle * self.left_at_end
        delta, chord = end - start, self.end - self.start
        length = np.where((delta * chord).sum(1) > 0.0, np.linalg.norm(delta, axis=1), 0.0)
        boxes = np.empty((len(length), 5))
        boxes[:, :2], boxes[:, 2], boxes[:, 3], boxes[:, 4] = (
            (start + end) / 2,
            self.heading,
            length,
            high - low,
        )
        return boxes


@njit(cache=True, error_model="numpy")
def _frames(points, lengths, s):
    """Places and directions to the left at ``s`` along the line ``points`` (see :meth:`Line.frames`)."""
    places, left = np.empty((len(s), 2)), np.empty((len(s), 2))
    for i in range(len(s)):
        inside = min(max(s[i], 0.0), lengths[-1])
        x, y = _place(points, lengths, inside)
        ahead_x, ahead_y = _place(points, lengths, inside + SMOOTHING)
        behind_x, behind_y = _place(points, lengths, inside - SMOOTHING)
        along_x, along_y = ahead_x - behind_x, ahead_y - behind_y
        size = max(np.sqrt(along_x * along_x + along_y * along_y), 1e-9)
        along_x, along_y = along_x / size, along_y / size
        places[i, 0], places[i, 1] = x + (s[i] - inside) * along_x, y + (s[i] - inside) * along_y
        left[i, 0], left[i, 1] = -along_y, along_x
    return places, left


@njit(cache=True, error_model="numpy")
def _place(points, lengths, s):
    """As `np.interp`, bit for bit."""
    low, high = 0, len(lengths)
    while low < high:  # the first point beyond
        middle = (low + high) // 2
        if lengths[middle] <= s:
            low = middle + 1
        else:
            high = middle
    row = max(low - 1, 0)
    if low == 0 or low == len(lengths):
        return points[row, 0], points[row, 1]
    step = lengths[low] - lengths[row]
    x = (points[low, 0] - points[row, 0]) / step * (s - lengths[row]) + points[row, 0]
    y = (points[low, 1] - points[row, 1]) / step * (s - lengths[row]) + points[row, 1]
    return x, y


def split_lengthwise(boxes: Array, pieces: int) -> Array:
    """``boxes [N, 5]``, each cut into ``pieces`` along its length: ``[N * pieces, 5]``."""
    shift = ((np.arange(pieces) + 0.5) / pieces - 0.5)[None] * boxes[:, 3:4]
    x = boxes[:, :1] + shift * np.cos(boxes[:, 2:3])
    y = boxes[:, 1:2] + shift * np.sin(boxes[:, 2:3])
    rest = np.repeat(boxes[:, 2:], pieces, axis=0)
    rest[:, 1] /= pieces
    return np.column_stack([x.ravel(), y.ravel(), rest])


def even_pieces(low: Array, high: Array, cell: float) -> tuple[Array, Array]:
    """Intervals ``[M]`` cut into equal pieces of at most ``cell`` [m]: starts and ends of all pieces."""
    count = np.maximum(1, np.ceil((high - low) / cell - 1e-6)).astype(np.int64)
    owner = np.repeat(np.arange(len(low)), count)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    step = ((high - low) / count)[owner]
    return low[owner] + index * step, low[owner] + (index + 1) * step
