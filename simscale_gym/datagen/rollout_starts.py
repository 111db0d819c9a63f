"""Where rollouts begin: at a numbered start off the log, or on it, as a state that an environment goes on from."""

from __future__ import annotations

import numpy as np

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.datagen.drives import logged_state
from simscale_gym.datagen.moments import EARLIEST
from simscale_gym.envs import Snapshot
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.episode import Start, start_off_log, start_on_log
from simscale_gym.perturbation import PerturbConfig, numbered_start
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel

STARTS = PerturbConfig()
"""What starts off the log there are."""


def rollout_start(
    scene: Scene, frame: int, number: int | None, vocabulary: HumanFutures, traffic: TrafficModel
) -> Start:
    """A start off the log, or on it where no perturbation was found.

    Args:
        scene: The scene.
        frame: Frame at which the log is left.
        number: Which of the ``STARTS.variety`` starts; None for the log itself.
        vocabulary: Trajectories to leave the log along.
        traffic: Traffic model that moves the others.
    """
    if number is None:
        return start_on_log(scene, traffic, frame)
    found = numbered_start(scene, number, range(frame, frame + 1), vocabulary, traffic, STARTS)
    return start_off_log(scene, traffic, found, STARTS)


def snapshot_at(scene: Scene, begin: Start, traffic: TrafficModel) -> Snapshot:
    """An episode that begins at ``begin``: what an environment of ``scene`` is reset to."""
    return Drive.begin(scene, begin, traffic, ()).snapshot(np.random.PCG64(0).state)


def log_before(scene: Scene, begin: Start) -> list[SimState]:
    """The log before ``begin``, where its own states do not reach back as far as a sample shows."""
    first = begin.states[0].frame
    missing = max(0, 1 - PLAN_STRIDE * EARLIEST - len(begin.states))
    return [logged_state(scene, frame) for frame in range(max(0, first - missing), first)]
