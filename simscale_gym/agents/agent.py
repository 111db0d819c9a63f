"""Who drives from what is observed: the protocol that a planner or a policy keeps, and what it is told first.

An agent sees observations and nothing of the scene behind them; an :class:`~simscale_gym.agents.expert.Expert` sees
all. :class:`ExpertAgent` puts an expert at the wheel, and is shown the world for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE, Expert
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.scene import Camera, Scene, Vehicle
from simscale_gym.sim import SimState, TrafficModel, plan_to_poses

if TYPE_CHECKING:
    from gymnasium import spaces

Array = NDArray[np.float64]
Observation = Mapping[str, NDArray]

PLAN_SHAPES = ((HORIZON_STEPS // PLAN_STRIDE, 3), (HORIZON_STEPS, 3))
"""Shapes of a plan: poses at 0.5 .. 4.0 s, or at 0.1 .. 4.0 s."""


@dataclass(frozen=True, eq=False)
class AgentContext:
    """What an agent is told when an episode begins: of the vehicle that it drives, nothing of where it drives.

    Attributes:
        vehicle: Dimensions of the ego.
        cameras: Observed cameras by the name of their entry in the observation, in its order: mounting, and intrinsics
            of the pictures as observed (without distortion).
        observation_space: The environment's observation space: the shapes of all entries.
        action_space: The environment's action space.
        action: What its actions are: "control", "curvature", "trajectory" or "anchor".
        period: Time between two observations [s].
    """

    vehicle: Vehicle
    cameras: Mapping[str, Camera]
    observation_space: spaces.Dict
    action_space: spaces.Space
    action: str
    period: float

    __repr__ = one_line


class Agent(Protocol):
    """Drives the ego by what it observes."""

    def reset(self, context: AgentContext) -> None:
        """Be ready for an episode; forget the last one."""

    def act(self, observation: Observation) -> NDArray:
        """What to do next.

        Returns:
            A plan, ``[8, 3]`` x, y [m], heading [rad] at 0.5 .. 4.0 s or ``[40, 3]`` at 0.1 .. 4.0 s in the ego
            frame, which any environment can follow; or an action of the environment's action space.
        """


class World(Protocol):
    """What an expert at the wheel looks at; ``env.unwrapped`` is one."""

    @property
    def scene(self) -> Scene:
        """The scene that is being driven."""

    @property
    def sim_state(self) -> SimState:
        """The present state of the simulation."""

    @property
    def traffic(self) -> TrafficModel:
        """The traffic model that moves the others."""


class ExpertAgent:
    """An expert at the wheel. It disregards observations: with ``LogExpert`` it is the log driver.

    Args:
        expert: Expert that gives the plans.
        world: World that it may look into: the environment that is driven.
    """

    def __init__(self, expert: Expert, world: World) -> None:
        self.expert, self._world = expert, world

    def reset(self, context: AgentContext) -> None:
        """Nothing to be remembered."""

    def act(self, observation: Observation) -> Array:
        """``[40, 3]`` the expert's plan, whether it vouches for it or not."""
        world = self._world
        return self.expert.plan(world.scene, world.sim_state, world.traffic).poses


def is_plan(answer: NDArray) -> bool:
    """Whether what :meth:`Agent.act` gave is a plan, by its shape."""
    return np.shape(answer) in PLAN_SHAPES


def dense_plan(plan: NDArray) -> Array:
    """``[40, 3]`` poses at 0.1 .. 4.0 s of a plan of either shape, in the same frame.

    Raises:
        ArgumentError: It has no such shape, or is not finite.
    """
    poses = np.asarray(plan, float)
    if not is_plan(poses):
        raise ArgumentError(
            f"plan: shape {poses.shape}, expected [8, 3] (x, y, heading at 0.5 .. 4.0 s) or [40, 3] (at 0.1 .. 4.0 s)."
        )
    if not np.isfinite(poses).all():
        raise ArgumentError(f"plan: {poses.tolist()} is not finite; check the planner's output for NaN.")
    return poses if len(poses) == HORIZON_STEPS else plan_to_poses(np.zeros(3), poses)[1:]
