"""Who goes first at junctions and crosswalks: where a driver has to stop, as a distance ahead."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.town.driver import AMBER, RED, light, time_to_red
from simscale_gym.town.network import ALL_WAY, ROUNDABOUT, SIGNAL
from simscale_gym.town.road_user import CAR, QUEUE

_NOWHERE = 1e3  # [m]
_FIRM, _HARD = 2.6, 3.6  # braking for a light that one will not make, and for one that is red [m/s^2]
_ROLLING = 3.0  # below this speed one stops at once [m/s]
_SPARE = 0.6  # by which one means to be through a junction before red [s]
_ZONE = 0.7  # past the beginning of a conflict by more, one is in it and drives on [m]


@njit(cache=True)
def claim_of(net, drivers, i):
    """The connector that driver ``i`` is in or comes to next, and the way [m] from the rear axle to it."""
    offset = -drivers.state[i].along
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
    v, w = drivers.state[i].v, drivers.state[j].v
    i_in, i_out = offset + span[0] - p.front, offset + span[1] + p.rear
    j_in, j_out = other_offset + span[2] - q.front, other_offset + span[3] + q.rear
    if j_out < 0.0 or i_out < 0.0 or i_in < -_ZONE:
        return False
    if j_in < -_ZONE:
        return True
    inside, other_inside = offset < p.front - 0.5, other_offset < q.front - 0.5
    line = other_offset - q.front
    if not other_inside:
        state = light(net, other, time)
        if state == RED or (state == AMBER and w * w < 2.0 * 2.5 * max(line, 0.01)):
            return False
        if net.must_stop[other] and drivers.state[j].kept_stop != other:
            return False
    first = net.rank[other] < net.rank[lane]
    if net.control[lane] == ROUNDABOUT:
        if not other_inside:
            return False
        first = not inside or span[0] < span[2]
    elif net.control[lane] == ALL_WAY and not inside and not other_inside:
        a, b = drivers.state[i].arrival, drivers.state[j].arrival
        first = b < a or (b == a and j < i)
        if b > 1e8:
            return False
    elif other_inside and not inside:
        first = True
    elif inside and not other_inside:
        first = first and net.control[lane] == SIGNAL
    elif net.rank[other] == net.rank[lane]:
        first = j_in < i_in or (j_in == i_in and j < i)
    if not first:
        return False
    margin = max(0.5, p.critical - 0.03 * drivers.state[i].wait)
    top = 7.0 if p.kind == CAR else 4.0
    j_arrives = travel_time(j_in, w, 1.5, max(w, 7.0))
    j_leaves = j_out / max(w, 1.0)
    i_arrives, i_leaves = travel_time(i_in, v, 1.5, top), travel_time(i_out, v, 1.2, top)
    return not (i_leaves + margin < j_arrives or i_arrives > j_leaves + margin)


@njit(cache=True)
def junction_stop(net, drivers, i, claims, offsets, lead_gap, lead_speed, time):
    """Distance [m] from the front bumper to where driver ``i`` has to stop at the next junctions; 1e3 for none."""
    p, state = drivers.traits[i], drivers.state[i]
    stop, offset, met = _NOWHERE, -state.along, 0
    for k in range(QUEUE):
        lane = drivers.queue[i, k]
        if net.connector[lane] and offset < 85.0:
            line = offset - p.front - p.stop_short
            passed = p.front > offset + 1.2
            if not passed:
                stop = min(stop, _line_stop(net, drivers, i, lane, offset, lead_gap, lead_speed, time))
                queue_tail = lead_gap + p.front
                room = offset + net.length[lane] + p.length + p.gap
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
def _time_to_clear(net, drivers, i, lane, offset, lead_gap, lead_speed):
    """How long [s] driver ``i`` needs to have connector ``lane`` behind the rear bumper."""
    p, v = drivers.traits[i], drivers.state[i].v
    to_line, way = max(0.0, offset - p.front), offset + net.length[lane] + p.rear
    through = min(net.limit[lane] * p.speed, np.sqrt(p.lateral / max(net.bend[lane], 1e-3)))
    pull = 0.8 * p.acceleration  # what is left of it on average while speeding up gently
    needed = max(travel_time(way, v, pull, through), to_line / max(v, through) + (way - to_line) / through)
    if lead_gap < way - p.front:
        needed = max(needed, p.headway + travel_time(way - p.front - lead_gap, lead_speed, pull, through))
    return needed


@njit(cache=True)
def _line_stop(net, drivers, i, lane, offset, lead_gap, lead_speed, time):
    """Stop for a light that is red, or will be before one is through, or for a stop sign not yet kept."""
    p, state = drivers.traits[i], drivers.state[i]
    v, line = state.v, offset - p.front - p.stop_short
    if net.has_signal[lane]:
        seen, now = light(net, lane, time - p.reaction), light(net, lane, time)
        needed = 0.0 if v < _ROLLING else v * v / (2.0 * max(line, 0.05))
        if needed < _HARD and (seen == RED or now == RED):
            return line
        if needed < _FIRM:
            left = time_to_red(net, lane, time)
            if (
                seen == AMBER
                or _time_to_clear(net, drivers, i, lane, offset, lead_gap, lead_speed) + _SPARE > left
            ):
                return line
    if net.must_stop[lane] and drivers.state[i].kept_stop != lane:
        if line < 1.2 and v < 0.25:
            drivers.state[i].kept_stop = lane
            state.arrival = time
        else:
            state.arrival = 1e9
            return line
    return _NOWHERE


@njit(cache=True)
def _conflict_stop(net, drivers, i, lane, offset, line, passed, claims, offsets, time):
    """Stop for those who go first through the same junction."""
    p, stop = drivers.traits[i], _NOWHERE
    own = int(p.kind)
    inner = passed or net.control[lane] == ROUNDABOUT
    for j in range(len(claims)):
        if j == i or claims[j] < 0:
            continue
        kind = int(drivers.traits[j].kind)
        row = net.conflict[own, kind, lane, claims[j]] if own + kind < 2 else -1
        if row < 0:
            continue
        span = net.spans[row]
        if must_yield(net, drivers, i, lane, offset, j, claims[j], offsets[j], span, time):
            at = offset + span[0] - p.front - 1.2
            stop = min(stop, at if inner and (passed or span[0] > p.front) else min(line, at))
    return stop


@njit(cache=True)
def crosswalk_stop(net, drivers, i, claims, offsets, walkers, time):
    """Stop [m] for people on, or about to step on, a crosswalk ahead."""
    p, state = drivers.traits[i], drivers.state[i]
    lane, offset, stop = claims[i], offsets[i], _NOWHERE
    if lane < 0 or offset > 60.0:
        return stop
    v = state.v
    for k in range(net.walk_starts[lane], net.walk_starts[lane + 1]):
        row, span = net.walk_rows[k], net.walk_spans[k]
        distance = offset + span[0] - p.front - 1.0
        leave = offset + span[1] + p.rear
        line = offset - p.front - p.stop_short
        if distance < -0.6 or v * v > 2.0 * 4.0 * max(distance, 0.05):
            continue
        for m in range(len(walkers)):
            walker = walkers[m]
            if walker.crosswalk != row:
                continue
            toward = walker.toward
            near = span[2] - toward * 2.2
            if (walker.along - span[2]) * toward > 2.0:
                continue  # has passed this lane
            pace = max(walker.v, 1.0)
            enters = max(0.0, (near - walker.along) * toward / pace)
            leaves = ((span[2] - walker.along) * toward + 2.2) / pace
            if (
                travel_time(distance, v, 1.2, 8.0) < leaves + 0.6
                and travel_time(leave, v, 1.2, 8.0) > enters - 1.2
            ):
                # who waits for people behind a junction waits before it, as long as that can still be done
                before = net.has_signal[lane] and v * v < 2.0 * _FIRM * max(line, 0.05)
                stop = min(stop, line if before else distance)
    return stop
