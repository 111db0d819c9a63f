"""Many small sheets of surfels at once: rectangles and quadrilaterals, first written down, then cut together.

A façade is a few hundred rectangles of a few cells; one compiled pass over all of them is thirty times as fast as
one numpy call for each.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.surfels import ColorField, SurfelBuilder, Surfels

Array = NDArray[np.float64]
Vector = tuple[float, float, float]

MAX_CELLS = 512  # along one side of a sheet


class SheetBuilder(SurfelBuilder):
    """A surfel builder whose ``rect`` is put off until ``build``, and which can bend rectangles to quadrilaterals.

    A colour or occlusion given as a function is called once for all sheets that share it, so it must not depend on
    anything but the cells it is given.
    """

    def __init__(
        self, rng: np.random.Generator, k: float = 0.56, opacity: float = 0.97, thickness: float = 0.008
    ) -> None:
        super().__init__(rng, k, opacity, thickness)
        self._rows: list[tuple[float, ...]] = []
        self._fields: list[object] = []

    def rect(
        self,
        origin: ArrayLike,
        u: ArrayLike,
        v: ArrayLike,
        u_range: tuple[float, float],
        v_range: tuple[float, float],
        cell: float | tuple[float, float],
        color: ArrayLike | ColorField,
        **options,
    ) -> None:
        """As :meth:`SurfelBuilder.rect`, put off."""
        o, u, v = (_floats(x) for x in (origin, u, v))
        (a, b), (c, d) = u_range, v_range
        corners: list[float] = []
        for s, t in ((a, c), (b, c), (b, d), (a, d)):
            corners += (o[0] + s * u[0] + t * v[0], o[1] + s * u[1] + t * v[1], o[2] + s * u[2] + t * v[2])
        self._write(corners, (a, b - a, c, d - c), cell, color, **options)

    def patch(
        self, corners: ArrayLike, cell: float | tuple[float, float], color: ArrayLike | ColorField, **options
    ) -> None:
        """Covers the flat quadrilateral ``corners [4, 3]``, in order round, of which two may coincide."""
        corners = np.asarray(corners, float)
        along = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
        across = max(np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
        self._write(corners.ravel().tolist(), (0.0, float(along), 0.0, float(across)), cell, color, **options)

    def _write(
        self,
        corners: list[float],
        ranges: tuple[float, float, float, float],
        cell: float | tuple[float, float],
        color: ArrayLike | ColorField,
        *,
        sharp: str = "",
        edge: float = 0.04,
        growth: float = 2.0,
        noise: float = 0.02,
        k: float | None = None,
        occlusion: object = 1.0,
        normal: ArrayLike | None = None,
        opacity: float | None = None,
        emissive: float = 0.0,
        gloss: float = 0.0,
    ) -> None:
        cell_u, cell_v = cell if isinstance(cell, tuple) else (cell, cell)
        paint, shade = self._field(color), self._field(occlusion)
        flat = (0.0, 0.0, 0.0) if paint >= 0 else _floats(color)
        side = (0.0, 0.0, 0.0) if normal is None else _floats(normal)
        flags = sum(bit for bit, letter in ((1, "l"), (2, "r"), (4, "b"), (8, "t")) if letter in sharp)
        values = (
            cell_u, cell_v, flags, edge, growth, self.k if k is None else k, self.thickness,
            self.opacity if opacity is None else opacity, 1.0 if shade >= 0 else occlusion, emissive, gloss, noise,
            paint, shade,
        )  # fmt: skip
        self._rows.append((*corners, *side, *flat, *ranges, *values))

    def _field(self, value: object) -> int:
        """Number of a function among those used so far; -1 for a plain value."""
        if not callable(value):
            return -1
        for i, known in enumerate(self._fields):
            if known is value:
                return i
        self._fields.append(value)
        return len(self._fields) - 1

    def build(self) -> Surfels:
        """Everything added so far."""
        if self._rows:
            self.extend(self._cut())
            self._rows, self._fields = [], []
        return super().build()

    def _cut(self) -> Surfels:
        rows = np.array(self._rows)
        counts = _count_cells(rows)
        total = int(counts.sum())
        noise = self.rng.standard_normal(total)
        vectors, scalars, places, owner = _cut_cells(rows, total, noise)
        x, z, dx, dz = places
        albedo, occlusion = vectors[5], scalars[1]
        paint, shade = rows[owner, 34].astype(int), rows[owner, 35].astype(int)
        for i, field in enumerate(self._fields):
            chosen = np.flatnonzero(paint == i)
            if len(chosen):
                where = (x[chosen], z[chosen], dx[chosen], dz[chosen], vectors[0][chosen])
                albedo[chosen] = np.asarray(field(*where)) * scalars[4][chosen, None]
            chosen = np.flatnonzero(shade == i)
            if len(chosen):
                occlusion[chosen] = field(x[chosen], z[chosen], vectors[0][chosen])
        centers, u, v, normals, sigmas, _ = vectors
        return Surfels(centers, u, v, normals, sigmas, albedo, *scalars[:4])


def _floats(values: ArrayLike) -> Vector:
    x, y, z = values
    return float(x), float(y), float(z)


@njit(cache=True)
def _graded(length, cell, low, high, edge, growth, out):
    """Cell borders from 0 to ``length`` into ``out``, as :func:`surfels.graded_edges`; gives the number of cells."""
    left, used, step = 0, 0.0, edge
    sides = int(low) + int(high)
    while sides > 0 and step < cell and used + step * sides < 0.8 * length and left < 12:
        left += 1
        used += step * sides
        step *= growth
    middle = min(max(1, int(np.ceil((length - used) / cell - 1e-6))), MAX_CELLS - 26)
    count = 0
    out[0] = 0.0
    if low:
        step = edge
        for _ in range(left):
            out[count + 1] = out[count] + step
            count += 1
            step *= growth
    for _ in range(middle):
        out[count + 1] = out[count] + (length - used) / middle
        count += 1
    if high:
        step = edge * growth ** (left - 1)
        for _ in range(left):
            out[count + 1] = out[count] + step
            count += 1
            step /= growth
    return count


@njit(cache=True)
def _borders(row, along, across):
    flags = int(row[24])
    columns = _graded(row[19], row[22], flags & 1 > 0, flags & 2 > 0, row[25], row[26], along)
    rows = _graded(row[21], row[23], flags & 4 > 0, flags & 8 > 0, row[25], row[26], across)
    return columns, rows


@njit(cache=True)
def _count_cells(rows):
    along, across = np.empty(MAX_CELLS), np.empty(MAX_CELLS)
    out = np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        columns, lines = _borders(rows[i], along, across)
        out[i] = columns * lines
    return out


@njit(cache=True)
def _unit_or(vector, other):
    size = np.sqrt((vector * vector).sum())
    return vector / size if size > 1e-9 else other


@njit(cache=True)
def _cut_cells(rows, total, noise):
    """Long because every value of a cell is written in one pass: vectors [6, N, 3], scalars [5, N], places [4, N]."""
    vectors = np.empty((6, total, 3), np.float32)
    scalars = np.empty((5, total), np.float32)
    places = np.empty((4, total))
    owner = np.empty(total, np.int64)
    along, across = np.empty(MAX_CELLS), np.empty(MAX_CELLS)
    at = 0
    for i in range(len(rows)):
        row = rows[i]
        c0, c1, c2, c3 = row[0:3], row[3:6], row[6:9], row[9:12]
        columns, lines = _borders(row, along, across)
        first = _unit_or(c1 - c0, _unit_or(c2 - c3, np.array([1.0, 0.0, 0.0])))
        rise = (c3 + c2 - c0 - c1) / 2.0
        second = _unit_or(rise - (rise * first).sum() * first, np.array([0.0, 0.0, 1.0]))
        third = np.cross(first, second)
        normal = _unit_or(row[12:15], third)
        for a in range(columns):
            s, ds = (along[a] + along[a + 1]) / 2 / row[19], (along[a + 1] - along[a]) / row[19]
            for b in range(lines):
                t, dt = (across[b] + across[b + 1]) / 2 / row[21], (across[b + 1] - across[b]) / row[21]
                bottom, top = c0 + s * (c1 - c0), c3 + s * (c2 - c3)
                width = ((c1 - c0) * (1.0 - t) + (c2 - c3) * t) * ds
                height = (top - bottom) * dt
                vectors[0, at] = bottom + t * (top - bottom)
                vectors[1, at] = first
                vectors[2, at] = second
                vectors[3, at] = normal
                vectors[4, at, 0] = max(row[27] * np.sqrt((width * width).sum()), 0.004)
                vectors[4, at, 1] = row[27] * abs((height * second).sum())
                vectors[4, at, 2] = row[28]
                shade = 1.0 + row[33] * noise[at]
                vectors[5, at] = row[15:18] * shade
                scalars[0, at] = row[29]
                scalars[1, at] = row[30]
                scalars[2, at] = row[31]
                scalars[3, at] = row[32]
                scalars[4, at] = shade
                places[0, at] = row[18] + s * row[19]
                places[1, at] = row[20] + t * row[21]
                places[2, at] = ds * row[19]
                places[3, at] = dt * row[21]
                owner[at] = i
                at += 1
    return vectors, scalars, places, owner
