"""The least of all planners: straight on at the present speed. NAVSIM's floor for agents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import PLAN_SHAPES, AgentContext, Observation
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.scene import DT

Array = NDArray[np.float64]


class ConstantVelocityAgent:
    """Keeps speed and heading, as NAVSIM's ConstantVelocityAgent."""

    def reset(self, context: AgentContext) -> None:
        """Nothing to be remembered."""

    def act(self, observation: Observation) -> Array:
        """``[8, 3]`` straight ahead."""
        return constant_velocity_plan(float(np.hypot(*observation["ego"][:2])))


def constant_velocity_plan(speed: float) -> Array:
    """``[8, 3]`` straight ahead at ``speed`` [m/s]."""
    plan = np.zeros(PLAN_SHAPES[0])
    plan[:, 0] = speed * np.arange(1, len(plan) + 1) * PLAN_STRIDE * DT
    return plan
