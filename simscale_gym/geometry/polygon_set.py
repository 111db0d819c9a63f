"""Many polygons at once: which of them contain a point, fast (numba, uniform grid over the bounding boxes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]


class PolygonArrays(NamedTuple):
    """A :class:`PolygonSet` as kernels take it.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, open.
        starts: ``[P + 1]`` first row of each ring in ``vertices``, and the number of rows.
        bounds: ``[P, 4]`` least x, y and greatest x, y of each ring.
        origin: ``[2]`` lower corner of the grid.
        cell: Edge of a grid cell [m].
        columns: Number of cells in x.
        rows: Number of cells in y.
        cell_starts: First entry of each cell in ``cell_polygons``.
        cell_polygons: Polygons near each cell, one cell after another.
    """

    vertices: Array
    starts: NDArray[np.int64]
    bounds: Array
    origin: Array
    cell: float
    columns: int
    rows: int
    cell_starts: NDArray[np.int64]
    cell_polygons: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PolygonSet:
    """Simple polygons (open or closed rings), with a grid that lists the polygons near each cell.

    Attributes:
        vertices: ``[V, 2]`` all rings one after another, open.
        starts: ``[P + 1]`` first row of each ring in ``vertices``, and the number of rows.
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

    __repr__ = one_line

    @classmethod
    def build(cls, rings: Sequence[Array], cell: float = 8.0) -> PolygonSet:
        """Index ``rings``, each ``[K, 2+]`` [m]; one without vertices holds nothing."""
        opened = [_open_ring(ring) for ring in rings]
        starts = np.concatenate([[0], np.cumsum([len(ring) for ring in opened])]).astype(np.int64)
        vertices = np.concatenate(opened) if opened else np.zeros((0, 2))
        bounds = _bounds(vertices, starts)
        low = vertices.min(0) if len(vertices) else np.zeros(2)
        high = vertices.max(0) if len(vertices) else np.zeros(2)
        cell = max(cell, float((high - low).max()) / 1024.0)  # bounds the grid for far-flung input
        shape = tuple(int(n) for n in np.floor((high - low) / cell) + 1)
        first = np.floor((bounds[:, :2] - low) / cell).astype(np.int64)
        last = np.floor((bounds[:, 2:] - low) / cell).astype(np.int64)
        last[np.diff(starts) == 0] = first[np.diff(starts) == 0] - 1  # bounds of none may lie beyond the grid
        cell_starts, cell_polygons = _sort_into_cells(first, last, shape[0], shape[0] * shape[1])
        return cls(vertices, starts, low, cell, shape, cell_starts, cell_polygons)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getstate__(self) -> dict[str, object]:
        """The fields, without what was derived: it is large, and quickly found out again."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    def contains_any(self, points: Array) -> NDArray[np.bool_]:
        """Which of ``points [..., 2]`` lie in at least one polygon: ``[...]``."""
        points = np.asarray(points, float)
        return self.contains(points.reshape(-1, 2)).any(1).reshape(points.shape[:-1])

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Membership ``[M, P]`` of ``points [M, 2]`` in every polygon."""
        return _all(np.ascontiguousarray(points, dtype=float), self.arrays)

    @cached_property
    def arrays(self) -> PolygonArrays:
        """The polygons as kernels take them."""
        bounds, (nx, ny) = _bounds(self.vertices, self.starts), self.shape
        return PolygonArrays(
            self.vertices, self.starts, bounds, self.origin, float(self.cell), int(nx), int(ny), self.cell_starts,
            self.cell_polygons,
        )  # fmt: skip


def _open_ring(ring: Array) -> Array:
    ring = np.asarray(ring, float)[:, :2]
    return ring[:-1] if len(ring) > 1 and ring[0, 0] == ring[-1, 0] and ring[0, 1] == ring[-1, 1] else ring


@njit(cache=True)
def _bounds(vertices, starts):
    """Least x, y and greatest x, y of each ring, ``[P, 4]``; zeros of an empty one."""
    out = np.zeros((len(starts) - 1, 4))
    for p in range(len(out)):
        for v in range(starts[p], starts[p + 1]):
            x, y = vertices[v, 0], vertices[v, 1]
            if v == starts[p]:
                out[p, 0], out[p, 1], out[p, 2], out[p, 3] = x, y, x, y
            out[p, 0], out[p, 1] = min(out[p, 0], x), min(out[p, 1], y)
            out[p, 2], out[p, 3] = max(out[p, 2], x), max(out[p, 3], y)
    return out


@njit(cache=True)
def _sort_into_cells(first, last, columns, count):
    """First entry of each cell ``[count + 1]``, and the entries: the polygons of cells ``first`` to ``last [P, 2]``."""
    starts = np.zeros(count + 1, np.int64)
    for p in range(len(first)):
        for y in range(first[p, 1], last[p, 1] + 1):
            for x in range(first[p, 0], last[p, 0] + 1):
                starts[y * columns + x + 1] += 1
    starts = np.cumsum(starts)
    used, polygons = starts[:-1].copy(), np.empty(starts[-1], np.int64)
    for p in range(len(first)):
        for y in range(first[p, 1], last[p, 1] + 1):
            for x in range(first[p, 0], last[p, 0] + 1):
                polygons[used[y * columns + x]] = p
                used[y * columns + x] += 1
    return starts, polygons


@borrowing
def _cell_of(x, y, origin, cell, nx, ny) -> int:
    cx, cy = int(np.floor((x - origin[0]) / cell)), int(np.floor((y - origin[1]) / cell))
    return cy * nx + cx if 0 <= cx < nx and 0 <= cy < ny else -1


@njit(cache=True)
def _all(points: Array, polygons: PolygonArrays) -> NDArray:
    out = np.zeros((len(points), len(polygons.bounds)), np.bool_)
    for m in range(len(points)):
        mark_holders(polygons, points[m, 0], points[m, 1], out[m])
    return out


@borrowing
def mark_holders(polygons: PolygonArrays, x: float, y: float, out: NDArray):
    """Set ``out [P]``, all False, where a polygon holds (x, y)."""
    bounds, starts = polygons.bounds, polygons.starts
    cell = _cell_of(x, y, polygons.origin, polygons.cell, polygons.columns, polygons.rows)
    if cell < 0:
        return
    for k in range(polygons.cell_starts[cell], polygons.cell_starts[cell + 1]):
        p = polygons.cell_polygons[k]
        if bounds[p, 0] <= x <= bounds[p, 2] and bounds[p, 1] <= y <= bounds[p, 3]:
            out[p] = _ring_holds(x, y, polygons.vertices, starts[p], starts[p + 1])


@borrowing
def _ring_holds(x: float, y: float, vertices: Array, start: int, end: int) -> bool:
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
