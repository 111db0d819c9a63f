"""The road map of a town: streets and junctions as lanes, connectors, roadblocks, stop lines, areas."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
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
from simscale_gym.town import curves as curves
from simscale_gym.town import junctions as crossings
from simscale_gym.town.config import TownConfig
from simscale_gym.town.junctions import Arm, Junction
from simscale_gym.town.layout import Layout, Street
from simscale_gym.town.settled import area_of

Array = NDArray[np.float64]

_SWING = 0.4
"""Room that junctions have beside the middle of a turn, beyond its lane [m]."""

_INTERSECTION_TYPES = {
    "signal": IntersectionType.TRAFFIC_LIGHT,
    "split_signal": IntersectionType.TRAFFIC_LIGHT,
    "stop": IntersectionType.STOP_SIGN,
    "all_way_stop": IntersectionType.STOP_SIGN,
    "yield": IntersectionType.DEFAULT,
    "roundabout": IntersectionType.DEFAULT,
}


@dataclass(frozen=True)
class Approach:
    """Where a connector comes from and goes to: junction, arms, and its precedence (0 goes first)."""

    junction: int
    arm_in: int
    arm_out: int
    rank: int


@dataclass(frozen=True)
class Crossing:
    """A crosswalk: its junction and arm, and its two ends at the kerbs ``[2, 2]``."""

    id: str
    junction: int
    arm: int
    ends: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Road:
    """A street as built: trimmed middle line, roadblock ids, and its parking strips as (side, line part)."""

    street: Street
    line: Array
    forward: str
    backward: str
    parking: tuple[tuple[int, float, float], ...]


@dataclass(eq=False)
class Draft:
    """A map while it is being drawn."""

    layout: Layout
    junctions: list[Junction]
    config: TownConfig
    rng: np.random.Generator
    ids: count = field(default_factory=lambda: count(1))
    lanes: dict[str, Lane] = field(default_factory=dict)
    roadblocks: dict[str, Roadblock] = field(default_factory=dict)
    intersections: dict[str, Intersection] = field(default_factory=dict)
    stop_lines: dict[str, StopLine] = field(default_factory=dict)
    crosswalks: dict[str, Area] = field(default_factory=dict)
    carparks: dict[str, Area] = field(default_factory=dict)
    generic: dict[str, Area] = field(default_factory=dict)
    roads: list[Road] = field(default_factory=list)
    approaches: dict[str, Approach] = field(default_factory=dict)
    crossings: list[Crossing] = field(default_factory=list)

    def next_id(self) -> str:
        """A fresh id, unique over everything in the map."""
        return str(next(self.ids))


def draw_map(rng: np.random.Generator, layout: Layout, config: TownConfig) -> Draft:
    """Draw all elements of ``layout``; links between lanes are set at the end, by :func:`finished`."""
    draft = Draft(layout, crossings.build_junctions(rng, layout, config), config, rng)
    for number, street in enumerate(layout.streets):
        _draw_street(draft, number, street)
    for index, junction in enumerate(draft.junctions):
        _draw_junction(draft, index, junction)
    return draft


def finished(draft: Draft, name: str, walkways: dict[str, Area]) -> RoadMap:
    """The immutable map, with predecessors and successors linked."""
    lanes, blocks = dict(draft.lanes), dict(draft.roadblocks)
    _link(lanes)
    _link(blocks)
    return RoadMap(
        name=name,
        lanes=lanes,
        roadblocks=blocks,
        intersections=draft.intersections,
        stop_lines=draft.stop_lines,
        crosswalks=draft.crosswalks,
        walkways=walkways,
        carparks=draft.carparks,
        generic_drivable=draft.generic,
    )


def _link(items: dict) -> None:
    """Give each plain lane (or roadblock) the connectors that name it."""
    before: dict[str, list[str]] = {key: [] for key in items}
    after: dict[str, list[str]] = {key: [] for key in items}
    for key, item in items.items():
        if item.connector:
            after[item.predecessors[0]].append(key)
            before[item.successors[0]].append(key)
    for key, item in items.items():
        if not item.connector:
            fields = {f: getattr(item, f) for f in item.__dataclass_fields__}
            fields |= {"predecessors": tuple(before[key]), "successors": tuple(after[key])}
            items[key] = type(item)(**fields)


def _draw_street(draft: Draft, number: int, street: Street) -> None:
    line = crossings.trimmed(street, draft.junctions, number)
    forward = _draw_direction(draft, street, line)
    backward = _draw_direction(draft, street, line[::-1])
    parking = []
    for side, kind in ((-1, street.right), (1, street.left)):
        edge = side * street.half_width(draft.config.lane_width)
        if kind == "bike":
            near, far = curves.strip(line, edge, edge + side * draft.config.bike_width)
            area = Area(draft.next_id(), curves.ring_of(*((near, far) if side < 0 else (far, near))))
            draft.generic[area.id] = area
        elif kind == "parking":
            parking += _draw_parking(draft, line, side, edge)
    draft.roads.append(Road(street, line, forward, backward, tuple(parking)))


def _draw_parking(draft: Draft, line: Array, side: int, edge: float) -> list[tuple[int, float, float]]:
    """Strips beside the lane, clear of the junctions, broken now and then by an entrance."""
    length, strips = polyline.arc_lengths(line)[-1], []
    start, stop = 9.0, length - 9.0
    while stop - start > 16.0:
        end = min(stop, start + draft.rng.uniform(28.0, 70.0))
        if stop - end < 22.0:
            end = stop
        strips.append((side, start, end))
        part = polyline.at_arc_length(line, np.linspace(start, end, max(4, int(end - start) + 1)))[:, :2]
        width = draft.config.parking_width
        inset = np.clip(np.minimum(np.arange(len(part)), np.arange(len(part))[::-1]) / 2.0, 0.0, 1.0) * width
        near, far = polyline.offset_left(part, edge), polyline.offset_left(part, edge + side * inset)
        ring = np.concatenate([near, far[1:-1][::-1]])
        area = Area(draft.next_id(), ring if side > 0 else ring[::-1])
        draft.carparks[area.id] = area
        start = end + draft.rng.uniform(5.0, 9.0)
    return strips


def _draw_direction(draft: Draft, street: Street, line: Array) -> str:
    """The lanes of one direction; returns their roadblock's id."""
    width, block_id = draft.config.lane_width, draft.next_id()
    ids = [draft.next_id() for _ in range(street.lanes)]
    inner = -street.median / 2
    busy = street.lanes > 1 or street.speed_limit > 10.0
    middle = BoundaryType.SOLID_WHITE if busy else BoundaryType.DASHED_WHITE
    for k, lane_id in enumerate(ids):
        left, right = curves.strip(line, inner - k * width, inner - (k + 1) * width)
        draft.lanes[lane_id] = Lane(
            id=lane_id,
            connector=False,
            roadblock_id=block_id,
            centerline=polyline.with_headings(polyline.offset_left(line, inner - (k + 0.5) * width)),
            polygon=curves.ring_of(left, right),
            left_boundary=left,
            right_boundary=right,
            left_type=middle if k == 0 else BoundaryType.DASHED_WHITE,
            right_type=BoundaryType.SOLID_WHITE if k == street.lanes - 1 else BoundaryType.DASHED_WHITE,
            speed_limit=street.speed_limit,
            left_neighbor=ids[k - 1] if k else None,
            right_neighbor=ids[k + 1] if k + 1 < len(ids) else None,
        )
    outer = curves.strip(line, inner, inner - street.lanes * width)
    draft.roadblocks[block_id] = Roadblock(block_id, False, curves.ring_of(*outer), tuple(ids))
    return block_id


def _block_of(draft: Draft, arm: Arm, inbound: bool) -> Roadblock:
    road = draft.roads[arm.street]
    forward = inbound != arm.outward  # forward leads away from the start's junction, into the end's
    return draft.roadblocks[road.forward if forward else road.backward]


def _draw_junction(draft: Draft, index: int, junction: Junction) -> None:
    intersection_id = draft.next_id()
    for a, arm in enumerate(junction.arms):
        stop_id = _draw_stop_line(draft, junction, arm)
        for b in range(len(junction.arms)):
            if a != b:
                _draw_links(draft, index, (a, b), intersection_id, stop_id)
        if junction.control not in ("stop", "yield") or draft.rng.random() < 0.7:
            _draw_crosswalk(draft, index, a)
    area = _widened(draft, index, intersection_id)
    draft.junctions[index] = replace(junction, area=area)
    ring = np.array(shapely.geometry.polygon.orient(crossings.in_one_ring(area, junction)).exterior.coords)[
        :-1
    ]
    kind = _INTERSECTION_TYPES[junction.control]
    draft.intersections[intersection_id] = Intersection(intersection_id, ring, kind)


def _widened(draft: Draft, index: int, intersection_id: str) -> shapely.Polygon:
    """The junction's area with all of its connectors, so that scores and the ends of episodes agree on what is road."""
    junction = draft.junctions[index]
    blocks = [b for b in draft.roadblocks.values() if b.intersection_id == intersection_id]
    paths = [area_of(block.polygon) for block in blocks]
    turns = [lane for lane in draft.lanes.values() if lane.intersection_id == intersection_id]
    room = [
        _room_to_turn(lane.centerline, draft.config.lane_width / 2)
        for lane in turns
        if lane.turn != Turn.STRAIGHT
    ]
    wide = shapely.unary_union([junction.area, *paths, *room])
    if not junction.round:  # kerbs stay round where a bent road's connectors widen the area
        wide = wide.buffer(2.0, quad_segs=12).buffer(-2.0, quad_segs=12, join_style="mitre")
        wide = shapely.unary_union(
            [wide, *paths]
        )  # arcs are chords: the detour cost the corners some millimetres
    return wide


def _room_to_turn(line: Array, half: float) -> shapely.Geometry:
    """A connector as wide as its car needs it: in a turn the outer front corner swings out."""
    side = np.stack([-np.sin(line[:, 2]), np.cos(line[:, 2])], -1)
    reach = half + _SWING * np.sin(np.linspace(0.0, np.pi, len(line)))[:, None]
    return area_of(curves.ring_of(line[:, :2] + reach * side, line[:, :2] - reach * side))


def _draw_stop_line(draft: Draft, junction: Junction, arm: Arm) -> str | None:
    """The stop line of an arm; returns its id where it is a traffic light's."""
    if junction.control in ("stop", "yield") and arm.major:
        return None
    block = _block_of(draft, arm, True)
    kinds = {"stop": StopLineType.STOP_SIGN, "all_way_stop": StopLineType.STOP_SIGN}
    kinds |= {"yield": StopLineType.YIELD, "roundabout": StopLineType.YIELD}
    kind = kinds.get(junction.control, StopLineType.TRAFFIC_LIGHT)
    lanes = [draft.lanes[i] for i in block.lane_ids]
    ends = np.array([lanes[0].left_boundary[-1], lanes[-1].right_boundary[-1]])
    ring = np.array(
        [ends[0] + 0.4 * arm.u, ends[0] - 0.1 * arm.u, ends[1] - 0.1 * arm.u, ends[1] + 0.4 * arm.u]
    )
    ring = ring if shapely.LinearRing(ring).is_ccw else ring[::-1]
    stop = StopLine(draft.next_id(), ring, kind, block.lane_ids)
    draft.stop_lines[stop.id] = stop
    return stop.id if kind == StopLineType.TRAFFIC_LIGHT else None


def _draw_links(
    draft: Draft, index: int, pair: tuple[int, int], intersection_id: str, stop_id: str | None
) -> None:
    """All connectors from one arm to another, as one roadblock connector."""
    junction = draft.junctions[index]
    arm, other = junction.arms[pair[0]], junction.arms[pair[1]]
    source, target = _block_of(draft, arm, True), _block_of(draft, other, False)
    starts = [draft.lanes[i].centerline[-1] for i in source.lane_ids]
    ends = [draft.lanes[i].centerline[0] for i in target.lane_ids]
    turn = crossings.turn_of(starts[0], ends[0])
    block_id, ids, rings = draft.next_id(), [], []
    for k, m in crossings.lane_pairs(len(starts), len(ends), turn):
        line = crossings.path_through(junction, arm, other, starts[k], ends[m])
        poses = polyline.with_headings(line)
        poses[0, 2], poses[-1, 2] = starts[k][2], ends[m][2]
        half = draft.config.lane_width / 2
        side = np.stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])], -1)
        left, right = line + half * side, line - half * side
        lane_id = draft.next_id()
        source_lane, target_lane = draft.lanes[source.lane_ids[k]], draft.lanes[target.lane_ids[m]]
        draft.lanes[lane_id] = Lane(
            id=lane_id,
            connector=True,
            roadblock_id=block_id,
            centerline=poses,
            polygon=curves.ring_of(left, right),
            left_boundary=left,
            right_boundary=right,
            speed_limit=min(source_lane.speed_limit, target_lane.speed_limit),
            predecessors=(source_lane.id,),
            successors=(target_lane.id,),
            intersection_id=intersection_id,
            turn=turn,
            stop_line_ids=(stop_id,) if stop_id else (),
        )
        rank = {Turn.STRAIGHT: 0, Turn.RIGHT: 1}.get(turn, 2)
        rank += 10 * (junction.control in ("stop", "yield") and not arm.major)
        draft.approaches[lane_id] = Approach(index, *pair, rank)
        ids.append(lane_id)
        rings.append(area_of(draft.lanes[lane_id].polygon))
    area = shapely.unary_union(rings).buffer(0.01)
    area = area if area.geom_type == "Polygon" else area.convex_hull
    draft.roadblocks[block_id] = Roadblock(
        id=block_id,
        connector=True,
        polygon=np.array(shapely.geometry.polygon.orient(area).exterior.coords)[:-1],
        lane_ids=tuple(ids),
        predecessors=(source.id,),
        successors=(target.id,),
        intersection_id=intersection_id,
    )


def _draw_crosswalk(draft: Draft, index: int, a: int) -> None:
    junction = draft.junctions[index]
    near = crossings.CROSSWALK_GAP
    ring = crossings.across(junction, junction.arms[a], near, near + draft.config.crosswalk_width)
    area = Area(draft.next_id(), ring)
    draft.crosswalks[area.id] = area
    ends = (tuple((ring[0] + ring[1]) / 2), tuple((ring[2] + ring[3]) / 2))
    draft.crossings.append(Crossing(area.id, index, a, ends))
