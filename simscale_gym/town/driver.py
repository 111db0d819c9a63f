"""How people drive and cycle in the town: look ahead, keep a safe speed, steer at a preview point.

Not the intelligent driver model: speeds follow from the braking that a driver would need with some time to react
(Gipps 1981, "A behavioural car-following model"), demands of other road users are felt with a delay, accelerations
change at a bounded jerk; steering is pure pursuit (Coulter 1992) around a slowly wandering offset.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.scene import LightStatus, Turn
from simscale_gym.town.lights import YELLOW
from simscale_gym.town.road_user import BIKE, CAR, QUEUE

TICK = 0.05
"""Time between two states [s]."""
SAMPLES, SPACING = 56, 1.5
"""How a driver looks along the road ahead: number of points and their distance [m]."""
LEFT, STRAIGHT = int(Turn.LEFT), int(Turn.STRAIGHT)
CHANGE_TIME = 4.2
"""Of a lane change [s]."""
GREEN, AMBER, RED = int(LightStatus.GREEN), int(LightStatus.YELLOW), int(LightStatus.RED)


@njit(cache=True)
def light(net, lane, time):
    """GREEN, AMBER or RED of connector ``lane``; GREEN where there is no signal."""
    if not net.has_signal[lane]:
        return GREEN
    since = (time + net.signal[lane, 1] - net.signal[lane, 2]) % net.signal[lane, 0]
    if since < net.signal[lane, 3]:
        return GREEN
    return AMBER if since < net.signal[lane, 3] + YELLOW else RED


@njit(cache=True)
def time_to_red(net, lane, time):
    """How long connector ``lane`` stays open from ``time`` on [s]; 0 while it is red, 1e3 where there is no signal."""
    if not net.has_signal[lane]:
        return 1e3
    since = (time + net.signal[lane, 1] - net.signal[lane, 2]) % net.signal[lane, 0]
    return max(0.0, net.signal[lane, 3] + YELLOW - since)


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
    while state.along > net.length[queue[0]] and drivers.planned[i] > 1:
        state.along -= net.length[queue[0]]
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
    cyclist = drivers.traits[i].kind == BIKE
    weights = np.ones(b - a)
    for k in range(a, b):
        lane = net.successors[k]
        if cyclist:
            weights[k - a] = 1e-4 if net.turn[lane] == LEFT else (1.0 if net.strip[lane] > 0 else 1e-2)
        else:
            weights[k - a] = 1.0 if net.turn[lane] == STRAIGHT else 0.8
        total += weights[k - a]
    draw = drivers.draws[i, drivers.state[i].next_draw % drivers.draws.shape[1]] * total
    drivers.state[i].next_draw += 1
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
    d = p.wave_a * np.sin(p.rate_a * t + p.phase_a) + p.wave_b * np.sin(p.rate_b * t + p.phase_b) + state.edge
    if state.shift_time < CHANGE_TIME:
        u = min(1.0, (state.shift_time + ahead) / CHANGE_TIME)
        d += state.shift * (1.0 - u * u * u * (10.0 - 15.0 * u + 6.0 * u * u))
    return d


@njit(cache=True)
def look_ahead(net, drivers, i, time, path, speeds):
    """Fill ``path [SAMPLES, 3]`` with the own way ahead and ``speeds`` with the limit there; returns the count."""
    p, state = drivers.traits[i], drivers.state[i]
    horizon = min(14.0 + 2.0 * state.v + state.v**2 / (2.0 * 1.3), (SAMPLES - 1) * SPACING)
    k, hop, base = 0, 0, -state.along
    pace = max(state.v, 3.0)
    while k < SAMPLES and k * SPACING <= horizon:
        x = k * SPACING
        while x - base > net.length[drivers.queue[i, hop]] and hop + 1 < QUEUE:
            base += net.length[drivers.queue[i, hop]]
            hop += 1
        lane = drivers.queue[i, hop]
        px, py, heading, curvature = point_at(net, lane, x - base)
        d = lateral_target(net, drivers, i, x / pace, time)
        path[k, 0], path[k, 1], path[k, 2] = px - d * np.sin(heading), py + d * np.cos(heading), heading
        speeds[k] = min(net.limit[lane] * p.speed, np.sqrt(p.lateral / max(abs(curvature), 1e-3)))
        k += 1
    return k


@njit(cache=True)
def safe_speed(distance, other, brake, reaction):
    """Speed [m/s] from which one stops behind something at ``distance`` [m] that moves at ``other`` (Gipps)."""
    bt = brake * reaction
    return max(0.0, np.sqrt(max(0.0, bt * bt + 2.0 * brake * distance + other * other)) - bt)


@njit(cache=True)
def lead_in_corridor(path, count, front, half_width, box):
    """Gap [m] to ``box`` on the way ahead, and the sample beside it.

    ``box`` counts where a corner or its outline's middle lies within ``half_width`` [m] of the path. Returns
    (1e3, 0) when it does not.
    """
    best, nearest = 1e9, 0
    for k in range(count):
        r = (path[k, 0] - box.x) ** 2 + (path[k, 1] - box.y) ** 2
        if r < best:
            best, nearest = r, k
    reach = box.half_length + box.half_width + half_width + 1.0
    if best > reach * reach:
        return 1e3, 0
    first, inside, left, right, span = 1e3, False, False, False, 1e3
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    for c in range(8):
        a = box.half_length * (1.0 if c in (0, 1, 7) else (-1.0 if c in (3, 4, 5) else 0.0))
        b = box.half_width * (1.0 if c in (1, 2, 3) else (-1.0 if c in (5, 6, 7) else 0.0))
        x, y = box.x + cos * a - sin * b, box.y + sin * a + cos * b
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
    urgent = demand < -2.6 and state.v > 1.0
    if state.v < 1.0:
        demand = max(demand, -0.25 - 0.9 * state.v)  # ease off the brake before standing still
    up, down = (2.0, 6.0 if urgent else 2.4)
    step = min(max(demand - state.a, -down * TICK), up * TICK)
    a = state.a + step
    v = state.v
    if v + a * TICK < 0.0 or (v < 0.02 and demand <= 0.05):
        a = -v / TICK
    preview = min(max(2.6 + 0.42 * v, 3.6), 9.0) if p.kind == CAR else min(max(1.6 + 0.4 * v, 2.0), 5.0)
    k = min(int(preview / SPACING), count - 2)
    share = preview / SPACING - k
    tx = path[k, 0] + share * (path[k + 1, 0] - path[k, 0]) - state.x
    ty = path[k, 1] + share * (path[k + 1, 1] - path[k, 1]) - state.y
    sideways = -np.sin(state.yaw) * tx + np.cos(state.yaw) * ty
    target = np.arctan(2.0 * p.wheel_base * sideways / max(tx * tx + ty * ty, 1.0))
    wanted = (min(max(target, -0.62), 0.62) - state.steer) / 0.18
    rate = min(max(wanted, -0.55), 0.55) * min(1.0, v / 1.0)
    rate = state.steer_rate + min(max(rate - state.steer_rate, -3.0 * TICK), 3.0 * TICK)
    state.steer_rate, state.a = rate, a
    v_mid = max(0.0, v + 0.5 * a * TICK)
    steer_mid = state.steer + 0.5 * rate * TICK
    turn = v_mid * np.tan(steer_mid) / p.wheel_base * TICK
    yaw_mid = state.yaw + 0.5 * turn
    dx, dy = v_mid * TICK * np.cos(yaw_mid), v_mid * TICK * np.sin(yaw_mid)
    state.x += dx
    state.y += dy
    state.yaw += turn
    state.v = max(0.0, v + a * TICK)
    state.steer += rate * TICK
    state.shift_time += TICK
    x, y, h, curvature = point_at(net, drivers.queue[i, 0], state.along)
    moved = dx * np.cos(h) + dy * np.sin(h)
    side = -(state.x - x) * np.sin(h) + (state.y - y) * np.cos(h)
    state.along += moved / max(0.4, 1.0 - curvature * side)
    x, y, h, _ = point_at(net, drivers.queue[i, 0], state.along)
    if state.along < net.length[drivers.queue[i, 0]]:
        state.along += 0.2 * ((state.x - x) * np.cos(h) + (state.y - y) * np.sin(h))
    state.wait = state.wait + TICK if state.v < 0.3 else 0.0
