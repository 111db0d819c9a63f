"""A road map from what a source states about the road, completed by geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.scene import (
    Area,
    BoundaryType,
    Intersection,
    IntersectionType,
    Lane,
    Roadblock,
    RoadMap,
    StopLine,
    StopLineType,
    Turn,
)
from simscale_gym.sources.inferred import lane_edges, lane_linking
from simscale_gym.sources.inferred.features import LaneFeature, MapFeatures
from simscale_gym.sources.inferred.lane_widths import widths_of_lanes
from simscale_gym.sources.inferred.paved_area import closed_pieces, drivable_areas

Array = NDArray[np.float64]
Rows = list[list[int]]

_PAINT_REACH = 0.75  # [m] from a lane's edge to the paint on it
_JUNCTION_GAP = 3.0  # [m] between connectors of one intersection that are paved
_STOP_DEPTH = 1.0  # [m] of a stop line's polygon


@dataclass(frozen=True, eq=False)
class _Links:
    """Relations of the lanes by row."""

    successors: Rows
    predecessors: Rows
    connector: NDArray[np.bool_]
    cluster: NDArray[np.int64]
    blocks: Rows
    block_of: NDArray[np.int64]


def build_map(
    name: str, features: MapFeatures, light_lanes: Sequence[str]
) -> tuple[RoadMap, dict[str, list[str]], list[str]]:
    """The map, the connectors that each light of ``light_lanes`` rules, and what was inferred."""
    lanes, said = features.lanes, []
    row = {lane.id: i for i, lane in enumerate(lanes)}
    successors = _successors(lanes, row, said)
    predecessors = lane_linking.inverse_links(successors)
    connector = _connectors(lanes, said)
    widths = widths_of_lanes(features, successors, predecessors, connector, said)
    edges = [x.edges or lane_edges.edges_of(x.centerline, *w) for x, w in zip(lanes, widths, strict=True)]
    rings = [
        lane_edges.ring_up_to(x, e, [lanes[j] for j in following])
        for x, e, following in zip(lanes, edges, successors, strict=True)
    ]
    areas = [lane_edges.valid_area(ring) for ring in rings]
    links = _group(lanes, row, areas, [w[0] for w in widths], successors, predecessors, connector, said)
    types = _paint(features, edges, connector)
    built = {x.id: _lane(i, lanes, links, rings[i], edges[i], types[i]) for i, x in enumerate(lanes)}
    ruled = {key: _ruled(row[key], links, lanes) for key in light_lanes if key in row}
    stops = _stop_lines(built, ruled, features, row, links)
    for stop in stops.values():
        if stop.type == StopLineType.TRAFFIC_LIGHT:
            for lane_id in stop.lane_ids:
                built[lane_id] = replace(built[lane_id], stop_line_ids=(stop.id,))
    roadblocks = _roadblocks(lanes, links, areas)
    intersections = _intersections(links, areas, stops, row, features.edges)
    rest = drivable_areas(features, areas, [*roadblocks.values(), *intersections.values()], said)
    road_map = RoadMap(
        name=name,
        lanes=built,
        roadblocks=roadblocks,
        intersections=intersections,
        stop_lines=stops,
        crosswalks={key: Area(key, ring) for key, ring in features.crosswalks.items()},
        walkways={key: Area(key, ring) for key, ring in features.walkways.items()},
        generic_drivable=rest,
        elsewhere={x.id: _bare_lane(x) for x in features.elsewhere},
    )
    _say(said, lanes, links, types, features)
    return road_map, ruled, said


def about_route(route: tuple[str, ...]) -> str:
    """What :func:`simscale_gym.scene.lane_matching.find_route` worked out, as a sentence."""
    if not route:
        return "No lane lies near the log: the scene has no route."
    return f"The route of {len(route)} roadblocks follows the log and goes straight on behind its end."


def _successors(lanes: Sequence[LaneFeature], row: Mapping[str, int], said: list[str]) -> Rows:
    """Stated where any lane states links, else from geometry."""
    if not any(lane.exits or lane.entries for lane in lanes):
        successors = lane_linking.link_ends(
            [lane.centerline for lane in lanes], [lane.heights for lane in lanes]
        )
        count = sum(map(len, successors))
        said.append(f"{count} links between {len(lanes)} lanes follow from where lanes end.")
        return successors
    links: list[set[int]] = [set() for _ in lanes]
    for i, lane in enumerate(lanes):
        links[i] |= {row[key] for key in lane.exits or () if key in row}
        for key in lane.entries or ():
            if key in row:
                links[row[key]].add(i)
    return [sorted(x - {i}) for i, x in enumerate(links)]


def _connectors(lanes: Sequence[LaneFeature], said: list[str]) -> NDArray[np.bool_]:
    bare = np.array([lane.polygon is None for lane in lanes])
    if any(lane.connector is not None for lane in lanes):
        return np.array([bool(lane.connector) for lane in lanes])
    if bare.any() and not bare.all():  # older nuScenes conversions: connectors alone have no polygon
        said.append(f"{bare.sum()} lanes without a polygon are connectors, as the others have one.")
        return bare
    connector = lane_linking.find_connectors(
        [lane.centerline for lane in lanes], [lane.heights for lane in lanes]
    )
    said.append(f"{connector.sum()} lanes that cross, fork or merge are connectors inside an intersection.")
    return connector


def _group(
    lanes: Sequence[LaneFeature], row: Mapping[str, int], areas: list[shapely.Geometry], left: list[Array],
    successors: Rows, predecessors: Rows, connector: NDArray[np.bool_], said: list[str],
) -> _Links:  # fmt: skip
    """Roadblocks of parallel lanes; roadblock connectors between the same two of them; intersections."""
    outside = np.flatnonzero(~connector & ~np.array([lane.bike for lane in lanes]))
    stated = [(i, row[k]) for i in outside for k in lanes[i].left_ids if k in row]
    stated += [(row[k], i) for i in outside for k in lanes[i].right_ids if k in row]
    pairs = np.array([p for p in stated if np.isin(p, outside).all()], int).reshape(-1, 2)
    lines = [lane.centerline for lane in lanes]
    if not len(pairs) and len(outside):
        near = lane_linking.neighbor_pairs(
            [lines[i] for i in outside], [areas[i] for i in outside], [left[i] for i in outside]
        )
        pairs = outside[near]
        said.append(f"{len(pairs)} pairs of neighbours follow from lanes that run side by side.")
    groups = lane_linking.group_parallel(lines, pairs)
    blocks = [g for g in groups if not connector[g[0]]]
    block_of = np.full(len(lanes), -1)
    for index, group in enumerate(blocks):
        block_of[group] = index
    cluster = np.full(len(lanes), -1)
    inside = np.flatnonzero(connector)
    if len(inside):
        grown = [areas[i].buffer(0.5) for i in inside]
        heights = [lanes[i].heights for i in inside]
        cluster[inside] = lane_linking.cluster_overlapping(grown, 8.0, [lines[i] for i in inside], heights)
    ways: dict[tuple, list[int]] = {}
    for i in inside:
        ends = [min((block_of[j] for j in links[i] if block_of[j] >= 0), default=-1 - i) for links in
                (predecessors, successors)]  # fmt: skip
        ways.setdefault((cluster[i], *ends), []).append(int(i))
    for group in ways.values():
        middle = np.array([lines[i][len(lines[i]) // 2, :2] for i in group])
        _, offset = lane_linking.polyline.project(lines[group[0]], middle)
        block_of[group] = len(blocks)
        blocks.append([group[k] for k in np.argsort(-offset, kind="stable")])
    return _Links(successors, predecessors, connector, cluster, blocks, block_of)


def _lane(
    i: int, lanes: Sequence[LaneFeature], links: _Links, ring: Array, edges: tuple[Array, Array],
    types: tuple[BoundaryType, BoundaryType],
) -> Lane:  # fmt: skip
    raw, block, connector = lanes[i], links.blocks[links.block_of[i]], bool(links.connector[i])
    place = block.index(i)
    return Lane(
        id=raw.id,
        connector=connector,
        roadblock_id=_block_id(links, links.block_of[i]),
        centerline=raw.centerline,
        polygon=ring,
        left_boundary=edges[0],
        right_boundary=edges[1],
        left_type=types[0],
        right_type=types[1],
        heights=raw.heights,
        speed_limit=raw.speed_limit,
        predecessors=tuple(lanes[j].id for j in links.predecessors[i]),
        successors=tuple(lanes[j].id for j in links.successors[i]),
        left_neighbor=lanes[block[place - 1]].id if place > 0 and not connector else None,
        right_neighbor=lanes[block[place + 1]].id if place + 1 < len(block) and not connector else None,
        intersection_id=f"intersection_{links.cluster[i]}" if connector else None,
        turn=lane_linking.turn_of(raw.centerline) if connector else Turn.UNKNOWN,
        bike=raw.bike,
    )


def _bare_lane(raw: LaneFeature) -> Lane:
    """A lane of another road: where it lies and how wide it is."""
    half = lane_edges.DEFAULT_HALF_WIDTH
    edges = raw.edges or lane_edges.edges_of(raw.centerline, half, half)
    ring = raw.polygon if raw.polygon is not None else lane_edges.ring_between(*edges)
    return Lane(raw.id, False, "", raw.centerline, ring, *edges, heights=raw.heights, bike=raw.bike)


def _block_id(links: _Links, block: int) -> str:
    kind = "roadblock_connector" if links.connector[links.blocks[block][0]] else "roadblock"
    return f"{kind}_{block}"


def _roadblocks(
    lanes: Sequence[LaneFeature], links: _Links, areas: list[shapely.Geometry]
) -> dict[str, Roadblock]:
    blocks = {}
    for index, rows in enumerate(links.blocks):
        before, after = (
            tuple(dict.fromkeys(_block_id(links, links.block_of[j]) for i in rows for j in side[i]))
            for side in (links.predecessors, links.successors)
        )
        key, connector = _block_id(links, index), bool(links.connector[rows[0]])
        crossing = f"intersection_{links.cluster[rows[0]]}" if connector else None
        ring = _outline([areas[i] for i in rows], 0.3)
        ids = tuple(lanes[i].id for i in rows)
        blocks[key] = Roadblock(key, connector, ring, ids, before, after, crossing)
    return blocks


def _intersections(
    links: _Links, areas: list[shapely.Geometry], stops: Mapping[str, StopLine], row: Mapping[str, int],
    edges: Sequence[Array],
) -> dict[str, Intersection]:  # fmt: skip
    """The areas of connectors that overlap, in as many pieces as it takes; the largest bears the plain name."""
    kinds = {StopLineType.TRAFFIC_LIGHT: IntersectionType.TRAFFIC_LIGHT, StopLineType.STOP_SIGN:
             IntersectionType.STOP_SIGN}  # fmt: skip
    ruled: dict[int, IntersectionType] = {}
    for stop in sorted(stops.values(), key=lambda x: x.type == StopLineType.TRAFFIC_LIGHT):
        ruled |= {int(links.cluster[row[i]]): kinds[stop.type] for i in stop.lane_ids}
    found = {}
    for label in range(links.cluster.max(initial=-1) + 1):
        rows = np.flatnonzero(links.cluster == label)
        other = IntersectionType.PASS_THROUGH if len(rows) == 1 else IntersectionType.DEFAULT
        pieces = closed_pieces([areas[i] for i in rows], _JUNCTION_GAP, edges)
        for place, piece in enumerate(sorted(pieces, key=lambda ring: -shapely.Polygon(ring).area)):
            key = f"intersection_{label}" + (f".{place}" if place else "")
            found[key] = Intersection(key, piece, ruled.get(label, other))
    return found


def _ruled(lane: int, links: _Links, lanes: Sequence[LaneFeature]) -> list[str]:
    """The connectors that a light or sign at ``lane`` rules: itself, or those that follow it."""
    rows = [lane] if links.connector[lane] else [j for j in links.successors[lane] if links.connector[j]]
    return [lanes[i].id for i in rows]


def _stop_lines(
    built: Mapping[str, Lane], ruled: Mapping[str, list[str]], features: MapFeatures, row: Mapping[str, int],
    links: _Links,
) -> dict[str, StopLine]:  # fmt: skip
    """Across the start of the connectors that a light or a stop sign rules."""
    at_sign = [k for _, lane_ids in features.stop_signs.values() for k in lane_ids if k in row]
    signs = {k: _ruled(row[k], links, features.lanes) for k in at_sign}
    stops: dict[str, StopLine] = {}
    for kind, rules in ((StopLineType.TRAFFIC_LIGHT, ruled), (StopLineType.STOP_SIGN, signs)):
        for lane_id in dict.fromkeys(x for ids in rules.values() for x in ids):
            lane = built[lane_id]
            key = f"stop_{kind.name.lower()}_{(lane.predecessors or (lane_id,))[0]}"
            others = stops[key].lane_ids if key in stops else ()
            stops[key] = StopLine(key, _across_start(lane), kind, (*others, lane_id))
    return stops


def _across_start(lane: Lane) -> Array:
    heading = lane.centerline[0, 2]
    back = -_STOP_DEPTH * np.array([np.cos(heading), np.sin(heading)])
    left, right = lane.left_boundary[0], lane.right_boundary[0]
    return np.array([left, left + back, right + back, right])


def _paint(
    features: MapFeatures, edges: Sequence[tuple[Array, Array]], connector: NDArray[np.bool_]
) -> list[tuple[BoundaryType, BoundaryType]]:
    """Left and right boundary type of each lane: stated, or of the line painted nearest to most of its boundary."""
    unknown = (BoundaryType.VIRTUAL, BoundaryType.VIRTUAL)
    out = [lane.paint or unknown for lane in features.lanes]
    if not features.lines:
        return out
    tree = shapely.STRtree([shapely.LineString(line) for line, _ in features.lines])
    kinds = np.array([kind for _, kind in features.lines])
    unstated = np.array([lane.paint is None for lane in features.lanes])
    for i in np.flatnonzero(~connector & unstated):
        sides = []
        for line in edges[i]:
            probes = shapely.points(line[np.linspace(0, len(line) - 1, 7).round().astype(int)])
            probe, hit = tree.query_nearest(probes, max_distance=_PAINT_REACH, all_matches=False)
            if len(probe) < 4:
                sides.append(BoundaryType.VIRTUAL)
            else:
                sides.append(BoundaryType(np.bincount(kinds[hit]).argmax()))
        out[i] = (sides[0], sides[1])
    return out


def _outline(areas: list[shapely.Geometry], gap: float) -> Array:
    """Outer ring of the union, gaps of twice ``gap`` [m] closed."""
    union = shapely.unary_union([a.buffer(gap, join_style="mitre") for a in areas])
    closed = union.buffer(-gap, join_style="mitre").simplify(0.05)
    largest = max(getattr(closed, "geoms", [closed]), key=lambda part: part.area)
    return np.asarray(largest.exterior.coords)[:-1]


def _say(
    said: list[str], lanes: Sequence[LaneFeature], links: _Links, types: list, features: MapFeatures
) -> None:
    outside = sum(not links.connector[block[0]] for block in links.blocks)
    said.append(
        f"{outside} roadblocks of parallel lanes, {len(links.blocks) - outside} roadblock connectors and "
        f"{links.cluster.max(initial=-1) + 1} intersections are groups of {len(lanes)} lanes."
    )
    if features.lines:
        known = sum(t != BoundaryType.VIRTUAL for pair in types for t in pair)
        said.append(f"{known} lane boundaries have the type of the painted line nearest to them.")
    if not any(lane.speed_limit for lane in lanes):
        said.append("No lane has a speed limit.")
    if features.elsewhere:
        said.append(
            f"{len(features.elsewhere)} lanes pass over or under the ego's way: nobody gets there from here."
        )
    if features.specks:
        said.append(f"{features.specks} lanes shorter than 0.5 m are left out.")
