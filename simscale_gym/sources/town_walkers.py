"""People on foot: the pavements and crosswalks as a graph, walks through it, and how they step along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.sources import town_curves as curves
from simscale_gym.sources.town_driver import TICK, light
from simscale_gym.sources.town_junctions import CROSSWALK_GAP
from simscale_gym.sources.town_map import Draft

Array = NDArray[np.float64]
Node = tuple[int, int, int]

WALK_STEP = 0.4
"""Spacing of the vertices of a walk [m]."""


class Walkers(NamedTuple):
    """People ``M``: their walks (vertices ``[V, 3]`` x, y, heading; crosswalk row or -1 ``[V]``), state, traits.

    ``state [M, 3]``: way along the walk [m], speed [m/s], waiting (1 or 0); ``pace [M]`` wanted speed [m/s].
    """

    points: Array
    crosswalk: NDArray[np.int64]
    starts: NDArray[np.int64]
    state: Array
    pace: Array


def walk_graph(draft: Draft) -> dict[Node, list[tuple[Node, Array, int]]]:
    """Nodes (junction, arm, side: 1 in, -1 out), each with (next node, line ``[K, 2]``, crosswalk row or -1)."""
    graph: dict[Node, list[tuple[Node, Array, int]]] = {}

    def connect(a: Node, b: Node, line: Array, crosswalk: int) -> None:
        graph.setdefault(a, []).append((b, line, crosswalk))
        graph.setdefault(b, []).append((a, line[::-1], crosswalk))

    for index, junction in enumerate(draft.junctions):
        for a, arm in enumerate(junction.arms):
            b = (a + 1) % len(junction.arms)
            other = junction.arms[b]
            p, q = _corner(draft, index, a, 1), _corner(draft, index, b, -1)
            if junction.round:
                angles = np.linspace(arm.angle, arm.angle + (other.angle - arm.angle) % (2 * np.pi), 40)[
                    12:-12
                ]
                arc = junction.center + 15.5 * np.stack([np.cos(angles), np.sin(angles)], -1)
                line = curves.eased(np.concatenate([p[None], arc, q[None]]), 1.0)
            else:
                start = np.array([*p, arm.angle + np.pi])
                line = curves.link(start, np.array([*q, other.angle]), 0.72)
            connect((index, a, 1), (index, b, -1), line, -1)
    for number, crossing in enumerate(draft.crossings):
        j, a = crossing.junction, crossing.arm
        ends = np.array(crossing.ends)
        line = np.array([_corner(draft, j, a, -1), ends[0], ends[1], _corner(draft, j, a, 1)])
        connect((j, a, -1), (j, a, 1), line, number)
    for number, road in enumerate(draft.roads):
        ends = [
            next(
                (j, a)
                for a, x in enumerate(draft.junctions[j].arms)
                if x.street == number and x.outward == out
            )
            for j, out in ((road.street.start, True), (road.street.end, False))
        ]
        for side, kind in ((1, road.street.left), (-1, road.street.right)):
            edge = pavement_offset(draft, road.street, kind) * side
            start, end = (*ends[0], side), (*ends[1], -side)
            line = np.concatenate(
                [
                    _corner(draft, *start)[None],
                    polyline.offset_left(road.line, edge),
                    _corner(draft, *end)[None],
                ]
            )
            connect(start, end, line, -1)
    return graph


def pavement_offset(draft: Draft, street, kind: str) -> float:
    """From the middle of a street to the middle of its pavement on a side with edge ``kind`` [m]."""
    c = draft.config
    beyond = {"parking": c.parking_width, "bike": c.bike_width}.get(kind, 0.0)
    return street.half_width(c.lane_width) + beyond + c.sidewalk_width / 2


def _corner(draft: Draft, index: int, a: int, side: int) -> Array:
    """Where the pavement on one side of an arm meets the line of its crosswalk."""
    junction = draft.junctions[index]
    arm = junction.arms[a]
    street = draft.layout.streets[arm.street]
    kind = street.left if (side > 0) == arm.outward else street.right
    inward = arm.cut - CROSSWALK_GAP - draft.config.crosswalk_width / 2
    offset = pavement_offset(draft, street, kind)
    return junction.center + inward * arm.u + side * offset * curves.left_of(arm.u)


def draw_walks(rng: np.random.Generator, graph: dict[Node, list], count: int, seconds: float) -> Walkers:
    """``count`` random walks, long enough for ``seconds``."""
    nodes = sorted(graph)
    points, rows, lengths, pace, along = [], [], [], [], []
    for _ in range(count):
        speed = float(np.clip(rng.normal(1.32, 0.18), 0.9, 1.8))
        head = float(rng.uniform(0.0, 60.0))
        line, crosswalk = _random_walk(
            rng, graph, nodes[int(rng.integers(len(nodes)))], speed * seconds + head + 30.0
        )
        smooth = curves.eased(line, 0.6, WALK_STEP)
        smooth = polyline.resample(polyline.offset_left(smooth, -rng.uniform(0.2, 0.85)), WALK_STEP)
        nearest = polyline.project(line, smooth[:, :2])[0]
        part = np.searchsorted(polyline.arc_lengths(line), nearest, side="right") - 1
        points.append(smooth)
        rows.append(crosswalk[np.clip(part, 0, len(crosswalk) - 1)])
        lengths.append(len(smooth))
        pace.append(speed)
        along.append(head)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    state = np.zeros((count, 3))
    state[:, 0] = along
    empty = np.zeros((0, 3))
    return Walkers(
        np.concatenate(points) if points else empty,
        np.concatenate(rows).astype(np.int64) if rows else np.zeros(0, np.int64),
        starts,
        state,
        np.array(pace),
    )


def _random_walk(rng: np.random.Generator, graph: dict, node: Node, length: float) -> tuple[Array, Array]:
    """Line ``[K, 2]`` and crosswalk row ``[K - 1]`` of each of its segments (-1: none)."""
    parts, rows, total, before = [], [], 0.0, None
    while total < length:
        options = [edge for edge in graph[node] if edge[0] != before] or graph[node]
        weights = np.array([1.3 if edge[2] >= 0 else 1.0 for edge in options])
        nxt, line, crosswalk = options[int(rng.choice(len(options), p=weights / weights.sum()))]
        new = line if not parts else line[1:]
        row = np.full(len(line) - 1, -1)
        if crosswalk >= 0:
            row[1] = crosswalk  # the middle one of its three segments lies on the road
        parts.append(new)
        rows.append(row)
        total += float(polyline.arc_lengths(line)[-1])
        before, node = node, nxt
    return np.concatenate(parts), np.concatenate(rows)


@njit(cache=True)
def walker_place(walkers, m, s):
    """Vertex index of walker ``m`` at ``s`` [m] along its walk."""
    return min(walkers.starts[m] + int(s / WALK_STEP), walkers.starts[m + 1] - 1)


@njit(cache=True)
def may_step_out(net, row, first, second, width, speed, drivers, claims, offsets, time):
    """May someone start over crosswalk ``row`` now? With the lights, and only if every car near can still stop."""
    need = width / speed + 0.5
    if net.crosswalk_signal[row]:
        for k in range(net.blocker_starts[row], net.blocker_starts[row + 1]):
            for part in range(4):
                if light(net, net.blockers[k], time + need * part / 3.0) != 2:
                    return False
    for j in range(len(claims)):
        lane = claims[j]
        if lane < 0:
            continue
        for k in range(net.walk_starts[lane], net.walk_starts[lane + 1]):
            if net.walk_rows[k] != row:
                continue
            distance = offsets[j] + net.walk_spans[k, 0] - drivers.traits[j, 2] - 1.0
            leave = offsets[j] + net.walk_spans[k, 1] + drivers.traits[j, 3]
            v = drivers.state[j, 3]
            if leave < 0.0 or distance > 45.0:
                continue
            if light(net, lane, time) == 2 and offsets[j] > drivers.traits[j, 2] - 0.5:
                continue
            if distance < 0.0 and (v > 0.1 or leave > 0.0):
                return False
            if v * v > 2.0 * 1.3 * max(distance - 0.6 * v, 0.05) and distance / max(v, 0.1) < need + 1.5:
                return False
    return True


@njit(cache=True)
def step_walkers(net, walkers, drivers, claims, offsets, boxes, crossing, time):
    """Move everybody on foot by one TICK; fills ``crossing [M, 4]``: crosswalk row, place, direction, speed."""
    count = len(walkers.pace)
    for m in range(count):
        state = walkers.state[m]
        here = walker_place(walkers, m, state[0])
        ahead = walker_place(walkers, m, state[0] + 0.9)
        row, wanted = walkers.crosswalk[here], walkers.pace[m]
        crossing[m, 0], state[2] = -1.0, 0.0
        x, y, h = walkers.points[here, 0], walkers.points[here, 1], walkers.points[here, 2]
        near = row if row >= 0 else walkers.crosswalk[ahead]
        if near >= 0:
            end = net.crosswalk[near]
            width = np.hypot(end[2] - end[0], end[3] - end[1])
            ax, ay = (end[2] - end[0]) / width, (end[3] - end[1]) / width
            toward = 1.0 if np.cos(h) * ax + np.sin(h) * ay >= 0 else -1.0
            if row < 0:
                h = np.arctan2(ay * toward, ax * toward)
            place = (x - end[0]) * ax + (y - end[1]) * ay
            if row < 0 and not may_step_out(
                net, near, end[:2], end[2:], width + 1.5, walkers.pace[m], drivers, claims, offsets, time
            ):
                wanted, state[2] = 0.0, 1.0
            if row >= 0 or wanted > 0.0 or not net.crosswalk_signal[near]:
                crossing[m, 0], crossing[m, 1], crossing[m, 2], crossing[m, 3] = (
                    near,
                    place,
                    toward,
                    walkers.pace[m],
                )
            if row >= 0:
                wanted = max(wanted, 1.2)
                wanted = _clear_of_cars(walkers, m, boxes, wanted)
        wanted = _behind_others(walkers, m, x, y, h, wanted)
        state[1] += min(max(wanted - state[1], -2.5 * TICK), 1.2 * TICK)
        state[0] += state[1] * TICK


@njit(cache=True)
def _clear_of_cars(walkers, m, boxes, wanted):
    """Stand still rather than walk into a car that stands or rolls in the way."""
    for reach in (0.7, 1.3):
        k = walker_place(walkers, m, walkers.state[m, 0] + reach)
        px, py = walkers.points[k, 0], walkers.points[k, 1]
        for j in range(len(boxes)):
            dx, dy = px - boxes[j, 0], py - boxes[j, 1]
            if dx * dx + dy * dy > 36.0:
                continue
            cos, sin = np.cos(boxes[j, 2]), np.sin(boxes[j, 2])
            along, across = cos * dx + sin * dy, -sin * dx + cos * dy
            forward = boxes[j, 3] + 0.55 + min(boxes[j, 5] * 0.8, 3.0)
            if -boxes[j, 3] - 0.55 < along < forward and abs(across) < boxes[j, 4] + 0.55:
                return 0.0
    return wanted


@njit(cache=True)
def _behind_others(walkers, m, x, y, h, wanted):
    """Fall in behind slower people, and let those with a smaller number pass first."""
    for n in range(len(walkers.pace)):
        if n == m:
            continue
        k = walker_place(walkers, n, walkers.state[n, 0])
        dx, dy = walkers.points[k, 0] - x, walkers.points[k, 1] - y
        if dx * dx + dy * dy > 2.25:
            continue
        along, across = np.cos(h) * dx + np.sin(h) * dy, -np.sin(h) * dx + np.cos(h) * dy
        if along > 0.0 and abs(across) < 0.75:
            same = np.cos(walkers.points[k, 2] - h) > 0.0
            if same:
                wanted = min(wanted, max(0.0, walkers.state[n, 1] + 0.8 * (along - 1.0)))
            elif n < m and along < 1.2:
                wanted = 0.0
    return wanted
