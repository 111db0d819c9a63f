"""What is known of those who move through a town, by name: records that Python and the driving kernels both read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CAR, BIKE, PERSON, PARKED = 0, 1, 2, 3
"""What a box on the road is."""
QUEUE = 7
"""Lanes that a driver has planned, the present one included."""


def _record(numbers: str, whole: str = "") -> np.dtype:
    return np.dtype([(name, np.float64) for name in numbers.split()] + [(n, np.int64) for n in whole.split()])


TRAITS = _record(
    "length width front rear wheel_base reaction speed brake acceleration lateral headway gap stop_short "
    "wave_a rate_a phase_a wave_b rate_b phase_b change push critical",
    "kind",
)
"""A driver for good: length and width, what lies before and behind the rear axle, wheel base [m]; reaction [s]; share
of the speed limit; comfortable braking, acceleration and lateral acceleration [m/s^2]; headway [s]; gap kept at rest
and distance kept from stop lines [m]; two waves of wandering beside the lane's middle: amplitude [m], rate [rad/s],
phase; probability of wanting to change lanes, factor on the gaps asked for then; time kept from others at junctions
[s]; CAR or BIKE."""

STATE = _record(
    "x y yaw v a steer along steer_rate shift shift_time wait edge arrival", "kept_stop considered next_draw"
)
"""A driver now: pose of the rear axle, speed, acceleration, steering angle and its rate; way along the first planned
lane [m]; offset that a lane change began with [m] and the time since [s]; how long it has stood [s]; where it keeps
beside the lane's middle [m]; when it came to the stop sign ahead (1e9: not yet); the connector whose stop sign has been
kept, the lane on which a lane change was considered, the next draw."""

BOX = _record("x y yaw half_length half_width v", "kind")
"""A body on the road: centre, heading, half its length and width [m], speed [m/s], and what it is."""

CROSSING = _record("along toward v", "crosswalk")
"""A person at a crosswalk: way from its first end [m], direction (1 or -1), speed [m/s]; the crosswalk's row, -1 for
none."""


class Drivers(NamedTuple):
    """``N`` drivers: TRAITS and STATE ``[N]``, planned lanes ``[N, QUEUE]`` and their number ``[N]``, draws ``[N, D]``.

    ``memory [N, M]`` holds the accelerations that others asked for lately.
    """

    traits: NDArray[np.void]
    state: NDArray[np.void]
    queue: NDArray[np.int64]
    planned: NDArray[np.int64]
    memory: Array
    draws: Array
