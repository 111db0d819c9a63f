"""Reactive traffic: the Intelligent Driver Model along the lane graph, with lights and right of way.

The parameters are nuPlan's (idm_agents_observation.yaml). The mechanics differ where nuPlan's or NAVSIM's would
show in a picture or in a score: vehicles go on over the ends of lanes, glide onto their centreline, see the ego
where it is, slow for curves, give way in junctions, and brake harder than comfortable before they collide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.reactive import idm_kernel as kernel
from simscale_gym.agents.reactive.crowd_batch import CrowdBatch
from simscale_gym.agents.reactive.stepping import (
    reactive_controllers,
    reactive_world,
    start_reactive,
    step_reactive,
)
from simscale_gym.kernels import Crew
from simscale_gym.scene import Scene
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class IDMConfig:
    """Settings of drivers; the first five are those of nuPlan's agents.

    Attributes:
        target_speed: Target speed where the map has no speed limit [m/s].
        min_gap: Standing distance to the vehicle ahead [m].
        headway: Time gap [s].
        acceleration: Largest acceleration [m/s^2].
        deceleration: Comfortable braking [m/s^2].
        emergency_deceleration: Largest braking, used only where less would collide [m/s^2].
        lateral_acceleration: Largest lateral acceleration in curves [m/s^2].
        margin: Space kept on both sides of a vehicle's path [m].
        ego_sweep: The ego is seen where it will be up to this long from now [s].
        leave_distance: Beyond this from the ego a vehicle may vanish when its log has ended [m].
    """

    target_speed: float = 10.0
    min_gap: float = 1.0
    headway: float = 1.5
    acceleration: float = 1.0
    deceleration: float = 2.0
    emergency_deceleration: float = 6.0
    lateral_acceleration: float = 2.5
    margin: float = 0.2
    ego_sweep: float = 0.5
    leave_distance: float = 60.0

    @cached_property
    def driver(self) -> kernel.DriverParameters:
        """What the kernels take."""
        return kernel.DriverParameters(
            self.target_speed, self.min_gap, self.headway, self.acceleration, self.deceleration,
            self.emergency_deceleration, self.lateral_acceleration, self.margin, self.ego_sweep, 1.0,
        )  # fmt: skip

    def drivers(self, ids: tuple[str, ...]) -> tuple[Array, NDArray[np.bool_]]:
        """Traits ``[N, 4]`` of drivers who are all the same, and who replays its log ``[N]``: nobody."""
        traits = np.array([1.0, self.min_gap, self.headway, self.acceleration])
        return np.tile(traits, (len(ids), 1)), np.zeros(len(ids), bool)


def idm_acceleration(
    speed: Array, gap: Array, lead_speed: Array, *, target_speed: Array, config: IDMConfig | None = None,
    exponent: float = 4.0,
) -> Array:  # fmt: skip
    """The model as published (Treiber et al. 2000) and as in nuPlan, clipped to [-deceleration, acceleration].

    Args:
        speed: Own speed [m/s].
        gap: Distance from bumper to bumper [m]; at least ``config.min_gap`` is taken.
        lead_speed: Speed of the vehicle ahead [m/s].
        target_speed: Speed on a free road [m/s].
        config: Settings, of which the first five are used.
        exponent: 4 in nuPlan's agents, 10 in PDM.
    """
    config = config or IDMConfig()
    root = 2.0 * np.sqrt(config.acceleration * config.deceleration)
    wished = config.min_gap + speed * config.headway + speed * (speed - lead_speed) / root
    ratio = wished / np.maximum(gap, config.min_gap)
    value = config.acceleration * (1.0 - (speed / target_speed) ** exponent - ratio**2)
    return np.clip(value, -config.deceleration, config.acceleration)


@dataclass(frozen=True)
class IDMTraffic:
    """A :class:`simscale_gym.sim.TrafficModel`: vehicles by IDM, the rest along its log, reacting.

    Memory: kinds, routes, motion and walks of the tracks (:class:`simscale_gym.agents.reactive.crowd.Crowd`).
    """

    reacts: ClassVar[bool] = True
    config: IDMConfig = field(default_factory=IDMConfig)

    def start(self, scene: Scene, frame: int, ego: Array) -> TrafficState:
        """The others as logged at ``frame``; each is told how it will move from here."""
        return start_reactive(scene, frame, self.config)

    def step(self, scene: Scene, frame: int, ego: Array, traffic: TrafficState) -> TrafficState:
        """Everybody sees everybody, and the ego, at ``frame``, and moves to ``frame + 1``."""
        return step_reactive(scene, frame, ego, traffic, self.config, self.config)

    def batch(self, count: int, crew: Crew) -> CrowdBatch:
        """The others of ``count`` environments, see :class:`simscale_gym.sim.TrafficBatch`."""
        config = self.config
        return CrowdBatch(
            count, crew, lambda scene: reactive_world(scene, config), config.driver, config.leave_distance
        )

    def controllers(self, scene: Scene, traffic: TrafficState) -> NDArray[np.uint8]:
        """``idm``, ``yielding_log``, ``cyclist``, ``pedestrian`` or ``standing`` for each track that is there."""
        return reactive_controllers(scene, traffic)
