"""A trained planner at the wheel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from simscale_gym.agents.agent import AgentContext, Observation
from simscale_gym.planners.inputs import check_cameras, observed_inputs
from simscale_gym.planners.planner import Planner


class PlannerAgent:
    """Drives by a planner's plans, as :class:`simscale_gym.agents.Agent`.

    Args:
        planner: The planner; it is put into its mode of use, and stays on the device that it is on.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner.eval()
        self._device = next(planner.parameters()).device

    def reset(self, context: AgentContext) -> None:
        """Nothing to be remembered.

        Raises:
            ArgumentError: The environment shows other pictures than the planner was trained on.
        """
        check_cameras(self.planner.inputs, context)

    @torch.inference_mode()
    def act(self, observation: Observation) -> NDArray[np.float64]:
        """``[8, 3]`` the planner's plan."""
        inputs = observed_inputs(observation, self.planner.inputs)
        pictures, status = (torch.from_numpy(value)[None].to(self._device) for value in inputs)
        return self.planner(pictures, status)["plan"][0].double().cpu().numpy()
