"""How people drive and cycle in the town: look ahead, keep a safe speed, steer at a preview point.

Not the intelligent driver model: speeds follow from the braking that a driver would need with some time to react
(Gipps 1981, "A behavioural car-following model"), demands of other road users are felt with a delay, accelerations
change at a bounded jerk; steering is pure pursuit (Coulter 1992) around a slowly wandering offset.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

TICK = 0.05
"""Time between two states [s]."""
SAMPLES, SPACING = 56, 1.5
"""How a driver looks along the road ahead: number of points and their distance [m]."""
QUEUE = 7
"""Lanes that a driver has planned, the present one included."""


class P(IntEnum):
    """Columns of a driver's traits ``[N, 24]``; lengths from the rear axle [m]."""

    LENGTH, WIDTH, FRONT, REAR, WHEEL_BASE, KIND, REACTION, SPEED, BRAKE, ACCELERATION, LATERAL = range(11)
    HEADWAY, GAP, STOP_SHORT, WAVE_A, RATE_A, PHASE_A, WAVE_B, RATE_B, PHASE_B, CHANGE, PUSH, CRITICAL = (
        range(11, 23)
    )


class S(IntEnum):
    """Columns of a driver's state ``[N, 13]``."""

    X, Y, YAW, V, A, STEER, ALONG, STEER_RATE, SHIFT, SHIFT_TIME, WAIT, EDGE, ARRIVAL = range(13)


class Drivers(NamedTuple):
    """Traits ``[N, 23]``, state ``[N, 13]``, planned lanes ``[N, QUEUE]`` and their number ``[N]``, draws.

    ``memory [N, M]`` holds the accelerations that others asked for lately; ``flags [N, 3]``: connector whose
    stop sign has been kept, lane on which a change was considered, next draw.
    """

    traits: Array
    state: Array
    queue: NDArray[np.int64]
    planned: NDArray[np.int64]
    flags: NDArray[np.int64]
    memory: Array
    draws: Array


_LENGTH, _WIDTH, _FRONT, _REAR, _BASE, _KIND = 0, 1, 2, 3, 4, 5
_REACTION, _SPEED, _BRAKE, _ACC, _LATERAL, _HEADWAY, _GAP, _SHORT = 6, 7, 8, 9, 10, 11, 12, 13
_CHANGE, _PUSH, _CRITICAL = 20, 21, 22
_X, _Y, _YAW, _V, _A, _STEER, _S, _STEER_RATE, _SHIFT, _SHIFT_T, _WAIT, _EDGE, _ARRIVAL = range(13)
_LEFT, _RIGHT, _STRAIGHT = 1, 2, 0
_CHANGE_TIME = 4.2  # of a lane change [s]
_WALL = 1e3


@njit(cache=True)
def light(net, lane, time):
    """0 green, 1 yellow, 2 red of connector ``lane``; green where there is no signal."""
    if not net.has_signal[lane]:
        return 0
    since = (time + net.signal[lane, 1] - net.signal[lane, 2]) % net.signal[lane, 0]
    if since < net.signal[lane, 3]:
        return 0
    return 1 if since < net.signal[lane, 3] + 3.0 else 2


@njit(cache=True)
def point_at(net, lane, s):
    """Pose and curvature at ``s`` [m] along ``lane``."""
    u = min(max(s / net.step[lane], 0.0), net.starts[lane + 1] - net.starts[lane] - 1.000001)
    k = int(u)
    share = u - k
    k += net.starts[lane]
    p, q = net.points[k], net.points[k + 1]
    return (
        p[0] + share * (q[0] - p[0]),
        p[1] + share * (q[1] - p[1]),
        p[2] + share * (q[2] - p[2]),
        net.curvature[k] + share * (net.curvature[k + 1] - net.curvature[k]),
    )


@njit(cache=True)
def extend_plan(net, drivers, i):
    """Drop the lanes left behind and draw new ones at the far end."""
    state, queue = drivers.state[i], drivers.queue[i]
    while state[_S] > net.length[queue[0]] and drivers.planned[i] > 1:
        state[_S] -= net.length[queue[0]]
        for k in range(QUEUE - 1):
            queue[k] = queue[k + 1]
        drivers.planned[i] -= 1
    while drivers.planned[i] < QUEUE:
        last = queue[drivers.planned[i] - 1]
        a, b = net.successor_starts[last], net.successor_starts[last + 1]
        queue[drivers.planned[i]] = net.successors[a + _choice(net, drivers, i, a, b)]
        drivers.planned[i] += 1


@njit(cache=True)
def _choice(net, drivers, i, a, b):
    """Draw one of the successors ``a .. b``; cyclists do not turn left and like their strip."""
    if b - a == 1:
        return 0
    total = 0.0
    cyclist = drivers.traits[i, _KIND] == 1
    weights = np.ones(b - a)
    for k in range(a, b):
        lane = net.successors[k]
        if cyclist:
            weights[k - a] = 1e-4 if net.turn[lane] == _LEFT else (1.0 if net.strip[lane] > 0 else 1e-2)
        else:
            weights[k - a] = 1.0 if net.turn[lane] == _STRAIGHT else 0.8
        total += weights[k - a]
    draw = drivers.draws[i, drivers.flags[i, 2] % drivers.draws.shape[1]] * total
    drivers.flags[i, 2] += 1
    for k in range(b - a):
        draw -= weights[k]
        if draw <= 0:
            return k
    return b - a - 1


@njit(cache=True)
def lateral_target(net, drivers, i, ahead, time):
    """Where driver ``i`` wants to be beside the lane's middle, ``ahead`` [s] from now [m, left +]."""
    p, state = drivers.traits[i], drivers.state[i]
    t = time + ahead
    d = p[14] * np.sin(p[15] * t + p[16]) + p[17] * np.sin(p[18] * t + p[19]) + state[_EDGE]
    if state[_SHIFT_T] < _CHANGE_TIME:
        u = min(1.0, (state[_SHIFT_T] + ahead) / _CHANGE_TIME)
        d += state[_SHIFT] * (1.0 - u * u * u * (10.0 - 15.0 * u + 6.0 * u * u))
    return d


@njit(cache=True)
def look_ahead(net, drivers, i, time, path, speeds):
    """Fill ``path [SAMPLES, 3]`` with the own way ahead and ``speeds`` with the limit there; returns the count."""
    p, state = drivers.traits[i], drivers.state[i]
    horizon = min(14.0 + 2.0 * state[_V] + state[_V] ** 2 / (2.0 * 1.3), (SAMPLES - 1) * SPACING)
    k, hop, base = 0, 0, -state[_S]
    pace = max(state[_V], 3.0)
    while k < SAMPLES and k * SPACING <= horizon:
        x = k * SPACING
        while x - base > net.length[drivers.queue[i, hop]] and hop + 1 < QUEUE:
            base += net.length[drivers.queue[i, hop]]
            hop += 1
        lane = drivers.queue[i, hop]
        px, py, heading, curvature = point_at(net, lane, x - base)
        d = lateral_target(net, drivers, i, x / pace, time)
        path[k, 0], path[k, 1], path[k, 2] = px - d * np.sin(heading), py + d * np.cos(heading), heading
        speeds[k] = min(net.limit[lane] * p[_SPEED], np.sqrt(p[_LATERAL] / max(abs(curvature), 1e-3)))
        k += 1
    return k


@njit(cache=True)
def safe_speed(distance, other, brake, reaction):
    """Speed [m/s] from which one stops behind something at ``distance`` [m] that moves at ``other`` (Gipps)."""
    bt = brake * reaction
    return max(0.0, np.sqrt(max(0.0, bt * bt + 2.0 * brake * distance + other * other)) - bt)


@njit(cache=True)
def lead_in_corridor(path, count, front, half_width, box):
    """Gap [m] to ``box`` (x, y, heading, half length, half width) on the way ahead, and the sample beside it.

    ``box`` counts where a corner or its outline's middle lies within ``half_width`` [m] of the path. Returns
    (1e3, 0) when it does not.
    """
    best, nearest = 1e9, 0
    for k in range(count):
        r = (path[k, 0] - box[0]) ** 2 + (path[k, 1] - box[1]) ** 2
        if r < best:
            best, nearest = r, k
    reach = box[3] + box[4] + half_width + 1.0
    if best > reach * reach:
        return 1e3, 0
    first, inside, left, right, span = 1e3, False, False, False, 1e3
    cos, sin = np.cos(box[2]), np.sin(box[2])
    for c in range(8):
        a = box[3] * (1.0 if c in (0, 1, 7) else (-1.0 if c in (3, 4, 5) else 0.0))
        b = box[4] * (1.0 if c in (1, 2, 3) else (-1.0 if c in (5, 6, 7) else 0.0))
        x, y = box[0] + cos * a - sin * b, box[1] + sin * a + cos * b
        closest, k_best = 1e9, 0
        for k in range(max(0, nearest - 5), min(count, nearest + 6)):
            r = (path[k, 0] - x) ** 2 + (path[k, 1] - y) ** 2
            if r < closest:
                closest, k_best = r, k
        h = path[k_best, 2]
        dx, dy = x - path[k_best, 0], y - path[k_best, 1]
        along = k_best * SPACING + np.cos(h) * dx + np.sin(h) * dy
        across = -np.sin(h) * dx + np.cos(h) * dy
        if along < front - 0.3:
            continue
        if abs(across) < half_width:
            inside = True
            first = min(first, along)
        left, right = left or across > 0, right or across < 0
        span = min(span, along)
    if inside or (left and right):
        return (first if inside else span) - front, nearest
    return 1e3, 0


@njit(cache=True)
def steer_and_move(net, drivers, i, demand, path, count):
    """Apply the wanted acceleration within its jerk, steer at the preview point, move one TICK."""
    p, state = drivers.traits[i], drivers.state[i]
    urgent = demand < -2.6 and state[_V] > 1.0
    if state[_V] < 1.0:
        demand = max(demand, -0.25 - 0.9 * state[_V])  # ease off the brake before standing still
    up, down = (2.0, 6.0 if urgent else 2.4)
    step = min(max(demand - state[_A], -down * TICK), up * TICK)
    a = state[_A] + step
    v = state[_V]
    if v + a * TICK < 0.0 or (v < 0.02 and demand <= 0.05):
        a = -v / TICK
    preview = min(max(2.6 + 0.42 * v, 3.6), 9.0) if p[_KIND] == 0 else min(max(1.6 + 0.4 * v, 2.0), 5.0)
    k = min(int(preview / SPACING), count - 2)
    share = preview / SPACING - k
    tx = path[k, 0] + share * (path[k + 1, 0] - path[k, 0]) - state[_X]
    ty = path[k, 1] + share * (path[k + 1, 1] - path[k, 1]) - state[_Y]
    sideways = -np.sin(state[_YAW]) * tx + np.cos(state[_YAW]) * ty
    target = np.arctan(2.0 * p[_BASE] * sideways / max(tx * tx + ty * ty, 1.0))
    wanted = (min(max(target, -0.62), 0.62) - state[_STEER]) / 0.18
    rate = min(max(wanted, -0.55), 0.55) * min(1.0, v / 1.0)
    rate = state[_STEER_RATE] + min(max(rate - state[_STEER_RATE], -3.0 * TICK), 3.0 * TICK)
    state[_STEER_RATE], state[_A] = rate, a
    v_mid = max(0.0, v + 0.5 * a * TICK)
    steer_mid = state[_STEER] + 0.5 * rate * TICK
    turn = v_mid * np.tan(steer_mid) / p[_BASE] * TICK
    yaw_mid = state[_YAW] + 0.5 * turn
    dx, dy = v_mid * TICK * np.cos(yaw_mid), v_mid * TICK * np.sin(yaw_mid)
    state[_X] += dx
    state[_Y] += dy
    state[_YAW] += turn
    state[_V] = max(0.0, v + a * TICK)
    state[_STEER] += rate * TICK
    state[_SHIFT_T] += TICK
    x, y, h, curvature = point_at(net, drivers.queue[i, 0], state[_S])
    moved = dx * np.cos(h) + dy * np.sin(h)
    side = -(state[_X] - x) * np.sin(h) + (state[_Y] - y) * np.cos(h)
    state[_S] += moved / max(0.4, 1.0 - curvature * side)
    x, y, h, _ = point_at(net, drivers.queue[i, 0], state[_S])
    if state[_S] < net.length[drivers.queue[i, 0]]:
        state[_S] += 0.2 * ((state[_X] - x) * np.cos(h) + (state[_Y] - y) * np.sin(h))
    state[_WAIT] = state[_WAIT] + TICK if state[_V] < 0.3 else 0.0
