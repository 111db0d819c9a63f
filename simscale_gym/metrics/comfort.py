"""Comfort of the ride: with the history before it (HC), and between two plans half a second apart (EC).

NAVSIM: pdm_comfort_metrics.py, quirks included: accelerations are moved to the box centre without turning their
terms, so that yaw rate and acceleration show up lengthwise; an eight-sample window shifts accelerations by half a
sample; yaw filters use five samples.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.smoothing import Filter, smooth, smoothing_filter
from simscale_gym.scene import DT, STATE_SIZE, StateIndex, Vehicle

Array = NDArray[np.float64]

HEADING, AX, AY = int(StateIndex.HEADING), int(StateIndex.AX), int(StateIndex.AY)
YAW_RATE, YAW_ACC = int(StateIndex.YAW_RATE), int(StateIndex.YAW_ACC)

COMFORT_TERMS = (
    "longitudinal_acceleration", "lateral_acceleration", "jerk", "longitudinal_jerk", "yaw_acceleration", "yaw_rate",
)  # fmt: skip
"""What HC bounds, in NAVSIM's order."""
LONGITUDINAL_LIMITS = -4.05, 2.40
LATERAL_LIMIT, JERK_LIMIT, LONGITUDINAL_JERK_LIMIT = 4.89, 8.37, 4.13
YAW_ACCELERATION_LIMIT, YAW_RATE_LIMIT = 1.93, 0.95
"""nuPlan's bounds, which values must stay strictly within [m/s^2, m/s^3, rad/s^2, rad/s]."""
_BOUNDS = (
    LONGITUDINAL_LIMITS,
    (-LATERAL_LIMIT, LATERAL_LIMIT),
    (-JERK_LIMIT, JERK_LIMIT),
    (-LONGITUDINAL_JERK_LIMIT, LONGITUDINAL_JERK_LIMIT),
    (-YAW_ACCELERATION_LIMIT, YAW_ACCELERATION_LIMIT),
    (-YAW_RATE_LIMIT, YAW_RATE_LIMIT),
)  # of COMFORT_TERMS

EXTENDED_TERMS = ("acceleration", "jerk", "yaw_rate", "yaw_acceleration")
EXTENDED_LIMITS = 0.7, 0.5, 0.1, 0.1
"""Root mean squares of the differences between two plans that are still comfortable."""
LONGEST_INTERVAL = 0.55
"""Two plans further apart than this [s] are not compared."""
FEWEST_SAMPLES = 4
"""The yaw acceleration fits cubics."""


class ComfortFilters(NamedTuple):
    """Savitzky-Golay filters of one number of samples."""

    acceleration: Filter
    jerk: Filter
    yaw_rate: Filter
    yaw_acceleration: Filter


@lru_cache(maxsize=512)
def comfort_filters(samples: int, yaw_acceleration_order: int = 3) -> ComfortFilters:
    """The filters for ``samples`` states; EC fits parabolas where HC fits cubics."""
    return ComfortFilters(
        smoothing_filter(samples, 8, 2),
        smoothing_filter(samples, 15, 2, 1, DT),
        smoothing_filter(samples, 5, 2, 1, DT),
        smoothing_filter(samples, 5, yaw_acceleration_order, 2, DT),
    )


def comfort_flags(states: Array, history: Array, vehicle: Vehicle) -> NDArray[np.bool_]:
    """Which of :data:`COMFORT_TERMS` stay within bounds, ``[P, 6]``.

    Args:
        states: ``[P, T, 11]`` driven states, 0.1 s apart.
        history: ``[H, 11]`` states before them, taken to be 0.1 s apart up to the first of ``states``.
        vehicle: The ego.
    """
    filters = comfort_filters(len(history) + states.shape[1])
    return _comfort_flags(states, history, vehicle.rear_axle_to_center, filters)


def interpolate_history(times: Array, states: Array) -> Array:
    """The history that NAVSIM puts before a plan, from past states at 2 Hz.

    Every 0.1 s from the first time on, both the last time and the one before it left out: with times of -1.5 to
    0 s, 14 states from -1.5 to -0.2 s. Values are interpolated linearly, headings along the shorter turn; steering
    rate, yaw rate and yaw acceleration become 0, as in nuPlan's interpolation of ego states.

    Args:
        times: ``[K]`` ascending [s], K >= 2.
        states: ``[K, 11]`` ego states at these times.
    """
    times, states = np.asarray(times, float), np.asarray(states, float)
    if (
        times.ndim != 1
        or len(times) < 2
        or states.shape != (len(times), STATE_SIZE)
        or np.any(np.diff(times) <= 0)
    ):
        raise ArgumentError(
            f"interpolate_history: times {times.shape}, states {states.shape}; expected [K] ascending and [K, 11]."
        )
    count = max(0, int(np.ceil(round((times[-1] - times[0]) / DT, 6))) - 1)
    at = times[0] + DT * np.arange(count)
    out = np.zeros((count, STATE_SIZE))
    for column in range(StateIndex.STEERING_RATE):
        out[:, column] = np.interp(at, times, states[:, column])
    out[:, StateIndex.HEADING] = wrap_angle(np.interp(at, times, np.unwrap(states[:, StateIndex.HEADING])))
    return out


def extended_comfort(previous: Array, current: Array, interval: float = 0.5) -> tuple[Array, Array]:
    """EC of pairs of simulated plans, of which ``current`` starts ``interval`` later.

    Args:
        previous: States ``[B, T, 11]`` or ``[T, 11]`` of the earlier plans.
        current: States of the later plans, in the same shape.
        interval: Time between the two starts [s], more than 0 and less than 0.55.

    Returns:
        EC ``[B]`` (0 or 1), and ``[B, 4]`` root mean squares of the differences in :data:`EXTENDED_TERMS`.
    """
    previous, current = np.ascontiguousarray(previous, float), np.ascontiguousarray(current, float)
    if not DT / 2 < interval < LONGEST_INTERVAL:
        raise ArgumentError(f"extended_comfort: interval is {interval} s, expected 0.1 to 0.5 s.")
    shift = round(interval / DT)
    if previous.shape != current.shape or previous.ndim not in (2, 3) or previous.shape[-1] != STATE_SIZE:
        raise ArgumentError(
            f"extended_comfort: previous {previous.shape}, current {current.shape}; expected the same [B, T, 11]."
        )
    if not (np.isfinite(previous).all() and np.isfinite(current).all()):
        raise ArgumentError("extended_comfort: states are not all finite.")
    if previous.shape[-2] - shift < FEWEST_SAMPLES:
        raise ArgumentError(
            f"extended_comfort: {previous.shape[-2]} steps overlap too little over {interval} s."
        )
    if previous.ndim == 2:
        previous, current = previous[None], current[None]
    filters = comfort_filters(previous.shape[1] - shift, 2)
    rms = _differences(previous[:, shift:], current[:, :-shift], filters)
    return (rms <= np.array(EXTENDED_LIMITS)).all(1).astype(float), rms


@borrowing
def _unwrap(headings: Array, out: Array):
    turns = 0.0
    out[0] = headings[0]
    for i in range(1, len(headings)):
        turns += turns_between(headings[i - 1], headings[i])
        out[i] = headings[i] - 2.0 * np.pi * turns


@borrowing
def turns_between(heading: float, following: float) -> float:
    """Whole turns by which two headings of neighbouring samples differ."""
    return np.rint((following - heading) / (2.0 * np.pi))


@borrowing
def place_sample(state: Array, ahead: float, columns: Array, i: int):
    """Write what :func:`bounded_terms` filters of ``state [11]``, but for the heading, into column ``i``."""
    # NAVSIM moves accelerations from the rear axle to the centre with untransformed terms: the yaw rate's square and
    # the yaw acceleration both add lengthwise, none across
    columns[0, i] = state[AX] + ahead * state[YAW_RATE] * state[YAW_RATE] + ahead * state[YAW_ACC]
    columns[1, i] = state[AY]
    columns[2, i] = np.hypot(state[AX], state[AY])


@borrowing
def bounded_terms(columns: Array, filters: ComfortFilters, terms: Array):
    """Write the six values that HC bounds at each of ``n`` samples into ``terms [6, n]``.

    Args:
        columns: ``[4+, n]`` lengthwise acceleration at the box centre, lateral one, their magnitude, and the heading,
            unwrapped.
        filters: Filters for ``n`` samples.
        terms: Rows in the order of :data:`COMFORT_TERMS`, to be filled in.
    """
    # a jerk is the derivative of the smoothed acceleration, so that one comes first; terms[0] lends it its place
    smooth(columns[2], filters.acceleration, terms[0])
    smooth(terms[0], filters.jerk, terms[2])
    smooth(columns[0], filters.acceleration, terms[0])
    smooth(terms[0], filters.jerk, terms[3])
    smooth(columns[1], filters.acceleration, terms[1])
    smooth(columns[3], filters.yaw_acceleration, terms[4])
    smooth(columns[3], filters.yaw_rate, terms[5])


@borrowing
def within_bounds(terms: Array, first: int, last: int, flags: NDArray):
    """Write which of ``terms [6, n]`` stay within nuPlan's bounds from sample ``first`` to before ``last``."""
    for term in range(6):
        low, high = _BOUNDS[term]
        flags[term] = True
        for i in range(first, last):
            if not low < terms[term, i] < high:
                flags[term] = False
                break


@njit(cache=True)
def _comfort_flags(states: Array, history: Array, ahead: float, filters: ComfortFilters) -> NDArray:
    past, n = len(history), len(history) + states.shape[1]
    flags = np.empty((len(states), 6), np.bool_)
    columns, terms, headings = np.empty((4, n)), np.empty((6, n)), np.empty(n)
    for p in range(len(states)):
        for i in range(n):
            s = history[i] if i < past else states[p, i - past]
            place_sample(s, ahead, columns, i)
            headings[i] = s[HEADING]
        _unwrap(headings, columns[3])
        bounded_terms(columns, filters, terms)
        within_bounds(terms, 0, n, flags[p])
    return flags


@njit(cache=True)
def _features(states: Array, filters: ComfortFilters, out: Array):
    """Write acceleration, its jerk, yaw rate and yaw acceleration of a plan ``states [n, 11]`` into ``out [4, n]``."""
    n = len(states)
    magnitude, headings = np.empty(n), np.empty(n)
    for i in range(n):
        magnitude[i] = np.hypot(states[i, AX], states[i, AY])
    _unwrap(states[:, HEADING], headings)
    smooth(magnitude, filters.acceleration, out[0])
    smooth(out[0], filters.jerk, out[1])
    smooth(headings, filters.yaw_rate, out[2])
    smooth(headings, filters.yaw_acceleration, out[3])


@njit(cache=True)
def _differences(previous: Array, current: Array, filters: ComfortFilters) -> Array:
    n = previous.shape[1]
    a, b, out = np.empty((4, n)), np.empty((4, n)), np.empty((len(previous), 4))
    for p in range(len(previous)):
        _features(previous[p], filters, a)
        _features(current[p], filters, b)
        for f in range(4):
            total = 0.0
            for i in range(n):
                total += (b[f, i] - a[f, i]) ** 2
            out[p, f] = np.sqrt(total / n)
    return out
