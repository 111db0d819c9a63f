"""Smooth random fields over the plane, the same for the same place and seed."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def value_noise(x: ArrayLike, y: ArrayLike, scale: float, seed: int = 0) -> Array:
    """Noise ``[N]`` in 0..1 at places ``x, y [N]`` [m], features about ``scale`` [m] wide."""
    x, y = np.broadcast_arrays(np.asarray(x, float) / scale, np.asarray(y, float) / scale)
    return _value_noise(np.ascontiguousarray(x), np.ascontiguousarray(y), seed)


def cell_hash(i: ArrayLike, j: ArrayLike, seed: int = 0) -> Array:
    """A number ``[N]`` in 0..1 for each pair of integers ``i, j [N]``."""
    i, j = np.broadcast_arrays(np.asarray(i, np.int64), np.asarray(j, np.int64))
    return _cell_hash(np.ascontiguousarray(i), np.ascontiguousarray(j), seed)


@njit(cache=True, inline="always")
def _mix(i, j, seed):
    """Integer hash (after Wang) of a lattice point, scaled to 0..1."""
    value = (i * 374761393 + j * 668265263 + seed * 2246822519) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((value ^ (value >> 16)) & 0xFFFFFF) / 16777216.0


@njit(cache=True, inline="always")
def faded(a, b, low, high):
    """The value at (a, b) in 0..1, smoothly between those at the corners: ``low`` at b = 0, ``high`` at b = 1."""
    a, b = a * a * (3.0 - 2.0 * a), b * b * (3.0 - 2.0 * b)
    return (low[0] * (1.0 - a) + low[1] * a) * (1.0 - b) + (high[0] * (1.0 - a) + high[1] * a) * b


@njit(cache=True)
def _cell_hash(i, j, seed):
    out = np.empty(i.shape)
    for n in range(i.size):
        out.flat[n] = _mix(i.flat[n], j.flat[n], seed)
    return out


@njit(cache=True, error_model="numpy")
def _value_noise(x, y, seed):
    out = np.empty(x.shape[0])
    for n in range(x.shape[0]):
        i, j = int(np.floor(x[n])), int(np.floor(y[n]))
        low = _mix(i, j, seed), _mix(i + 1, j, seed)
        high = _mix(i, j + 1, seed), _mix(i + 1, j + 1, seed)
        out[n] = faded(x[n] - i, y[n] - j, low, high)
    return out
