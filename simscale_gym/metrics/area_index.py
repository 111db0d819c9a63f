"""Which polygons of a map hold a point, looked up in tiles.

Each tile of the plane lists the polygons that hold all of it and those whose edge passes through it; only for the
latter is the point itself asked about. Built once a map, in a few milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.rings import Rings, holds

Array = NDArray[np.float64]

TILE = 0.5
"""Edge of a tile [m], where the map is not so large that tiles must grow."""
MAX_TILES = 1_000_000
OUTSIDE, EDGE, INSIDE = range(3)
"""What a tile has of some polygons: nothing; an edge, so that each point has to be asked; all of it lies in one."""
_SEAM = (
    1e-6  # [m] tiles count as a little larger than they are, so that rounding of coordinates cannot matter
)


class AreaIndex(NamedTuple):
    """Tiles over the bounding box of all rings.

    Attributes:
        grid: ``[5]`` lower corner x, y of the tiles [m], edge of a tile [m], number of tiles in x and y.
        starts: ``[tiles + 1]`` first entry of each tile, x fastest.
        entries: Two times the polygon's row, plus one where it holds the whole tile.
    """

    grid: Array
    starts: NDArray[np.int32]
    entries: NDArray[np.int32]


def build_area_index(rings: Rings, tile: float = TILE) -> AreaIndex:
    """Sort ``rings`` into tiles."""
    if len(rings.boxes) == 0:
        return AreaIndex(np.array([0.0, 0.0, tile, 0.0, 0.0]), np.zeros(1, np.int32), np.zeros(0, np.int32))
    origin, high = rings.boxes[:, :2].min(0) - tile / 2, rings.boxes[:, 2:].max(0)
    extent = high - origin
    tile = max(tile, float(np.sqrt(np.prod(extent) / MAX_TILES)), float(extent.max()) / MAX_TILES)
    shape = np.floor(extent / tile).astype(np.int64) + 1
    starts, entries = _by_tile(_spans(*rings, origin, tile, shape), int(shape.prod()))
    return AreaIndex(np.array([*origin, tile, *shape], float), starts, entries)


@borrowing
def _mark_edges(vertices: Array, origin: Array, tile: float, low: NDArray, edge: NDArray):
    """Set ``edge [rows, columns]`` (whose first tile is ``low``) where an edge of the ring may pass."""
    rows, columns = edge.shape
    for v in range(len(vertices) - 1):
        ax, ay = vertices[v, 0] - origin[0], vertices[v, 1] - origin[1]
        bx, by = vertices[v + 1, 0] - origin[0], vertices[v + 1, 1] - origin[1]
        if ay > by:
            ax, ay, bx, by = bx, by, ax, ay
        bottom = max(int(np.floor((ay - _SEAM) / tile)) - low[1], 0)
        top = min(int(np.floor((by + _SEAM) / tile)) - low[1], rows - 1)
        for row in range(bottom, top + 1):
            x0, x1 = ax, bx
            if by - ay > _SEAM:  # the part of the edge within this row of tiles
                s0 = ((row + low[1]) * tile - _SEAM - ay) / (by - ay)
                s1 = ((row + low[1] + 1) * tile + _SEAM - ay) / (by - ay)
                x0 = ax + min(max(s0, 0.0), 1.0) * (bx - ax)
                x1 = ax + min(max(s1, 0.0), 1.0) * (bx - ax)
            if x0 > x1:
                x0, x1 = x1, x0
            left = max(int(np.floor((x0 - _SEAM) / tile)) - low[0], 0)
            right = min(int(np.floor((x1 + _SEAM) / tile)) - low[0], columns - 1)
            edge[row, left : right + 1] = True


@njit(cache=True)
def _spans(
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray, boxes: Array,
    origin: Array, tile: float, shape: NDArray,
):  # fmt: skip
    """Tiles beside each other that have the same entry ``[S, 3]``: first, number, entry; polygon by polygon."""
    spans, count = np.empty((4096, 3), np.int32), 0
    for ring in range(len(boxes)):
        low = np.floor((boxes[ring, :2] - origin - _SEAM) / tile).astype(np.int64)
        high = np.floor((boxes[ring, 2:] - origin + _SEAM) / tile).astype(np.int64)
        low, high = np.maximum(low, 0), np.minimum(high, shape - 1)
        edge = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.bool_)
        outline = vertices[runs[ring_runs[ring], 0] : runs[ring_runs[ring + 1] - 1, 1] + 1]
        _mark_edges(outline, origin, tile, low, edge)
        rows, columns = edge.shape
        for row in range(rows):
            if count + columns > len(spans):
                larger = np.empty((2 * (count + columns), 3), np.int32)
                larger[:count] = spans[:count]
                spans = larger
            start = 0
            while start < columns:
                stop = start + 1
                while stop < columns and edge[row, stop] == edge[row, start]:
                    stop += 1
                code = 2 * ring
                if not edge[row, start] and (start == 0 or stop == columns):
                    code = -1  # reaches out of the ring's bounding box
                elif not edge[row, start]:  # between two edges all tiles of a row are alike
                    x = origin[0] + (start + low[0] + 0.5) * tile
                    y = origin[1] + (row + low[1] + 0.5) * tile
                    code = 2 * ring + 1 if holds(vertices, runs, run_boxes, ring_runs, ring, x, y) else -1
                if code >= 0:
                    spans[count] = (row + low[1]) * shape[0] + start + low[0], stop - start, code
                    count += 1
                start = stop
    return spans[:count]


@njit(cache=True)
def _by_tile(spans: NDArray, count: int):
    """First entry of each of ``count`` tiles ``[count + 1]``, and the entries, within a tile as in ``spans``."""
    starts = np.zeros(count + 1, np.int32)
    for span in spans:
        for tile in range(span[0], span[0] + span[1]):
            starts[tile + 1] += 1
    for tile in range(count):
        starts[tile + 1] += starts[tile]
    entries = np.empty(starts[count], np.int32)
    for span in spans:
        for tile in range(span[0], span[0] + span[1]):
            entries[starts[tile]] = span[2]
            starts[tile] += 1
    starts[1:] = starts[:-1].copy()
    starts[0] = 0
    return starts, entries


@borrowing
def tile_at(grid: Array, x: float, y: float) -> int:
    """Tile of (x, y), -1 outside of all."""
    column, row = np.floor((x - grid[0]) / grid[2]), np.floor((y - grid[1]) / grid[2])
    if column < 0.0 or row < 0.0 or column >= grid[3] or row >= grid[4]:
        return -1
    return int(row * grid[3] + column)


@borrowing
def flags_at(
    grid: Array, starts: NDArray, entries: NDArray, flags: NDArray,
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray, x: float, y: float,
) -> int:  # fmt: skip
    """Union of the bits ``flags [M]`` of the polygons that strictly hold (x, y).

    The other arrays are those of :class:`AreaIndex` and of :class:`simscale_gym.metrics.rings.Rings`.
    """
    tile, found = tile_at(grid, x, y), 0
    if tile < 0:
        return 0
    for e in range(starts[tile], starts[tile + 1]):
        code = entries[e]
        bits = int(flags[code >> 1])
        if (bits & ~found) != 0 and (
            (code & 1) == 1 or holds(vertices, runs, run_boxes, ring_runs, code >> 1, x, y)
        ):
            found |= bits
    return found


@njit(cache=True)
def tile_cover(starts: NDArray, entries: NDArray, flags: NDArray) -> NDArray:
    """OUTSIDE, EDGE or INSIDE of each tile ``[tiles]``, of the polygons that have any of the bits ``flags [M]``.

    A walk over the plane looks at single bytes beside each other instead of lists.
    """
    cover = np.zeros(len(starts) - 1, np.uint8)
    for tile in range(len(cover)):
        for e in range(starts[tile], starts[tile + 1]):
            if flags[entries[e] >> 1]:
                cover[tile] = max(cover[tile], EDGE + (entries[e] & 1))
    return cover


@borrowing
def is_covered(
    cover: NDArray, grid: Array, starts: NDArray, entries: NDArray, flags: NDArray,
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray, x: float, y: float,
) -> bool:  # fmt: skip
    """Whether any polygon with a flag strictly holds (x, y).

    ``cover`` is of :func:`tile_cover`; the other arrays are those of :func:`flags_at`.
    """
    tile = tile_at(grid, x, y)
    if tile < 0:
        return False
    if cover[tile] != EDGE:
        return cover[tile] == INSIDE
    for e in range(starts[tile], starts[tile + 1]):
        row = entries[e] >> 1
        if flags[row] and holds(vertices, runs, run_boxes, ring_runs, row, x, y):
            return True
    return False
