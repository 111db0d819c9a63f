"""Lane lines, as cells cut out of the road surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cells import (
    FAR,
    MIDDLE,
    NEAR,
    RAISE,
    SKIRT_WIDTHS,
    TAKEN,
    Cells,
    Layer,
    Line,
    even_pieces,
)
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surfels.grading import graded_edges
from simscale_gym.scene import BoundaryType, Lane, RoadMap
from simscale_gym.scene.derived import derived

Array = NDArray[np.float64]

LINE_WIDTH = 0.12
DASH, GAP = 3.0, 6.0
"""German road markings (RMS-1): narrow line, dashes in town [m]."""


@dataclass(frozen=True, eq=False)
class PaintedLine:
    """A line on the road: its course, whether it is dashed, and what it is painted with."""

    line: Line
    dashed: bool
    paint: Surface = Surface.PAINT


@derived
def lane_lines(road_map: RoadMap) -> list[PaintedLine]:
    """The lines of all lanes; where a map knows none, between neighbours dashed and beside oncoming lanes solid."""
    lanes = [lane for lane in road_map.lanes.values() if not lane.connector]
    painted = any(
        kind != BoundaryType.VIRTUAL for lane in lanes for kind in (lane.left_type, lane.right_type)
    )
    lines = []
    for lane in lanes:
        for points, kind in _boundaries(lane, painted):
            if kind != BoundaryType.VIRTUAL and len(points) > 1:
                line = Line.of(points)
                if len(line.points) > 1 and line.length > 1.0:
                    paint = Surface.YELLOW_PAINT if kind.yellow else Surface.PAINT
                    lines.append(PaintedLine(line, kind.dashed, paint))
    return sorted(lines, key=lambda item: -item.line.length)


def _boundaries(lane: Lane, painted: bool) -> list[tuple[Array, BoundaryType]]:
    if painted:
        return [(lane.left_boundary, lane.left_type), (lane.right_boundary, lane.right_type)]
    left = BoundaryType.DASHED_WHITE if lane.left_neighbor else BoundaryType.SOLID_WHITE
    right = BoundaryType.DASHED_WHITE if lane.right_neighbor else BoundaryType.SOLID_WHITE
    return [(lane.left_boundary, left), (lane.right_boundary, right)]


def paint_lines(lines: Sequence[PaintedLine], terrain: Terrain, taken: GroundRaster) -> Layer:
    """Lay lane lines; where two lanes share one, it is laid once, and it stops before what is ``taken``."""
    zone = GroundRaster.over(terrain.surfaces.origin, _upper(terrain.surfaces), 0.2)
    parts = [part for item in lines if (part := _paint_line(item, terrain, taken, zone)) is not None]
    columns = max((len(p.skirts) for p in parts), default=0)
    skirts = [
        np.concatenate([p.skirts[c] for p in parts if c < len(p.skirts)] or [np.zeros((0, 5))])
        for c in range(columns)
    ]
    solid, raised = (Cells.concatenate([getattr(p, name) for p in parts]) for name in ("solid", "raised"))
    return Layer(solid, tuple(skirts), raised)


def _upper(raster: GroundRaster) -> Array:
    return raster.origin + raster.cell * np.array(raster.values.shape[::-1])


def _paint_line(item: PaintedLine, terrain: Terrain, taken: GroundRaster, zone: GroundRaster) -> Layer | None:
    line = item.line
    low, high, painted = _intervals(item)
    middle, left = line.frames((low + high) / 2)
    distance = terrain.distance(middle)
    pieces = line.pieces(low, high)
    free = zone.share(pieces.boxes(-0.2, 0.2), 1) < 0.5
    beside = [terrain.surfaces.at(middle + side * left) == Surface.ROAD for side in (-0.22, 0.22)]
    keep = free & beside[0] & beside[1] & (distance < FAR)
    if not keep.any():
        return None
    zone.mark(pieces.boxes(-0.45, 0.45)[keep], 1)
    level = np.digitize(distance, [NEAR, MIDDLE])
    solids, skirts = [], [[], [], [], []]
    for lod in (0, 1):
        rows = keep & (level == lod)
        if rows.any():
            solids.append(_cut_line(item, low[rows], high[rows], painted[rows], lod, taken))
            for column, boxes in enumerate(_line_skirts(line, low[rows], high[rows], lod)):
                skirts[column].append(boxes)
    far = keep & (level == 2) & painted
    starts, ends = even_pieces(low[far], high[far], 1.5)
    raised = Cells.of(line.boxes(starts, ends, -LINE_WIDTH / 2, LINE_WIDTH / 2), item.paint, RAISE)
    joined = tuple(np.concatenate(column) for column in skirts if column)
    return Layer(Cells.concatenate(solids), joined, raised)


def _intervals(item: PaintedLine) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Starts, ends [m] and paint of the pieces of a line: dashes and gaps, or lengths of about 2 m."""
    length = item.line.length
    if not item.dashed:
        borders = np.linspace(0.0, length, max(2, int(np.ceil(length / 2.0)) + 1))
        return borders[:-1], borders[1:], np.ones(len(borders) - 1, bool)
    period = DASH + GAP
    starts = np.arange(GAP / 2, length, period)
    borders = np.unique(np.clip(np.concatenate([[0.0, length], starts, starts + DASH]), 0.0, length))
    borders = borders[np.r_[True, np.diff(borders) > 0.3]]
    middle = (borders[:-1] + borders[1:]) / 2
    return borders[:-1], borders[1:], (middle - GAP / 2) % period < DASH


def _cut_line(
    item: PaintedLine, low: Array, high: Array, painted: NDArray[np.bool_], lod: int, taken: GroundRaster
) -> Cells:
    """The cells of a line's own width, paint and gaps; those on taken ground are left out."""
    line = item.line
    step, edge = ((0.22, 0.06), (0.6, 0.15))[lod]
    starts, ends, paint = [], [], []
    for a, b, on in zip(low, high, painted, strict=True):
        dashed = not painted.all()
        edges = graded_edges(a, b, step if on else 1.6 * step, dashed, dashed, edge, 2.0)
        starts.append(edges[:-1])
        ends.append(edges[1:])
        paint.append(np.full(len(edges) - 1, on))
    s_low, s_high, on = (np.concatenate(x) for x in (starts, ends, paint))
    columns = np.linspace(-LINE_WIDTH / 2, LINE_WIDTH / 2, (4, 2)[lod])
    pieces = line.pieces(s_low, s_high)
    boxes = [pieces.boxes(a, b) for a, b in pairwise(columns)]
    free = taken.share(pieces.boxes(-0.15, 0.15), TAKEN) < 0.3
    surface = np.where(on, item.paint, Surface.ROAD)[free]
    cells = Cells.concatenate([Cells.of(b[free], surface) for b in boxes])
    taken.mark(cells.boxes, TAKEN)
    return cells


def _line_skirts(line: Line, low: Array, high: Array, lod: int) -> list[Array]:
    """Columns of boxes on both sides of a line's pieces, and a little beyond the ends of each run."""
    pieces = line.pieces(*even_pieces(low, high, (0.3, 0.7)[lod]))
    runs_end = high[np.r_[np.abs(low[1:] - high[:-1]) > 1e-6, True]]
    runs_start = low[np.r_[True, np.abs(low[1:] - high[:-1]) > 1e-6]]
    columns, offset = [], LINE_WIDTH / 2
    for width in SKIRT_WIDTHS[lod]:
        beyond = offset - LINE_WIDTH / 2
        caps = [
            line.boxes(runs_end + beyond, runs_end + beyond + width, -LINE_WIDTH, LINE_WIDTH),
            line.boxes(runs_start - beyond - width, runs_start - beyond, -LINE_WIDTH, LINE_WIDTH),
        ]
        sides = [pieces.boxes(offset, offset + width), pieces.boxes(-offset - width, -offset)]
        columns.append(np.concatenate([*sides, *caps]))
        offset += width
    return columns
