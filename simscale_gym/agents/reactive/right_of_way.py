"""Lights and right of way at junctions: who is in one, who comes to one, who has to wait."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.reactive.junction import JunctionArrays
from simscale_gym.agents.reactive.lane_walk import LaneArrays, project_on_lane
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import LightStatus

Array = NDArray[np.float64]

YELLOW, RED = int(LightStatus.YELLOW), int(LightStatus.RED)
FAR = 1e6
"""Distance [m] that stands for nothing being there."""
TIME_MARGIN = 1.0
"""Time between one vehicle's leaving a conflict and another's arrival [s]."""


class Approaches(NamedTuple):
    """Places of vehicles ``M`` at the junctions that they are in or come to next; the last row is the ego.

    Attributes:
        inside: ``[M]`` connector that some part of the vehicle is on, or -1.
        rear: ``[M]`` arc length of its rear end along that connector [m].
        ahead: ``[M]`` connector that it comes to next, or -1.
        entry: ``[M]`` distance from its centre to the start of the connector ahead [m].
        stop_gap: ``[M]`` distance from its front to the stop line of the connector ahead [m].
        halted: ``[M]`` whether it stops for a light there.
        speeds: ``[M]`` [m/s].
        half_lengths: ``[M]`` [m].
    """

    inside: NDArray[np.int64]
    rear: Array
    ahead: NDArray[np.int64]
    entry: Array
    stop_gap: Array
    halted: NDArray[np.bool_]
    speeds: Array
    half_lengths: Array


@njit(cache=True)
def approaches_of(lanes: LaneArrays, junctions: JunctionArrays, lights: NDArray, routes: NDArray,
                  progress: Array, speeds: Array, driving: NDArray, half_lengths: Array, ego: Array,
                  deceleration: float, emergency: float) -> Approaches:  # fmt: skip
    """The places of all vehicles at the junctions.

    Args:
        lanes: The map.
        junctions: The map's junctions.
        lights: ``[L]`` status of each lane's light now.
        routes: ``[N, R]`` rows of the lanes of each vehicle's route.
        progress: ``[N]`` arc length along the present lane [m].
        speeds: ``[N + 1]`` [m/s], the ego last.
        driving: ``[N]`` follows a route.
        half_lengths: ``[N + 1]`` [m].
        ego: ``[3]`` centre x, y and heading.
        deceleration: Yellow is obeyed where this suffices [m/s^2].
        emergency: Red is obeyed where this suffices [m/s^2].
    """
    m = len(driving) + 1
    out = Approaches(
        np.full(m, -1), np.zeros(m), np.full(m, -1), np.full(m, FAR), np.full(m, FAR), np.zeros(m, np.bool_),
        speeds, half_lengths,
    )  # fmt: skip
    for n in range(m - 1):
        if driving[n]:
            _approach(n, lanes, junctions, routes[n], progress[n], out)
    _ego_approach(lanes, junctions, ego, out)
    for n in range(m):
        if out.ahead[n] >= 0 and out.stop_gap[n] > -1.0:
            light = lights[out.ahead[n]]
            needed = speeds[n] ** 2 / (2.0 * max(out.stop_gap[n], 0.1))
            out.halted[n] = (light == RED and needed <= emergency) or (
                light == YELLOW and needed <= deceleration
            )
    return out


@borrowing
def _approach(
    n: int, lanes: LaneArrays, junctions: JunctionArrays, route: NDArray, s: float, out: Approaches
):
    half = out.half_lengths[n]
    if lanes.connector[route[1]]:
        out.inside[n], out.rear[n] = route[1], s - half
    elif route[0] >= 0 and lanes.connector[route[0]] and s < half:
        out.inside[n], out.rear[n] = route[0], lanes.lengths[route[0]] + s - half
    ahead = lanes.lengths[route[1]] - s
    for at in range(2, len(route)):
        row = route[at]
        if row < 0 or ahead > 120.0:  # routes are kept for SIGHT, 100 m, and little more
            return
        if lanes.connector[row]:
            out.ahead[n], out.entry[n] = row, ahead
            out.stop_gap[n] = ahead - junctions.stop_offsets[row] - half
            return
        ahead += lanes.lengths[row]


@borrowing
def _ego_approach(lanes: LaneArrays, junctions: JunctionArrays, ego: Array, out: Approaches):
    """The ego's place, guessed from its pose: its way beyond a lane's end is taken to be the foremost one."""
    n, best = len(out.inside) - 1, 1.5
    lane, place = -1, 0.0
    for row in range(len(lanes.lengths)):
        bounds = lanes.bounds[row]
        if lanes.closed[row] or not (
            bounds[0] - 2.0 <= ego[0] <= bounds[2] + 2.0 and bounds[1] - 2.0 <= ego[1] <= bounds[3] + 2.0
        ):
            continue
        s, _, heading, distance = project_on_lane(lanes, row, ego[0], ego[1])
        turn = abs((heading - ego[2] + np.pi) % (2.0 * np.pi) - np.pi)
        if turn < 0.8 and distance + turn < best:
            best, lane, place = distance + turn, row, s
    if lane < 0:
        return
    if lanes.connector[lane]:
        out.inside[n], out.rear[n] = lane, place - out.half_lengths[n]
        return
    for k in range(lanes.successor_starts[lane], lanes.successor_starts[lane + 1]):
        row = lanes.successors[k]
        if not lanes.connector[row]:
            continue
        if out.ahead[n] < 0 or junctions.priorities[row] > junctions.priorities[out.ahead[n]]:
            out.ahead[n], out.entry[n] = row, lanes.lengths[lane] - place
            out.stop_gap[n] = out.entry[n] - junctions.stop_offsets[row] - out.half_lengths[n]


@borrowing
def must_yield(n: int, junctions: JunctionArrays, approaches: Approaches, deceleration: float) -> bool:
    """Whether vehicle ``n`` has to wait before the junction ahead of it.

    It waits for whoever is inside on a crossing way, and for whoever arrives first or has priority and would
    get there before it has left. The order is total, so nobody waits in a circle.
    """
    own = approaches.ahead[n]
    if own < 0 or approaches.stop_gap[n] < -0.5:
        return False
    v = approaches.speeds[n]
    if v * v / (2.0 * max(approaches.stop_gap[n], 0.1)) > 2.0 * deceleration:
        return False  # too late to stop
    for k in range(junctions.starts[own], junctions.starts[own + 1]):
        other = junctions.others[k]
        for m in range(len(approaches.inside)):
            if m == n:
                continue
            moves = m < len(approaches.inside) - 1 or approaches.speeds[m] > 0.5  # a standing ego may stay
            if approaches.inside[m] == other and approaches.rear[m] < junctions.clear_other[k] and moves:
                return True
            if approaches.ahead[m] == other and moves and _goes_first(m, n, k, junctions, approaches):
                return True
    return False


@borrowing
def _goes_first(m: int, n: int, k: int, junctions: JunctionArrays, approaches: Approaches) -> bool:
    """Whether ``m``, not yet inside, passes conflict ``k`` before ``n``."""
    if approaches.halted[m] or approaches.entry[m] > 60.0:
        return False
    if approaches.speeds[m] < 0.3 and approaches.stop_gap[m] > 4.0:  # stands in a queue
        return False
    rank_m, rank_n = junctions.priorities[approaches.ahead[m]], junctions.priorities[approaches.ahead[n]]
    if rank_m < rank_n:
        return False
    if rank_m == rank_n and (approaches.entry[m], m) > (approaches.entry[n], n):
        return False
    arrives = approaches.entry[m] / max(
        approaches.speeds[m], 3.0
    )  # [m/s] the pace at which a junction is crossed
    way = approaches.entry[n] + junctions.clear_own[k] + approaches.half_lengths[n]
    return arrives < way / max(approaches.speeds[n], 3.0) + TIME_MARGIN


@borrowing
def taken_gap(n: int, junctions: JunctionArrays, approaches: Approaches) -> float:
    """Distance [m] from the front of vehicle ``n`` to the first conflict that somebody inside reaches before it.

    For those who cannot wait before the junction any more. Only moving ones count, so nobody waits in a circle.
    """
    nearest = FAR
    for own in (approaches.inside[n], approaches.ahead[n]):
        if own < 0:
            continue
        front = approaches.half_lengths[n] - approaches.entry[n]
        if own == approaches.inside[n]:
            front = approaches.rear[n] + 2.0 * approaches.half_lengths[n]
        for k in range(junctions.starts[own], junctions.starts[own + 1]):
            room = junctions.reach_own[k] - front
            if room < 0.0 or room > 30.0:
                continue
            for m in range(len(approaches.inside)):
                if m == n or approaches.inside[m] != junctions.others[k] or approaches.speeds[m] < 0.5:
                    continue
                way = junctions.reach_other[k] - approaches.rear[m] - 2.0 * approaches.half_lengths[m]
                sooner = way / approaches.speeds[m] < room / max(approaches.speeds[n], 0.5)
                if approaches.rear[m] < junctions.clear_other[k] and (way <= 0.0 or sooner):
                    nearest = min(nearest, room)
    return nearest
