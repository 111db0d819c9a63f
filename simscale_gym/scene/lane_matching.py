"""A logged drive matched to lanes: the route that it took, and where it went along a route that is known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene.lane_sequence import (
    bend,
    between_blocks,
    blocks_of,
    lanes_of_block,
    linked,
    straight_on,
)
from simscale_gym.scene.road_map import Lane, RoadMap

Array = NDArray[np.float64]
S = TypeVar("S", bound=Hashable)

_SPACING = 3.0  # [m] between the poses that are matched
_REACH = 6.0  # [m] from a lane's centreline
_JUMP_COST = 30.0  # of a step between lanes that no link joins; an offset of 1 m costs 1
_LINK_COST, _BEND_COST = 0.1, 0.2  # of a link, and [1/rad] of a bend: who may go either way goes straight
_CHANGE_COST, _SKIP_COST = 2.0, 1.0  # of a lane change; of each lane passed over
_ELSEWHERE = 1.0  # of a pose on a lane of no roadblock that the source names
_AHEAD = 200.0  # [m] that a route is led on beyond the drive


class Place(NamedTuple):
    """Place of a pose of the log on a route.

    Attributes:
        row: Row of the pose.
        step: Place of the roadblock in the route.
        lane: Lane of that roadblock.
        s: Arc length along the lane [m].
        d: Offset from the lane's centreline [m, left +].
    """

    row: int
    step: int
    lane: str
    s: float
    d: float


class _Near(NamedTuple):
    cost: float  # squared offset and angle
    s: float
    d: float


def sampled_rows(poses: Array) -> NDArray[np.int64]:
    """Rows of ``poses [T, 3]`` every 3 m of the way, the first and the last among them."""
    travelled = polyline.arc_lengths(poses)
    rows = np.searchsorted(travelled, np.arange(0.0, travelled[-1] + 1e-6, _SPACING))
    return np.unique(np.minimum(np.r_[rows, len(poses) - 1], len(poses) - 1))


def match_lanes(road_map: RoadMap, poses: Array, named: Collection[str] = ()) -> list[str]:
    """Lanes that the drive ``poses [T, 3]`` went along, in order, each once per visit.

    The cheapest sequence (Viterbi) over the lanes within 6 m of each pose: near, aligned and linked, and of the
    ``named`` roadblocks where there are such. Who drifts from one way through an intersection to another that begins or
    ends with it went the other way all along. Poses with no lane near are passed over; the list is empty when that
    holds for all.
    """

    def cost(lane: str, near: _Near) -> float:
        elsewhere = bool(named) and road_map.lanes[lane].roadblock_id not in named
        return near.cost + _ELSEWHERE * elsewhere

    found = [_lanes_near(road_map, poses[row]) for row in sampled_rows(poses)]
    steps = [{lane: cost(lane, near) for lane, near in lanes.items()} for lanes in found if lanes]
    sequence = _cheapest(steps, lambda start, end: _move_cost(road_map, start, end))
    return _without_drifts(
        road_map, [lane for i, lane in enumerate(sequence) if lane != sequence[i - 1] or i == 0]
    )


def find_route(road_map: RoadMap, poses: Array, ahead: float = _AHEAD) -> tuple[str, ...]:
    """Roadblocks of the drive ``poses [T, 3]``, led on straight for ``ahead`` [m] beyond its last lane."""
    lanes = match_lanes(road_map, poses)
    if not lanes:
        return ()
    driven = linked(road_map, blocks_of(road_map, lanes))
    return _joined(driven, blocks_of(road_map, straight_on(road_map, lanes[-1], ahead)))


def mended_route(road_map: RoadMap, poses: Array, named: tuple[str, ...]) -> tuple[str, ...]:
    """The route ``named`` by a source where the drive ``poses [T, 3]`` follows it.

    Else the roadblocks of the drive, led on along what is left of ``named`` where there is a way to it, and straight
    where there is none. Ids that are not on the map are left out.
    """
    named = tuple(block for block in named if lanes_of_block(road_map, block))
    lanes = match_lanes(road_map, poses, set(named))
    driven = linked(road_map, blocks_of(road_map, lanes))
    if not driven or _is_part(driven, linked(road_map, named)):
        return named
    last = max((named.index(block) for block in driven if block in named), default=-1)
    for k in range(last + 1, len(named)):
        between = between_blocks(road_map, driven[-1], named[k])
        if between is not None:
            return _joined(driven, (*between, *named[k:]))
    return _joined(driven, blocks_of(road_map, straight_on(road_map, lanes[-1], _AHEAD)))


def places_on_route(road_map: RoadMap, poses: Array, blocks: Sequence[str]) -> list[Place]:
    """Places of the drive ``poses [T, 3]`` along ``blocks``, every 3 m, as far as it went along them.

    The cheapest sequence again, which never goes back along the route; what lies off its lanes is passed over.
    """
    steps_of: dict[str, list[int]] = {}
    for step, block in enumerate(blocks):
        for lane in lanes_of_block(road_map, block):
            steps_of.setdefault(lane, []).append(step)
    rows, found = [], []
    for row in sampled_rows(poses):
        near = _lanes_near(road_map, poses[row], steps_of)
        if near:
            rows.append(int(row))
            found.append({(step, lane): item for lane, item in near.items() for step in steps_of[lane]})
    costs = [{key: item.cost for key, item in near.items()} for near in found]
    sequence = _cheapest(costs, lambda start, end: _step_cost(road_map, start, end))
    return [
        Place(row, *key, near[key].s, near[key].d)
        for row, key, near in zip(rows, sequence, found, strict=True)
    ]


def nearest_place(road_map: RoadMap, pose: Array, blocks: Sequence[str]) -> Place:
    """The place on the lanes of ``blocks`` (some) that is nearest to ``pose [3]``; one that leads back if none else."""
    best, least = None, np.inf
    for step, block in enumerate(blocks):
        for lane in lanes_of_block(road_map, block):
            line = road_map.lanes[lane].centerline
            s, d = polyline.project(line, pose[None, :2])
            angle = abs(wrap_angle(polyline.at_arc_length(line, s)[0, 2] - pose[2]))
            distance = abs(float(d[0])) + 1e3 * bool(angle > np.pi / 2)
            if distance < least:
                best, least = Place(0, step, lane, float(s[0]), float(d[0])), distance
    assert best is not None
    return best


def _joined(blocks: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return (*blocks, *(more[1:] if blocks and more and more[0] == blocks[-1] else more))


def _is_part(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Does ``part`` stand in ``whole`` without a gap?"""
    return any(tuple(whole[k : k + len(part)]) == tuple(part) for k in range(len(whole) - len(part) + 1))


def _cheapest(steps: Sequence[Mapping[S, float]], move: Callable[[S, S], float]) -> list[S]:
    """One of each step's choices, of the least sum of their own costs and those of the moves between them."""
    if not steps:
        return []
    cost, back = dict(steps[0]), []
    for choices in steps[1:]:
        totals, previous = {}, {}
        for choice, own in choices.items():
            total, before = min((cost[other] + move(other, choice), other) for other in cost)
            totals[choice], previous[choice] = total + own, before
        back.append(previous)
        cost = totals
    sequence = [min(cost, key=lambda choice: (cost[choice], choice))]
    for previous in reversed(back):
        sequence.append(previous[sequence[-1]])
    return sequence[::-1]


def _lanes_near(road_map: RoadMap, pose: Array, among: Collection[str] | None = None) -> dict[str, _Near]:
    """Lanes within reach that run with the pose."""
    graph, near = road_map.graph, {}
    for row in graph.lanes_near(pose[:2], _REACH):
        lane = road_map.lane_ids[row]
        if graph.bike[row] or (among is not None and lane not in among):
            continue
        line = graph.centerline(row)
        s, d = polyline.project(line, pose[None, :2])
        angle = abs(wrap_angle(polyline.at_arc_length(line, s)[0, 2] - pose[2]))
        if abs(d[0]) < _REACH and angle < np.pi / 3:
            near[lane] = _Near(float(d[0] ** 2 + 4.0 * angle**2), float(s[0]), float(d[0]))
    return near


def _shared(lane: Lane, other: Lane) -> tuple[bool, bool]:
    """Whether two connectors begin at the same lane, and whether they end at the same."""
    if not (lane.connector and other.connector):
        return False, False
    return bool({*lane.predecessors} & {*other.predecessors}), bool({*lane.successors} & {*other.successors})


def _without_drifts(road_map: RoadMap, lanes: list[str]) -> list[str]:
    """``lanes`` with one connector only of those between which the drive drifted."""
    kept: list[str] = []
    for lane in lanes:
        begin, end = _shared(road_map.lanes[kept[-1]], road_map.lanes[lane]) if kept else (False, False)
        if begin:
            kept[-1] = lane
        elif not end:
            kept.append(lane)
    return kept


def _move_cost(road_map: RoadMap, start: str, end: str) -> float:
    if start == end:
        return 0.0
    lane = road_map.lanes[start]
    if end in lane.successors:
        return _LINK_COST + _BEND_COST * bend(road_map.lanes[end])
    if end in (lane.left_neighbor, lane.right_neighbor) or any(_shared(lane, road_map.lanes[end])):
        return _CHANGE_COST
    skipped = any(end in road_map.lanes[i].successors for i in lane.successors if i in road_map.lanes)
    return _SKIP_COST if skipped else _JUMP_COST


def _step_cost(road_map: RoadMap, start: tuple[int, str], end: tuple[int, str]) -> float:
    """Cost of a move between lanes, where ``end`` may be any number of roadblocks further along the route."""
    (before, lane), (after, following) = start, end
    if after < before:
        return _JUMP_COST * (1 + before - after)
    if after == before:
        return 0.0 if lane == following else _CHANGE_COST
    if following in road_map.lanes[lane].successors:
        return _LINK_COST
    return _CHANGE_COST + _SKIP_COST * (after - before - 1)
