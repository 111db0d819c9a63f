"""Gaussians laid out for the CPU rasteriser: spatially sorted chunks with bounds, built once per asset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0

CHUNK = 256
"""Gaussians per chunk."""

LOG_255 = math.log(255.0)
"""A splat ends where its alpha falls below 1/255."""

X, Y, Z, L00, L10, L11, L20, L21, L22, LOG_OPACITY, RED, GREEN, BLUE = range(13)
"""Rows of a chunk. L is the lower Cholesky factor of the covariance: projected through it, thin splats keep a
determinant that float32 can hold, which they lose when the covariance itself is projected."""

NEVER_VISIBLE = -1e4
"""Log opacity of the lanes that pad the last chunk."""


@dataclass(frozen=True)
class PackedGaussians:
    """Gaussians in Morton order, in chunks of 256; those that can never reach an alpha of 1/255 are left out.

    Attributes:
        lanes: `[M, 13, 256]` float32, one row per quantity, so that 16 Gaussians load as one vector.
        sh_rest: View-dependent colour coefficients, `[M, (K - 1) * 3, 256]` float32.
        bounds: `[M, 5]` float64: centre and radius of a sphere around the means, and the greatest distance
            from its mean at which a Gaussian of the chunk still has an alpha of 1/255 [m].
        order: Row of each kept Gaussian in what was packed, `[count]`.
    """

    lanes: np.ndarray
    sh_rest: np.ndarray
    bounds: np.ndarray
    order: np.ndarray

    @property
    def count(self) -> int:
        """Number of Gaussians kept."""
        return len(self.order)


def pack(gaussians: Gaussians) -> PackedGaussians:
    """Sorts, chunks and bounds Gaussians for the CPU rasteriser.

    Where two splats have the same depth, the one that stands first in this order is drawn in front. That
    order is Morton's, then the input's; it is an implementation detail and no part of gsplat's conventions.
    """
    gaussians.validate()
    kept = np.flatnonzero(gaussians.opacities >= 1.0 / 255.0)
    order = kept[_morton_order(gaussians.means[kept])]
    gaussians = gaussians.subset(order)
    count, terms = len(gaussians), gaussians.sh.shape[1]
    chunks = -(-count // CHUNK)
    rows = np.zeros((13, chunks * CHUNK), np.float32)
    rows[LOG_OPACITY] = NEVER_VISIBLE
    rows[X : Z + 1, :count] = gaussians.means.T
    rows[L00 : L22 + 1, :count] = _cholesky_rows(gaussians.quats, gaussians.scales)
    rows[LOG_OPACITY, :count] = np.log(gaussians.opacities.astype(np.float64))
    rows[RED : BLUE + 1, :count] = gaussians.sh[:, 0].T * SH_C0 + 0.5
    rest = np.zeros(((terms - 1) * 3, chunks * CHUNK), np.float32)
    rest[:, :count] = gaussians.sh[:, 1:].reshape(count, (terms - 1) * 3).T
    return PackedGaussians(_chunked(rows), _chunked(rest), _chunk_bounds(gaussians, chunks), order)


def _chunked(rows: np.ndarray) -> np.ndarray:
    """Cuts `[R, M * 256]` into `[M, R, 256]`."""
    return np.ascontiguousarray(rows.reshape(len(rows), rows.shape[1] // CHUNK, CHUNK).swapaxes(0, 1))


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


def _chunk_bounds(gaussians: Gaussians, chunks: int) -> np.ndarray:
    """Bounds of every chunk, `[M, 5]` (see `PackedGaussians`)."""
    count = len(gaussians)
    last = np.minimum(np.arange(chunks * CHUNK), count - 1)
    means = gaussians.means.astype(np.float64)[last].reshape(chunks, CHUNK, 3)
    extents = np.sqrt(2.0 * np.maximum(np.log(gaussians.opacities.astype(np.float64)) + LOG_255, 0.0))
    reaches = (extents * gaussians.scales.max(1, initial=0.0))[last].reshape(chunks, CHUNK)
    centres = (means.min(1) + means.max(1)) / 2.0
    radii = np.linalg.norm(means - centres[:, None], axis=2).max(1)
    return np.concatenate([centres, radii[:, None], reaches.max(1)[:, None]], axis=1)
