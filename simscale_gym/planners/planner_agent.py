"""A trained planner at the wheel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from simscale_gym.agents.agent import AgentContext, Observation
from simscale_gym.planners.inputs import check_cameras, observed_inputs
from simscale_gym.planners.planner import Planner

_TOGETHER = 32  # observations of a batch


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

    def act(self, observation: Observation) -> NDArray[np.float64]:
        """``[8, 3]`` the planner's plan."""
        return self._plans([observation])[0]

    def act_all(self, observations: Sequence[Observation]) -> NDArray[np.float64]:
        """``[N, 8, 3]`` plans for observations that have nothing to do with each other."""
        batches = (
            observations[first : first + _TOGETHER] for first in range(0, len(observations), _TOGETHER)
        )
        return np.concatenate([self._plans(batch) for batch in batches])

    @torch.inference_mode()
    def _plans(self, observations: Sequence[Observation]) -> NDArray[np.float64]:
        inputs = [observed_inputs(observation, self.planner.inputs) for observation in observations]
        stacked = (np.stack(values) for values in zip(*inputs, strict=True))
        pictures, status = (torch.from_numpy(values).to(self._device) for values in stacked)
        return self.planner(pictures, status)["plan"].double().cpu().numpy()
