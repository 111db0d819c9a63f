"""Coarser versions of Gaussians: neighbours merged two by two, for where they are smaller than a pixel.

Gaussians in Morton order are cut into clusters; every level of a cluster pairs up what the level before left. A
pair becomes the Gaussian with the same first and second moments, enlarged where that could not be opaque enough to
cover what the two covered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

CLUSTER = 1024
"""Gaussians per cluster: a few metres of a façade."""

WINDOW = 40
"""Gaussians ahead in the order among which a partner is looked for."""

OFF_PLANE, BEND, TINT = 3.0, 1.0, 8.0
"""Weights of what makes a bad pair, beside the distance: to lie in front of each other, to face other ways, to
differ in colour."""

WORST = 4.0
"""Pairs that cost more stay single, in squared mean sizes: layers one behind the other keep apart."""

DENSEST = 0.97
"""Greatest opacity of a merged Gaussian."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Gaussians as merging sees them.

    Attributes:
        means: `[N, 3]` [m].
        covariances: xx, yx, yy, zx, zy, zz, `[N, 6]` [m^2].
        normals: Unit, along the shortest axis, `[N, 3]`.
        opacities: Opacities, 0 to 1, `[N]`.
        colors: Colour coefficients, all terms, `[N, K * 3]`.
        spreads: Variance of the original means that each stands for, `[N]` [m^2].
    """

    means: np.ndarray
    covariances: np.ndarray
    normals: np.ndarray
    opacities: np.ndarray
    colors: np.ndarray
    spreads: np.ndarray

    @classmethod
    def of(cls, means, quats, scales, opacities, colors) -> Moments:
        """The moments of Gaussians given by the arrays of `Gaussians`; quaternions may have any length."""
        arrays = (np.ascontiguousarray(value, np.float64) for value in (quats, scales))
        covariances, normals = _covariances(*arrays)
        rows = (means, covariances, normals, opacities, colors, np.zeros(len(means)))
        return cls(*(np.ascontiguousarray(value, np.float64) for value in rows))

    def __len__(self) -> int:
        return len(self.means)


def merge(moments: Moments, ends: np.ndarray) -> tuple[Moments, np.ndarray]:
    """Merges neighbours within clusters two by two.

    Args:
        moments: Gaussians, in an order that keeps neighbours near.
        ends: Row behind the last one of each cluster, `[Q]` int64.

    Returns:
        What is left, and where its clusters end.
    """
    rows = vars(moments)
    out = {name: np.empty_like(value) for name, value in rows.items()}
    out_ends = np.empty_like(ends)
    count = _merge(*rows.values(), ends, *out.values(), out_ends)
    return Moments(**{name: value[:count].copy() for name, value in out.items()}), out_ends


def cholesky_rows(covariances: np.ndarray) -> np.ndarray:
    """Lower Cholesky factors, rows l00 l10 l11 l20 l21 l22, `[6, N]`, of `covariances` `[N, 6]`."""
    xx, yx, yy, zx, zy, zz = covariances.T
    l00 = np.sqrt(np.maximum(xx, 1e-18))
    l10, l20 = yx / l00, zx / l00
    l11 = np.sqrt(np.maximum(yy - l10 * l10, 1e-18))
    left = np.sqrt(np.maximum(zz - l20 * l20, 0.0))
    l21 = np.clip((zy - l20 * l10) / l11, -left, left)  # l11 may be all rounding error
    return np.stack([l00, l10, l11, l20, l21, np.sqrt(np.maximum(left * left - l21 * l21, 0.0))])


def widest(covariances: np.ndarray) -> np.ndarray:
    """An upper bound of the greatest standard deviation, `[N]` [m]: the root of the trace."""
    return np.sqrt(covariances[:, 0] + covariances[:, 2] + covariances[:, 5])


@njit(cache=True, nogil=True, error_model="numpy")
def _covariances(quats, scales):
    covariances, normals = np.empty((len(quats), 6)), np.empty((len(quats), 3))
    turn = np.empty((3, 3))
    for i in range(len(quats)):
        w, x, y, z = quats[i]
        norm = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
        w, x, y, z = w * norm, x * norm, y * norm, z * norm
        turn[0] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
        turn[1] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
        turn[2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
        place = 0
        for a in range(3):
            for b in range(a + 1):
                value = 0.0
                for k in range(3):
                    value += turn[a, k] * turn[b, k] * scales[i, k] * scales[i, k]
                covariances[i, place] = value
                place += 1
        thin = np.argmin(scales[i])
        for a in range(3):
            normals[i, a] = turn[a, thin]
    return covariances, normals


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _area(c):
    """Area of a Gaussian seen from its broad side, over 2 pi: the root of its covariance's second invariant."""
    minors = c[0] * c[2] - c[1] * c[1] + c[0] * c[5] - c[3] * c[3] + c[2] * c[5] - c[4] * c[4]
    return math.sqrt(max(minors, 1e-24))


@njit(cache=True, nogil=True, error_model="numpy")
def _partner(i, last, taken, means, normals, colors, sizes):
    """The best partner of row i among the next ones before `last`, or -1."""
    best, least, seen = -1, np.inf, 0
    for j in range(i + 1, last):
        if taken[j]:
            continue
        seen += 1
        if seen > WINDOW:
            break
        square, first, second, aligned, tint = 0.0, 0.0, 0.0, 0.0, 0.0
        for a in range(3):
            step = means[j, a] - means[i, a]
            square += step * step
        if square >= least:  # the rest of the cost is not negative
            continue
        for a in range(3):
            step = means[j, a] - means[i, a]
            first += normals[i, a] * step
            second += normals[j, a] * step
            aligned += normals[i, a] * normals[j, a]
            tint += (colors[j, a] - colors[i, a]) ** 2
        cost = square + OFF_PLANE * (first * first + second * second)
        cost += sizes[i] * sizes[j] * (BEND * (1.0 - aligned * aligned) + TINT * tint)
        if cost < least and cost < WORST * (sizes[i] + sizes[j]) ** 2:
            best, least = j, cost
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(
    means, covariances, normals, opacities, colors, spreads, ends,
    out_means, out_covariances, out_normals, out_opacities, out_colors, out_spreads, out_ends,
):  # fmt: skip
    """Long because a pair's moments are written one by one."""
    count, first = 0, 0
    sizes, taken = np.empty(len(means)), np.zeros(len(means), np.bool_)
    for i in range(len(means)):
        sizes[i] = math.sqrt(_area(covariances[i]))
    for cluster in range(len(ends)):
        last = ends[cluster]
        for i in range(first, last):
            if taken[i]:
                continue
            j = _partner(i, last, taken, means, normals, colors, sizes)
            if j < 0:
                out_means[count], out_covariances[count], out_normals[count] = (
                    means[i],
                    covariances[i],
                    normals[i],
                )
                out_opacities[count], out_colors[count], out_spreads[count] = (
                    opacities[i],
                    colors[i],
                    spreads[i],
                )
                count += 1
                continue
            taken[j] = True
            # mass: what a Gaussian covers, its opacity times its area
            mass_i, mass_j = opacities[i] * sizes[i] ** 2, opacities[j] * sizes[j] ** 2
            p = mass_i / (mass_i + mass_j)
            q = 1.0 - p
            place, square, aligned = 0, 0.0, 0.0
            for a in range(3):
                step = means[j, a] - means[i, a]
                square += step * step
                aligned += normals[i, a] * normals[j, a]
                out_means[count, a] = means[i, a] + q * step
                for b in range(a + 1):
                    # covariance of a mixture of two: the mean covariance, and that of the two means
                    own = p * covariances[i, place] + q * covariances[j, place]
                    out_covariances[count, place] = own + p * q * step * (means[j, b] - means[i, b])
                    place += 1
            norm = 0.0
            # a normal and its opposite mean the same side of a flat Gaussian: turned before the mean is taken
            for a in range(3):
                out_normals[count, a] = p * normals[i, a] + (q if aligned >= 0.0 else -q) * normals[j, a]
                norm += out_normals[count, a] ** 2
            for a in range(3):
                out_normals[count, a] /= math.sqrt(max(norm, 1e-12))
            for k in range(colors.shape[1]):
                out_colors[count, k] = p * colors[i, k] + q * colors[j, k]
            opacity = (mass_i + mass_j) / _area(out_covariances[count])
            top = max(min(max(opacities[i], opacities[j]), DENSEST), 1e-6)
            if opacity > top:  # cannot be opaque enough for what the two covered: larger by as much instead
                for k in range(6):
                    out_covariances[count, k] *= opacity / top
                opacity = top
            out_opacities[count] = opacity
            out_spreads[count] = p * spreads[i] + q * spreads[j] + p * q * square
            count += 1
        first = last
        out_ends[cluster] = count
    return count
