"""A vocabulary of human trajectories: few enough to try them all, varied enough to go anywhere."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError

Array = NDArray[np.float64]

_LEVER = 5.0  # [m/rad] weight of heading beside x and y in the distance: half a car length turns into metres
_STRIDE = 5  # poses between those that are compared: 0.5 s


def cluster_futures(
    bank: HumanFutures, size: int, *, rng: np.random.Generator, rounds: int = 12
) -> HumanFutures:
    """Choose ``size`` futures that stand for all of ``bank`` (k-means, then the member nearest each mean).

    Every entry is a trajectory that was driven, never an average of several. Fewer than ``size`` come back
    where clusters share their nearest member.

    Args:
        bank: ``M`` futures from any log source.
        size: Clusters, at most ``M``.
        rng: For the first means, which are members.
        rounds: Of Lloyd's iteration.

    Raises:
        ArgumentError: ``size`` is not between 1 and ``M``.
    """
    if not 1 <= size <= len(bank):
        raise ArgumentError(f"vocabulary size: {size}, expected 1 to {len(bank)} (the futures in the bank).")
    features = _features(bank.poses)
    first = features[rng.choice(len(features), size, replace=False)]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "One of the clusters is empty", UserWarning
        )  # fewer entries, said above
        means, _ = kmeans2(features, first, iter=rounds, minit="matrix", missing="warn")
    members = np.unique(cKDTree(features).query(means)[1])
    return HumanFutures(bank.poses[members], bank.velocities[members])


def _features(poses: Array) -> Array:
    sampled = poses[:, _STRIDE - 1 :: _STRIDE]
    return (sampled * np.array([1.0, 1.0, _LEVER])).reshape(len(poses), -1)
