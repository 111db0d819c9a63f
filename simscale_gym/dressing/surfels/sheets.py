"""Many small sheets of surfels at once: rectangles and quadrilaterals, first written down, then cut together.

A façade is a few hundred rectangles of a few cells; one compiled pass over all of them is thirty times as fast as
one numpy call for each.
"""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.grading import SHARP_GROWTH
from simscale_gym.dressing.surfels.sharpness import Sharpness
from simscale_gym.dressing.surfels.surfels import ColorField, SurfelBuilder, Surfels

Array = NDArray[np.float64]
Vector = tuple[float, float, float]

MAX_CELLS = 512  # along one side of a sheet
_NARROWEST = 0.004  # standard deviation along a sheet [m]
_MAX_GRADED = 12  # cells that shrink towards one sharp edge, at most
_SHARP_K = 0.62  # standard deviation over the extent of a cell where sides are sharp: closed, and no wider than needed
_SLANTED = 4.0  # rows of a sheet with slanted sides are at most so many borders high: they end in steps
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
        ("sharp", np.int64),  # bits of _SHARP
        ("edge", float),  # first cell beside a sharp edge [m]
        ("growth", float),  # from one cell to the next away from it
        ("steady", bool),  # whether cells in the middle keep to that growth
        ("k", float),  # standard deviation over the extent of a cell
        ("thickness", float),  # standard deviation along the normal [m]
        ("opacity", float),
        ("occlusion", float),  # 1 where a function tells it
        ("emissive", float),
        ("gloss", float),
        ("noise", float),  # standard deviation of a brightness factor per cell
        ("paint", np.int64),  # number of the function that paints, -1 for none
        ("shade", np.int64),  # number of the function that tells occlusion, -1 for none
    ]
)
"""A sheet as it is written down, until all are cut together."""


class _Cells(NamedTuple):
    """The cells of all sheets, ``N`` surfels to be.

    Attributes:
        centers, u, v, normals, sigmas, albedo, opacity, occlusion, emissive, gloss: Columns of :class:`Surfels`.
        brightness: ``[N]`` factor on the color.
        places: ``[2, N]`` middle along u and v, as functions are told it [m].
        extents: ``[2, N]`` along u and v [m].
        sheet: ``[N]`` row of the sheet that a cell belongs to.
    """

    centers: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    normals: NDArray[np.float32]
    sigmas: NDArray[np.float32]
    albedo: NDArray[np.float32]
    opacity: NDArray[np.float32]
    occlusion: NDArray[np.float32]
    emissive: NDArray[np.float32]
    gloss: NDArray[np.float32]
    brightness: NDArray[np.float32]
    places: Array
    extents: Array
    sheet: NDArray[np.int64]


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
        o, u, v = (_floats(x) for x in (origin, u, v))
        (a, b), (c, d) = u_range, v_range
        corners = [
            (o[0] + s * u[0] + t * v[0], o[1] + s * u[1] + t * v[1], o[2] + s * u[2] + t * v[2])
            for s, t in ((a, c), (b, c), (b, d), (a, d))
        ]
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
        self._write(corners.tolist(), (0.0, 0.0), (float(along), float(across)), cell, color, **options)

    def _write(
        self,
        corners: list[Vector],
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
            sharp = [side for side in "lrbt" if side not in seams]
            edge, growth, k = min(edge, self.sharpness.border), min(growth, SHARP_GROWTH), _SHARP_K
            steady = True
        self._sheets.append(
            (
                corners,
                (0.0, 0.0, 0.0) if normal is None else _floats(normal),
                (0.0, 0.0, 0.0) if paint >= 0 else _floats(color),
                low,
                extent,
                cell,
                sum(bit for letter, bit in _SHARP.items() if letter in sharp),
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
            self.extend(self._cut())
            self._sheets, self._fields = [], []
        return super().build()

    def _cut(self) -> Surfels:
        sheets = np.array(self._sheets, _SHEET)
        noise = self.rng.standard_normal(int(_count_cells(sheets).sum()))
        cells = _empty_cells(len(noise))
        _cut_cells(sheets, noise, cells)
        paint, shade = sheets["paint"][cells.sheet], sheets["shade"][cells.sheet]
        for i, field in enumerate(self._fields):
            chosen = np.flatnonzero(paint == i)
            if len(chosen):
                where = (*cells.places[:, chosen], *cells.extents[:, chosen], cells.centers[chosen])
                cells.albedo[chosen] = np.asarray(field(*where)) * cells.brightness[chosen, None]
            chosen = np.flatnonzero(shade == i)
            if len(chosen):
                cells.occlusion[chosen] = field(*cells.places[:, chosen], cells.centers[chosen])
        return Surfels(*(getattr(cells, f.name) for f in fields(Surfels)))


def _is_slanted(corners: Array) -> bool:
    """Whether one of the sides from low to high v is far from square to the lower edge."""
    along, sides = corners[1] - corners[0], corners[[3, 2]] - corners[[0, 1]]
    lengths = np.linalg.norm(along) * np.linalg.norm(sides, axis=1)
    return bool((np.abs(sides @ along) > 0.05 * lengths).any())


def _empty_cells(count: int) -> _Cells:
    vectors, scalars = np.empty((6, count, 3), np.float32), np.empty((5, count), np.float32)
    return _Cells(*vectors, *scalars, np.empty((2, count)), np.empty((2, count)), np.empty(count, np.int64))


def _floats(values: ArrayLike) -> Vector:
    x, y, z = values
    return float(x), float(y), float(z)


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
    extent, cell, sharp, edge, growth = sheet.extent, sheet.cell, sheet.sharp, sheet.edge, sheet.growth
    steady = sheet.steady
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
def _cut_cells(sheets, noise, cells):
    """Fill ``cells`` of all ``sheets``; long because every value of a cell is written in one pass."""
    along, across = np.empty(MAX_CELLS), np.empty(MAX_CELLS)
    at = 0
    for i in range(len(sheets)):
        sheet = sheets[i]
        c0, c1, c2, c3 = sheet.corners[0], sheet.corners[1], sheet.corners[2], sheet.corners[3]
        low, extent = sheet.low, sheet.extent
        columns, lines = _borders(sheet, along, across)
        # of a triangle one side has no length, then the opposite one gives the direction
        first = _unit_or(c1 - c0, _unit_or(c2 - c3, np.array([1.0, 0.0, 0.0])))
        rise = (c3 + c2 - c0 - c1) / 2.0
        second = _unit_or(rise - (rise * first).sum() * first, np.array([0.0, 0.0, 1.0]))
        normal = _unit_or(sheet.normal, np.cross(first, second))
        for a in range(columns):
            s, ds = (along[a] + along[a + 1]) / 2 / extent[0], (along[a + 1] - along[a]) / extent[0]
            for b in range(lines):
                t, dt = (across[b] + across[b + 1]) / 2 / extent[1], (across[b + 1] - across[b]) / extent[1]
                bottom, top = c0 + s * (c1 - c0), c3 + s * (c2 - c3)
                width = ((c1 - c0) * (1.0 - t) + (c2 - c3) * t) * ds
                height = (top - bottom) * dt
                cells.centers[at] = bottom + t * (top - bottom)
                cells.u[at], cells.v[at], cells.normals[at] = first, second, normal
                # cells at the tip of a triangle have no width, a Gaussian needs some
                cells.sigmas[at, 0] = max(sheet.k * np.sqrt((width * width).sum()), _NARROWEST)
                cells.sigmas[at, 1] = sheet.k * abs((height * second).sum())
                cells.sigmas[at, 2] = sheet.thickness
                brightness = 1.0 + sheet.noise * noise[at]
                cells.brightness[at] = brightness
                cells.albedo[at] = sheet.color * brightness
                cells.opacity[at], cells.occlusion[at] = sheet.opacity, sheet.occlusion
                cells.emissive[at], cells.gloss[at] = sheet.emissive, sheet.gloss
                cells.places[0, at], cells.places[1, at] = low[0] + s * extent[0], low[1] + t * extent[1]
                cells.extents[0, at], cells.extents[1, at] = ds * extent[0], dt * extent[1]
                cells.sheet[at] = i
                at += 1
