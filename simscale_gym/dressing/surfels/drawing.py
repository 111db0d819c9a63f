"""Vector drawings laid with surfels: polygons painted over each other, cut apart, each filled along its edges.

Nothing coplanar is stacked (sorting is per centre, so a layer would show through): the drawing is flattened to a
partition first. Beside the border of a polygon lie thin strips along it, inside a grid whose cells are clipped
by the border; a clipped cell becomes the surfel with the same second moments, so borders stay crisp at any angle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.grading import graded_edges

Array = NDArray[np.float64]
Layers = list[tuple[str, shapely.Geometry]]
"""Material and area of what is painted, in painting order."""


@dataclass(frozen=True)
class Fineness:
    """Sizes of the pieces that a drawing is laid with.

    Attributes:
        cell: Edge of an inner cell [m].
        edge: Width of the strip beside a border [m]; 0 for none.
        along: Greatest length of a surfel along a border [m].
        stroke: Drawn areas narrower than this are left out [m].
        k: Standard deviation over extent.
    """

    cell: float
    edge: float
    along: float
    stroke: float
    k: float = 0.66


@dataclass(frozen=True, eq=False)
class Patches:
    """``M`` flat pieces of a chart.

    Attributes:
        centers: ``[M, 2]`` [m].
        first, second: ``[M, 2]`` the piece's extent along two directions at right angles [m].
    """

    centers: Array
    first: Array
    second: Array

    @classmethod
    def concatenate(cls, parts: Sequence[Patches]) -> Patches:
        """Join in order."""
        if not parts:
            return cls(*(np.zeros((0, 2)) for _ in range(3)))
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("centers", "first", "second")))


def flatten(
    layers: Sequence[tuple[str, shapely.Geometry]], canvas: shapely.Polygon, stroke: float
) -> list[tuple[str, shapely.Polygon]]:
    """Cut a drawing apart.

    Args:
        layers: Material and area, painted in this order; later ones cover earlier ones.
        canvas: The area that is kept.
        stroke: Pieces narrower than this on average are left out, and what lies below shows [m].

    Returns:
        Material and polygon of each piece; they do not overlap.
    """
    pieces: list[tuple[str, shapely.Polygon]] = []
    for material, run in groupby(reversed(layers), key=lambda layer: layer[0]):
        areas = [area for _, area in run]
        area = shapely.union_all(areas) if len(areas) > 1 else areas[0]
        kept = [
            p for p in _polygons(shapely.intersection(area, canvas)) if 2 * p.area > stroke * p.length / 1.05
        ]
        pieces.extend((material, p) for p in kept)
        if kept:
            canvas = shapely.difference(canvas, shapely.union_all(kept))
    return pieces


def lay(
    layers: Layers, canvas: shapely.Polygon, lines: tuple[Array, Array], fine: Fineness
) -> dict[str, tuple[Patches, list[shapely.Polygon]]]:
    """Flatten a drawing and cover it.

    Args:
        layers: Material and area, in painting order.
        canvas: The area that is kept.
        lines: Ascending borders of the grid's columns and of its rows [m].
        fine: Sizes of the pieces.

    Returns:
        Patches of each material and the polygons that they cover.
    """
    polygons: dict[str, list[shapely.Polygon]] = {}
    for material, polygon in flatten(layers, canvas, fine.stroke):
        polygons.setdefault(material, []).append(polygon)
    return {
        material: (Patches.concatenate([fill(polygon, *lines, fine) for polygon in own]), own)
        for material, own in polygons.items()
    }


def fill(polygon: shapely.Polygon, x_lines: Array, y_lines: Array, fine: Fineness) -> Patches:
    """Cover ``polygon`` with pieces: strips along its border, inside the cells of a grid.

    Args:
        polygon: The area [m].
        x_lines: Ascending borders of the grid's columns [m].
        y_lines: Ascending borders of its rows [m].
        fine: Sizes of the pieces.
    """
    parts, inner = [], polygon
    if fine.edge > 0.0:
        strips, inner = _border_strips(polygon, fine)
        parts.extend(strips)
    parts.append(_clipped_cells(inner, x_lines, y_lines, split=fine.edge > 0.0))
    return Patches.concatenate(parts)


def _polygons(area: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(area)) if not area.is_empty else []
    return [p for p in parts if isinstance(p, shapely.Polygon) and p.area > 1e-6]


def _border_strips(polygon: shapely.Polygon, fine: Fineness) -> tuple[list[Patches], shapely.Geometry]:
    """Strips that double in width away from the border, and what they leave."""
    strips, depth, width, covered = [], 0.0, fine.edge, []
    while width < 0.8 * fine.cell:
        middle = polygon.buffer(-(depth + width / 2), join_style="mitre", mitre_limit=2.0)
        if middle.is_empty:
            break
        line = middle.boundary.simplify(0.12 * width)
        strips.append(_along(line, width, min(fine.along, 7.0 * width)))
        covered.append(line.buffer(0.52 * width, cap_style="flat", join_style="mitre", mitre_limit=2.0))
        depth, width = depth + width, 2.0 * width
    rest = shapely.difference(polygon, shapely.union_all(covered)) if covered else polygon
    return strips, shapely.union_all([p for p in _polygons(rest) if p.area > (0.4 * fine.edge) ** 2])


def _along(lines: shapely.Geometry, width: float, longest: float) -> Patches:
    """Pieces of ``width`` [m] one after another along lines, shorter towards corners lest they stick out there."""
    starts, ends = [], []
    for line in shapely.get_parts(lines):
        points = shapely.get_coordinates(line)
        sharp = _corners(points)
        for i in range(len(points) - 1):
            a, b = points[i], points[i + 1]
            length = float(np.hypot(*(b - a)))
            edges = graded_edges(0.0, length, longest, sharp[i], sharp[i + 1], 1.2 * width, 2.0)
            borders = a + edges[:, None] / max(length, 1e-9) * (b - a)
            starts.append(borders[:-1])
            ends.append(borders[1:])
    start, end = np.concatenate(starts), np.concatenate(ends)
    step = end - start
    length = np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    across = np.stack([-step[:, 1], step[:, 0]], 1) / length * width
    return Patches((start + end) / 2, step, across)


def _corners(ring: Array) -> NDArray[np.bool_]:
    """Whether a closed ring turns by more than half a radian at each of its points, ``[K]``."""
    step = np.diff(ring, axis=0)
    angle = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs((angle - np.roll(angle, 1) + np.pi) % (2 * np.pi) - np.pi) > 0.5
    return np.r_[turn, turn[:1]]


def _clipped_cells(area: shapely.Geometry, x_lines: Array, y_lines: Array, *, split: bool) -> Patches:
    """The cells of a grid that lie inside, and those cut by the border as pieces of the same moments."""
    if area.is_empty:
        return Patches.concatenate([])
    west, south, east, north = area.bounds
    columns = slice(max(np.searchsorted(x_lines, west) - 1, 0), np.searchsorted(x_lines, east) + 1)
    rows = slice(max(np.searchsorted(y_lines, south) - 1, 0), np.searchsorted(y_lines, north) + 1)
    x, y = x_lines[columns], y_lines[rows]
    low_x, low_y = (a.ravel() for a in np.meshgrid(x[:-1], y[:-1], indexing="ij"))
    high_x, high_y = (a.ravel() for a in np.meshgrid(x[1:], y[1:], indexing="ij"))
    cells = shapely.box(low_x, low_y, high_x, high_y)
    shapely.prepare(area)
    whole = shapely.contains_properly(area, cells)
    cut = shapely.intersection(cells[~whole & shapely.intersects(area, cells)], area)
    cut = _parts(cut)
    if split and len(cut):
        ragged = shapely.area(cut) < 0.55 * shapely.area(shapely.minimum_rotated_rectangle(cut))
        cut = np.concatenate([cut[~ragged], *(_cut_small(piece) for piece in cut[ragged])])
    size_x, size_y, none = (high_x - low_x)[whole], (high_y - low_y)[whole], np.zeros(whole.sum())
    centers = np.stack([(low_x + high_x)[whole] / 2, (low_y + high_y)[whole] / 2], 1)
    inside = Patches(centers, np.stack([size_x, none], 1), np.stack([none, size_y], 1))
    return Patches.concatenate([inside, _shortened(_moment_patches(cut))])


def _parts(areas: NDArray) -> NDArray:
    """The polygons among geometries, slivers left out."""
    parts = shapely.get_parts(shapely.get_parts(areas))
    return parts[(shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 1e-6)]


def _cut_small(piece: shapely.Polygon) -> NDArray:
    """A crooked piece cut by a 3 x 3 grid: its own moments would cover what lies between its arms."""
    west, south, east, north = piece.bounds
    x, y = (np.linspace(low, high, 4) for low, high in ((west, east), (south, north)))
    low_x, low_y = (a.ravel() for a in np.meshgrid(x[:-1], y[:-1], indexing="ij"))
    high_x, high_y = (a.ravel() for a in np.meshgrid(x[1:], y[1:], indexing="ij"))
    return _parts(shapely.intersection(shapely.box(low_x, low_y, high_x, high_y), piece))


def _shortened(patches: Patches) -> Patches:
    """Cut pieces drawn in a little, slivers more along their length: they have no neighbour beyond the border."""
    long, short = (np.linalg.norm(x, axis=1, keepdims=True) for x in (patches.first, patches.second))
    slender = np.clip((long / np.maximum(short, 1e-4) - 2.0) / 3.0, 0.0, 1.0)
    return Patches(patches.centers, patches.first * (0.88 - 0.33 * slender), patches.second * 0.92)


def _moment_patches(polygons: NDArray) -> Patches:
    """One rectangle for each polygon, with its area's centre and second moments (holes counted)."""
    if not len(polygons):
        return Patches.concatenate([])
    rings, owner = shapely.get_rings(polygons, return_index=True)
    outer = np.r_[True, owner[1:] != owner[:-1]]
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    origin = shapely.get_coordinates(shapely.centroid(polygons))
    points = points - origin[owner[ring]]
    a, b, ring = points[:-1][same], points[1:][same], ring[1:][same]
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    turn = np.sign(np.bincount(ring, cross, len(rings))) * np.where(outer, 1.0, -1.0)
    weight, piece = cross * turn[ring], owner[ring]
    area = np.bincount(piece, weight, len(polygons)) / 2

    def moment(i: int, j: int) -> Array:
        terms = (2 * a[:, i] * a[:, j] + 2 * b[:, i] * b[:, j] + a[:, i] * b[:, j] + b[:, i] * a[:, j]) / 24
        return np.bincount(piece, weight * terms, len(polygons)) / area

    xx, yy, xy = moment(0, 0), moment(1, 1), moment(0, 1)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    mean, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    long, short = np.sqrt(12 * (mean + radius)), np.sqrt(12 * np.maximum(mean - radius, 1e-8))
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    across = np.stack([-direction[:, 1], direction[:, 0]], 1)
    return Patches(origin, direction * long[:, None], across * short[:, None])
