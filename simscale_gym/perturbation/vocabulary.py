"""A vocabulary of human trajectories: few enough to try them all, varied enough to go anywhere."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.stored_arrays import read_npy
from simscale_gym.scene import DT

Array = NDArray[np.float64]

LEVER = 5.0
"""Weight of heading beside x and y in the distance of two poses [m/rad]: half a car length turns it into metres."""
_MOST = 100_000  # entries of a file
_MOST_BYTES = _MOST * HORIZON_STEPS * 3 * 8 + 4096
_FARTHEST = 400.0  # [m] at 100 m/s
_STRIDE = 5  # poses between those that are compared: 0.5 s


def cluster_futures(
    bank: HumanFutures, size: int, *, rng: np.random.Generator, rounds: int = 12
) -> HumanFutures:
    """Choose ``size`` futures that stand for all of ``bank`` (k-means, then the member nearest each mean).

    Every entry is a trajectory that was driven, never an average of several. Fewer than ``size`` come back
    where clusters share their nearest member.

    Args:
        bank: ``M`` futures from any source of logs.
        size: Number of clusters, at most ``M``.
        rng: Generator that the first means are drawn with, which are members.
        rounds: Number of rounds of Lloyd's iteration.

    Raises:
        ArgumentError: ``size`` is not between 1 and ``M``.
    """
    from scipy.cluster.vq import kmeans2  # takes a while to import, and most vocabularies are kept on disk
    from scipy.spatial import cKDTree

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


def spread_rows(vocabulary: HumanFutures, count: int) -> NDArray[np.int64]:
    """Rows ``[count]``, ascending, of trajectories that lie far from each other: farthest-point sampling.

    The first is the one nearest the mean, each further one the farthest from all before it; so a smaller count gives
    some of the rows of a larger one, and the whole size gives all.

    Raises:
        ArgumentError: ``count`` is not between 1 and the size of the vocabulary.
    """
    if not 1 <= count <= len(vocabulary):
        raise ArgumentError(f"{count} trajectories of a vocabulary of {len(vocabulary)}, expected 1 to that.")
    if count == len(vocabulary):
        return np.arange(count)
    features = _features(vocabulary.poses)
    gaps = _squared_gaps(features, features.mean(0))
    chosen, gaps = [int(gaps.argmin())], np.full(len(features), np.inf)
    while len(chosen) < count:
        gaps = np.minimum(gaps, _squared_gaps(features, features[chosen[-1]]))
        gaps[chosen[-1]] = -1.0  # or a double of it would let it come again
        chosen.append(int(gaps.argmax()))
    return np.sort(np.array(chosen))


def _squared_gaps(features: Array, place: Array) -> Array:
    gaps = features - place
    return np.einsum("nk,nk->n", gaps, gaps)


def _features(poses: Array) -> Array:
    sampled = poses[:, _STRIDE - 1 :: _STRIDE]
    return (sampled * np.array([1.0, 1.0, LEVER])).reshape(len(poses), -1)


def load_vocabulary(path: Path) -> HumanFutures:
    """A vocabulary from a file: ``[V, 40, 3]`` x, y [m], heading [rad] at 0.1 .. 4.0 s in the ego frame (.npy).

    GTRS' ``8192.npy`` and ``16384.npy`` are such files.

    Raises:
        DataError: It is something else.
    """
    expected = f"a .npy array [V, {HORIZON_STEPS}, 3] of x, y [m], heading [rad] in the ego frame"
    try:
        array = read_npy(path, _MOST_BYTES)
    except DataError as error:
        raise DataError(path, found=error.found, expected=expected) from error
    if array.dtype.kind != "f":
        raise DataError(path, found=f"{array.dtype} numbers", expected=f"{expected}, of floating point")
    if array.ndim != 3 or array.shape[1:] != (HORIZON_STEPS, 3) or not 1 <= len(array) <= _MOST:
        raise DataError(path, found=f"shape {array.shape}", expected=f"{expected}, V 1 to {_MOST}")
    poses = np.array(array, float)
    bad = ~np.isfinite(poses).all((1, 2))
    if bad.any():
        raise DataError(
            path, field=f"row {int(bad.argmax())}", found="NaN or infinity", expected="finite numbers"
        )
    _check_units(path, poses)
    return HumanFutures(poses, poses[:, 0, :2] / DT)


def _check_units(path: Path, poses: Array) -> None:
    far, turned = np.abs(poses[..., :2]).max(), np.abs(poses[..., 2]).max()
    if turned > 2.0 * np.pi:
        raise DataError(
            path, field="heading", found=f"{turned:.1f}", expected="radians, less than a full turn"
        )
    if far > _FARTHEST:
        raise DataError(
            path,
            field="x, y",
            found=f"{far:.0f} m from the start within 4 s",
            expected=f"less than {_FARTHEST:.0f} m",
            hint="Trajectories start at the origin of the ego frame, x forward.",
        )
