"""Many polygons at once: which of them contain a point, fast (numba, uniform grid over the bounding boxes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Lookup = tuple[Array, NDArray, Array, float, int, int, NDArray, NDArray, NDArray[np.uint8]]

UNKNOWN, MIXED, INSIDE, OUTSIDE = 0, 1, 2, 3
_TILE = 0.5  # [m] edge of a tile at most
_SEAM = 1e-6  # [m] tiles are classified a little larger than they are, so that rounding cannot matter


@dataclass(frozen=True, eq=False)
class PolygonSet:
    """Simple polygons (open or closed rings), with a grid that lists the polygons near each cell.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, open.
        starts: ``[P + 1]`` where each ring starts in ``vertices``.
        origin: ``[2]`` lower corner of the grid.
        cell: Edge of a grid cell [m].
        cell_starts, cell_polygons: Polygon indices per cell, row-major over ``shape`` (x fastest).
        shape: Number of cells in x and y.
    """

    vertices: Array
    starts: NDArray[np.int64]
    origin: Array
    cell: float
    shape: tuple[int, int]
    cell_starts: NDArray[np.int64]
    cell_polygons: NDArray[np.int64] = field(repr=False)

    @classmethod
    def build(cls, rings: Sequence[Array], cell: float = 8.0) -> PolygonSet:
        """Index ``rings``, each ``[K, 2+]`` [m]."""
        opened = [_open_ring(ring) for ring in rings]
        starts = np.concatenate([[0], np.cumsum([len(ring) for ring in opened])]).astype(np.int64)
        vertices = np.concatenate(opened) if opened else np.zeros((0, 2))
        low = vertices.min(0) if len(vertices) else np.zeros(2)
        high = vertices.max(0) if len(vertices) else np.zeros(2)
        cell = max(cell, float((high - low).max()) / 1024.0)  # bounds the grid for far-flung input
        shape = tuple(int(n) for n in np.floor((high - low) / cell) + 1)
        cells: list[list[int]] = [[] for _ in range(shape[0] * shape[1])]
        for index, ring in enumerate(opened):
            first = np.floor((ring.min(0) - low) / cell).astype(int)
            last = np.floor((ring.max(0) - low) / cell).astype(int)
            for y in range(first[1], last[1] + 1):
                for x in range(first[0], last[0] + 1):
                    cells[y * shape[0] + x].append(index)
        cell_starts = np.concatenate([[0], np.cumsum([len(c) for c in cells])]).astype(np.int64)
        cell_polygons = np.array([i for c in cells for i in c], np.int64)
        return cls(vertices, starts, low, cell, shape, cell_starts, cell_polygons)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def contains_any(self, points: Array) -> NDArray[np.bool_]:
        """Which of ``points [..., 2]`` lie in at least one polygon: ``[...]``.

        What was found out about a tile of the plane (all inside, all outside, or neither) is kept, so that points
        that come again to the same places cost a look-up.
        """
        points = np.asarray(points, float)
        flat = np.ascontiguousarray(points.reshape(-1, 2))
        return _any(flat, *self.lookup).reshape(points.shape[:-1])

    @cached_property
    def lookup(self) -> Lookup:
        """What :func:`in_any` takes after the point."""
        per_cell = max(1, int(np.ceil(self.cell / _TILE)))
        tiles = np.zeros((self.shape[1] * per_cell, self.shape[0] * per_cell), np.uint8)
        return (*self._grid, tiles)

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Membership ``[M, P]`` of ``points [M, 2]`` in every polygon."""
        return _all(np.ascontiguousarray(points, dtype=float), len(self), *self._grid)

    @cached_property
    def _grid(self) -> tuple[Array, NDArray, Array, float, int, int, NDArray, NDArray]:
        return (
            self.vertices,
            self.starts,
            self.origin,
            float(self.cell),
            self.shape[0],
            self.shape[1],
            self.cell_starts,
            self.cell_polygons,
        )


def _open_ring(ring: Array) -> Array:
    ring = np.asarray(ring, float)[:, :2]
    return ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring


@njit(cache=True)
def _inside(x: float, y: float, vertices: Array, start: int, end: int) -> bool:
    """Even-odd rule."""
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
def _cell_of(x, y, origin, cell, nx, ny):
    cx, cy = int(np.floor((x - origin[0]) / cell)), int(np.floor((y - origin[1]) / cell))
    return cy * nx + cx if 0 <= cx < nx and 0 <= cy < ny else -1


@njit(cache=True)
def _crosses(x0, y0, x1, y1, vertices, start, end):
    """May an edge of the ring touch the box? Exact but for edges that pass a corner closely."""
    j = end - 1
    for i in range(start, end):
        ax, ay, bx, by = vertices[j, 0], vertices[j, 1], vertices[i, 0], vertices[i, 1]
        j = i
        if max(ax, bx) < x0 or min(ax, bx) > x1 or max(ay, by) < y0 or min(ay, by) > y1:
            continue
        nx, ny = ay - by, bx - ax
        middle = nx * ((x0 + x1) / 2 - ax) + ny * ((y0 + y1) / 2 - ay)
        if abs(middle) <= abs(nx) * (x1 - x0) / 2 + abs(ny) * (y1 - y0) / 2:
            return True
    return False


@njit(cache=True)
def _classify(x0, y0, x1, y1, vertices, starts, polygons):
    """INSIDE if one polygon holds the whole box, OUTSIDE if none reaches it, else MIXED."""
    kind = OUTSIDE
    for p in polygons:
        if _crosses(x0, y0, x1, y1, vertices, starts[p], starts[p + 1]):
            kind = MIXED
        elif _inside((x0 + x1) / 2, (y0 + y1) / 2, vertices, starts[p], starts[p + 1]):
            return INSIDE
    return kind


@njit(cache=True)
def in_any(x, y, vertices, starts, origin, cell, nx, ny, cell_starts, cell_polygons, tiles) -> bool:
    """Does (x, y) lie in at least one polygon? The other arguments are :attr:`PolygonSet.lookup`.

    ``tiles [ny * T, nx * T]`` says what is known of each tile (UNKNOWN, MIXED, INSIDE, OUTSIDE) and is filled in.
    """
    c = _cell_of(x, y, origin, cell, nx, ny)
    if c < 0:
        return False
    size = cell / (tiles.shape[0] // ny)
    tx = min(int((x - origin[0]) / size), tiles.shape[1] - 1)
    ty = min(int((y - origin[1]) / size), tiles.shape[0] - 1)
    kind = tiles[ty, tx]
    if kind in (INSIDE, OUTSIDE):
        return kind == INSIDE
    polygons = cell_polygons[cell_starts[c] : cell_starts[c + 1]]
    if kind == UNKNOWN:
        x0, y0 = origin[0] + tx * size - _SEAM, origin[1] + ty * size - _SEAM
        x1, y1 = x0 + size + 2 * _SEAM, y0 + size + 2 * _SEAM
        tiles[ty, tx] = kind = _classify(x0, y0, x1, y1, vertices, starts, polygons)
        if kind != MIXED:
            return kind == INSIDE
    for p in polygons:  # noqa: SIM110 (any() of a generator does not compile)
        if _inside(x, y, vertices, starts[p], starts[p + 1]):
            return True
    return False


@njit(cache=True)
def _any(points, vertices, starts, origin, cell, nx, ny, cell_starts, cell_polygons, tiles):
    out = np.empty(len(points), np.bool_)
    for m in range(len(points)):
        x, y = points[m, 0], points[m, 1]
        out[m] = in_any(x, y, vertices, starts, origin, cell, nx, ny, cell_starts, cell_polygons, tiles)
    return out


@njit(cache=True)
def _all(points, count, vertices, starts, origin, cell, nx, ny, cell_starts, cell_polygons):
    out = np.zeros((len(points), count), np.bool_)
    for m in range(len(points)):
        c = _cell_of(points[m, 0], points[m, 1], origin, cell, nx, ny)
        if c < 0:
            continue
        for k in range(cell_starts[c], cell_starts[c + 1]):
            p = cell_polygons[k]
            out[m, p] = _inside(points[m, 0], points[m, 1], vertices, starts[p], starts[p + 1])
    return out
