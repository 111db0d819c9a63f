"""Rasters over the ground plane: what lies where, and which places are taken already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroundRaster:
    """A bitmap over the plane that can be drawn into.

    Attributes:
        origin: ``[2]`` lower corner [m].
        cell: Edge of a pixel [m].
        values: ``[ny, nx]`` uint8.
    """

    origin: Array
    cell: float
    values: NDArray[np.uint8]

    @classmethod
    def over(cls, low: ArrayLike, high: ArrayLike, cell: float, most: int = 60_000_000) -> GroundRaster:
        """All zero, from ``low`` to ``high [2]`` [m]; coarser than ``cell`` where that took over ``most`` pixels."""
        low, size = np.asarray(low, float), np.asarray(high, float) - np.asarray(low, float)
        cell = max(cell, float(np.sqrt(size[0] * size[1] / most)))
        nx, ny = (int(n) for n in np.ceil(size / cell))
        return cls(low, cell, np.zeros((ny, nx), np.uint8))

    def fill_polygon(self, rings: Sequence[Array], value: int) -> None:
        """Set pixels whose centre lies inside an odd number of ``rings``, each ``[K, 2]``."""
        opened = [
            np.asarray(r, float)[:-1] if np.array_equal(r[0], r[-1]) else np.asarray(r, float) for r in rings
        ]
        starts = np.concatenate([[0], np.cumsum([len(r) for r in opened])]).astype(np.int64)
        vertices = (np.concatenate(opened)[:, :2] - self.origin) / self.cell
        _fill_polygon(self.values, vertices, starts, value)

    def at(self, points: ArrayLike) -> NDArray[np.uint8]:
        """Values ``[...]`` at ``points [..., 2]``; 0 outside."""
        points = np.ascontiguousarray(points, float)
        return _values_at(self.values, points.reshape(-1, 2), self.origin, self.cell).reshape(
            points.shape[:-1]
        )

    def mark(self, boxes: Array, bits: int) -> None:
        """Set ``bits`` under ``boxes [N, 5]`` (x, y, heading, length, width)."""
        _visit(self.values, self._scaled(boxes), 0, 2.0, bits)

    def share(self, boxes: Array, bits: int) -> Array:
        """Part ``[N]`` of the area of ``boxes [N, 5]`` where any of ``bits`` is set, 0..1."""
        return _visit(self.values, self._scaled(boxes), bits, -1.0, 0)[1]

    def claim(self, boxes: Array, taken: int, most: float, bits: int) -> NDArray[np.bool_]:
        """Mark those of ``boxes [N, 5]``, one after another, that are covered by ``taken`` to at most ``most``.

        Returns:
            Whether each box was marked, ``[N]``.
        """
        return _visit(self.values, self._scaled(boxes), taken, most, bits)[0]

    def _scaled(self, boxes: Array) -> Array:
        boxes = np.array(boxes, float).reshape(-1, 5)
        boxes[:, :2] = (boxes[:, :2] - self.origin) / self.cell
        boxes[:, 3:] /= self.cell
        return boxes


@njit(cache=True, error_model="numpy")
def _values_at(values, points, origin, cell):
    ny, nx = values.shape
    out = np.zeros(len(points), values.dtype)
    for i in range(len(points)):
        x, y = np.floor((points[i, 0] - origin[0]) / cell), np.floor((points[i, 1] - origin[1]) / cell)
        if 0.0 <= x < nx and 0.0 <= y < ny:
            out[i] = values[int(y), int(x)]
    return out


@njit(cache=True)
def _fill_polygon(values, vertices, starts, value):
    """Even-odd scan line fill over all rings at once."""
    ny, nx = values.shape
    low, high = max(int(np.floor(vertices[:, 1].min())), 0), min(int(np.ceil(vertices[:, 1].max())), ny)
    rows = max(high - low, 0)
    counts = np.zeros(rows + 1, np.int64)
    for sweep in range(2):
        if sweep == 1:
            offsets = np.zeros(rows + 1, np.int64)
            offsets[1:] = np.cumsum(counts[:rows])
            crossings, cursor = np.empty(offsets[rows]), offsets[:rows].copy()
        for r in range(len(starts) - 1):
            for i in range(starts[r], starts[r + 1]):
                j = i + 1 if i + 1 < starts[r + 1] else starts[r]
                x0, y0, x1, y1 = vertices[i, 0], vertices[i, 1], vertices[j, 0], vertices[j, 1]
                if y0 > y1:
                    x0, y0, x1, y1 = x1, y1, x0, y0
                for row in range(max(int(np.ceil(y0 - 0.5)), low), min(int(np.ceil(y1 - 0.5)), high)):
                    if sweep == 0:
                        counts[row - low] += 1
                    else:
                        crossings[cursor[row - low]] = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                        cursor[row - low] += 1
    for row in range(rows):
        line = crossings[offsets[row] : offsets[row + 1]]
        for k in range(1, len(line)):  # a few, nearly in order
            crossing, to = line[k], k
            while to > 0 and line[to - 1] > crossing:
                line[to] = line[to - 1]
                to -= 1
            line[to] = crossing
        for k in range(0, len(line) - 1, 2):
            first, last = max(int(np.ceil(line[k] - 0.5)), 0), min(int(np.ceil(line[k + 1] - 0.5)), nx)
            if last > first:
                values[row + low, first:last] = value


@njit(cache=True)
def _visit(values, boxes, bits, most, mark):
    """Covered share of each box, and marking of those with at most ``most``, in order."""
    ny, nx = values.shape
    done, share = np.zeros(len(boxes), np.bool_), np.zeros(len(boxes))
    for i in range(len(boxes)):
        x, y, heading, half_length, half_width = boxes[i]
        half_length, half_width = half_length / 2, half_width / 2
        cos, sin = np.cos(heading), np.sin(heading)
        reach_x = abs(cos) * half_length + abs(sin) * half_width
        reach_y = abs(sin) * half_length + abs(cos) * half_width
        x0, x1 = max(int(np.floor(x - reach_x)), 0), min(int(np.ceil(x + reach_x)), nx)
        y0, y1 = max(int(np.floor(y - reach_y)), 0), min(int(np.ceil(y + reach_y)), ny)
        for sweep in range(2):
            total, covered = 0, 0
            for py in range(y0, y1):
                for px in range(x0, x1):
                    dx, dy = px + 0.5 - x, py + 0.5 - y
                    if abs(cos * dx + sin * dy) <= half_length and abs(cos * dy - sin * dx) <= half_width:
                        if sweep == 1:
                            values[py, px] |= mark
                        else:
                            total += 1
                            covered += (values[py, px] & bits) != 0
            if sweep == 0:
                if total == 0:  # thinner than a pixel: ask the pixel below the centre
                    px, py, total = int(np.floor(x)), int(np.floor(y)), 1
                    if 0 <= px < nx and 0 <= py < ny:
                        covered = int((values[py, px] & bits) != 0)
                share[i] = covered / total
                done[i] = share[i] <= most
                if not (done[i] and mark):
                    break
    return done, share
