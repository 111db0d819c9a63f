"""Traffic of drivers who differ: timid and assertive ones, and some who do what they did while nobody disturbs them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.reactive.crowd_batch import CrowdBatch
from simscale_gym.agents.reactive.idm import IDMConfig
from simscale_gym.agents.reactive.stepping import (
    reactive_controllers,
    reactive_world,
    start_reactive,
    step_reactive,
)
from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew
from simscale_gym.scene import Scene
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MixedConfig:
    """Settings of drivers who differ. Ranges are (most assertive, most timid); one draw per driver: traits go together.

    Attributes:
        log_share: Share of the vehicles that drive as logged until somebody is in their way, then by IDM.
        headway: Time gap [s].
        min_gap: Standing distance to the vehicle ahead [m].
        acceleration: Largest acceleration [m/s^2].
        speed_factor: Speed aimed at, as a share of the speed limit.
        scatter: Standard deviation of each trait around the driver's temper, as a share of its range.
        seed: Other seeds give the same scene other drivers.
        idm: What all drivers have in common.
    """

    log_share: float = 0.3
    headway: tuple[float, float] = (1.0, 2.2)
    min_gap: tuple[float, float] = (1.0, 2.5)
    acceleration: tuple[float, float] = (2.0, 0.8)
    speed_factor: tuple[float, float] = (1.15, 0.85)
    scatter: float = 0.1
    seed: int = 0
    idm: IDMConfig = field(default_factory=IDMConfig)

    def __post_init__(self) -> None:
        if not 0.0 <= self.log_share <= 1.0:
            raise ArgumentError(f"log_share is {self.log_share}, expected a share from 0 to 1.")
        for name in ("headway", "min_gap", "acceleration", "speed_factor"):
            if len(getattr(self, name)) != 2 or not min(getattr(self, name)) > 0.0:
                raise ArgumentError(f"{name} is {getattr(self, name)}, expected two numbers above 0.")
        if self.scatter < 0.0:
            raise ArgumentError(f"scatter is {self.scatter}, expected 0 or more.")

    def drivers(self, ids: tuple[str, ...]) -> tuple[Array, NDArray[np.bool_]]:
        """Traits ``[N, 4]`` (:mod:`simscale_gym.agents.reactive.idm_kernel`); who replays its log ``[N]``."""
        ranges = np.array([self.speed_factor, self.min_gap, self.headway, self.acceleration])
        traits, replays = np.empty((len(ids), 4)), np.empty(len(ids), bool)
        for row, track_id in enumerate(ids):
            rng = np.random.default_rng([zlib.crc32(track_id.encode()), self.seed])
            replays[row] = rng.random() < self.log_share
            temper = np.clip(rng.random() + self.scatter * rng.standard_normal(4), 0.0, 1.0)
            traits[row] = ranges[:, 0] + temper * (ranges[:, 1] - ranges[:, 0])
        return traits, replays


@dataclass(frozen=True)
class MixedTraffic:
    """A :class:`simscale_gym.sim.TrafficModel` with a driver of its own for each track, drawn from the track's id.

    The same scene and seed have the same drivers. Memory as :class:`simscale_gym.agents.reactive.idm.IDMTraffic`'s.
    """

    reacts: ClassVar[bool] = True
    config: MixedConfig = field(default_factory=MixedConfig)

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``; each is told how it will move from here."""
        return start_reactive(scene, frame, self.config)

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """Everybody sees everybody, and the ego, at ``frame``, and moves to ``frame + 1``."""
        return step_reactive(scene, frame, ego, traffic, self.config, self.config.idm)

    def batch(self, count: int, crew: Crew) -> CrowdBatch:
        """The others of ``count`` environments, see :class:`simscale_gym.sim.TrafficBatch`."""
        config, idm = self.config, self.config.idm
        return CrowdBatch(
            count, crew, lambda scene: reactive_world(scene, config), idm.driver, idm.leave_distance
        )

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """The name of each track's controller, see :func:`reactive_controllers`; ``log`` for who does what it did."""
        return reactive_controllers(scene, traffic)
