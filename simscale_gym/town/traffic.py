"""Everybody in a town, moved together at 20 Hz."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.scene import Vehicle
from simscale_gym.town.config import TownConfig
from simscale_gym.town.driver import (
    SAMPLES,
    TICK,
    extend_plan,
    lead_in_corridor,
    look_ahead,
    safe_speed,
    steer_and_move,
)
from simscale_gym.town.network import Network
from simscale_gym.town.precedence import claim_of, crosswalk_stop, junction_stop
from simscale_gym.town.road_user import (
    BIKE,
    BOX,
    CAR,
    CROSSING,
    PARKED,
    PERSON,
    QUEUE,
    STATE,
    TRAITS,
    Drivers,
)
from simscale_gym.town.walkers import step_walkers, walker_place, walker_pose

Array = NDArray[np.float64]

MEMORY = 24
"""Ticks that a driver's delayed demands go back at most."""
WHEEL_BASE_SHARE, REAR_SHARE = 0.6, 0.2
"""Of a car's length: between its axles, behind the rear axle."""

_CARS = np.array(
    [[4.05, 1.75, 1.48], [4.45, 1.80, 1.46], [4.75, 1.85, 1.45], [4.60, 1.88, 1.68], [5.30, 1.98, 2.10]]
)
_CAR_SHARES = (0.25, 0.28, 0.2, 0.19, 0.08)

_TRAIT_RANGES = {
    "reaction": (0.4, 1.0), "speed": (0.85, 1.08), "brake": (1.3, 1.9), "acceleration": (1.2, 1.9),
    "lateral": (1.2, 1.7), "headway": (0.8, 1.4), "gap": (1.6, 3.0), "stop_short": (0.9, 2.0),
    "wave_a": (0.08, 0.17), "rate_a": (0.28, 0.5), "phase_a": (0.0, 6.283),
    "wave_b": (0.08, 0.17), "rate_b": (0.6, 0.9), "phase_b": (0.0, 6.283), "critical": (1.2, 2.2),
}  # fmt: skip
_CAREFUL_RANGES = {
    "brake": (1.1, 1.4), "lateral": (1.0, 1.3), "headway": (1.2, 1.6), "gap": (2.6, 3.4),
    "wave_a": (0.04, 0.08), "wave_b": (0.04, 0.08), "change": (0.3, 0.5), "push": (1.0, 1.3),
}  # fmt: skip
"""Where a careful driver differs: gentler and steadier, farther from others, seldom in the other lane."""


def draw_sizes(rng: np.random.Generator, count: int) -> Array:
    """Sizes ``[count, 3]`` of cars: hatchbacks, saloons, estates, SUVs, vans; each a little different [m]."""
    kind = rng.choice(len(_CARS), count, p=_CAR_SHARES)
    return _CARS[kind] * rng.uniform(0.97, 1.03, (count, 3))


def draw_drivers(
    rng: np.random.Generator, net: Network, config: TownConfig, cars: int, cyclists: int
) -> tuple[Drivers, Array]:
    """``cars`` drivers, the ego first, then ``cyclists``, all at rest on free places; and their sizes ``[N, 3]``."""
    n = cars + cyclists
    ego = Vehicle()
    sizes = np.concatenate(
        [draw_sizes(rng, cars), rng.uniform([1.65, 0.55, 1.65], [1.85, 0.65, 1.8], (cyclists, 3))]
    )
    sizes[0] = ego.length, ego.width, ego.height
    bike = np.arange(n) >= cars
    traits = np.zeros(n, TRAITS)
    traits["length"], traits["width"] = sizes[:, 0], sizes[:, 1]
    traits["rear"] = REAR_SHARE * sizes[:, 0]
    traits["wheel_base"] = WHEEL_BASE_SHARE * sizes[:, 0]
    traits["rear"][0], traits["wheel_base"][0] = ego.rear_length, ego.wheel_base
    traits["front"] = sizes[:, 0] - traits["rear"]
    traits["kind"] = np.where(bike, BIKE, CAR)
    for name, (low, high) in _TRAIT_RANGES.items():
        traits[name] = rng.uniform(low, high, n)
    traits["change"], traits["push"] = config.lane_change_rate, config.cut_in
    if config.careful_ego:
        for name, (low, high) in _CAREFUL_RANGES.items():
            traits[name][0] = rng.uniform(low, high)
    traits["speed"][bike] = rng.uniform(4.0, 6.0, bike.sum()) / (30 / 3.6)
    traits["wave_a"][bike], traits["wave_b"][bike], traits["acceleration"][bike] = 0.06, 0.05, 0.8
    state = np.zeros(n, STATE)
    state["kept_stop"] = state["considered"] = -1
    queue = np.zeros((n, QUEUE), np.int64)
    state["shift_time"], state["arrival"] = 99.0, 1e9  # no lane change under way, no stop sign reached
    _place(rng, net, bike, state, queue)
    drivers = Drivers(
        traits=traits,
        state=state,
        queue=queue,
        planned=np.ones(n, np.int64),
        memory=np.zeros((n, MEMORY)),
        draws=rng.random((n, 96)),
    )
    return drivers, sizes


def _place(rng: np.random.Generator, net: Network, bike: NDArray, state: NDArray, queue: NDArray) -> None:
    """Put everybody on a lane, at least 14 m apart; cyclists beside cars where there is a strip."""
    lanes = np.flatnonzero(~net.connector)
    taken: list[tuple[int, float, bool]] = []
    for i in range(len(state)):
        options = lanes[net.strip[lanes] > 0] if bike[i] and (net.strip[lanes] > 0).any() else lanes
        for _ in range(200):
            lane = int(options[rng.integers(len(options))])
            s = float(rng.uniform(6.0, net.length[lane] - 8.0))
            if all(a != lane or abs(b - s) > 14.0 for a, b, _ in taken):
                break
        taken.append((lane, s, bool(bike[i])))
        k = net.starts[lane] + int(s / net.step[lane])
        x, y, heading = net.points[k]
        side = edge_offset(net, lane, bool(bike[i]))
        state["x"][i], state["y"][i] = x - side * np.sin(heading), y + side * np.cos(heading)
        state["yaw"][i], state["along"][i], state["edge"][i] = heading, s, side
        queue[i, 0] = lane


@njit(cache=True)
def edge_offset(net, lane, cyclist):
    """Where one keeps beside the lane's middle [m]: cyclists at the edge, cars away from parked ones."""
    if cyclist:
        return -2.4 if net.strip[lane] > 0 else -1.15
    return net.bias[lane]


@njit(cache=True)
def run(net, drivers, walkers, parked, time, ticks, cars_out, lanes_out, walkers_out):
    """Move everybody for ``ticks``; fills ``cars_out [T, N]``, ``lanes_out [T, N]`` and ``walkers_out [T, M, 4]``."""
    n, m = len(drivers.state), len(walkers.pace)
    claims, offsets = np.full(n, -1, np.int64), np.zeros(n)
    boxes, crossing = np.zeros(n + m + len(parked), BOX), np.zeros(m, CROSSING)
    boxes[n + m :] = parked
    paths, speeds, counts = np.zeros((n, SAMPLES, 3)), np.zeros((n, SAMPLES)), np.zeros(n, np.int64)
    demands = np.zeros((n, 3))
    for tick in range(ticks):
        now = time + tick * TICK
        for i in range(n):
            extend_plan(net, drivers, i)
            claims[i], offsets[i] = claim_of(net, drivers, i)
            _box(drivers, i, boxes)
        for k in range(m):
            _walker_box(walkers, k, boxes, n)
        for i in range(n):
            if tick < len(cars_out):
                cars_out[tick, i], lanes_out[tick, i] = drivers.state[i], drivers.queue[i, 0]
        for k in range(m):
            if tick < len(walkers_out):
                walkers_out[tick, k, :3] = walker_pose(walkers, k)
                walkers_out[tick, k, 3] = walkers.state[k, 1]
        step_walkers(net, walkers, drivers, claims, offsets, boxes, crossing, now)
        for i in range(n):
            _keep_side(net, drivers, i)
            consider_change(net, drivers, i, boxes, n)
            counts[i] = look_ahead(net, drivers, i, now, paths[i], speeds[i])
            if (tick + i) % 2 == 0:
                demands[i, 0], demands[i, 1], demands[i, 2] = _others(drivers, i, paths[i], counts[i], boxes)
            stop = junction_stop(net, drivers, i, claims, offsets, demands[i, 1], demands[i, 2], now)
            stop = min(stop, crosswalk_stop(net, drivers, i, claims, offsets, crossing, now))
            demand = _demand(drivers, i, speeds[i], counts[i], demands[i, 0], stop, tick)
            steer_and_move(net, drivers, i, demand, paths[i], counts[i])


@njit(cache=True)
def _box(drivers, i, boxes):
    p, s = drivers.traits[i], drivers.state[i]
    box, middle = boxes[i], (p.front - p.rear) / 2.0
    box.x, box.y = s.x + middle * np.cos(s.yaw), s.y + middle * np.sin(s.yaw)
    box.yaw, box.half_length, box.half_width = s.yaw, p.length / 2, p.width / 2
    box.v, box.kind = s.v, p.kind


@njit(cache=True)
def _walker_box(walkers, k, boxes, n):
    s = walkers.state[k, 0]
    a = walker_place(walkers, k, s)
    b = min(a + 1, walkers.starts[k + 1] - 1)
    share = s / 0.4 - int(s / 0.4)
    p, q = walkers.points[a], walkers.points[b]
    aside = walkers.state[k, 3]
    box = boxes[n + k]
    box.x = p[0] + share * (q[0] - p[0]) - aside * np.sin(p[2])
    box.y = p[1] + share * (q[1] - p[1]) + aside * np.cos(p[2])
    box.yaw, box.half_length, box.half_width = p[2], 0.3, 0.3
    box.v, box.kind = walkers.state[k, 1], PERSON


@njit(cache=True)
def _keep_side(net, drivers, i):
    """Ease towards where one keeps on this lane, looking a little ahead."""
    s = drivers.state[i]
    cyclist = drivers.traits[i].kind == BIKE
    lane = drivers.queue[i, 0]
    after = drivers.queue[i, 1]
    if net.length[lane] - s.along < 2.0 * s.v:
        lane = after
    step = min(0.5, 0.25 * s.v) * TICK
    s.edge += min(max(edge_offset(net, lane, cyclist) - s.edge, -step), step)


@njit(cache=True)
def consider_change(net, drivers, i, boxes, n):
    """Once per stretch of avenue a driver may want the other lane, and takes it when the gap is there."""
    p, s = drivers.traits[i], drivers.state[i]
    lane = drivers.queue[i, 0]
    if net.connector[lane] or p.kind == BIKE or drivers.state[i].considered == lane or s.shift_time < 5.0:
        return
    target = net.left[lane] if net.left[lane] >= 0 else net.right[lane]
    if target < 0 or s.along < 4.0 or s.v < 4.0:
        return
    if net.length[lane] - s.along < 4.6 * s.v + 8.0:
        return
    draw = drivers.draws[i, (drivers.state[i].next_draw + lane) % drivers.draws.shape[1]]
    if draw > p.change:
        drivers.state[i].considered = lane
        return
    side = 1.0 if net.left[lane] >= 0 else -1.0
    cos, sin = np.cos(s.yaw), np.sin(s.yaw)
    for j in range(n):
        if j == i:
            continue
        dx, dy = boxes[j].x - s.x, boxes[j].y - s.y
        along, across = cos * dx + sin * dy, (-sin * dx + cos * dy) * side
        if not (1.2 < across < 5.5) or np.cos(boxes[j].yaw - s.yaw) < 0.5:
            continue
        behind = (
            -boxes[j].half_length
            - p.rear
            - p.push * (4.0 + 1.0 * boxes[j].v + 2.5 * max(0.0, boxes[j].v - s.v))
        )
        before = (
            boxes[j].half_length + p.front + p.push * (3.0 + 0.8 * s.v + 2.5 * max(0.0, s.v - boxes[j].v))
        )
        if behind < along < before:
            return
    x, y = s.x, s.y
    start = net.starts[target]
    best, k_best = 1e9, start
    for k in range(start, net.starts[target + 1]):
        r = (net.points[k, 0] - x) ** 2 + (net.points[k, 1] - y) ** 2
        if r < best:
            best, k_best = r, k
    q = net.points[k_best]
    s.along = (k_best - start) * net.step[target] + np.cos(q[2]) * (x - q[0]) + np.sin(q[2]) * (y - q[1])
    s.shift, s.shift_time = -side * 3.3, 0.0
    drivers.queue[i, 0], drivers.planned[i] = target, 1
    drivers.state[i].considered = target
    extend_plan(net, drivers, i)


@njit(cache=True)
def _others(drivers, i, path, count, boxes):
    """Acceleration that the others ahead ask for, and gap and speed of the nearest of them."""
    p, s = drivers.traits[i], drivers.state[i]
    half, v = p.width / 2.0, s.v
    reach = count * 1.5 + 6.0
    cos, sin = np.cos(s.yaw), np.sin(s.yaw)
    demand, nearest, lead_speed = 9.0, 1e3, 99.0
    for j in range(len(boxes)):
        if j == i:
            continue
        dx, dy = boxes[j].x - s.x, boxes[j].y - s.y
        if dx * dx + dy * dy > reach * reach or cos * dx + sin * dy < -6.0:
            continue
        margin = (
            (0.5 if p.kind == CAR else 0.2)
            if boxes[j].kind == PERSON
            else (0.12 if boxes[j].kind == PARKED else 0.3)
        )
        gap, k = lead_in_corridor(path, count, p.front, half + margin, boxes[j])
        if gap >= 1e3:
            continue
        w = max(0.0, boxes[j].v * np.cos(boxes[j].yaw - path[k, 2]))
        keep = p.gap if boxes[j].kind < PERSON else 1.2
        wanted = safe_speed(gap - keep, w, p.brake * 1.15, p.headway)
        a = 1.0 * (wanted - v)
        if v > w and gap > keep:
            needed = (v * v - w * w) / (2.0 * max(gap - 0.5 * keep, 0.3))
            a = max(a, -max(1.3 * needed, 0.4)) if needed < 1.2 else min(a, -needed)
        elif gap <= keep and v > 0.0:
            a = min(a, -(0.8 + 1.2 * (keep - max(gap, 0.0))) if v > w else 0.3 * (gap - keep))
        if a < demand:
            demand = a
        if gap < nearest:
            nearest, lead_speed = gap, w
    return demand, nearest, lead_speed


@njit(cache=True)
def _demand(drivers, i, speeds, count, others, stop, tick):
    """The acceleration that a driver wants now [m/s^2]."""
    p, s = drivers.traits[i], drivers.state[i]
    v = s.v
    target = 1e3
    for k in range(count):
        target = min(target, np.sqrt(speeds[k] ** 2 + 2.0 * 1.1 * max(0.0, k * 1.5 - 0.6 * v)))
    demand = 0.8 * (target - v)
    if stop < 900.0:
        wanted = safe_speed(max(stop, 0.0), 0.0, p.brake, 0.75)
        a = 1.2 * (wanted - v)
        if stop > 0.3 and v > 0.5:
            needed = v * v / (2.0 * stop)
            if needed > p.brake:
                a = min(a, -needed)
        demand = min(demand, a)
    drivers.memory[i, tick % MEMORY] = others
    delay = min(int(p.reaction / TICK), min(tick, MEMORY - 1))
    late = drivers.memory[i, (tick - delay) % MEMORY]
    if others < -2.2 or (v < 0.5 and others < 0.0):
        late = min(late, others)
    demand = min(demand, late)
    return min(max(demand, -6.0 if others < -3.4 else -3.2), p.acceleration)
