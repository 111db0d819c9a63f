"""Savitzky-Golay filters as bands of coefficients, equal to ``scipy.signal.savgol_filter`` with its default edges."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import savgol_filter

Array = NDArray[np.float64]


class Filter(NamedTuple):
    """A linear filter of ``n`` samples: sample i becomes ``bands[i] @ values[firsts[i] : firsts[i] + W]``."""

    bands: Array
    firsts: NDArray[np.int64]


@lru_cache(maxsize=512)
def smoothing_filter(samples: int, window: int, order: int, derivative: int = 0, dt: float = 1.0) -> Filter:
    """The filter for ``samples`` values.

    Args:
        samples: Their number, greater than ``order``.
        window: Values that a result depends on, at most ``samples`` of them. With an even one, results stand for
            half a sample before or after their place, as in scipy.
        order: Of the fitted polynomials.
        derivative: Which derivative to take.
        dt: Time between samples [s].
    """
    if samples <= 2 * window:
        return _fitted(samples, min(window, samples), order, derivative, dt)
    bands, firsts = smoothing_filter(2 * window, window, order, derivative, dt)  # alike all the way between
    more = samples - 2 * window
    between = np.repeat(bands[window : window + 1], more, axis=0)
    return Filter(
        np.concatenate([bands[:window], between, bands[window:]]),
        np.concatenate([firsts[:window], firsts[window] + np.arange(more), firsts[window:] + more]),
    )


def _fitted(samples: int, window: int, order: int, derivative: int, dt: float) -> Filter:
    matrix = savgol_filter(np.eye(samples), window, order, deriv=derivative, delta=dt, axis=0)
    used = matrix != 0.0
    first = np.minimum(used.argmax(1), samples - window)
    bands = np.take_along_axis(matrix, first[:, None] + np.arange(window), 1)
    assert np.count_nonzero(bands) == np.count_nonzero(matrix)
    return Filter(np.ascontiguousarray(bands), first.astype(np.int64))


@njit(cache=True)
def smooth(values: Array, by: Filter, out: Array):
    """Filter ``values [n]`` into ``out [n]``, rounded to 8 decimals as NAVSIM rounds."""
    for i in range(len(values)):
        first, total = by.firsts[i], 0.0
        for j in range(by.bands.shape[1]):
            total += by.bands[i, j] * values[first + j]
        out[i] = np.rint(total * 1e8) / 1e8
