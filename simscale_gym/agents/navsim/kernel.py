"""The step of NAVSIM's reactive traffic, vehicle by vehicle (numba). The rules stand at :class:`NavsimTraffic`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.agents.navsim.rails import Rails
from simscale_gym.agents.navsim.shapes import (
    PROGRESS,
    SPEED,
    TARGET,
    Shapes,
    bounds_gap,
    rail_pose,
    set_bounds,
    set_footprint,
    set_shape,
    shape_gap,
    stretch,
    touches,
)
from simscale_gym.agents.navsim.strip import TOUCHING, box_ring, ring_gap, strip_ring
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT

Array = NDArray[np.float64]

ABSENT, DRIVING, PARKED, LOGGED = 0, 1, 2, 3
"""Kinds of tracks: not there, on rails, held at its first pose while free of others, as recorded."""

EQUAL = 1e-9
"""Squared distances [m^2] nearer to each other than this are a tie."""
LEAVES = 10
"""Entries that one node of GEOS's tree holds."""
OPEN = -2
"""Instead of a shape: which one is to be found out."""


class Driver(NamedTuple):
    """Settings of drivers, as kernels take them (:class:`simscale_gym.agents.navsim.traffic.NavsimTrafficConfig`)."""

    min_gap: float
    headway: float
    acceleration: float
    deceleration: float
    radius: float


class Names(NamedTuple):
    """What NAVSIM reads out of tokens, which it looks for within each other.

    Attributes:
        hidden: ``[N, N + 1]`` whether a track does not see another one, or the ego (last column).
        like_ego: ``[N + 1]`` taken to move as the ego does.
        still: ``[N + 1]`` taken to stand.
    """

    hidden: NDArray[np.bool_]
    like_ego: NDArray[np.bool_]
    still: NDArray[np.bool_]


class Memory(NamedTuple):
    """What is remembered of each track.

    Attributes:
        kinds: ``[N]`` ABSENT, DRIVING, PARKED or LOGGED.
        lanes: ``[N]`` rows, -1 for none.
        motion: ``[N, 3]`` progress [m], speed and target speed [m/s].
        seen: ``[N, 3]`` pose at which a vehicle is seen until it has moved.
        moved: ``[N]`` whether a vehicle has moved.
        first: ``[N, 5]`` pose and velocity at which a parked one is held.
    """

    kinds: NDArray[np.int8]
    lanes: NDArray[np.int64]
    motion: Array
    seen: Array
    moved: NDArray[np.bool_]
    first: Array


@njit(cache=True)
def _lead(shapes: Shapes, k: int, hidden: NDArray, rows: NDArray, way: Array, count: int) -> tuple[int, bool]:
    """The shape in the ``way`` of vehicle ``k`` that is nearest to its own, -1 if none; and whether that is open.

    Among those that touch it NAVSIM takes the first in a tree of their bounds, which has up to ten of them sorted by
    the middle in y, then in x. With more of them, or several equally near, it is open which one that is.
    """
    bounds = np.empty(4)
    set_bounds(way, count, bounds, np.inf)
    lead, least, middle, many, tie = -1, np.inf, (np.inf, np.inf), 0, False
    for j in range(len(shapes.bounds)):
        there = shapes.bounds[j]
        if j == k or hidden[rows[j]] or bounds_gap(there, bounds) > 0.0:
            continue
        many += 1
        if bounds_gap(there, shapes.bounds[k]) > least + EQUAL or not touches(shapes, j, way, count):
            continue
        gap, here = shape_gap(shapes, k, j), (there[1] + there[3], there[0] + there[2])
        tie = abs(gap - least) <= EQUAL or (tie and gap > least)
        if gap < least or (gap == least and here < middle):
            lead, least, middle = j, gap, here
    return lead, tie and (least > 0.0 or many > LEAVES)


@borrowing
def _speed_change(driver: Driver, speed: float, target: float, gap: float, lead_speed: float) -> float:
    """Acceleration of the Intelligent Driver Model [m/s^2], as in nuPlan (idm_policy.py)."""
    root = 2.0 * np.sqrt(driver.acceleration * driver.deceleration)
    wished = driver.min_gap + speed * driver.headway + speed * (speed - lead_speed) / root
    ratio = wished / max(gap, driver.min_gap)
    change = driver.acceleration * (1.0 - (speed / target) ** 4 - ratio**2)
    return min(max(change, -driver.deceleration), driver.acceleration)


@njit(cache=True)
def _drop_far(
    rails: Rails, kinds: NDArray, lanes: NDArray, motion: Array, ego: Array, radius: float
) -> NDArray[np.int64]:
    """Let vehicles beyond ``radius`` [m] of the ego vanish, in place; rows of the others, then that of the ego."""
    rows = np.empty(len(kinds) + 1, np.int64)
    count = 0
    for row in range(len(kinds)):
        if kinds[row] == DRIVING:
            x, y, _ = rail_pose(rails, lanes[row], motion[row, PROGRESS])
            if np.hypot(x - ego[0], y - ego[1]) > radius:
                kinds[row] = ABSENT
            else:
                rows[count] = row
                count += 1
    rows[count] = len(kinds)
    return rows[: count + 1]


@njit(cache=True)
def look(rails: Rails, ring_size: int, memory: Memory, sizes: Array, ego: Array, driver: Driver):
    """Rows and shapes of the vehicles before the step; those too far away vanish, in place.

    Args:
        rails: Paths of all lanes.
        ring_size: Points that a strip can have.
        memory: Memory of the tracks, changed in place.
        sizes: ``[N, >= 2]`` length and width [m].
        ego: ``[5]`` box of the ego, centred at the rear axle, as NAVSIM has it.
        driver: Settings of the drivers.

    Returns:
        Rows ``[M]`` of the vehicles, then N for the ego; their shapes.
    """
    rows = _drop_far(rails, memory.kinds, memory.lanes, memory.motion, ego, driver.radius)
    m = len(rows)
    strips, counts = np.empty((m, ring_size, 2)), np.zeros(m, np.int64)
    shapes, line = Shapes(strips, counts, np.empty((m, 4, 2)), np.empty((m, 4))), np.empty((ring_size, 2))
    for k in range(m - 1):
        row = rows[k]
        if memory.moved[row]:
            motion = memory.motion[row]
            set_footprint(shapes, k, rails, memory.lanes[row], motion, sizes[row], driver.headway, line)
        else:
            pose = (memory.seen[row, 0], memory.seen[row, 1], memory.seen[row, 2])
            set_shape(shapes, k, pose, sizes[row, 0], sizes[row, 1])
            memory.moved[row] = True
    set_shape(shapes, m - 1, (ego[0], ego[1], ego[2]), ego[3], ego[4])
    return rows, shapes


@njit(cache=True)
def drive(
    rails: Rails, limits: Array, memory: Memory, sizes: Array, ego: Array, ego_speed: float, names: Names,
    driver: Driver, rows: NDArray, shapes: Shapes, begin: int, lead: int,
) -> int:  # fmt: skip
    """Move vehicles by 0.1 s, one after the other, in place, until it is open who is ahead of one.

    Args:
        rails: Paths of all lanes.
        limits: ``[L]`` speed limits [m/s], 0 for none.
        memory: Memory of the tracks, changed in place.
        sizes: ``[N, >= 2]`` length and width [m].
        ego: ``[5]`` box of the ego, centred at the rear axle, as NAVSIM has it.
        ego_speed: Speed of the ego [m/s].
        names: What is seen of whom.
        driver: Settings of the drivers.
        rows: ``[M]`` rows of the vehicles and the ego, from :func:`look`.
        shapes: Shapes of ``rows``, from :func:`look`; changed in place as vehicles move.
        begin: Place in ``rows`` of the vehicle to begin with.
        lead: Place in ``rows`` of what was found to be ahead of it, or OPEN.

    Returns:
        The vehicle with which to go on; the last one, the ego, when all have moved.
    """
    way, line = np.empty((shapes.strips.shape[1], 2)), np.empty((shapes.strips.shape[1], 2))
    # one after the other, as in NAVSIM: a vehicle sees those before it where they moved to, the rest where they were
    for k in range(begin, len(rows) - 1):
        row, lane = rows[k], memory.lanes[rows[k]]
        motion, end = memory.motion[row], rails.progress[rails.starts[lane + 1] - 1]
        if k > begin or lead == OPEN:
            count = strip_ring(
                line, stretch(rails, lane, motion[PROGRESS], end, line), sizes[row, 1] / 2.0, way
            )
            lead, is_open = _lead(shapes, k, names.hidden[row], rows, way, count)
            if is_open:
                return k
        gap, lead_speed = end - motion[PROGRESS] - sizes[row, 0] / 2.0, 0.0
        if lead >= 0:
            gap = np.sqrt(shape_gap(shapes, k, lead))
            heading, other = rail_pose(rails, lane, motion[PROGRESS])[2], rows[lead]
            if names.like_ego[other]:
                lead_speed = ego_speed * np.cos(ego[2] - heading)
            elif not names.still[other]:
                ahead = rail_pose(rails, memory.lanes[other], memory.motion[other, PROGRESS])[2]
                lead_speed = memory.motion[other, SPEED] * np.cos(ahead - heading)
        if limits[lane] > 0.0:  # without a limit the target of the lane before stays, as in NAVSIM
            motion[TARGET] = limits[lane]
        change = _speed_change(driver, motion[SPEED], motion[TARGET], gap, lead_speed)
        motion[PROGRESS] += (
            DT * motion[SPEED]
        )  # explicit Euler: the place moves with the speed before the step
        motion[SPEED] = max(motion[SPEED] + DT * change, 0.0)
        set_footprint(shapes, k, rails, lane, motion, sizes[row], driver.headway, line)
    return len(rows) - 1


@njit(cache=True)
def settle(
    rails: Rails, memory: Memory, sizes: Array, poses: Array, velocities: Array, valid: NDArray
) -> None:
    """Write where vehicles are, in place: first those on rails, then the parked ones that touch nobody.

    Args:
        rails: Paths of all lanes.
        memory: Memory of the tracks, changed in place.
        sizes: ``[N, >= 2]`` length and width [m].
        poses: ``[N, 3]`` written: poses of the tracks, as in :class:`simscale_gym.sim.TrafficState`.
        velocities: ``[N, 2]`` written: velocities [m/s].
        valid: ``[N]`` written: whether a track is there.
    """
    kinds, first = memory.kinds, memory.first
    rings, everywhere = np.empty((len(kinds), 4, 2)), np.array([-np.inf, -np.inf, np.inf, np.inf])
    for row in np.flatnonzero(kinds == DRIVING):
        pose, speed = (
            rail_pose(rails, memory.lanes[row], memory.motion[row, PROGRESS]),
            memory.motion[row, SPEED],
        )
        poses[row, 0], poses[row, 1], poses[row, 2] = pose
        velocities[row, 0], velocities[row, 1] = speed * np.cos(pose[2]), speed * np.sin(pose[2])
        box_ring(pose, sizes[row, 0], sizes[row, 1], rings[row])
        valid[row] = True
    for row in np.flatnonzero(kinds == PARKED):
        poses[row], velocities[row] = first[row, :3], first[row, 3:]
        box_ring((first[row, 0], first[row, 1], first[row, 2]), sizes[row, 0], sizes[row, 1], rings[row])
        free = True
        for other in range(len(kinds)):
            if kinds[other] == DRIVING or (kinds[other] == PARKED and other < row and valid[other]):
                free = free and ring_gap(rings[row], 4, rings[other], 4, everywhere, TOUCHING) > 0.0
        valid[row] = free
