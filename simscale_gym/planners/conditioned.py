"""The regression planner with a query for each kind of label: the human's on the log, an expert's beside it.

One mode averages labels that contradict each other. Here what is seen is learned from all samples, and how to drive of
each kind apart; it drives as the human does. SimScale leaves open what would keep its regression planner from falling
behind with more simulation; conditioning on who teaches is one of the ways.
"""

from __future__ import annotations

import torch
from torch import Tensor

from simscale_gym.planners.planner import Batch, Outputs, imitation_loss
from simscale_gym.planners.regression import RegressionPlanner


class ConditionedPlanner(RegressionPlanner):
    """A mode for each kind of label, recorded and simulated."""

    modes = 2

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan`` as a human's, ``plans`` ``[B, 2, 8, 3]`` as a human's and an expert's, and the backbone's."""
        seen = self.backbone(pictures, status)
        plans = self.head(seen.plans)
        return {"plan": plans[:, 0], "plans": plans, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory`` of the plan whose teacher gave the label, and those of its backbone."""
        plans = outputs["plans"]
        taught = plans[torch.arange(len(plans), device=plans.device), batch["is_sim"].long()]
        off = self.config.trajectory_weight * imitation_loss(taught, batch["target"])
        return {"trajectory": off, **self.backbone.losses(outputs, batch)}
