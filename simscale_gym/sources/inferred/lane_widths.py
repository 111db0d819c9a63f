"""How wide the lanes of a source are, which seldom says so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.sources.inferred import lane_edges
from simscale_gym.sources.inferred.features import MapFeatures

Array = NDArray[np.float64]
Rows = list[list[int]]

_POLYGON_REACH = 12.0  # [m] from a centreline to the edge of its polygon
_LINE_REACH = 3.0  # [m] from a centreline to the line that bounds it


def widths_of_lanes(
    features: MapFeatures, successors: Rows, predecessors: Rows, connector: NDArray[np.bool_], said: list[str]
) -> list[tuple[Array, Array]]:
    """Left and right half width ``[K]`` [m] of every lane: from polygon, file, paint, or the lanes it joins.

    Args:
        features: What the source states.
        successors: Rows of the lanes after each.
        predecessors: Rows of the lanes before each.
        connector: ``[L]`` whether a lane lies in an intersection, where the paint is that of others.
        said: Gets what was inferred.
    """
    plain = [shapely.LineString(line).simplify(0.05) for line, _ in features.lines]
    paint = lane_edges.line_segments([shapely.get_coordinates(line) for line in plain])
    kerbs = lane_edges.line_segments(features.edges)
    known: dict[int, tuple[Array, Array]] = {}
    for i, lane in enumerate(features.lanes):
        sides = (None, None)
        if lane.polygon is not None:
            ring = lane_edges.ring_segments(lane.polygon)
            sides = lane_edges.half_widths(lane.centerline, ring, _POLYGON_REACH)
        elif lane.edges is not None:
            both = lane_edges.line_segments(list(lane.edges))
            sides = lane_edges.half_widths(lane.centerline, both, _POLYGON_REACH)
        elif lane.widths is not None and (lane.widths > lane_edges.MIN_HALF_WIDTH).all():
            sides = tuple(np.minimum(lane.widths, _LINE_REACH).T)
        elif not connector[i]:
            sides = lane_edges.half_widths(lane.centerline, paint, _LINE_REACH)
        if sides[0] is not None or sides[1] is not None:
            known[i] = tuple(x if x is not None else y for x, y in (sides, sides[::-1]))
    widths = []
    for i, lane in enumerate(features.lanes):
        half = known.get(i) or _joined_widths(len(lane.centerline), predecessors[i], successors[i], known)
        stated = lane.polygon is not None or lane.edges is not None
        widths.append(half if stated else lane_edges.within_edges(lane.centerline, half, kerbs))
    if len(known) < len(widths):
        said.append(f"{len(widths) - len(known)} lanes are as wide as those before and after them, or 3.5 m.")
    return widths


def _joined_widths(
    count: int, predecessors: list[int], successors: list[int], known: Mapping[int, tuple[Array, Array]]
) -> tuple[Array, Array]:
    """Half widths ``[count]`` of a lane that leads from those of its predecessors to those of its successors."""
    before = [[w[-1] for w in known[p]] for p in predecessors if p in known]
    after = [[w[0] for w in known[s]] for s in successors if s in known]
    ends = np.array([np.median(x, axis=0) for x in (before or after, after or before) if x])
    ends = np.clip(ends, 1.2, 2.5) if len(ends) else np.full((2, 2), lane_edges.DEFAULT_HALF_WIDTH)
    share = np.linspace(0.0, 1.0, count)[:, None]
    return tuple(((1 - share) * ends[0] + share * ends[-1]).T)
