"""Who goes first at junctions and crosswalks: where a driver has to stop, as a distance ahead."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.town.driver import (
    _ARRIVAL,
    _CRITICAL,
    _FRONT,
    _GAP,
    _KIND,
    _LEFT,
    _LENGTH,
    _REACTION,
    _REAR,
    _S,
    _SHORT,
    _V,
    _WAIT,
    _WALL,
    QUEUE,
    light,
)

_SIGNAL, _ALL_WAY, _ROUND = 0, 2, 3
_ZONE = 0.7  # past the beginning of a conflict by more, one is in it and drives on [m]
_PATIENCE = 2.5  # how long one waits for somebody who could cross but does not [s]


@njit(cache=True)
def claim_of(net, drivers, i):
    """The connector that driver ``i`` is in or comes to next, and the way [m] from the rear axle to it."""
    offset = -drivers.state[i, _S]
    for k in range(QUEUE):
        lane = drivers.queue[i, k]
        if net.connector[lane]:
            return lane, offset
        offset += net.length[lane]
    return -1, 0.0


@njit(cache=True)
def travel_time(distance, v, acceleration, top):
    """Time [s] to cover ``distance`` [m] from speed ``v``, speeding up to ``top`` [m/s]."""
    if distance <= 0.0:
        return 0.0
    top = max(top, v)
    run_up = (top * top - v * v) / (2.0 * acceleration)
    if run_up >= distance:
        return (np.sqrt(v * v + 2.0 * acceleration * distance) - v) / acceleration
    return (top - v) / acceleration + (distance - run_up) / top


@njit(cache=True)
def must_yield(net, drivers, i, lane, offset, j, other, other_offset, span, time):
    """Does driver ``i`` have to let driver ``j`` pass where their connectors conflict?"""
    p, q = drivers.traits[i], drivers.traits[j]
    v, w = drivers.state[i, _V], drivers.state[j, _V]
    i_in, i_out = offset + span[0] - p[_FRONT], offset + span[1] + p[_REAR]
    j_in, j_out = other_offset + span[2] - q[_FRONT], other_offset + span[3] + q[_REAR]
    if j_out < 0.0 or i_out < 0.0 or i_in < -_ZONE:
        return False
    if j_in < -_ZONE:
        return True
    inside, other_inside = offset < p[_FRONT] - 0.5, other_offset < q[_FRONT] - 0.5
    line = other_offset - q[_FRONT]
    if not other_inside:
        state = light(net, other, time)
        if state == 2 or (state == 1 and w * w < 2.0 * 2.5 * max(line, 0.01)):
            return False
        if net.must_stop[other] and drivers.flags[j, 0] != other:
            return False
    first = net.rank[other] < net.rank[lane]
    if net.control[lane] == _ROUND:
        if not other_inside:
            return False
        first = not inside or span[0] < span[2]
    elif net.control[lane] == _ALL_WAY and not inside and not other_inside:
        a, b = drivers.state[i, _ARRIVAL], drivers.state[j, _ARRIVAL]
        first = b < a or (b == a and j < i)
        if b > 1e8:
            return False
    elif other_inside and not inside:
        first = True
    elif inside and not other_inside:
        first = first and net.control[lane] == _SIGNAL
    elif net.rank[other] == net.rank[lane]:
        first = j_in < i_in or (j_in == i_in and j < i)
    if not first:
        return False
    margin = max(0.5, p[_CRITICAL] - 0.03 * drivers.state[i, _WAIT])
    top = 7.0 if p[_KIND] == 0 else 4.0
    j_arrives = travel_time(j_in, w, 1.5, max(w, 7.0))
    j_leaves = j_out / max(w, 1.0)
    i_arrives, i_leaves = travel_time(i_in, v, 1.5, top), travel_time(i_out, v, 1.2, top)
    return not (i_leaves + margin < j_arrives or i_arrives > j_leaves + margin)


@njit(cache=True)
def junction_stop(net, drivers, i, claims, offsets, lead_gap, lead_speed, time):
    """Distance [m] from the front bumper to where driver ``i`` has to stop at the next junctions; 1e3 for none."""
    p, state = drivers.traits[i], drivers.state[i]
    stop, offset, met = _WALL, -state[_S], 0
    for k in range(QUEUE):
        lane = drivers.queue[i, k]
        if net.connector[lane] and offset < 85.0:
            line = offset - p[_FRONT] - p[_SHORT]
            passed = p[_FRONT] > offset + 1.2
            if not passed:
                stop = min(stop, _line_stop(net, drivers, i, lane, line, time))
                queue_tail = lead_gap + p[_FRONT]
                room = offset + net.length[lane] + p[_LENGTH] + p[_GAP]
                if lead_speed < 1.5 and offset - 1.0 < queue_tail < room and line > -0.8:
                    stop = min(stop, line)
            if met < 1 or passed:
                stop = min(
                    stop, _conflict_stop(net, drivers, i, lane, offset, line, passed, claims, offsets, time)
                )
            met += 1
        offset += net.length[lane]
        if met >= 2:
            break
    return stop


@njit(cache=True)
def _line_stop(net, drivers, i, lane, line, time):
    """Stop for a red or yellow light, or for a stop sign not yet kept."""
    p, state = drivers.traits[i], drivers.state[i]
    v = state[_V]
    if net.has_signal[lane]:
        seen = light(net, lane, time - p[_REACTION])
        now = light(net, lane, time)
        needed = v * v / (2.0 * max(line, 0.05))
        too_late = seen == 2 and needed > 3.6 and v > 3.0
        if not too_late and (seen == 2 or (seen == 1 and needed < 2.6) or (now == 2 and v < 0.5)):
            return line
    if net.must_stop[lane] and drivers.flags[i, 0] != lane:
        if line < 1.2 and v < 0.25:
            drivers.flags[i, 0] = lane
            state[_ARRIVAL] = time
        else:
            state[_ARRIVAL] = 1e9
            return line
    return _WALL


@njit(cache=True)
def _conflict_stop(net, drivers, i, lane, offset, line, passed, claims, offsets, time):
    """Stop for those who go first through the same junction."""
    p, stop = drivers.traits[i], _WALL
    own = int(p[_KIND])
    inner = passed or net.control[lane] == _ROUND or (net.has_signal[lane] and net.turn[lane] == _LEFT)
    for j in range(len(claims)):
        if j == i or claims[j] < 0:
            continue
        kind = int(drivers.traits[j, _KIND])
        row = net.conflict[own, kind, lane, claims[j]] if own + kind < 2 else -1
        if row < 0:
            continue
        span = net.spans[row]
        if must_yield(net, drivers, i, lane, offset, j, claims[j], offsets[j], span, time):
            at = offset + span[0] - p[_FRONT] - 1.2
            stop = min(stop, at if inner and (passed or span[0] > p[_FRONT]) else min(line, at))
    return stop


@njit(cache=True)
def crosswalk_stop(net, drivers, i, claims, offsets, walkers, time):
    """Stop [m] for people on, or about to step on, a crosswalk ahead."""
    p, state = drivers.traits[i], drivers.state[i]
    lane, offset, stop = claims[i], offsets[i], _WALL
    if lane < 0 or offset > 60.0:
        return stop
    v = state[_V]
    for k in range(net.walk_starts[lane], net.walk_starts[lane + 1]):
        row, span = net.walk_rows[k], net.walk_spans[k]
        distance = offset + span[0] - p[_FRONT] - 1.0
        leave = offset + span[1] + p[_REAR]
        if distance < -0.6 or v * v > 2.0 * 4.0 * max(distance, 0.05):
            continue
        for m in range(len(walkers)):
            if walkers[m, 0] != row or (walkers[m, 4] == 0.0 and state[_WAIT] > _PATIENCE):
                continue
            toward = walkers[m, 2]
            near = span[2] - toward * 2.2
            if (walkers[m, 1] - span[2]) * toward > 2.0:
                continue  # has passed this lane
            pace = max(walkers[m, 3], 1.0)
            enters = max(0.0, (near - walkers[m, 1]) * toward / pace)
            leaves = ((span[2] - walkers[m, 1]) * toward + 2.2) / pace
            if (
                travel_time(distance, v, 1.2, 8.0) < leaves + 0.6
                and travel_time(leave, v, 1.2, 8.0) > enters - 1.2
            ):
                stop = min(stop, distance)
    return stop
