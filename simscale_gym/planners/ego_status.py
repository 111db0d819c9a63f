"""A planner without eyes: the control that shows how much of a score comes from the status alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner, StatusToken, imitation_loss


@dataclass(frozen=True)
class EgoStatusConfig:
    """Size of an :class:`EgoStatusPlanner`.

    Attributes:
        inputs: Pictures that it is shown and does not look at.
        width: Width of its hidden layers; NAVSIM's EgoStatusMLP has 512.
        trajectory_weight: Weight of its one loss.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    width: int = 512
    trajectory_weight: float = 10.0


class EgoStatusPlanner(Planner):
    """Command, velocity and acceleration to a plan, as NAVSIM's EgoStatusMLP."""

    imitation_terms = frozenset({"trajectory"})

    def __init__(self, config: EgoStatusConfig) -> None:
        super().__init__()
        self.config = config
        self.status = StatusToken(config.width)
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(config.width, config.width), nn.ReLU())
        self.head = PlanHead(config.width, config.width)

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """The plan alone."""
        return {"plan": self.head(self.body(self.status(status)))}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Its one loss."""
        return {
            "trajectory": self.config.trajectory_weight * imitation_loss(outputs["plan"], batch["target"])
        }
