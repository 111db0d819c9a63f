"""A lane graph worked out from geometry: which lane follows, crosses or runs beside which.

Lanes are rows; every function takes and returns arrays or lists by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import points_to_local, wrap_angle
from simscale_gym.scene import Turn
from simscale_gym.scene.levels import LEVEL

Array = NDArray[np.float64]
Pairs = NDArray[np.int64]
Heights = Sequence[Array | None]

TOUCH = 0.5
"""Two lane ends this close [m] are the same point of the road."""

_MAX_GAP = 4.0  # [m] a lane may go on behind a gap in the map this long
_SEAM = 1e-4  # [m] nearer ends are one point
_BEND_AT_TOUCH, _BEND_AT_GAP = np.radians(60.0), np.radians(20.0)
_BESIDE_ANGLE = np.radians(30.0)
_BESIDE_SHARE = 0.6  # of its length that a lane must run beside its neighbour
_CONNECTOR_LENGTH = 60.0  # [m] forks and merges longer than this are roads of their own
_TURN, _UTURN = np.radians(30.0), np.radians(150.0)


def link_ends(lines: Sequence[Array], heights: Heights | None = None) -> list[list[int]]:
    """Successors of each lane of ``lines``, each ``[K, 3]``: lanes that start where it ends and go its way.

    Where nothing touches its end, a lane that goes straight on behind a gap of up to 4 m counts. ``heights`` are those
    of the lanes, each ``[K]`` [m] or None.
    """
    from scipy.spatial import cKDTree  # takes longer to import than most scenes to load, and few need it

    starts, ends = np.array([x[0] for x in lines]), np.array([x[-1] for x in lines])
    near = cKDTree(starts[:, :2]).query_ball_point(ends[:, :2], _MAX_GAP)
    successors = []
    for row, candidates in enumerate(near):
        near_by = [c for c in candidates if c != row and _step(heights, row, c) < LEVEL]
        candidates = np.array(near_by, int)
        offset = points_to_local(ends[row], starts[candidates, :2])
        bend = np.abs(wrap_angle(starts[candidates, 2] - ends[row, 2]))
        touching = (np.hypot(*offset.T) <= TOUCH) & (bend < _BEND_AT_TOUCH)
        ahead = (offset[:, 0] > -1.0) & (np.abs(offset[:, 1]) < 1.0) & (bend < _BEND_AT_GAP)
        successors.append(sorted(candidates[touching if touching.any() else ahead].tolist()))
    return successors


def seam(line: Array, following: Array) -> float:
    """Gap [m] between the end of the lane ``line [K, 3]`` and the start of the one ``following`` it; 0 if none.

    What lies further apart than any gap of a map, or not ahead, is no seam.
    """
    along, across = points_to_local(line[-1], following[:1, :2])[0]
    return float(along) if _SEAM < along <= _MAX_GAP and abs(across) < 1.0 else 0.0


def inverse_links(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """Predecessors of each lane."""
    predecessors: list[list[int]] = [[] for _ in successors]
    for row, following in enumerate(successors):
        for other in following:
            predecessors[other].append(row)
    return predecessors


def meeting_pairs(lines: Sequence[Array]) -> tuple[Pairs, Pairs]:
    """Pairs of lanes ``[P, 2]`` that cross, and pairs that fork from one point or merge into one.

    A crossing is a point that both lanes pass more than 2 m from either end of theirs.
    """
    strings = np.array([shapely.LineString(x[:, :2]) for x in lines])
    a, b = shapely.STRtree(strings).query(strings, predicate="dwithin", distance=TOUCH)
    a, b = a[a < b], b[a < b]
    starts, ends = np.array([x[0, :2] for x in lines]), np.array([x[-1, :2] for x in lines])
    fork = np.linalg.norm(starts[a] - starts[b], axis=1) < TOUCH
    merge = np.linalg.norm(ends[a] - ends[b], axis=1) < TOUCH
    tips = np.concatenate([starts, ends])
    four = np.column_stack([a, a + len(lines), b, b + len(lines)])
    inner = shapely.multipoints(shapely.points(tips[four]))
    shared = shapely.intersection(strings[a], strings[b])
    crossing = ~shapely.is_empty(shared)
    rest = shapely.difference(shared[crossing], shapely.buffer(inner[crossing], 2.0))
    crossing[crossing] = ~shapely.is_empty(rest)
    pairs = np.column_stack([a, b])
    return pairs[crossing], pairs[fork | merge]


def same_level(lines: Sequence[Array], heights: Heights, pairs: Pairs) -> Pairs:
    """Those of ``pairs [P, 2]`` of lanes that are at one height where they are nearest to each other."""
    low = np.array([-np.inf if h is None else h.min() for h in heights])
    high = np.array([np.inf if h is None else h.max() for h in heights])
    a, b = pairs.T
    keep = np.maximum(high[a], high[b]) - np.minimum(low[a], low[b]) < LEVEL
    for row in np.flatnonzero(~keep):
        keep[row] = _drop(lines, heights, *pairs[row]) < LEVEL
    return pairs[keep]


def _drop(lines: Sequence[Array], heights: Heights, one: int, other: int) -> float:
    """Difference of height [m] of two lanes where they are nearest in plan; 0 where it is not known."""
    if heights[one] is None or heights[other] is None:
        return 0.0
    s, d = polyline.project(lines[other], lines[one][:, :2])
    row = int(np.abs(d).argmin())
    there = np.interp(s[row], polyline.arc_lengths(lines[other]), heights[other])
    return abs(float(heights[one][row] - there))


def _step(heights: Heights | None, lane: int, following: int) -> float:
    """Difference of height [m] between the end of one lane and the start of another; 0 where it is not known."""
    if heights is None or heights[lane] is None or heights[following] is None:
        return 0.0
    return abs(float(heights[lane][-1] - heights[following][0]))


def find_connectors(lines: Sequence[Array], heights: Heights | None = None) -> NDArray[np.bool_]:
    """Whether lanes ``[L]`` lie inside an intersection: they cross another, or are a short fork or merge.

    Lanes that pass over each other do not meet; ``heights`` are those of the lanes, each ``[K]`` [m] or None.
    """
    crossing, joined = meeting_pairs(lines)
    if heights is not None:
        crossing, joined = (same_level(lines, heights, pairs) for pairs in (crossing, joined))
    connector = np.zeros(len(lines), bool)
    connector[crossing.ravel()] = True
    short = np.array([polyline.arc_lengths(x)[-1] for x in lines]) <= _CONNECTOR_LENGTH
    connector[joined.ravel()[short[joined.ravel()]]] = True
    return connector


def cluster_overlapping(
    polygons: Sequence[shapely.Geometry],
    min_area: float = 4.0,
    lines: Sequence[Array] = (),
    heights: Heights | None = None,
) -> NDArray[np.int64]:
    """Label ``[L]`` of each polygon, the same for those that share ``min_area`` [m^2], maybe over others.

    Where ``lines`` of lanes and their ``heights`` are given as well, lanes that pass over each other share nothing.
    """
    shapes = np.array(polygons)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    large = shapely.area(shapely.intersection(shapes[a], shapes[b])) >= min_area
    pairs = np.column_stack([a, b])[large]
    return _components(len(shapes), pairs if heights is None else same_level(lines, heights, pairs))


def neighbor_pairs(
    lines: Sequence[Array], polygons: Sequence[shapely.Geometry], left: Sequence[Array]
) -> Pairs:
    """Pairs ``[P, 2]`` (lane, the lane to its left) that run side by side in one direction.

    Args:
        lines: Centrelines ``[K, 3]``.
        polygons: Area of each lane.
        left: Left half width ``[K]`` [m] at each vertex.
    """
    shares = np.linspace(0.1, 0.9, 5)
    probes, headings = [], []
    for line, half in zip(lines, left, strict=True):
        s = polyline.arc_lengths(line)
        pose = polyline.at_arc_length(line, shares * s[-1])
        reach = np.interp(shares * s[-1], s, half) + 1.0  # 1 m inside the neighbour
        normal = np.column_stack([-np.sin(pose[:, 2]), np.cos(pose[:, 2])])
        probes.append(pose[:, :2] + reach[:, None] * normal)
        headings.append(pose[:, 2])
    points = np.concatenate(probes)
    point, lane = shapely.STRtree(list(polygons)).query(shapely.points(points), predicate="within")
    own = point // len(shares)
    nearest = [_heading_at(lines[j], p) for j, p in zip(lane, points[point], strict=True)]
    bend = np.abs(wrap_angle(np.array(nearest) - np.concatenate(headings)[point]))
    keep = (bend < _BESIDE_ANGLE) & (own != lane)
    pairs, count = np.unique(np.column_stack([own, lane])[keep], axis=0, return_counts=True)
    pairs = pairs[count >= _BESIDE_SHARE * len(shares)]
    lengths = np.array([polyline.arc_lengths(x)[-1] for x in lines])
    ratio = lengths[pairs[:, 1]] / lengths[pairs[:, 0]]
    return pairs[(ratio >= _BESIDE_SHARE) & (ratio <= 1 / _BESIDE_SHARE)]


def group_parallel(lines: Sequence[Array], pairs: Pairs) -> list[list[int]]:
    """Groups of lanes that :func:`neighbor_pairs` joins, left to right; a lane alone is a group of one."""
    labels = _components(len(lines), pairs)
    groups = []
    for label in range(labels.max(initial=-1) + 1):
        rows = np.flatnonzero(labels == label)
        half = [polyline.arc_lengths(lines[r])[-1] / 2 for r in rows]
        middles = np.array([polyline.at_arc_length(lines[r], s) for r, s in zip(rows, half, strict=True)])
        _, offset = polyline.project(lines[rows[0]], middles[:, :2])
        groups.append(rows[np.argsort(-offset, kind="stable")].tolist())
    return groups


def turn_of(line: Array) -> Turn:
    """What a connector ``[K, 3]`` does, by its change of heading (30 and 150 degrees part the kinds)."""
    change = float(wrap_angle(np.diff(line[:, 2])).sum())
    if abs(change) < _TURN:
        return Turn.STRAIGHT
    if abs(change) > _UTURN:
        return Turn.UTURN
    return Turn.LEFT if change > 0 else Turn.RIGHT


def _heading_at(line: Array, point: Array) -> float:
    s, _ = polyline.project(line, point)
    return float(polyline.at_arc_length(line, s)[0, 2])


def _components(count: int, pairs: Pairs) -> NDArray[np.int64]:
    from scipy.sparse import coo_matrix  # as above
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)
