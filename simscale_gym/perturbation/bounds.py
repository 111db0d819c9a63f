"""How far from its log a trajectory of the vocabulary ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.geometry import se2
from simscale_gym.perturbation.config import PerturbConfig

Array = NDArray[np.float64]

_LEVER = 5.0  # [m/rad] as in the vocabulary


def vocabulary_plans(pose: Array, vocabulary: HumanFutures) -> Array:
    """``[V, 41, 3]`` the vocabulary as driven from ``pose [3]``, which comes first; scene frame."""
    poses = se2.poses_to_world(pose, vocabulary.poses.reshape(-1, 3)).reshape(vocabulary.poses.shape)
    return np.concatenate([np.broadcast_to(pose, (len(poses), 1, 3)), poses], axis=1)


def end_offsets(ends: Array, logged: Array) -> Array:
    """``[P, 3]`` along, across [m] and turn [rad] of end poses ``[P, 3]`` in the frame of the logged pose ``[3]``."""
    return se2.poses_to_local(logged, ends)


def bound_broken(offsets: Array, config: PerturbConfig) -> NDArray[np.str_]:
    """``[P]`` the bound that offsets ``[P, 3]`` break first: longitudinal, lateral, heading, minimum; "" for none."""
    x, y, turn = np.abs(offsets).T
    broken = [
        x > config.longitudinal,
        y > config.lateral,
        turn > config.heading,
        np.hypot(x, y) + _LEVER * turn < config.minimum,
    ]
    return np.select(broken, ["longitudinal", "lateral", "heading", "minimum"], "")
