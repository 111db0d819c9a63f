"""Packed Gaussians back to Gaussians."""

from __future__ import annotations

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.splats.cpu.pack import (
    BLUE,
    L00,
    L10,
    L11,
    L20,
    L21,
    L22,
    LOG_OPACITY,
    NEVER_VISIBLE,
    RED,
    PackedGaussians,
    X,
    Z,
)
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0


def unpack(packed: PackedGaussians, levels: np.ndarray | None = None) -> Gaussians:
    """The Gaussians that were packed, but for rounding, in the order of `PackedGaussians.order`.

    Those that can never be seen were left out. Of a Gaussian's axes only what its covariance holds is known: their
    order and signs may be others than before.

    Args:
        packed: The packed Gaussians.
        levels: Level of detail of each cluster, `[Q]`, or -1 to leave it out; None for the finest of all.
    """
    chosen = np.zeros(len(packed.level_chunks), np.int64) if levels is None else levels
    rows = np.flatnonzero(chosen >= 0)
    first, last = (packed.level_chunks[rows, chosen[rows] + end] for end in (0, 1))
    spans = [np.arange(*span) for span in zip(first, last, strict=True)]
    chunks = np.concatenate([np.arange(0), *spans])
    lanes = packed.lanes[chunks]
    there = lanes[:, LOG_OPACITY] > NEVER_VISIBLE / 2
    rows = lanes.swapaxes(1, 2)[there].astype(np.float64)
    quats, scales = _axes(rows)
    rest = packed.sh_rest[chunks].swapaxes(1, 2)[there]
    base = (rows[:, None, RED : BLUE + 1] - 0.5) / SH_C0
    values = (
        rows[:, X : Z + 1],
        quats,
        scales,
        np.minimum(np.exp(rows[:, LOG_OPACITY]), 1.0),
        np.concatenate([base, rest.reshape(len(rows), rest.shape[1] // 3, 3)], axis=1),
    )
    return Gaussians(*(np.ascontiguousarray(value, np.float32) for value in values))


def _axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quaternions `[N, 4]` and standard deviations `[N, 3]` of the factors in rows `[N, 13]`."""
    factors = np.zeros((len(rows), 3, 3))
    for (i, j), row in zip(
        ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)), (L00, L10, L11, L20, L21, L22), strict=True
    ):
        factors[:, i, j] = rows[:, row]
    variances, axes = np.linalg.eigh(factors @ factors.swapaxes(1, 2))
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]  # a rotation, not a mirror
    return se3.matrix_to_quat(axes), np.sqrt(np.maximum(variances, 0.0))
