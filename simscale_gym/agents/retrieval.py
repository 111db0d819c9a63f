"""The bank of human futures as a search tree: who drove like this, and how unlike all of them a plan is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HumanFutures

Array = NDArray[np.float64]

WEIGHTS = 1.0, 1.0, 1.0, 2.0, 5.0
"""Weights of start vx, vy [1/(m/s)], end x, y [1/m] and end heading [1/rad]; the recovery expert's."""


class Retrieval:
    """Searches a bank.

    Args:
        bank: ``M`` human futures.
    """

    def __init__(self, bank: HumanFutures) -> None:
        self.bank = bank
        self._ends = cKDTree(np.concatenate([bank.velocities, bank.poses[:, -1]], 1) * np.array(WEIGHTS))
        self._ways = cKDTree(_sampled(bank.poses))

    def nearest(self, velocity: Array, targets: Array, count: int) -> NDArray[np.int64]:
        """Rows ``[K, count]`` of the futures nearest to each target, nearest first.

        Args:
            velocity: ``[2]`` velocity of the ego in its own frame [m/s].
            targets: ``[K, 3]`` end poses in the ego's frame.
            count: Number ``K`` of futures for each target, at most ``M``.
        """
        queries = np.concatenate([np.broadcast_to(velocity, (len(targets), 2)), targets], 1)
        _, rows = self._ends.query(queries * np.array(WEIGHTS), k=count, p=1)
        return np.asarray(rows, np.int64).reshape(len(targets), count)

    def distances(self, poses: Array) -> Array:
        """Distances ``[P]`` of plans ``[P, 40, 3]`` in the ego's frame to the most similar human future.

        Mean over the eight poses at 0.5 .. 4.0 s of the L1 distance of their places [m].
        """
        distance, _ = self._ways.query(_sampled(poses), p=1)
        return np.asarray(distance) / (poses.shape[1] // PLAN_STRIDE)


def _sampled(poses: Array) -> Array:
    return poses[:, PLAN_STRIDE - 1 :: PLAN_STRIDE, :2].reshape(len(poses), -1)
