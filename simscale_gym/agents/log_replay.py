"""Traffic that does what it did: the recorded tracks, deaf and blind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import Scene
from simscale_gym.sim.state import Controller, TrafficState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LogReplay:
    """A :class:`simscale_gym.sim.TrafficModel`; beyond the log's end nobody is there. Has no memory."""

    reacts: ClassVar[bool] = False

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``."""
        return logged_traffic(scene, frame)

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """The others as logged at ``frame + 1``."""
        return logged_traffic(scene, frame + 1)

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """Controller of each track ``[N]``: ``LOG`` where it is present."""
        return all_driven_by(Controller.LOG, traffic)


def logged_traffic(scene: Scene, frame: int) -> TrafficState:
    """The tracks at ``frame``; beyond the log's end at their last places, and not valid."""
    tracks, at = scene.tracks, min(frame, scene.num_frames - 1)
    valid = tracks.valid[:, at].copy() if frame < scene.num_frames else np.zeros(len(tracks), bool)
    return TrafficState(tracks.poses[:, at].copy(), tracks.velocities[:, at].copy(), valid)


def all_driven_by(controller: Controller, traffic: TrafficState) -> NDArray[np.uint8]:
    """``[N]`` the controller for each track that is there."""
    return traffic.valid * np.uint8(controller)
