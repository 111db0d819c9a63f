"""Traffic that keeps on: straight ahead at the speed that it was met with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.log_replay import all_driven_by, logged_traffic
from simscale_gym.scene import DT, Scene
from simscale_gym.sim.state import Controller, TrafficState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ConstantVelocity:
    """A :class:`simscale_gym.sim.TrafficModel` with those present at the start only. Has no memory."""

    reacts: ClassVar[bool] = False

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``."""
        return logged_traffic(scene, frame)

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """Everybody one step further along its velocity; headings stay."""
        poses = traffic.poses.copy()
        poses[:, :2] += traffic.velocities * DT
        return replace(traffic, poses=poses)

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """Controller of each track ``[N]``: ``CONSTANT_VELOCITY`` where it is present."""
        return all_driven_by(Controller.CONSTANT_VELOCITY, traffic)
