"""Gaussians laid out for the CPU rasteriser: spatially sorted chunks with bounds, built once per asset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.levels import CLUSTER, Moments, cholesky_rows, merge, widest
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

CHUNK = 256
"""Gaussians per chunk."""

LOG_255 = math.log(255.0)
"""A splat ends where its alpha falls below 1/255."""

X, Y, Z, L00, L10, L11, L20, L21, L22, LOG_OPACITY, RED, GREEN, BLUE = range(13)
"""Rows of a chunk. L is the lower Cholesky factor of the covariance: projected through it, thin splats keep a
determinant that float32 can hold, which they lose when the covariance itself is projected."""

LEVELS = 6
"""Most levels of detail, the given Gaussians included."""

NEVER_VISIBLE = -1e4
"""Log opacity of the lanes that pad the last chunk."""


@dataclass(frozen=True)
class PackedGaussians:
    """Gaussians in Morton order, in chunks of 256; those that can never reach an alpha of 1/255 are left out.

    Neighbouring Gaussians form clusters, which are drawn at one of several levels of detail.

    Attributes:
        lanes: `[M, 13, 256]` float32, one row per quantity, so that 16 Gaussians load as one vector.
        sh_rest: View-dependent colour coefficients, `[M, (K - 1) * 3, 256]` float32.
        bounds: `[M, 5]` float64: centre and radius of a sphere around the means, and the greatest distance
            from its mean at which a Gaussian of the chunk still has an alpha of 1/255 [m].
        order: Row of each kept Gaussian in what was packed, `[count]`.
        spheres: Centre and radius of a sphere around the means of each cluster, `[Q, 4]` float64 [m].
        level_chunks: First chunk of each of a cluster's levels, and the one behind the last, `[Q, 7]` int64.
        grains: Distance (root mean square) between the means that a Gaussian of the level stands for, `[Q, 6]` [m]; 0
            for the first level, infinite for levels that there are not.
    """

    lanes: np.ndarray
    sh_rest: np.ndarray
    bounds: np.ndarray
    order: np.ndarray
    spheres: np.ndarray
    level_chunks: np.ndarray
    grains: np.ndarray

    @property
    def count(self) -> int:
        """Number of Gaussians kept."""
        return len(self.order)


def pack(gaussians: Gaussians, *, levels: int = 1) -> PackedGaussians:
    """Sorts, chunks and bounds Gaussians for the CPU rasteriser.

    Where two splats have the same depth, the one that stands first in this order is drawn in front. That
    order is Morton's, then the input's; in gsplat it is the input's alone.

    Args:
        gaussians: What to pack.
        levels: Levels of detail, 1 to 6. With more than one, what is much smaller than a pixel is drawn merged,
            which gsplat does not do; such a template cannot be recoloured.
    """
    if not 1 <= levels <= LEVELS:
        raise ArgumentError(f"levels is {levels}, expected 1 to {LEVELS}.")
    gaussians = gaussians.validate()
    kept = np.flatnonzero(gaussians.opacities >= 1.0 / 255.0)
    order = kept[_morton_order(gaussians.means[kept])]
    gaussians = gaussians.subset(order)
    count = len(gaussians)
    size = CLUSTER if levels > 1 else max(count, 1)
    ends = np.minimum(np.arange(size, count + size, size), count)
    parts, grains = [(_rows(gaussians), ends)], [np.zeros(len(ends))]
    moments = _moments(gaussians) if levels > 1 else None
    del gaussians  # of large pictures' streets there are millions
    for _ in range(1, levels):
        moments, level_ends = merge(moments, ends if len(parts) == 1 else parts[-1][1])
        parts.append((_merged_rows(moments), level_ends))
        grains.append(_grains(moments.spreads, level_ends))
    return _assembled(parts, grains, order)


GRAIN_QUANTILE = 0.75
"""Share of a cluster's merged Gaussians that are finer than its grain."""


def _moments(gaussians: Gaussians) -> Moments:
    arrays = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
    return Moments.of(*arrays, _flat_colors(gaussians))


def _flat_colors(gaussians: Gaussians) -> np.ndarray:
    return gaussians.sh.reshape(len(gaussians), 3 * gaussians.sh.shape[1])


def _grains(spreads: np.ndarray, ends: np.ndarray) -> np.ndarray:
    pairs = pairwise([0, *ends.tolist()])
    return np.array([math.sqrt(_quantile(spreads[a:b], GRAIN_QUANTILE)) for a, b in pairs])


def _quantile(values: np.ndarray, share: float) -> float:
    """As `np.quantile`, bit for bit, which takes ten times as long for some hundred values."""
    place = share * (len(values) - 1)
    row = int(place)
    following = min(row + 1, len(values) - 1)
    ordered, part = np.partition(values, (row, following)), place - row
    low, high = ordered[row], ordered[following]
    return high - (high - low) * (1.0 - part) if part >= 0.5 else low + (high - low) * part


Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Rows `[13, N]`, view-dependent coefficients `[R, N]`, means `[N, 3]` and reaches `[N]` of Gaussians."""


def _rows(gaussians: Gaussians) -> Rows:
    logs = np.log(gaussians.opacities.astype(np.float64))
    factors = _cholesky_rows(gaussians.quats, gaussians.scales)
    widths = gaussians.scales.max(1, initial=0.0)
    return _quantities(gaussians.means, factors, logs, widths, _flat_colors(gaussians))


def _merged_rows(moments: Moments) -> Rows:
    factors = cholesky_rows(moments.covariances)
    logs = np.log(moments.opacities)
    return _quantities(moments.means, factors, logs, widest(moments.covariances), moments.colors)


def _quantities(
    means: np.ndarray, factors: np.ndarray, logs: np.ndarray, widths: np.ndarray, colors: np.ndarray
) -> Rows:
    rows = np.empty((13, len(means)), np.float32)
    rows[X : Z + 1], rows[L00 : L22 + 1], rows[LOG_OPACITY] = means.T, factors, logs
    rows[RED : BLUE + 1] = colors[:, :3].T * SH_C0 + 0.5
    reaches = np.sqrt(2.0 * np.maximum(logs + LOG_255, 0.0)) * widths
    return rows, colors[:, 3:].T.astype(np.float32), np.asarray(means, np.float64), reaches


def _assembled(
    parts: list[tuple[Rows, np.ndarray]], grains: list[np.ndarray], order: np.ndarray
) -> PackedGaussians:
    """Chunks by cluster, then level; ``parts`` are taken out one by one, as their memory is needed."""
    clusters, levels = len(grains[0]), len(parts)
    lengths = np.stack([np.diff(ends, prepend=0) for _, ends in parts], axis=1)
    chunks = -(-lengths // CHUNK)
    stops = np.cumsum(chunks).reshape(clusters, levels)
    first = stops - chunks
    total = int(chunks.sum())
    lanes = np.zeros((total, 13, CHUNK), np.float32)
    rest = np.zeros((total, len(parts[0][0][1]), CHUNK), np.float32)
    lanes[:, LOG_OPACITY] = NEVER_VISIBLE
    means, reaches = np.zeros((3, total, CHUNK)), np.zeros((total, CHUNK))
    for level in range(levels):
        (rows, colors, centres, extents), ends = parts.pop(0)
        for chunk, (start, end) in zip(first[:, level].tolist(), pairwise([0, *ends.tolist()]), strict=True):
            for row, at in enumerate(range(start, end, CHUNK), chunk):
                to = min(at + CHUNK, end)
                lanes[row, :, : to - at], rest[row, :, : to - at] = rows[:, at:to], colors[:, at:to]
                means[:, row, : to - at], reaches[row, : to - at] = centres[at:to].T, extents[at:to]
                means[:, row, to - at :] = centres[to - 1, :, None]  # padding repeats the last mean
    level_chunks = np.full((clusters, LEVELS + 1), total, np.int64)
    level_chunks[:, :levels] = first
    level_chunks[:, levels:] = stops[:, -1:]
    finest = np.full((clusters, LEVELS), np.inf)
    finest[:, :levels] = np.stack(grains, axis=1)
    bounds = _chunk_bounds(means, reaches)
    spheres = _cluster_spheres(bounds, level_chunks)
    return PackedGaussians(lanes, rest, bounds, order, spheres, level_chunks, finest)


def _morton_order(means: np.ndarray) -> np.ndarray:
    """Order along a Morton curve, 10 bits an axis, `[N]`; within a cell the input's order stays."""
    if not len(means):
        return np.arange(0)
    low = means.min(0)
    cells = ((means - low) / (np.ptp(means, axis=0).max() + 1e-6) * 1023.0).astype(np.uint32)
    code = np.zeros(len(means), np.uint32)
    for axis in range(3):
        spread = cells[:, axis]
        for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
            spread = (spread | (spread << np.uint32(shift))) & np.uint32(mask)
        code |= spread << np.uint32(axis)
    return np.argsort(code, kind="stable")


def _cholesky_rows(quats: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Lower Cholesky factors of the covariances R S^2 R^T, rows l00 l10 l11 l20 l21 l22, `[6, N]`."""
    w, x, y, z = (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float64).T
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    variances = scales.astype(np.float64).T ** 2

    def covariance(i: int, j: int) -> np.ndarray:
        return sum(rotation[i][k] * rotation[j][k] * variances[k] for k in range(3))

    def divided(value: np.ndarray, by: np.ndarray) -> np.ndarray:
        return np.divide(value, by, out=np.zeros_like(value), where=by > 0.0)

    l00 = np.sqrt(covariance(0, 0))
    l10, l20 = divided(covariance(1, 0), l00), divided(covariance(2, 0), l00)
    l11 = np.sqrt(np.maximum(covariance(1, 1) - l10 * l10, 0.0))
    left = np.sqrt(np.maximum(covariance(2, 2) - l20 * l20, 0.0))
    l21 = np.clip(divided(covariance(2, 1) - l20 * l10, l11), -left, left)  # l11 may be all rounding error
    l22 = np.sqrt(np.maximum(left * left - l21 * l21, 0.0))
    return np.stack([l00, l10, l11, l20, l21, l22])


def _chunk_bounds(means: np.ndarray, reaches: np.ndarray) -> np.ndarray:
    """Bounds of every chunk, `[M, 5]`, as in `PackedGaussians`.

    Args:
        means: Means of its Gaussians, `[3, M, 256]`; overwritten.
        reaches: Their reaches, `[M, 256]`.
    """
    centres = (means.min(2) + means.max(2)) / 2.0
    means -= centres[..., None]
    x, y, z = np.square(means, out=means)
    radii = np.sqrt((x + y + z).max(1))
    return np.stack([*centres, radii, reaches.max(1)], axis=1)


def _cluster_spheres(bounds: np.ndarray, level_chunks: np.ndarray) -> np.ndarray:
    """Spheres around the clusters' first levels, `[Q, 4]`."""
    spheres = np.zeros((len(level_chunks), 4))
    for cluster, (first, last) in enumerate(level_chunks[:, :2]):
        own = bounds[first:last]
        centre = ((own[:, :3] - own[:, 3:4]).min(0) + (own[:, :3] + own[:, 3:4]).max(0)) / 2.0
        spheres[cluster, :3] = centre
        spheres[cluster, 3] = (np.linalg.norm(own[:, :3] - centre, axis=1) + own[:, 3]).max()
    return spheres
