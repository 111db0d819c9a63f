"""New places and sizes for the Gaussians of a packed template, in its chunks: for each step that a person takes."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simscale_gym.splats.cpu import pack as lane
from simscale_gym.splats.cpu.pack import CHUNK, LOG_255


@njit(cache=True, error_model="numpy", nogil=True)
def reshape_chunks(order, means, quats, scales, lanes, bounds):
    """Writes means and Cholesky factors of covariances, as `cpu.pack.pack` does, and the chunks' bounds.

    Args:
        order: Row of each Gaussian of the chunks in what follows, `[count]`.
        means: `[N, 3]` [m].
        quats: wxyz, of any length but 0, `[N, 4]`.
        scales: `[N, 3]` [m].
        lanes: Rows X to LOG_OPACITY of the template's chunks, `[M, 10, 256]`; the rows X to L22 are written.
        bounds: Written, `[M, 5]` (see `PackedGaussians`).
    """
    count, variances = len(order), np.empty(3)
    for chunk in range(len(lanes)):
        first, last = chunk * CHUNK, min((chunk + 1) * CHUNK, count)
        low, high, reach = np.full(3, np.inf), np.full(3, -np.inf), 0.0
        for place in range(first, last):
            row, column = order[place], place - first
            widest = 0.0
            for k in range(3):
                mean = np.float64(means[row, k])
                low[k], high[k] = min(low[k], mean), max(high[k], mean)
                lanes[chunk, lane.X + k, column] = means[row, k]
                widest = max(widest, np.float64(scales[row, k]))
                variances[k] = np.float64(scales[row, k]) ** 2
            _write_factor(quats[row], variances, lanes[chunk], column)
            spread = np.float64(lanes[chunk, lane.LOG_OPACITY, column]) + LOG_255
            reach = max(reach, math.sqrt(2.0 * max(spread, 0.0)) * widest)
        radius = 0.0
        for place in range(first, last):
            row, squared = order[place], 0.0
            for k in range(3):
                squared += (np.float64(means[row, k]) - (low[k] + high[k]) / 2.0) ** 2
            radius = max(radius, squared)
        for k in range(3):
            bounds[chunk, k] = (low[k] + high[k]) / 2.0
        bounds[chunk, 3], bounds[chunk, 4] = math.sqrt(radius), reach


@njit(cache=True, error_model="numpy", nogil=True)
def _write_factor(quat, variances, lanes, column):
    """The lower Cholesky factor of R S^2 R^T into one column of a chunk."""
    w, x, y, z = np.float64(quat[0]), np.float64(quat[1]), np.float64(quat[2]), np.float64(quat[3])
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    xx, xy = _covariance(rows[0], rows[0], variances), _covariance(rows[0], rows[1], variances)
    xz, yy = _covariance(rows[0], rows[2], variances), _covariance(rows[1], rows[1], variances)
    yz, zz = _covariance(rows[1], rows[2], variances), _covariance(rows[2], rows[2], variances)
    l00 = math.sqrt(xx)
    l10, l20 = (xy / l00, xz / l00) if l00 > 0.0 else (0.0, 0.0)
    l11 = math.sqrt(max(yy - l10 * l10, 0.0))
    left = math.sqrt(max(zz - l20 * l20, 0.0))
    l21 = min(max((yz - l20 * l10) / l11, -left), left) if l11 > 0.0 else 0.0
    l22 = math.sqrt(max(left * left - l21 * l21, 0.0))
    lanes[lane.L00, column], lanes[lane.L10, column], lanes[lane.L11, column] = l00, l10, l11
    lanes[lane.L20, column], lanes[lane.L21, column], lanes[lane.L22, column] = l20, l21, l22


@njit(cache=True, error_model="numpy", nogil=True)
def _covariance(a, b, variances):
    return a[0] * b[0] * variances[0] + a[1] * b[1] * variances[1] + a[2] * b[2] * variances[2]
