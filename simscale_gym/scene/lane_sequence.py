"""Lanes in a row: along roadblocks in order, straight on where nothing is said, and the line that they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene.derived import derived
from simscale_gym.scene.road_map import Lane, RoadMap

Array = NDArray[np.float64]

CHANGE_LENGTH = 30.0
"""Way over which a lane change is drawn [m], where the lanes are long enough."""

_MAX_HOPS = 6  # roadblocks that a missing link may have
_GAP = 30.0  # [m] without a lane that a route is followed across
_CHANGE_COST, _CHANGE_INSIDE, _JUMP_COST = 1.0, 5.0, 100.0  # of a lane; the same among connectors; of a gap
_LATER = 1e-3  # by which a change costs less in each further roadblock: as late as it can be
_BEND_COST = 1e-5  # [1/rad], decides between lanes that are as good otherwise
_ARRIVED = 5.0  # [m] before the end of its roadblock, a lane change is over


@derived
def lanes_of_block(road_map: RoadMap, block: str) -> tuple[str, ...]:
    """Ids of the lanes of roadblock ``block``, left to right where the map says so; empty if it is not on the map."""
    if block in road_map.roadblocks:
        return tuple(i for i in road_map.roadblocks[block].lane_ids if i in road_map.lanes)
    return tuple(lane.id for lane in road_map.lanes.values() if lane.roadblock_id == block)


def bend(lane: Lane) -> float:
    """Angle by which ``lane`` turns from its beginning to its end [rad], 0 or more."""
    return abs(float(wrap_angle(lane.centerline[-1, 2] - lane.centerline[0, 2])))


def straight_on(road_map: RoadMap, lane_id: str, distance: float) -> list[str]:
    """Car lanes after ``lane_id``, at each fork the one that bends least, until ``distance`` [m] is covered.

    No lane comes twice.
    """
    lanes: list[str] = []
    while distance > 0.0:
        options = [road_map.lanes[i] for i in road_map.lanes[lane_id].successors if i in road_map.lanes]
        options = [lane for lane in options if not lane.bike and lane.id not in lanes]
        if not options:
            break
        best = min(options, key=bend)
        lane_id, distance = best.id, distance - best.length
        lanes.append(lane_id)
    return lanes


def blocks_of(road_map: RoadMap, lanes: Sequence[str]) -> tuple[str, ...]:
    """Roadblocks that the sequence ``lanes`` runs through, each once per visit."""
    blocks = [road_map.lanes[lane].roadblock_id for lane in lanes]
    return tuple(block for i, block in enumerate(blocks) if i == 0 or block != blocks[i - 1])


@derived
def linked(road_map: RoadMap, route: tuple[str, ...]) -> tuple[str, ...]:
    """Roadblocks of ``route`` that are on the map, in order, and between them those of links that are missing.

    A roadblock to which nothing leads stays where it begins near the end of the one before: maps have gaps.
    Farther ones are left out.
    """
    known = [block for block in route if lanes_of_block(road_map, block)]
    blocks = known[:1]
    for block in known[1:]:
        if block == blocks[-1]:
            continue
        between = between_blocks(road_map, blocks[-1], block)
        if between is not None:
            blocks += [*between, block]
        elif _gap(road_map, blocks[-1], block) < _GAP:
            blocks.append(block)
    return tuple(blocks)


def between_blocks(road_map: RoadMap, start: str, goal: str) -> list[str] | None:
    """Roadblocks on the shortest way from ``start`` to ``goal``, without these; None where it is too long."""
    queue: deque[list[str]] = deque([[start]])
    seen = {start}
    while queue:
        way = queue.popleft()
        for block in _following(road_map, way[-1]):
            if block == goal:
                return way[1:]
            if block not in seen and len(way) <= _MAX_HOPS:
                seen.add(block)
                queue.append([*way, block])
    return None


def _following(road_map: RoadMap, block: str) -> list[str]:
    lanes = [road_map.lanes[i] for i in lanes_of_block(road_map, block)]
    found = [i for lane in lanes for i in lane.successors if i in road_map.lanes]
    return list(dict.fromkeys(road_map.lanes[i].roadblock_id for i in found))


def _gap(road_map: RoadMap, before: str, after: str) -> float:
    ends = [road_map.lanes[i].centerline[-1, :2] for i in lanes_of_block(road_map, before)]
    begins = [road_map.lanes[i].centerline[0, :2] for i in lanes_of_block(road_map, after)]
    return min(float(np.hypot(*(end - begin))) for end in ends for begin in begins)


def lanes_through(road_map: RoadMap, start: str, blocks: Sequence[str], goal: str | None = None) -> list[str]:
    """Lanes from ``start`` through ``blocks`` in order, the first of which is that of ``start``.

    Two lanes of one roadblock that follow each other are a lane change: there are as few of them as the route allows,
    none among connectors unless it must be, as late as can be. ``goal`` is the lane to end on, if it matters.
    """
    ways = {start: (0.0, (start,))}
    for i, block in enumerate(blocks):
        if i > 0:
            ways = _entered(road_map, ways, lanes_of_block(road_map, block))
        inside = road_map.lanes[next(iter(ways))].connector
        ways = _changed(road_map, ways, block, (_CHANGE_INSIDE if inside else _CHANGE_COST) - _LATER * i)
    _, way = ways[goal] if goal in ways else min(ways.values(), key=lambda item: item[0])
    return list(way)


Ways = dict[str, tuple[float, tuple[str, ...]]]  # by the lane that each ends on


def _entered(road_map: RoadMap, ways: Ways, lanes: Sequence[str]) -> Ways:
    """The cheapest ways on into each of ``lanes`` of the next roadblock; over a gap where nothing leads there."""
    found: Ways = {}
    for last, (cost, way) in ways.items():
        for lane in lanes:
            if lane in road_map.lanes[last].successors:
                total = cost + _BEND_COST * bend(road_map.lanes[lane])
            else:
                leap = road_map.lanes[lane].centerline[0, :2] - road_map.lanes[last].centerline[-1, :2]
                total = cost + _JUMP_COST + float(np.hypot(*leap))
            if lane not in found or total < found[lane][0]:
                found[lane] = total, (*way, lane)
    return found


def _changed(road_map: RoadMap, ways: Ways, block: str, price: float) -> Ways:
    """The ways, and those that change from them to the other lanes of ``block`` where that is cheaper."""
    order = {lane: k for k, lane in enumerate(lanes_of_block(road_map, block))}
    found = dict(ways)
    for last, (cost, way) in ways.items():
        for lane, k in order.items():
            total = cost + price * abs(k - order.get(last, k))
            if not road_map.lanes[lane].bike and (lane not in found or total < found[lane][0]):
                found[lane] = total, (*way, lane)
    return found


def is_change(road_map: RoadMap, lane: str, following: str) -> bool:
    """Is going from ``lane`` to ``following`` a change to a lane beside it?"""
    here, there = road_map.lanes[lane], road_map.lanes[following]
    return here.roadblock_id == there.roadblock_id and following not in here.successors


def lane_line(road_map: RoadMap, lanes: Sequence[str], start: float = 0.0, end: float | None = None) -> Array:
    """Centreline ``[K, 3]`` (x, y, heading) along ``lanes``, from ``start`` [m] on the first to ``end`` on the last.

    It has the lanes' own vertices. A change between lanes of one roadblock is drawn over ``CHANGE_LENGTH`` and ends
    before the roadblock does.
    """
    pieces, since = [], start
    for k, lane_id in enumerate(lanes):
        lane, last = road_map.lanes[lane_id], k + 1 == len(lanes)
        if last or not is_change(road_map, lane_id, lanes[k + 1]):
            pieces.append(_piece(lane.centerline, since, lane.length if end is None or not last else end))
            since = 0.0
            continue
        following = road_map.lanes[lanes[k + 1]]
        most = following.length if end is None or k + 2 < len(lanes) else end
        here = float(polyline.project(following.centerline, _point(lane, since))[0][0])
        arrival = max(most - _ARRIVED, min(most, here))
        leaving = max(here, arrival - CHANGE_LENGTH)
        left = max(since, float(polyline.project(lane.centerline, _point(following, leaving))[0][0]))
        pieces += [_piece(lane.centerline, since, left), _across(lane, left, following, leaving, arrival)]
        since = arrival
    return np.concatenate(pieces)


def _point(lane: Lane, s: float) -> Array:
    return polyline.at_arc_length(lane.centerline, np.array([s]))[:, :2]


def _piece(line: Array, start: float, end: float) -> Array:
    """The vertices of ``line [K, 3]`` from ``start`` to ``end`` [m], and these places themselves."""
    lengths = polyline.arc_lengths(line)
    if start <= 0.0 and end >= lengths[-1]:
        return line
    start, end = min(start, lengths[-1]), min(max(end, start), lengths[-1])
    inside = line[(lengths > start + 1e-6) & (lengths < end - 1e-6)]
    ends = polyline.at_arc_length(line, np.array([start, end]), lengths)
    return np.concatenate([ends[:1], inside, ends[1:]])


def _across(lane: Lane, left: float, following: Lane, leaving: float, arrival: float) -> Array:
    """Line from ``lane`` at ``left`` [m] over to ``following``, along it from ``leaving`` to ``arrival`` [m]."""
    share = np.linspace(0.0, 1.0, max(3, int(arrival - leaving) + 1))
    along = polyline.at_arc_length(following.centerline, leaving + share * (arrival - leaving))
    beside = polyline.at_arc_length(lane.centerline, left + share * (arrival - leaving))
    ease = (share * share * (3.0 - 2.0 * share))[:, None]
    points = polyline.without_repeats((1.0 - ease) * beside[:, :2] + ease * along[:, :2])
    return polyline.with_headings(points)[1:-1] if len(points) > 3 else along[:0]
