"""Levels of detail for whoever can hold so many Gaussians and no more: fine where one comes near, coarse elsewhere."""

from __future__ import annotations

import numpy as np

from simscale_gym.splats.cpu.pack import LEVELS, LOG_OPACITY, NEVER_VISIBLE, PackedGaussians

_NEAREST = 6.0
"""Distance at and below which all is seen alike [m]."""
_HALVINGS = 40


def choose_levels(packed: PackedGaussians, places: np.ndarray, most: int) -> np.ndarray:
    """The level of each cluster, `[Q]`, -1 for those that are left out, so that at most `most` Gaussians are left.

    Seen from the nearest of the places, what was merged has about the same angular size everywhere. Where even the
    coarsest levels are too many, the clusters that lie farthest off are left out.

    Args:
        packed: Gaussians at several levels of detail.
        places: Places from which they are looked at, `[K, 3]` [m], in their frame.
        most: Number of Gaussians.
    """
    distances = _distances(packed.spheres, places)
    counts = _counts(packed)
    finest, coarsest = 0.0, 10.0
    if _total(counts, _levels(packed.grains, distances, finest)) > most:
        for _ in range(_HALVINGS):
            angle = (finest + coarsest) / 2.0
            fits = _total(counts, _levels(packed.grains, distances, angle)) <= most
            finest, coarsest = (finest, angle) if fits else (angle, coarsest)
        finest = coarsest
    levels = _levels(packed.grains, distances, finest)
    nearest_first = np.argsort(distances, kind="stable")
    kept = np.cumsum(counts[nearest_first, levels[nearest_first]]) <= most
    levels[nearest_first[~kept]] = -1
    return levels


def _levels(grains: np.ndarray, distances: np.ndarray, angle: float) -> np.ndarray:
    """The coarsest level of each cluster whose grain is seen under `angle` [rad] at most."""
    return LEVELS - 1 - np.argmax((grains <= angle * distances[:, None])[:, ::-1], axis=1)


def _total(counts: np.ndarray, levels: np.ndarray) -> int:
    return int(counts[np.arange(len(counts)), levels].sum())


def _counts(packed: PackedGaussians) -> np.ndarray:
    """Gaussians of each cluster and level, `[Q, 6]`."""
    there = (packed.lanes[:, LOG_OPACITY] > NEVER_VISIBLE / 2).sum(1)
    before = np.concatenate([[0], np.cumsum(there)])
    return np.diff(before[packed.level_chunks], axis=1)


def _distances(spheres: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Distance of each cluster from the nearest place, `[Q]` [m]."""
    nearest = np.full(len(spheres), np.inf)
    for place in places:
        np.minimum(nearest, np.linalg.norm(spheres[:, :3] - place, axis=1) - spheres[:, 3], out=nearest)
    return np.maximum(nearest, _NEAREST)
