"""People on foot: the pavements and crosswalks as a graph, walks through it, and how they step along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.town import curves as curves
from simscale_gym.town.driver import RED, TICK, light
from simscale_gym.town.junctions import CROSSWALK_GAP
from simscale_gym.town.town_map import Draft

Array = NDArray[np.float64]
Node = tuple[int, int, int]

WalkGraph = dict[Node, list[tuple[Node, Array, NDArray[np.int64]]]]
"""Nodes (junction, arm, side: 1 in, -1 out), each with next node, vertices ``[K, 2]``, their crosswalk rows or -1."""

WALK_STEP = 0.4
"""Spacing of the vertices of a walk [m]."""

_ON_KERB = 1e-6  # [m] from a kerb within which one stands on it
_UNEVEN, _SHARP = 0.1, 0.25  # from WALK_STEP [m], and between vertices [rad], that nobody walks
_ENDS = 3  # steps at either end of a walk, which rounding makes shorter
_AROUND = 5  # vertices before and behind a corner over which it is rounded


class Walkers(NamedTuple):
    """People ``M``: their walks (vertices ``[V, 3]`` x, y, heading; crosswalk row or -1 ``[V]``), state, traits.

    ``steps [V, 3]`` are the walks as they are walked, with their corners rounded; ``points`` are what the others
    see of them, and a drive of a town stays what it is however its corners are rounded.
    ``state [M, 4]``: way along the walk [m], speed [m/s], waiting (1 or 0), step aside [m, left +];
    ``pace [M]``: wanted speed [m/s].
    """

    points: Array
    steps: Array
    crosswalk: NDArray[np.int64]
    starts: NDArray[np.int64]
    state: Array
    pace: Array


def walk_graph(draft: Draft) -> WalkGraph:
    """The pavements and crosswalks of a town."""
    graph: WalkGraph = {}

    def connect(a: Node, b: Node, line: Array, crosswalk: int) -> None:
        dense = polyline.resample(line, WALK_STEP)[:, :2]
        rows = np.full(len(dense), -1)
        if crosswalk >= 0:
            kerbs = polyline.arc_lengths(line)[1:3]
            s = polyline.arc_lengths(dense)
            rows[(s > kerbs[0] + _ON_KERB) & (s < kerbs[1] - _ON_KERB)] = crosswalk
        graph.setdefault(a, []).append((b, dense, rows))
        graph.setdefault(b, []).append((a, dense[::-1], rows[::-1]))

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
    """Distance from the middle of a street to the middle of its pavement on a side with edge ``kind`` [m]."""
    c = draft.config
    beyond = {"parking": c.parking_width, "bike": c.bike_width}.get(kind, 0.0)
    return street.half_width(c.lane_width) + beyond + c.sidewalk_width / 2


def _corner(draft: Draft, index: int, a: int, side: int) -> Array:
    """The point ``[2]`` where the pavement on one side of an arm meets the line of its crosswalk."""
    junction = draft.junctions[index]
    arm = junction.arms[a]
    street = draft.layout.streets[arm.street]
    kind = street.left if (side > 0) == arm.outward else street.right
    inward = arm.cut - CROSSWALK_GAP - draft.config.crosswalk_width / 2
    offset = pavement_offset(draft, street, kind)
    return junction.center + inward * arm.u + side * offset * curves.left_of(arm.u)


def draw_walks(rng: np.random.Generator, graph: WalkGraph, count: int, seconds: float) -> Walkers:
    """``count`` random walks, long enough for ``seconds``."""
    nodes = sorted(graph)
    points, steps, rows, lengths, pace, along = [], [], [], [], [], []
    for _ in range(count):
        speed = float(np.clip(rng.normal(1.32, 0.18), 0.9, 1.8))
        head = float(rng.uniform(0.0, 60.0))
        node = nodes[int(rng.integers(len(nodes)))]
        line, crosswalk = _random_walk(rng, graph, node, speed * seconds + head + 30.0)
        walk = polyline.with_headings(polyline.offset_left(_smoothed(line), -rng.uniform(0.2, 0.85)))
        points.append(walk)
        steps.append(_without_corners(walk))
        rows.append(crosswalk)
        lengths.append(len(walk))
        pace.append(speed)
        along.append(head)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    state = np.zeros((count, 4))
    state[:, 0] = along
    empty = np.zeros((0, 3))
    return Walkers(
        np.concatenate(points) if points else empty,
        np.concatenate(steps) if steps else empty,
        np.concatenate(rows).astype(np.int64) if rows else np.zeros(0, np.int64),
        starts,
        state,
        np.array(pace),
    )


def _smoothed(line: Array) -> Array:
    """Corners of ``line [K, 2]`` rounded over about 1 m; vertices stay in step."""
    kernel = np.array([0.06, 0.24, 0.4, 0.24, 0.06])
    padded = np.concatenate(
        [line[:1], line[:1], line, line[-1:], line[-1:]]
    )  # so that ends stay and none is lost
    return np.stack([np.convolve(padded[:, i], kernel, "valid") for i in range(2)], -1)


def _without_corners(walk: Array) -> Array:
    """``walk [K, 3]`` with curves in place of corners that nobody could walk; vertices stay in step.

    Beside a line that turns at once, a walk folds back on the inner side and stretches on the outer one.
    """
    uneven = np.abs(np.hypot(*np.diff(walk[:, :2], axis=0).T) - WALK_STEP) > _UNEVEN
    uneven[:_ENDS] = uneven[-_ENDS:] = False
    corners = np.flatnonzero(uneven | (np.abs(wrap_angle(np.diff(walk[:, 2]))) > _SHARP))
    out, last = walk.copy(), len(walk) - 1
    for stretch in np.split(corners, np.flatnonzero(np.diff(corners) > 2 * _AROUND) + 1):
        if len(stretch):
            a, b = max(int(stretch[0]) - _AROUND, 0), min(int(stretch[-1]) + 1 + _AROUND, last)
            curve = curves.bezier(walk[a], walk[b])
            even = np.linspace(0.0, polyline.arc_lengths(curve)[-1], b - a + 1)
            out[a + 1 : b] = polyline.at_arc_length(curve, even)[1:-1]
    return out


def _random_walk(
    rng: np.random.Generator, graph: WalkGraph, node: Node, length: float
) -> tuple[Array, Array]:
    """Vertices ``[K, 2]``, WALK_STEP apart, and the crosswalk row of each (-1: none)."""
    parts, rows, total, before = [], [], 0.0, None
    while total < length:
        options = [edge for edge in graph[node] if edge[0] != before] or graph[node]
        # ways over a crosswalk are a little likelier, so that there is somebody to wait for
        weights = np.array([1.3 if (edge[2] >= 0).any() else 1.0 for edge in options])
        nxt, line, crosswalk = options[int(rng.choice(len(options), p=weights / weights.sum()))]
        parts.append(line[:-1])
        rows.append(crosswalk[:-1])
        total += WALK_STEP * (len(line) - 1)
        before, node = node, nxt
    return np.concatenate(parts), np.concatenate(rows)


@njit(cache=True)
def walker_place(walkers, m, s):
    """Vertex index of walker ``m`` at ``s`` [m] along its walk."""
    return min(walkers.starts[m] + int(s / WALK_STEP), walkers.starts[m + 1] - 1)


@njit(cache=True)
def walker_pose(walkers, m):
    """Pose of walker ``m``: x, y [m] and heading [rad]."""
    s, aside = walkers.state[m, 0], walkers.state[m, 3]
    a = walker_place(walkers, m, s)
    b = min(a + 1, walkers.starts[m + 1] - 1)
    share = s / WALK_STEP - int(s / WALK_STEP)
    p, q = walkers.steps[a], walkers.steps[b]
    heading = p[2] + share * ((q[2] - p[2] + np.pi) % (2.0 * np.pi) - np.pi)
    x = p[0] + share * (q[0] - p[0]) - aside * np.sin(heading)
    y = p[1] + share * (q[1] - p[1]) + aside * np.cos(heading)
    return x, y, heading


@njit(cache=True)
def may_step_out(net, row, first, second, width, speed, drivers, claims, offsets, time):
    """May someone start over crosswalk ``row`` now? With the lights, and only if every car near can still stop."""
    need = width / speed + 0.5
    if net.crosswalk_signal[row]:
        for k in range(net.blocker_starts[row], net.blocker_starts[row + 1]):
            for part in range(4):  # red now and until the other side is reached, looked up at four moments
                if light(net, net.blockers[k], time + need * part / 3.0) != RED:
                    return False
    for j in range(len(claims)):
        lane = claims[j]
        if lane < 0:
            continue
        for k in range(net.walk_starts[lane], net.walk_starts[lane + 1]):
            if net.walk_rows[k] != row:
                continue
            distance = offsets[j] + net.walk_spans[k, 0] - drivers.traits[j].front - 1.0
            leave = offsets[j] + net.walk_spans[k, 1] + drivers.traits[j].rear
            v = drivers.state[j].v
            if leave < 0.0 or distance > 45.0:
                continue
            if light(net, lane, time) == RED and offsets[j] > drivers.traits[j].front - 0.5:
                continue
            if distance < -0.6:
                return False  # it is on the crosswalk, and does not give way any more
            # it cannot stop with 1.3 m/s^2 after 0.6 s, and would be there before the walker has left
            if v * v > 2.0 * 1.3 * max(distance - 0.6 * v, 0.05) and distance / max(v, 0.1) < need + 1.5:
                return False
    return True


@njit(cache=True)
def step_walkers(net, walkers, drivers, claims, offsets, boxes, crossing, time):
    """Move everybody on foot by one TICK.

    Fills ``crossing [M]`` (CROSSING).
    """
    count = len(walkers.pace)
    for m in range(count):
        state = walkers.state[m]
        here = walker_place(walkers, m, state[0])
        ahead = walker_place(walkers, m, state[0] + 1.3)
        row, wanted = walkers.crosswalk[here], walkers.pace[m]
        crossing[m].crosswalk, state[2] = -1, 0.0
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
                at = crossing[m]
                at.crosswalk, at.along, at.toward, at.v = near, place, toward, walkers.pace[m]
            if row >= 0:
                wanted = max(wanted, 1.2)
                wanted = _clear_of_cars(walkers, m, boxes, len(claims), wanted)
        wanted = _behind_others(walkers, m, boxes, len(claims), h, wanted)
        state[1] += min(max(wanted - state[1], -2.5 * TICK), 1.2 * TICK)
        state[0] += state[1] * TICK


@njit(cache=True)
def _clear_of_cars(walkers, m, boxes, cars, wanted):
    """Stand still rather than walk into a car that stands or rolls in the way."""
    for reach in (0.7, 1.3):
        k = walker_place(walkers, m, walkers.state[m, 0] + reach)
        px, py = walkers.points[k, 0], walkers.points[k, 1]
        for j in range(cars):
            dx, dy = px - boxes[j].x, py - boxes[j].y
            if dx * dx + dy * dy > 36.0:
                continue
            cos, sin = np.cos(boxes[j].yaw), np.sin(boxes[j].yaw)
            along, across = cos * dx + sin * dy, -sin * dx + cos * dy
            forward = boxes[j].half_length + 0.55 + min(boxes[j].v * 0.8, 3.0)
            if -boxes[j].half_length - 0.55 < along < forward and abs(across) < boxes[j].half_width + 0.55:
                return 0.0
    return wanted


@njit(cache=True)
def _behind_others(walkers, m, boxes, first, h, wanted):
    """Step aside for people ahead, fall in behind slower ones, stop short of bumping into anybody."""
    state, x, y = walkers.state[m], boxes[first + m].x, boxes[first + m].y
    push = -0.6 * state[3]
    for n in range(len(walkers.pace)):
        if n == m:
            continue
        other = boxes[first + n]
        dx, dy = other.x - x, other.y - y
        if dx * dx + dy * dy > 4.0:
            continue
        along, across = np.cos(h) * dx + np.sin(h) * dy, -np.sin(h) * dx + np.cos(h) * dy
        if along > -0.2 and abs(across) < 0.85:
            push = 0.6 if across < 0.0 or (across == 0.0 and n < m) else -0.6
        if along > 0.0 and abs(across) < 0.65:
            same = np.cos(other.yaw - h) > 0.3
            if same or (along < 1.0 and (n < m or other.v < 0.1)):
                wanted = min(wanted, max(0.0, same * other.v + 0.8 * (along - 0.9)))
    state[3] = min(max(state[3] + push * TICK, -0.8), 0.8)
    return wanted
