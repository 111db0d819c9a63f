"""A town's lanes, precedence and crosswalks as flat arrays for the driving kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.scene import RoadMap, Turn
from simscale_gym.town.lights import SignalPlan
from simscale_gym.town.road_user import BIKE, CAR
from simscale_gym.town.town_map import Approach, Crossing, Draft

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


SIGNAL, PRIORITY, ALL_WAY, ROUNDABOUT = 0, 1, 2, 3
_CONTROL = {"signal": SIGNAL, "split_signal": SIGNAL, "all_way_stop": ALL_WAY, "roundabout": ROUNDABOUT}
STEP = 0.5
"""Spacing of path vertices [m] (each lane's own step is the nearest that divides its length)."""


class Network(NamedTuple):
    """Lanes ``L`` by row (the map's order), vertices ``V``, conflicts ``K``, crosswalks ``W``.

    ``conflict[own kind, other kind, L, L]`` is the row in ``spans`` (-1: none); ``spans [K, 4]`` holds where
    the two paths come too close: from, to [m] along the own and from, to along the other lane.
    ``bend [L]`` is a lane's largest curvature [1/m]. ``signal [L, 4]`` as in SignalPlan.timing. ``walk_spans``
    rows: from, to [m] along the lane, and the distance from the crosswalk's first end to where the lane's middle
    crosses it.
    """

    points: Array
    curvature: Array
    starts: Ints
    step: Array
    length: Array
    limit: Array
    bend: Array
    connector: NDArray[np.bool_]
    turn: Ints
    rank: Ints
    control: Ints
    must_stop: NDArray[np.bool_]
    has_signal: NDArray[np.bool_]
    signal: Array
    left: Ints
    right: Ints
    strip: Array
    bias: Array
    successor_starts: Ints
    successors: Ints
    conflict: Ints
    spans: Array
    walk_starts: Ints
    walk_rows: Ints
    walk_spans: Array
    crosswalk: Array
    blocker_starts: Ints
    blockers: Ints
    crosswalk_signal: NDArray[np.bool_]


def build_network(draft: Draft, road_map: RoadMap, plan: SignalPlan) -> Network:
    """Flatten what drivers and walkers need."""
    lanes = list(road_map.lanes.values())
    row = road_map.lane_index
    lines = [polyline.resample(lane.centerline, STEP) for lane in lanes]
    length = np.array([polyline.arc_lengths(line)[-1] for line in lines])
    approach = [draft.approaches.get(lane.id) for lane in lanes]
    control = [draft.junctions[a.junction].control if a else "" for a in approach]
    signal = np.zeros((len(lanes), 4))
    signal[[row[i] for i in plan.lane_ids]] = plan.timing
    strip, bias = _edges(draft, road_map)
    conflict, spans = _conflicts(lanes, lines, approach, strip, draft.config.bike_width)
    walks = _walks(draft.crossings, lines, approach)
    blockers = [_blockers(c, row, draft.approaches, road_map) for c in draft.crossings]
    ends = np.array([np.ravel(c.ends) for c in draft.crossings]).reshape(-1, 4)
    graph = road_map.graph
    neighbor = [[row.get(i, -1) if i else -1 for i in (x.left_neighbor, x.right_neighbor)] for x in lanes]
    stops = [
        c == "all_way_stop" or (c == "stop" and a.rank >= 10) for c, a in zip(control, approach, strict=True)
    ]
    return Network(
        points=np.concatenate([_with_end_headings(line, x) for line, x in zip(lines, lanes, strict=True)]),
        curvature=np.concatenate([polyline.curvature(line) for line in lines]),
        starts=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64),
        step=length / (np.array([len(line) for line in lines]) - 1),
        length=length,
        limit=np.array([x.speed_limit for x in lanes], float),
        bend=np.array([np.abs(polyline.curvature(line)).max() for line in lines]),
        connector=np.array([x.connector for x in lanes]),
        turn=np.array([int(x.turn) for x in lanes], np.int64),
        rank=np.array([a.rank if a else 0 for a in approach], np.int64),
        control=np.array([_CONTROL.get(c, PRIORITY) for c in control], np.int64),
        must_stop=np.array(stops, bool),
        has_signal=signal[:, 0] > 0,
        signal=signal,
        left=np.array([n[0] for n in neighbor], np.int64),
        right=np.array([n[1] for n in neighbor], np.int64),
        strip=strip,
        bias=bias,
        successor_starts=graph.successor_starts,
        successors=graph.successors,
        conflict=conflict,
        spans=spans,
        walk_starts=_starts([w[0] for w in walks]),
        walk_rows=np.array([r for w in walks for r in w[0]], np.int64),
        walk_spans=np.array([s for w in walks for s in w[1]], float).reshape(-1, 3),
        crosswalk=ends,
        blocker_starts=_starts(blockers),
        blockers=np.array([b for x in blockers for b in x], np.int64),
        crosswalk_signal=np.array(
            [draft.junctions[c.junction].control in ("signal", "split_signal") for c in draft.crossings], bool
        ),
    )


def _with_end_headings(line: Array, lane) -> Array:
    poses = polyline.with_headings(line[:, :2])
    poses[0, 2], poses[-1, 2] = lane.centerline[0, 2], lane.centerline[-1, 2]
    poses[:, 2] = np.unwrap(poses[:, 2])
    return poses


def _starts(lists: list) -> Ints:
    return np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64)


def _edges(draft: Draft, road_map: RoadMap) -> tuple[Array, Array]:
    """Per lane: is a cyclists' strip beside it (1 or 0), and how far drivers keep left of its middle [m]."""
    strip, bias = np.zeros(len(road_map.lanes)), np.zeros(len(road_map.lanes))
    for road in draft.roads:
        for block, kind in ((road.forward, road.street.right), (road.backward, road.street.left)):
            outer = road_map.lane_index[road_map.roadblocks[block].lane_ids[-1]]
            strip[outer] = float(kind == "bike")
            # not all of the overhang: few cars stand out so far, and lane keeping allows 0.5 m off the middle
            bias[outer] = 0.15 + 0.6 * draft.config.parked_overhang if kind == "parking" else 0.0
    for lane in road_map.lanes.values():
        if lane.connector:
            ends = [road_map.lane_index[lane.predecessors[0]], road_map.lane_index[lane.successors[0]]]
            strip[road_map.lane_index[lane.id]] = strip[ends].min()
    return strip, bias


def _conflicts(lanes, lines, approach, strip, bike_width) -> tuple[Ints, Array]:
    """Where paths through the same junction come closer than two vehicles' half widths."""
    conflict = np.full((2, 2, len(lanes), len(lanes)), -1, np.int64)
    spans: list[tuple[float, float, float, float]] = []
    by_junction: dict[int, list[int]] = {}
    for index, a in enumerate(approach):
        if a:
            by_junction.setdefault(a.junction, []).append(index)
    side = 1.65 + bike_width / 2
    paths = {
        i: (lines[i][:, :2], polyline.offset_left(lines[i], -(side if strip[i] else 1.15)))
        for i in range(len(lanes))
        if approach[i]
    }
    for members in by_junction.values():
        for i in members:
            for j in members:
                if i == j:
                    continue
                same = approach[i].arm_in == approach[j].arm_in
                for own, other in ((CAR, CAR), (CAR, BIKE), (BIKE, CAR)):
                    cyclist = j if other == BIKE else i
                    if same and not (own != other and strip[cyclist]):
                        continue
                    span = _span(paths[i][own], paths[j][other], 2.5 if own == other else 1.9)
                    if span[1] > span[0]:
                        conflict[own, other, i, j] = len(spans)
                        scale_i = polyline.arc_lengths(lines[i])[-1] / (len(lines[i]) - 1)
                        scale_j = polyline.arc_lengths(lines[j])[-1] / (len(lines[j]) - 1)
                        spans.append(
                            (span[0] * scale_i, span[1] * scale_i, span[2] * scale_j, span[3] * scale_j)
                        )
    return conflict, np.array(spans, float).reshape(-1, 4)


@njit(cache=True)
def _span(a, b, reach):
    """First and last vertex (a's, then b's) where the lines ``a`` and ``b`` come within ``reach`` [m]."""
    low_a, high_a, low_b, high_b = len(a), -1, len(b), -1
    for i in range(len(a)):
        for j in range(len(b)):
            if (a[i, 0] - b[j, 0]) ** 2 + (a[i, 1] - b[j, 1]) ** 2 < reach * reach:
                low_a, high_a = min(low_a, i), max(high_a, i)
                low_b, high_b = min(low_b, j), max(high_b, j)
    return low_a, high_a, low_b, high_b


def _walks(crossings: list[Crossing], lines: list[Array], approach: list) -> list[tuple[list[int], list]]:
    """Per lane: the crosswalks that it passes over, and where."""
    out = []
    for line, a in zip(lines, approach, strict=True):
        rows, spans = [], []
        for number, crossing in enumerate(crossings) if a else ():
            if crossing.junction != a.junction or crossing.arm not in (a.arm_in, a.arm_out):
                continue
            first, last = np.array(crossing.ends)
            axis = (last - first) / np.linalg.norm(last - first)
            off = (line[:, :2] - first) @ np.array([-axis[1], axis[0]])
            near = np.flatnonzero(np.abs(off) < 1.9)
            s = polyline.arc_lengths(line)
            if len(near):
                middle = near[np.argmin(np.abs(off[near]))]
                rows.append(number)
                spans.append((s[near[0]], s[near[-1]], float((line[middle, :2] - first) @ axis)))
        out.append((rows, spans))
    return out


def _blockers(crossing: Crossing, row: dict, approaches: dict[str, Approach], road_map: RoadMap) -> list[int]:
    """Connectors that must be red while people walk: all out of this arm, and the straight ones into it."""
    return [
        row[lane_id]
        for lane_id, a in approaches.items()
        if a.junction == crossing.junction
        and (
            a.arm_in == crossing.arm
            or (a.arm_out == crossing.arm and road_map.lanes[lane_id].turn == Turn.STRAIGHT)
        )
    ]
