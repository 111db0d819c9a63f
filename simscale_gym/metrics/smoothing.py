"""Savitzky-Golay filters as bands of coefficients, equal to ``scipy.signal.savgol_filter`` with its default edges."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing

Array = NDArray[np.float64]


class Filter(NamedTuple):
    """A linear filter of ``n`` samples: sample i becomes ``bands[i] @ values[firsts[i] : firsts[i] + W]``.

    Attributes:
        bands: ``[n, W]`` coefficients of each result.
        firsts: ``[n]`` first sample that each result is made of.
    """

    bands: Array
    firsts: NDArray[np.int64]


@lru_cache(maxsize=512)
def smoothing_filter(samples: int, window: int, order: int, derivative: int = 0, dt: float = 1.0) -> Filter:
    """The filter for ``samples`` values.

    Args:
        samples: Number of values, greater than ``order``.
        window: Values that a result depends on, at most ``samples`` of them. With an even one, results stand for
            half a sample before or after their place, as in scipy.
        order: Order of the fitted polynomials.
        derivative: Order of the derivative to take; 0 smooths only.
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
    """Polynomials fitted to the window around each sample, or to the first or last one near the ends.

    `scipy.signal` gives the same to 1e-12, but to import it takes longer than the rest of an environment.
    """
    # an even window has no middle sample: scipy's polynomial is read half a sample off, and so is this one
    place, half = np.arange(samples), window // 2
    even = 1 - window % 2
    ends = (place < half) | (place >= samples - half)
    firsts = np.clip(place - half + even * ~ends, 0, samples - window)
    at = np.where(ends, place - firsts, half - 0.5 * even)
    steps = np.arange(window) - at[:, None]
    fits = np.linalg.pinv(steps[..., None] ** np.arange(order + 1))  # [samples, order + 1, window]
    bands = fits[:, derivative] * (math.factorial(derivative) / dt**derivative)
    return Filter(np.ascontiguousarray(bands), firsts.astype(np.int64))


@borrowing
def smooth(values: Array, by: Filter, out: Array):
    """Filter ``values [n]`` into ``out [n]``, rounded to 8 decimals as NAVSIM rounds."""
    for i in range(len(values)):
        first, total = by.firsts[i], 0.0
        for j in range(by.bands.shape[1]):
            total += by.bands[i, j] * values[first + j]
        out[i] = np.rint(total * 1e8) / 1e8
