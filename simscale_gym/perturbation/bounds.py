"""Bounds of the place at which a trajectory of the vocabulary ends, relative to the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se2
from simscale_gym.perturbation.vocabulary import LEVER

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Bounds of an ego's end pose in the frame of the logged pose; SimScale's (arXiv 2511.23369, supplement).

    Attributes:
        longitudinal: Largest offset of the end pose along the logged one's heading [m].
        lateral: Largest offset across it [m].
        heading: Largest turn against it [rad].
        minimum: Smallest of (offset [m] + 5 m/rad times turn): nearer the log is no perturbation. Ours: where the ego
            waits, what would be left are copies of the log.
    """

    longitudinal: float = 20.0
    lateral: float = 2.0
    heading: float = float(np.radians(20.0))
    minimum: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0.0:
                raise ArgumentError(f"Bounds.{name}: {value}, expected 0 or more.")


def vocabulary_plans(pose: Array, vocabulary: HumanFutures) -> Array:
    """``[V, 41, 3]`` the vocabulary as driven from ``pose [3]``, which comes first; scene frame."""
    poses = se2.poses_to_world(pose, vocabulary.poses.reshape(-1, 3)).reshape(vocabulary.poses.shape)
    return np.concatenate([np.broadcast_to(pose, (len(poses), 1, 3)), poses], axis=1)


def end_offsets(ends: Array, logged: Array) -> Array:
    """``[P, 3]`` along, across [m] and turn [rad] of end poses ``[P, 3]`` in the frame of the logged pose ``[3]``."""
    return se2.poses_to_local(logged, ends)


def bound_broken(offsets: Array, bounds: Bounds) -> NDArray[np.str_]:
    """``[P]`` the bound that offsets ``[P, 3]`` break first: longitudinal, lateral, heading, minimum; "" for none."""
    x, y, turn = np.abs(offsets).T
    broken = [
        x > bounds.longitudinal,
        y > bounds.lateral,
        turn > bounds.heading,
        np.hypot(x, y) + LEVER * turn < bounds.minimum,
    ]
    return np.select(broken, ["longitudinal", "lateral", "heading", "minimum"], "")
