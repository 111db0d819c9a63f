"""Many small sheets of surfels at once: rectangles and quadrilaterals, first written down, then cut together.

A façade is a few hundred rectangles of a few cells; one compiled pass over all of them is thirty times as fast as
one numpy call for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.grading import SHARP_GROWTH
from simscale_gym.dressing.surfels.sharpness import Sharpness
from simscale_gym.dressing.surfels.surfels import ColorField, SurfelBuilder, Surfels

Array = NDArray[np.float64]

MAX_CELLS = 512  # along one side of a sheet
_NARROWEST = 0.004  # standard deviation along a sheet [m]
_MAX_GRADED = 12  # cells that shrink towards one sharp edge, at most
_SHARP_K = 0.62  # standard deviation over the extent of a cell where sides are sharp: closed, and no wider than needed
_SLANTED = 4.0  # rows of a sheet with slanted sides are at most so many borders high: they end in steps
_NONE = (0.0, 0.0, 0.0)
_LEFT, _RIGHT, _BOTTOM, _TOP = 1, 2, 4, 8
_SHARP = {"l": _LEFT, "r": _RIGHT, "b": _BOTTOM, "t": _TOP}

_SHEET = np.dtype(
    [
        ("corners", float, (4, 3)),  # in order round: low u and v, high u, high both, high v [m]
        ("normal", float, 3),  # zeros: at right angles to the sheet
        ("color", float, 3),  # sRGB; zeros where a function paints
        ("low", float, 2),  # place of the first corner along u and v, as functions are told it [m]
        ("extent", float, 2),  # along u and v [m]
        ("cell", float, 2),  # largest cell along u and v [m]
        ("sharp", float),  # bits of _SHARP
        ("edge", float),  # first cell beside a sharp edge [m]
        ("growth", float),  # from one cell to the next away from it
        ("steady", float),  # whether cells in the middle keep to that growth
        ("k", float),  # standard deviation over the extent of a cell
        ("thickness", float),  # standard deviation along the normal [m]
        ("opacity", float),
        ("occlusion", float),  # 1 where a function tells it
        ("emissive", float),
        ("gloss", float),
        ("noise", float),  # standard deviation of a brightness factor per cell
        ("paint", float),  # number of the function that paints, -1 for none
        ("shade", float),  # number of the function that tells occlusion, -1 for none
    ]
)
"""A sheet as it is written down, until all are cut together: a row of floats, as numpy reads lists of such fast."""


class SheetBuilder(SurfelBuilder):
    """A surfel builder whose ``rect`` is put off until ``build``, and which can bend rectangles to quadrilaterals.

    A colour or occlusion given as a function is called once for all sheets that share it, so it must not depend on
    anything but the cells it is given.
    """

    def __init__(self, rng: np.random.Generator, **settings: float | Sharpness) -> None:
        super().__init__(rng, **settings)
        self._sheets: list[tuple] = []
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
        """Cover a rectangle as :meth:`SurfelBuilder.rect` does, but not before :meth:`build`.

        Where the builder's sharpness has limits, all sides are sharp but those that the option ``seams`` names, behind
        which the same surface goes on; and cells are limited but for what the option ``plain`` says nobody looks at.
        """
        # spelled out in Python's own floats: a street has ten thousand rectangles, and numpy's take ten times as long
        (ox, oy, oz), (ux, uy, uz), (vx, vy, vz) = _floats(origin), _floats(u), _floats(v)
        a, b, c, d = float(u_range[0]), float(u_range[1]), float(v_range[0]), float(v_range[1])
        left, right = (ox + a * ux, oy + a * uy, oz + a * uz), (ox + b * ux, oy + b * uy, oz + b * uz)
        below, above = (c * vx, c * vy, c * vz), (d * vx, d * vy, d * vz)
        corners = (
            left[0] + below[0], left[1] + below[1], left[2] + below[2],
            right[0] + below[0], right[1] + below[1], right[2] + below[2],
            right[0] + above[0], right[1] + above[1], right[2] + above[2],
            left[0] + above[0], left[1] + above[1], left[2] + above[2],
        )  # fmt: skip
        self._write(corners, (a, c), (b - a, d - c), cell, color, **options)

    def patch(
        self, corners: ArrayLike, cell: float | tuple[float, float], color: ArrayLike | ColorField, **options
    ) -> None:
        """Covers the flat quadrilateral ``corners [4, 3]``, in order round, of which two may coincide."""
        corners = np.asarray(corners, float)
        along = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
        across = max(np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
        if self.sharpness.limits and _is_slanted(corners):
            size = cell if isinstance(cell, tuple) else (cell, cell)
            cell = (min(size[0], self.sharpness.longest), min(size[1], _SLANTED * self.sharpness.border))
            options["plain"] = True
        self._write(
            corners.ravel().tolist(), (0.0, 0.0), (float(along), float(across)), cell, color, **options
        )

    def _write(
        self,
        corners: Sequence[float],
        low: tuple[float, float],
        extent: tuple[float, float],
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
        seams: str = "",
        plain: bool = False,
    ) -> None:
        paint, shade = self._field(color), self._field(occlusion)
        cell = cell if isinstance(cell, tuple) else (cell, cell)
        steady = False
        if self.sharpness.limits and seams != "lrbt":
            limit = self.sharpness.texture if paint >= 0 else self.sharpness.longest
            cell = cell if plain else (min(cell[0], limit), min(cell[1], limit))
            sharp = "".join(side for side in "lrbt" if side not in seams)
            edge, growth, k = min(edge, self.sharpness.border), min(growth, SHARP_GROWTH), _SHARP_K
            steady = True
        self._sheets.append(
            (
                *corners,
                *(_NONE if normal is None else _floats(normal)),
                *(_NONE if paint >= 0 else _floats(color)),
                *low,
                *extent,
                *cell,
                _bits(sharp),
                edge,
                growth,
                steady,
                self.k if k is None else k,
                self.thickness,
                self.opacity if opacity is None else opacity,
                1.0 if shade >= 0 else occlusion,
                emissive,
                gloss,
                noise,
                paint,
                shade,
            )
        )

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
        if self._sheets:
            cut = self._cut()
            self._sheets, self._fields = [], []
            if not self._parts:
                return cut
            self.extend(cut)
        return super().build()

    def _cut(self) -> Surfels:
        sheets = np.array(self._sheets, float).view(_SHEET)[:, 0]
        noise = self.rng.standard_normal(int(_count_cells(sheets).sum()))
        count = len(noise)
        vectors, values = np.empty((6, count, 3), np.float32), np.empty((5, count), np.float32)
        spots, owners = np.empty((4, count)), np.empty(count, np.int64)
        _cut_cells(sheets, noise, vectors, values, spots, owners)
        cells, brightness = Surfels(*vectors, *values[:4]), values[4]
        paint, shade = sheets["paint"][owners], sheets["shade"][owners]
        for i, field in enumerate(self._fields):
            chosen = np.flatnonzero(paint == i)
            if len(chosen):
                color = np.asarray(field(*spots[:, chosen], cells.centers[chosen]))
                cells.albedo[chosen] = color * brightness[chosen, None]
            chosen = np.flatnonzero(shade == i)
            if len(chosen):
                cells.occlusion[chosen] = field(*spots[:2, chosen], cells.centers[chosen])
        return cells


def _is_slanted(corners: Array) -> bool:
    """Whether one of the sides from low to high v is far from square to the lower edge."""
    along, sides = corners[1] - corners[0], corners[[3, 2]] - corners[[0, 1]]
    lengths = np.linalg.norm(along) * np.linalg.norm(sides, axis=1)
    return bool((np.abs(sides @ along) > 0.05 * lengths).any())


def _floats(values: ArrayLike) -> Sequence[float]:
    return values.tolist() if isinstance(values, np.ndarray) else values


@cache
def _bits(sharp: str) -> int:
    return sum(bit for letter, bit in _SHARP.items() if letter in sharp)


@njit(cache=True)
def _graded(length, cell, low, high, edge, growth, steady, out):
    """Cell borders from 0 to ``length`` into ``out``, as :func:`surfels.graded_edges`; gives the number of cells."""
    left, used, step = 0, 0.0, edge
    sides = int(low) + int(high)
    while sides > 0 and step < cell and used + step * sides < 0.8 * length and left < _MAX_GRADED:
        left += 1
        used += step * sides
        step *= growth
    if steady and left > 0:
        cell = min(cell, step)
    middle = min(max(1, int(np.ceil((length - used) / cell - 1e-6))), MAX_CELLS - 2 * _MAX_GRADED - 2)
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
def _borders(sheet, along, across):
    extent, cell, edge, growth = sheet.extent, sheet.cell, sheet.edge, sheet.growth
    sharp, steady = int(sheet.sharp), sheet.steady > 0.0
    columns = _graded(extent[0], cell[0], sharp & _LEFT > 0, sharp & _RIGHT > 0, edge, growth, steady, along)
    lines = _graded(extent[1], cell[1], sharp & _BOTTOM > 0, sharp & _TOP > 0, edge, growth, steady, across)
    return columns, lines


@njit(cache=True)
def _count_cells(sheets):
    along, across = np.empty(MAX_CELLS), np.empty(MAX_CELLS)
    out = np.empty(len(sheets), np.int64)
    for i in range(len(sheets)):
        columns, lines = _borders(sheets[i], along, across)
        out[i] = columns * lines
    return out


@njit(cache=True)
def _unit_or(vector, other):
    size = np.sqrt((vector * vector).sum())
    return vector / size if size > 1e-9 else other


@njit(cache=True)
def _cut_cells(sheets, noise, vectors, values, spots, owners):
    """The cells of all ``sheets``, ``N`` surfels to be; long because every value of a cell is written in one pass.

    Args:
        sheets: Sheets as they are written down.
        noise: ``[N]`` standard normal.
        vectors: ``[6, N, 3]`` centres, u, v, normals, sigmas and albedo, to be filled in.
        values: ``[5, N]`` opacity, occlusion, emissive, gloss, and the factor on the colour.
        spots: ``[4, N]`` middle along u and v, as functions are told it, and extents along both [m].
        owners: ``[N]`` row of the sheet that a cell belongs to.
    """
    centers, us, vs, normals, sigmas, albedo = (
        vectors[0], vectors[1], vectors[2], vectors[3], vectors[4], vectors[5],
    )  # fmt: skip
    along, across = np.empty(MAX_CELLS), np.empty(MAX_CELLS)
    bottom, climb = np.empty(3), np.empty(3)
    at = 0
    for i in range(len(sheets)):
        sheet = sheets[i]
        c0, c1, c2, c3 = sheet.corners[0], sheet.corners[1], sheet.corners[2], sheet.corners[3]
        lower, upper, low, extent, color = c1 - c0, c2 - c3, sheet.low, sheet.extent, sheet.color
        columns, lines = _borders(sheet, along, across)
        # of a triangle one side has no length, then the opposite one gives the direction
        first = _unit_or(lower, _unit_or(upper, np.array([1.0, 0.0, 0.0])))
        rise = (c3 + c2 - c0 - c1) / 2.0
        second = _unit_or(rise - (rise * first).sum() * first, np.array([0.0, 0.0, 1.0]))
        normal = _unit_or(sheet.normal, np.cross(first, second))
        for a in range(columns):
            s, ds = (along[a] + along[a + 1]) / 2 / extent[0], (along[a + 1] - along[a]) / extent[0]
            for q in range(3):
                bottom[q] = c0[q] + s * lower[q]
                climb[q] = c3[q] + s * upper[q] - bottom[q]
            for b in range(lines):
                t, dt = (across[b] + across[b + 1]) / 2 / extent[1], (across[b + 1] - across[b]) / extent[1]
                brightness, square, height = 1.0 + sheet.noise * noise[at], 0.0, 0.0
                for q in range(3):
                    width = (lower[q] * (1.0 - t) + upper[q] * t) * ds
                    square += width * width
                    height += climb[q] * dt * second[q]
                    centers[at, q] = bottom[q] + t * climb[q]
                    us[at, q], vs[at, q], normals[at, q] = first[q], second[q], normal[q]
                    albedo[at, q] = color[q] * brightness
                # cells at the tip of a triangle have no width, a Gaussian needs some
                sigmas[at, 0] = max(sheet.k * np.sqrt(square), _NARROWEST)
                sigmas[at, 1] = sheet.k * abs(height)
                sigmas[at, 2] = sheet.thickness
                values[0, at], values[1, at] = sheet.opacity, sheet.occlusion
                values[2, at], values[3, at], values[4, at] = sheet.emissive, sheet.gloss, brightness
                spots[0, at], spots[1, at] = low[0] + s * extent[0], low[1] + t * extent[1]
                spots[2, at], spots[3, at] = ds * extent[0], dt * extent[1]
                owners[at] = i
                at += 1
