"""How it feels to ride: comfort with history (HC) and between two plans half a second apart (EC).

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
from simscale_gym.metrics.ego_boxes import center_offset
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

EXTENDED_TERMS = ("acceleration", "jerk", "yaw_rate", "yaw_acceleration")
EXTENDED_LIMITS = 0.7, 0.5, 0.1, 0.1
"""Root mean squares of the differences between two plans that are still comfortable."""
LONGEST_INTERVAL = 0.55
"""Two plans further apart than this [s] are not compared."""
FEWEST_SAMPLES = 4
"""The yaw acceleration fits cubics."""


class _Filters(NamedTuple):
    acceleration: Filter
    jerk: Filter
    yaw_rate: Filter
    yaw_acceleration: Filter


@lru_cache(maxsize=512)
def _filters(samples: int, yaw_acceleration_order: int) -> _Filters:
    return _Filters(
        smoothing_filter(samples, 8, 2),
        smoothing_filter(samples, 15, 2, 1, DT),
        smoothing_filter(samples, 5, 2, 1, DT),
        smoothing_filter(samples, 5, yaw_acceleration_order, 2, DT),
    )


def comfort_flags(states: Array, history: Array, vehicle: Vehicle) -> NDArray[np.bool_]:
    """Which of :data:`COMFORT_TERMS` stay within bounds, ``[P, 6]``.

    Args:
        states: ``[P, T, 11]``.
        history: ``[H, 11]`` states before them, taken to be 0.1 s apart up to the first of ``states``.
        vehicle: The ego.
    """
    filters = _filters(len(history) + states.shape[1], 3)
    return _comfort_flags(states, history, center_offset(vehicle), filters)


def interpolate_history(times: Array, states: Array) -> Array:
    """The history that NAVSIM puts before a plan, from past states at 2 Hz.

    Every 0.1 s from the first time on, both the last time and the one before it left out: with times of -1.5 to
    0 s, 14 states from -1.5 to -0.2 s. Values are interpolated linearly, headings along the shorter turn; steering
    rate, yaw rate and yaw acceleration become 0, as in nuPlan's interpolation of ego states.

    Args:
        times: ``[K]`` ascending [s], K >= 2.
        states: ``[K, 11]``.
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
        previous: ``[B, T, 11]`` or ``[T, 11]`` states of the earlier plans.
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
    filters = _filters(previous.shape[1] - shift, 2)
    rms = _differences(previous[:, shift:], current[:, :-shift], filters)
    return (rms <= np.array(EXTENDED_LIMITS)).all(1).astype(float), rms


@njit(cache=True)
def _unwrap(headings: Array, out: Array):
    turns = 0.0
    out[0] = headings[0]
    for i in range(1, len(headings)):
        turns += np.rint((headings[i] - headings[i - 1]) / (2.0 * np.pi))
        out[i] = headings[i] - 2.0 * np.pi * turns


@njit(cache=True)
def _within(values: Array, low: float, high: float) -> bool:
    for value in values:  # noqa: SIM110 (all() of a generator does not compile)
        if not low < value < high:
            return False
    return True


@njit(cache=True)
def _comfort_flags(states: Array, history: Array, ahead: float, filters: _Filters) -> NDArray:
    past, n = len(history), len(history) + states.shape[1]
    flags = np.empty((len(states), 6), np.bool_)
    columns, out, jerk = np.empty((4, n)), np.empty(n), np.empty(n)
    headings = np.empty(n)
    for p in range(len(states)):
        for i in range(n):
            s = history[i] if i < past else states[p, i - past]
            # NAVSIM moves accelerations from the rear axle to the centre with untransformed terms: the yaw rate's
            # square and the yaw acceleration both add lengthwise, none across
            columns[0, i] = s[AX] + ahead * s[YAW_RATE] * s[YAW_RATE] + ahead * s[YAW_ACC]
            columns[1, i] = s[AY]
            columns[2, i] = np.hypot(s[AX], s[AY])
            headings[i] = s[HEADING]
        _unwrap(headings, columns[3])
        # a jerk is the derivative of the smoothed acceleration, so that one comes first; flags are numbered as
        # COMFORT_TERMS, not in the order of work
        smooth(columns[0], filters.acceleration, out)
        flags[p, 0] = _within(out, LONGITUDINAL_LIMITS[0], LONGITUDINAL_LIMITS[1])
        smooth(out, filters.jerk, jerk)
        flags[p, 3] = _within(jerk, -LONGITUDINAL_JERK_LIMIT, LONGITUDINAL_JERK_LIMIT)
        smooth(columns[1], filters.acceleration, out)
        flags[p, 1] = _within(out, -LATERAL_LIMIT, LATERAL_LIMIT)
        smooth(columns[2], filters.acceleration, out)
        smooth(out, filters.jerk, jerk)
        flags[p, 2] = _within(jerk, -JERK_LIMIT, JERK_LIMIT)
        smooth(columns[3], filters.yaw_acceleration, out)
        flags[p, 4] = _within(out, -YAW_ACCELERATION_LIMIT, YAW_ACCELERATION_LIMIT)
        smooth(columns[3], filters.yaw_rate, out)
        flags[p, 5] = _within(out, -YAW_RATE_LIMIT, YAW_RATE_LIMIT)
    return flags


@njit(cache=True)
def _features(states: Array, filters: _Filters, out: Array):
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
def _differences(previous: Array, current: Array, filters: _Filters) -> Array:
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
