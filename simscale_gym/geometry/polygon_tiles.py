"""Tiles of the plane: what is known of each about a set of polygons, found out when it is first asked about.

A tile is inside of one polygon, outside of all, or described by the few edges that may cross it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNKNOWN, INSIDE, OUTSIDE, CROWDED = 0, -1, -2, -3
"""What is known of a tile; a positive number says where in the pool its edges are listed."""
TILE = 0.5
"""Edge of a tile at most [m]."""
POOL = 1 << 20
"""Entries of the pool; memory is taken only by those that are used."""
_SEAM = 1e-6  # [m] tiles are classified a little larger than they are, so that rounding cannot matter
_REFERENCES = 8  # points of a tile that are tried as its reference


class Lookup(NamedTuple):
    """What kernels need to know which points some polygon holds; they take it whole.

    Attributes:
        origin: ``[2]`` lower corner of the tiles and of the cells.
        size: Edge of a tile [m].
        tiles: ``[per_cell * ny, per_cell * nx]`` what is known of each tile; filled in as points are asked about.
        pool: Descriptions of tiles that edges cross, filled in with ``tiles``; the first entry is how much is used.
        per_cell: Tiles along the edge of a cell.
        vertices: ``[V, 2]`` all rings one after another, open.
        starts: ``[P + 1]`` first row of each ring in ``vertices``, and the number of rows.
        bounds: ``[P, 4]`` least x, y and greatest x, y of each polygon.
        nx: Number of cells in x.
        cell_starts: ``[cells + 1]`` first entry of each cell in ``cell_polygons``, and the number of entries.
        cell_polygons: Polygons whose bounding box reaches into a cell, cell by cell.
    """

    origin: Array
    size: float
    tiles: NDArray[np.int32]
    pool: NDArray[np.int32]
    per_cell: int
    vertices: Array
    starts: NDArray[np.int64]
    bounds: Array
    nx: int
    cell_starts: NDArray[np.int64]
    cell_polygons: NDArray[np.int64]


@njit(cache=True)
def ring_holds(x: float, y: float, vertices: Array, start: int, end: int) -> bool:
    """Is (x, y) inside the ring ``vertices[start:end]``? Even-odd rule."""
    inside = False
    j = end - 1
    for i in range(start, end):
        yi, yj = vertices[i, 1], vertices[j, 1]
        if (yi > y) != (yj > y) and x < (vertices[j, 0] - vertices[i, 0]) * (y - yi) / (yj - yi) + vertices[
            i, 0
        ]:
            inside = not inside
        j = i
    return inside


@njit(cache=True)
def _classify(x0, y0, x1, y1, vertices, starts, bounds, polygons, pool):
    """INSIDE if one polygon holds the whole box, OUTSIDE if none reaches it, else where in the pool it is described.

    There stand the number of polygons whose edges may cross the box, which reference point was taken, and for each
    polygon whether it holds that point, the number of those edges, and their two vertices each. CROWDED where there
    is no room for that, or no point away from all edges.
    """
    first, count, at = pool[0], 0, pool[0] + 2
    for p in polygons:
        if bounds[p, 0] > x1 or bounds[p, 2] < x0 or bounds[p, 1] > y1 or bounds[p, 3] < y0:
            continue
        if at + 2 + 2 * (starts[p + 1] - starts[p]) > len(pool):
            return CROWDED
        edges = _list_edges(x0, y0, x1, y1, vertices, starts[p], starts[p + 1], pool, at + 2)
        if edges > 0:
            pool[at], pool[at + 1] = p, edges
            at, count = at + 2 + 2 * edges, count + 1
        elif ring_holds((x0 + x1) / 2, (y0 + y1) / 2, vertices, starts[p], starts[p + 1]):
            return INSIDE
    if count == 0:
        return OUTSIDE
    for reference in range(_REFERENCES):
        x, y = _reference(reference, x0, y0, x1, y1)
        end, clear = first + 2, True
        for _ in range(count):
            for e in range(end + 2, end + 2 + 2 * pool[end + 1], 2):
                clear &= _is_clear(x, y, vertices, pool[e], pool[e + 1])
            end += 2 + 2 * pool[end + 1]
        if clear:
            end = first + 2
            for _ in range(count):
                p = pool[end]
                pool[end] = ring_holds(x, y, vertices, starts[p], starts[p + 1])
                end += 2 + 2 * pool[end + 1]
            pool[first], pool[first + 1], pool[0] = count, reference, at
            return first
    return CROWDED


@njit(cache=True)
def _list_edges(x0, y0, x1, y1, vertices, start, end, pool, at):
    """Write the two vertices of each edge of a ring that may touch the box into ``pool`` from ``at`` on: how many.

    Exact but for edges that pass a corner closely.
    """
    count, j = 0, end - 1
    for i in range(start, end):
        ax, ay, bx, by = vertices[j, 0], vertices[j, 1], vertices[i, 0], vertices[i, 1]
        before, j = j, i
        if max(ax, bx) < x0 or min(ax, bx) > x1 or max(ay, by) < y0 or min(ay, by) > y1:
            continue
        nx, ny = ay - by, bx - ax
        middle = nx * ((x0 + x1) / 2 - ax) + ny * ((y0 + y1) / 2 - ay)
        if abs(middle) <= abs(nx) * (x1 - x0) / 2 + abs(ny) * (y1 - y0) / 2:
            pool[at + 2 * count], pool[at + 2 * count + 1] = before, i
            count += 1
    return count


@njit(cache=True)
def _reference(k, x0, y0, x1, y1):
    """A point of the box, another one for each ``k``."""
    u, v = 0.2 + 0.6 * ((0.371 + 0.618034 * k) % 1.0), 0.2 + 0.6 * ((0.713 + 0.381966 * k) % 1.0)
    return x0 + u * (x1 - x0), y0 + v * (y1 - y0)


@njit(cache=True)
def _is_clear(x, y, vertices, a, b):
    """Is (x, y) away from the line through two vertices?"""
    dx, dy = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1]
    return abs(dx * (y - vertices[a, 1]) - dy * (x - vertices[a, 0])) > _SEAM * (abs(dx) + abs(dy))


@njit(cache=True)
def _in_described(x, y, reference_x, reference_y, vertices, pool, first):
    """Is (x, y) in one of the polygons of the tile described at ``first``?

    It is where the reference point is, unless the way there crosses an odd number of edges.
    """
    at, way_x, way_y = first + 2, x - reference_x, y - reference_y
    for _ in range(pool[first]):
        inside, edges = pool[at] == 1, pool[at + 1]
        for e in range(at + 2, at + 2 + 2 * edges, 2):
            a, b = pool[e], pool[e + 1]
            if vertices[a, 0] > vertices[b, 0] or (
                vertices[a, 0] == vertices[b, 0] and vertices[a, 1] > vertices[b, 1]
            ):
                a, b = b, a  # so that neighbours agree on who has a point on the edge between them
            ax, ay, bx, by = vertices[a, 0], vertices[a, 1], vertices[b, 0], vertices[b, 1]
            before = way_x * (ay - reference_y) - way_y * (ax - reference_x) > 0.0
            after = way_x * (by - reference_y) - way_y * (bx - reference_x) > 0.0
            if before != after:
                here = (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0.0
                there = (bx - ax) * (reference_y - ay) - (by - ay) * (reference_x - ax) > 0.0
                inside ^= here != there
        if inside:
            return True
        at += 2 + 2 * edges
    return False


@njit(cache=True)
def tile_kind(x: float, y: float, origin: Array, size: float, tiles: NDArray[np.int32]) -> int:
    """What is known of the tile that (x, y) lies in.

    Handing a whole :class:`Lookup` on costs five times as much as this answer (numba counts references to each of its
    arrays), so kernels take these three out of it once, and hand it on to :func:`in_tile` only where it is needed.
    """
    column, row = (x - origin[0]) / size, (y - origin[1]) / size
    if not (0.0 <= column < tiles.shape[1] and 0.0 <= row < tiles.shape[0]):
        return OUTSIDE
    return tiles[int(row), int(column)]


@njit(cache=True)
def in_tile(x: float, y: float, lookup: Lookup) -> bool:
    """Does (x, y) lie in at least one polygon? Only for tiles that are neither INSIDE nor OUTSIDE.

    Finds out about the tile if nothing is known of it.
    """
    tx, ty = int((x - lookup.origin[0]) / lookup.size), int((y - lookup.origin[1]) / lookup.size)
    tiles, vertices, starts = lookup.tiles, lookup.vertices, lookup.starts
    c = ty // lookup.per_cell * lookup.nx + tx // lookup.per_cell
    polygons = lookup.cell_polygons[lookup.cell_starts[c] : lookup.cell_starts[c + 1]]
    x0, y0 = lookup.origin[0] + tx * lookup.size - _SEAM, lookup.origin[1] + ty * lookup.size - _SEAM
    x1, y1 = x0 + lookup.size + 2 * _SEAM, y0 + lookup.size + 2 * _SEAM
    if tiles[ty, tx] == UNKNOWN:
        tiles[ty, tx] = _classify(x0, y0, x1, y1, vertices, starts, lookup.bounds, polygons, lookup.pool)
    known = tiles[ty, tx]
    if known > 0:
        reference_x, reference_y = _reference(lookup.pool[known + 1], x0, y0, x1, y1)
        return _in_described(x, y, reference_x, reference_y, vertices, lookup.pool, known)
    if known != CROWDED:
        return known == INSIDE
    for p in polygons:  # noqa: SIM110 (any() of a generator does not compile)
        if ring_holds(x, y, vertices, starts[p], starts[p + 1]):
            return True
    return False
