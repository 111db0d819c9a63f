"""History comfort of a drive while it goes on: equal to the batched filters over all of it, at a cost that stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.metrics.comfort import (
    FEWEST_SAMPLES,
    ComfortFilters,
    bounded_terms,
    comfort_filters,
    place_sample,
    turns_between,
    within_bounds,
)

Array = NDArray[np.float64]

KEPT = 30
"""Samples that are kept; twice the longest window, so that its filters are alike all the way between the ends."""
_OPEN = 11  # values at either end that depend on where the samples end: 7 of jerk, over 4 of acceleration


@dataclass(frozen=True, eq=False)
class RunningComfort:
    """HC so far; never changes: :meth:`after` gives that of one sample more.

    Attributes:
        count: Samples so far, those of the history included.
        columns: ``[5, 30]`` the last of them: what :func:`simscale_gym.metrics.comfort.bounded_terms` filters, and
            the heading as it is. Where there are fewer, they come first.
        settled: Whether all values that further samples cannot change are within bounds.
        comfortable: Whether all values are within bounds.
    """

    count: int
    columns: Array
    settled: bool
    comfortable: bool

    @classmethod
    def begin(cls) -> RunningComfort:
        """The comfort of a drive that has no sample yet."""
        return cls(0, np.zeros((5, KEPT)), True, True)

    def after(self, state: Array, ahead: float) -> RunningComfort:
        """The comfort after ``state [11]``, 0.1 s after the last; ``ahead`` is from rear axle to box centre [m]."""
        count, columns = self.count + 1, self.columns.copy()
        add_sample(columns, self.count, state, ahead)
        if count < FEWEST_SAMPLES:
            return RunningComfort(count, columns, True, True)
        filters = comfort_filters(min(count, KEPT))
        settled, comfortable = judge_comfort(columns, count, self.settled, filters)
        return RunningComfort(count, columns, settled, comfortable)


@njit(cache=True)
def add_sample(columns: Array, count: int, state: Array, ahead: float):
    """Put a sample behind ``count`` others, in place."""
    kept = columns.shape[1]
    at = min(count, kept - 1)
    if count >= kept:
        columns[:, :-1] = columns[:, 1:].copy()
    place_sample(state, ahead, columns, at)
    turns = 0.0
    if count > 0:
        before, unwrapped = columns[4, at - 1], columns[3, at - 1]
        turns = np.rint((before - unwrapped) / (2.0 * np.pi)) + turns_between(before, state[2])
    columns[3, at], columns[4, at] = state[2] - 2.0 * np.pi * turns, state[2]


@njit(cache=True)
def judge_comfort(columns: Array, count: int, settled: bool, filters: ComfortFilters):
    """Whether all settled values, and all values, of ``count`` samples are within bounds."""
    n = min(count, columns.shape[1])
    terms, flags = np.empty((6, n)), np.empty(6, np.bool_)
    bounded_terms(columns[:, :n], filters, terms)
    if count < columns.shape[1]:
        within_bounds(terms, 0, n, flags)
        return True, flags.all()
    within_bounds(terms, 0 if count == n else _OPEN, n - _OPEN, flags)
    settled = settled and flags.all()
    within_bounds(terms, n - _OPEN, n, flags)
    return settled, settled and flags.all()
