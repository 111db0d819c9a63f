"""Kerbs along the border of the road: stone, face, gutter and the fine ground beside them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cells import (
    FAR,
    MIDDLE,
    NEAR,
    SKIRT_WIDTHS,
    TAKEN,
    Cells,
    Line,
    Pieces,
    even_pieces,
)
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.terrain import Surface, Terrain

Array = NDArray[np.float64]

HEIGHT = 0.15
STONE = 0.16
"""Height and width of a kerb stone [m]."""

FINE_RIMS = (0.0, 0.012, 0.04, 0.08, 0.12, 0.14, HEIGHT)
"""Heights at which the face of a kerb is cut for large pictures [m]."""


@dataclass(frozen=True, eq=False)
class Kerbs:
    """What the kerbs of a scene lay down.

    Attributes:
        stones: Tops of the stones, at ``HEIGHT``.
        faces: ``[N, 5]`` x, y, heading, length and height of upright cells that look to the left of their heading.
        face_z: ``[N]`` heights of the faces' middles [m].
        road_skirts, walk_skirts: Columns of fine cells on either side, inner ones first.
    """

    stones: Cells
    faces: Array
    face_z: Array
    road_skirts: tuple[Array, ...]
    walk_skirts: tuple[Array, ...]


def lay_kerbs(terrain: Terrain, taken: GroundRaster, *, fine: bool = False) -> Kerbs:
    """Kerbs along the whole border of the road, finer near the path; with ``fine`` faces for large pictures."""
    stones, faces, face_z = [], [], []
    road, walk = ([], [], [], []), ([], [], [], [])
    for line in border_lines(terrain):
        low, high = even_pieces(np.zeros(1), np.array([line.length]), 1.0)
        level = np.digitize(terrain.distance(line.at((low + high) / 2)), [NEAR, MIDDLE, FAR])
        for lod in (0, 1, 2):
            rows = level == lod
            if not rows.any():
                continue
            s_low, s_high = even_pieces(low[rows], high[rows], (0.34, 1.0, 1.0)[lod])
            pieces = line.pieces(s_low, s_high)
            for a, b in _spans(((-STONE, -0.11, -0.04, 0.0), (-STONE, 0.0), (-STONE, 0.0))[lod]):
                stones.append(pieces.boxes(a, b))
            rims = ((0.0, 0.05, 0.10, HEIGHT), (0.0, HEIGHT), (0.0, HEIGHT))[lod]
            if fine:
                rims = (FINE_RIMS, FINE_RIMS[::2], (0.0, HEIGHT))[lod]
                pieces = line.pieces(*even_pieces(low[rows], high[rows], (0.12, 0.3, 1.0)[lod]))
            for a, b in _spans(rims):
                upright = pieces.boxes(-1e-3, 1e-3)
                upright[:, 4] = b - a
                faces.append(upright)
                face_z.append(np.full(len(upright), (a + b) / 2))
            if lod < 2:
                pieces = line.pieces(*even_pieces(low[rows], high[rows], (0.34, 0.8)[lod]))
                for side, columns in ((1.0, road), (-1.0, walk)):
                    _skirts(pieces, side, lod, columns)
    cells = Cells.of(np.concatenate(stones) if stones else np.zeros((0, 5)), Surface.KERB, HEIGHT)
    taken.mark(cells.boxes, TAKEN)
    upright = np.concatenate(faces) if faces else np.zeros((0, 5))
    heights = np.concatenate(face_z) if face_z else np.zeros(0)
    joined = [tuple(np.concatenate(c) for c in columns if c) for columns in (road, walk)]
    return Kerbs(cells, upright, heights, *joined)


def border_lines(terrain: Terrain) -> list[Line]:
    """The border of the road, road on the left; stretches near the path only, each ring cut open."""
    lines = []
    for polygon in terrain.road.geoms:
        polygon = shapely.geometry.polygon.orient(polygon)
        for ring in (polygon.exterior, *polygon.interiors):
            points = shapely.segmentize(shapely.LineString(ring.coords), 4.0)
            points = np.asarray(points.coords)[:, :2]
            near = terrain.distance(points) < FAR
            for run in np.split(np.arange(len(points)), np.flatnonzero(np.diff(near)) + 1):
                if near[run[0]] and len(run) > 1:
                    line = Line.of(points[run])
                    if len(line.points) > 1 and line.length > 0.5:
                        lines.append(line)
    return lines


def _spans(borders: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(pairwise(borders))


def _skirts(pieces: Pieces, side: float, lod: int, columns: tuple[list, ...]) -> None:
    offset = 0.0 if side > 0 else STONE
    for column, width in enumerate(SKIRT_WIDTHS[lod]):
        ends = sorted((side * offset, side * (offset + width)))
        columns[column].append(pieces.boxes(*ends))
        offset += width
