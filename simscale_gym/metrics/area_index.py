"""Which polygons of a map hold a point, looked up in tiles.

Each tile of the plane lists the polygons that hold all of it and those whose edge passes through it; only for the
latter is the point itself asked about. Built once a map, in a few milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.metrics.rings import Rings, holds

Array = NDArray[np.float64]

TILE = 0.5
"""Edge of a tile [m], where the map is not so large that tiles must grow."""
MAX_TILES = 1_000_000
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
    tiles, codes = _sort_into_tiles(*rings, origin, tile, shape)
    starts = np.concatenate([[0], np.cumsum(np.bincount(tiles, minlength=int(shape.prod())))]).astype(
        np.int64
    )
    entries = codes[np.argsort(tiles, kind="stable")].astype(np.int32)
    return AreaIndex(np.array([*origin, tile, *shape], float), starts, entries)


@njit(cache=True)
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
def _sort_into_tiles(
    vertices: Array, runs: NDArray, run_boxes: Array, ring_runs: NDArray, boxes: Array,
    origin: Array, tile: float, shape: NDArray,
):  # fmt: skip
    """Tile and code of every entry, polygon by polygon."""
    tiles, codes = np.empty(4096, np.int64), np.empty(4096, np.int64)
    count = 0
    for ring in range(len(boxes)):
        low = np.floor((boxes[ring, :2] - origin - _SEAM) / tile).astype(np.int64)
        high = np.floor((boxes[ring, 2:] - origin + _SEAM) / tile).astype(np.int64)
        low, high = np.maximum(low, 0), np.minimum(high, shape - 1)
        edge = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.bool_)
        if count + edge.size > len(tiles):
            room = 2 * (count + edge.size)
            tiles = np.concatenate((tiles[:count], np.empty(room - count, np.int64)))
            codes = np.concatenate((codes[:count], np.empty(room - count, np.int64)))
        outline = vertices[runs[ring_runs[ring], 0] : runs[ring_runs[ring + 1] - 1, 1] + 1]
        _mark_edges(outline, origin, tile, low, edge)
        for row in range(edge.shape[0]):
            known, inside = False, False
            for column in range(edge.shape[1]):
                if edge[row, column]:
                    known = False
                elif not known:  # between two edges all tiles of a row are alike
                    x = origin[0] + (column + low[0] + 0.5) * tile
                    y = origin[1] + (row + low[1] + 0.5) * tile
                    inside = holds(vertices, runs, run_boxes, ring_runs, ring, x, y)
                    known = True
                if edge[row, column] or inside:
                    tiles[count] = (row + low[1]) * shape[0] + column + low[0]
                    codes[count] = 2 * ring + (0 if edge[row, column] else 1)
                    count += 1
                if edge[row, column]:
                    inside = False
    return tiles[:count], codes[:count]


@njit(cache=True)
def tile_at(grid: Array, x: float, y: float) -> int:
    """Tile of (x, y), -1 outside of all."""
    column, row = np.floor((x - grid[0]) / grid[2]), np.floor((y - grid[1]) / grid[2])
    if column < 0.0 or row < 0.0 or column >= grid[3] or row >= grid[4]:
        return -1
    return int(row * grid[3] + column)


@njit(cache=True)
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
