"""The trajectories that a discrete action chooses from."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.envs.actions import ActionType, AnchorAction, ControlAction, TrajectoryAction
from simscale_gym.envs.curvature_action import CurvatureAction
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import cluster_futures, load_vocabulary

Array = NDArray[np.float64]

ACTIONS = ("control", "curvature", "trajectory", "anchor")
MOST_ANCHORS = 4096
"""More are not clustered; a file may hold more."""


def make_action_type(name: str, anchors: int | str | Path, bank: Callable[[], HumanFutures]) -> ActionType:
    """The action type called ``name``.

    Args:
        name: One of :data:`ACTIONS`.
        anchors: Number of anchors of "anchor", or a vocabulary file
            (:func:`simscale_gym.perturbation.load_vocabulary`).
        bank: Gives the human futures to cluster anchors from, when they are first needed.

    Raises:
        ArgumentError: There is no such type, or no such number of anchors.
        DataError: The file is no vocabulary.
    """
    if name not in ACTIONS:
        raise ArgumentError(f"action: {name!r}, expected one of {', '.join(ACTIONS)}.")
    if name == "control":
        return ControlAction()
    if name == "curvature":
        return CurvatureAction()
    if name == "trajectory":
        return TrajectoryAction()
    if isinstance(anchors, str | Path):
        poses = load_vocabulary(Path(anchors)).poses
        return AnchorAction(len(poses), lambda: poses)
    if (
        not isinstance(anchors, Integral)
        or isinstance(anchors, bool)
        or not 2 <= int(anchors) <= MOST_ANCHORS
    ):
        raise ArgumentError(
            f"anchors: {anchors!r}, expected 2 to {MOST_ANCHORS}, or the path of a .npy file."
        )
    return AnchorAction(int(anchors), lambda: cluster_anchors(bank(), int(anchors)))


def cluster_anchors(bank: HumanFutures, count: int) -> Array:
    """``[count, 40, 3]`` futures of ``bank``: one near the middle of each of its clusters.

    Where clusters share a future, the gaps are filled with those that are farthest from all taken so far. The same
    bank gives the same anchors in the same order.

    Raises:
        ArgumentError: The bank has fewer than ``count`` that differ.
    """
    if count > len(bank):
        raise ArgumentError(f"anchors: {count}, expected at most {len(bank)}, the futures in the bank.")
    taken = cluster_futures(bank, count, rng=np.random.default_rng(0)).poses
    missing = count - len(taken)
    if missing:
        from scipy.spatial.distance import cdist  # takes a while to import

        everything = _places(bank.poses)
        away = cdist(everything, _places(taken)).min(1)
        more = []
        for _ in range(missing):
            more.append(int(away.argmax()))
            if away[more[-1]] == 0.0:
                raise ArgumentError(
                    f"anchors: {count}, expected fewer: the bank's futures repeat themselves."
                )
            away = np.minimum(away, cdist(everything, everything[more[-1:]])[:, 0])
        taken = np.concatenate([taken, bank.poses[more]])
    return taken


def _places(poses: Array) -> Array:
    return poses[:, PLAN_STRIDE - 1 :: PLAN_STRIDE, :2].reshape(len(poses), -1)
