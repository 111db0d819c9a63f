"""The regression planner: one plan, absolute errors. The essence of LTF, SimScale's smallest planner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from simscale_gym.planners.backbone import Backbone, BackboneConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner, imitation_loss


@dataclass(frozen=True)
class RegressionConfig:
    """Size of a :class:`RegressionPlanner`.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        trajectory_weight: Weight of the loss of its plan: LTF's in NAVSIM.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    trajectory_weight: float = 10.0


class RegressionPlanner(Planner):
    """A single mode: where labels disagree, its plan lies between them."""

    imitation_terms = frozenset({"trajectory"})
    modes: ClassVar[int] = 1

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, self.modes)
        self.head = PlanHead(attention.width, attention.hidden)

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``, and what its backbone gives."""
        seen = self.backbone(pictures, status)
        return {"plan": self.head(seen.plans[:, 0]), **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, and those of its backbone."""
        off = self.config.trajectory_weight * imitation_loss(outputs["plan"], batch["target"])
        return {"trajectory": off, **self.backbone.losses(outputs, batch)}
