"""The drivable area: lanes and connectors, what recorded edges enclose beside them, closed over slivers.

All of it that roadblocks and intersections do not cover becomes areas of their own, so that the outlines of a map
together are the one drivable area that termination, score and pictures read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry.simple_rings import closed_gaps, polygons_of, simple_rings
from simscale_gym.scene import Area, Intersection, Roadblock
from simscale_gym.scene.road_map import GRID
from simscale_gym.sources.inferred.features import LaneFeature, MapFeatures
from simscale_gym.sources.inferred.lane_edges import cast_sideways, line_segments, meeting, valid_area

Array = NDArray[np.float64]

_MIN_AREA = 20.0  # [m^2] a smaller ring is a marking, no road
_VERGE = 6.0  # [m] from a centreline to an edge of the road up to which the ground between them is road
_SLIVER = 1.0  # [m] slots between lanes that are narrower are as drivable as what lies beside them
_STRIP = 4.0  # [m] the same where the edges of the road are recorded and none is there
_KERBED = 0.5  # share of its outline that lies along recorded edges, from which a gap is an island
_BESIDE = 0.1  # [m] from an outline to an edge that it follows
_OVERLAP = 0.01  # [m] of neighbouring outlines, so that no point between two is in neither
_WHOLE = 10**6  # larger than any outline: cut only where there are holes


def paved_pieces(rings: Sequence[Array], lanes: Sequence[LaneFeature]) -> list[Array]:
    """The area inside ``rings``, each ``[K, 2]``, by the even-odd rule, as small rings without holes.

    A ring that lies in no other and holds no lane is an island.
    """
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) >= 3]
    areas = sorted((a for a in areas if a.area >= _MIN_AREA), key=lambda a: -a.area)
    middles = shapely.points([lane.centerline[len(lane.centerline) // 2, :2] for lane in lanes])
    region = shapely.Polygon()
    for area in areas:
        if region.intersects(area) or shapely.contains(area, middles).any():
            region = region.symmetric_difference(area)
    return simple_rings(region)


def closed_pieces(areas: Sequence[shapely.Geometry], gap: float, edges: Sequence[Array]) -> list[Array]:
    """Rings ``[K, 2]`` without holes that together are ``areas``, gaps narrower than ``gap`` [m] closed.

    Holes are closed as well, but for islands: those with one of the ``edges`` ``[., 2]`` of the road inside.
    """
    union = shapely.unary_union([area.buffer(gap / 2, join_style="mitre") for area in areas])
    closed = shapely.unary_union([union.buffer(-gap / 2, join_style="mitre").simplify(0.05), *areas])
    lines = shapely.STRtree([shapely.LineString(line) for line in edges if len(line) > 1])
    solid = []
    for part in polygons_of(closed):
        holes = [shapely.Polygon(ring) for ring in part.interiors]
        islands = [h for h in holes if len(lines.query(h.buffer(-_OVERLAP), predicate="intersects"))]
        solid.append(shapely.Polygon(part.exterior).difference(shapely.unary_union(islands)))
    return simple_rings(shapely.unary_union(solid), max_edge=_WHOLE, max_vertices=_WHOLE)


def drivable_areas(
    features: MapFeatures, lanes: Sequence[shapely.Geometry], outlines: Sequence[Roadblock | Intersection],
    said: list[str],
) -> dict[str, Area]:  # fmt: skip
    """All that may be driven on and that no outline covers; ``said`` gets what was inferred.

    Args:
        features: What the source states.
        lanes: Area of each of its lanes.
        outlines: Roadblocks and intersections.
        said: Sentences.
    """
    closed_lines = [e[:-1] for e in features.edges if len(e) > 4 and np.allclose(e[0], e[-1])]
    pieces = paved_pieces(closed_lines, features.lanes)
    if pieces:
        said.append(f"{len(closed_lines)} closed lines bound the paved area, cut into {len(pieces)} pieces.")
    rings = {f"paved_{i}": ring for i, ring in enumerate(pieces)} | features.paved
    stated = [valid_area(ring) for ring in (*rings.values(), *(item.polygon for item in outlines))]
    verges = _verges(features, said)
    covered = shapely.unary_union(stated, grid_size=GRID)
    region = shapely.unary_union([*stated, *lanes, *verges], grid_size=GRID)
    for width in (_SLIVER, _STRIP) if features.edges else (_SLIVER,):
        region = shapely.unary_union([region, *_slots(region, width, features.edges)], grid_size=GRID)
    rest = polygons_of(region.difference(covered))
    filled = [piece.buffer(_OVERLAP, join_style="mitre") for piece in rest]
    more = {f"filled_{i}": ring for i, ring in enumerate(simple_rings(shapely.unary_union(filled)))}
    return {key: Area(key, ring) for key, ring in (rings | more).items()}


def _slots(region: shapely.Geometry, width: float, edges: Sequence[Array]) -> list[shapely.Polygon]:
    """Gaps in ``region`` that are no islands: those narrower than ``width`` [m] and, among ``edges``, all holes."""
    gaps = polygons_of(closed_gaps(region, width).difference(region))
    if edges:
        gaps += [shapely.Polygon(hole) for part in polygons_of(region) for hole in part.interiors]
    if not edges or not gaps:
        return gaps
    lines = np.array([shapely.LineString(line) for line in edges])
    tree, islands = shapely.STRtree(lines), set()
    rows, near = tree.query(gaps, predicate="dwithin", distance=_BESIDE)
    for row in np.unique(rows):
        gap, edge = gaps[row], lines[near[rows == row]]
        inside = shapely.intersects(gap.buffer(-_BESIDE), edge)
        along = shapely.length(shapely.intersection(gap.exterior.buffer(_BESIDE), edge))
        if inside.any() or along.max() > _KERBED * gap.exterior.length:
            islands.add(row)
    return [gap for row, gap in enumerate(gaps) if row not in islands]


def _verges(features: MapFeatures, said: list[str]) -> list[shapely.Geometry]:
    """The ground from the lanes' centrelines to the edges of the road beside them."""
    segments, found = line_segments(features.edges), []
    if not len(segments):
        return []
    for lane in features.lanes:
        line = lane.centerline
        near = meeting(segments, line[:, :2].min(0) - _VERGE, line[:, :2].max(0) + _VERGE)
        for sign, hits in zip((1.0, -1.0), cast_sideways(line, segments[near]), strict=True):
            reached = line[:, :2] + sign * np.where(hits <= _VERGE, hits, 0.0)[:, None] * np.column_stack(
                [-np.sin(line[:, 2]), np.cos(line[:, 2])]
            )
            for rows in _runs(hits <= _VERGE):
                strip = valid_area(np.concatenate([line[rows, :2], reached[rows][::-1]]))
                found.append(strip.simplify(_OVERLAP))
    if found:
        said.append(f"The road reaches as far as its recorded edges where they are within {_VERGE:.0f} m.")
    return found


def _runs(flags: NDArray[np.bool_]) -> list[slice]:
    """Stretches of at least two neighbouring ``flags [K]`` that are set."""
    steps = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [slice(a, b) for a, b in steps.reshape(-1, 2) if b - a > 1]
