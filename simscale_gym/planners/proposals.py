"""The proposals planner: many plans, of which the nearest to the label learns, and a head that says which to take.

Winner takes all over learned queries with a score head, as newer leaders of NAVSIM do it (DrivoR, RAP): labels that
disagree go to different proposals instead of being averaged. Here the score head learns which proposal came nearest to
the label, softly, from the planner's own distances, so it needs no scores of a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from simscale_gym.planners.backbone import Backbone, BackboneConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner


@dataclass(frozen=True)
class ProposalsConfig:
    """Size of a :class:`ProposalsPlanner`.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        proposals: Number of its plans.
        softness: Distance between plans over which the score head's target falls to 1/e [m].
        losers: Share of the loss that all proposals have; the nearest one has the rest. A little of it keeps those
            alive that never win.
        trajectory_weight, score_weight: Of the losses.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    proposals: int = 16
    softness: float = 0.5
    losers: float = 0.05
    trajectory_weight: float = 10.0
    score_weight: float = 1.0


class ProposalsPlanner(Planner):
    """As many modes as it has proposals."""

    imitation_terms = frozenset({"trajectory", "score"})

    def __init__(self, config: ProposalsConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, config.proposals)
        self.head = PlanHead(attention.width, attention.hidden)
        self.score = nn.Sequential(
            nn.Linear(attention.width, attention.hidden), nn.ReLU(), nn.Linear(attention.hidden, 1)
        )

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan`` of the highest score, ``proposals`` ``[B, P, 8, 3]``, ``scores`` ``[B, P]``, and the backbone's."""
        seen = self.backbone(pictures, status)
        proposals, scores = self.head(seen.plans), self.score(seen.plans)[..., 0]
        best = scores.argmax(1)
        plan = proposals[torch.arange(len(best), device=best.device), best]
        return {"plan": plan, "proposals": proposals, "scores": scores, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, ``score``, and those of its backbone."""
        config = self.config
        off = (outputs["proposals"] - batch["target"][:, None]).abs().mean((2, 3))
        trajectory = (1.0 - config.losers) * off.amin(1) + config.losers * off.mean(1)
        wanted = torch.softmax(-_distance(outputs["proposals"], batch["target"]) / config.softness, 1)
        score = -(wanted * outputs["scores"].log_softmax(1)).sum(1)
        return {
            "trajectory": config.trajectory_weight * trajectory,
            "score": config.score_weight * score,
            **self.backbone.losses(outputs, batch),
        }


def _distance(proposals: Tensor, target: Tensor) -> Tensor:
    """Mean distance ``[B, P]`` of proposals from targets ``[B, 8, 3]`` [m]; nothing is learned through it."""
    return (proposals.detach() - target[:, None])[..., :2].norm(dim=-1).mean(-1)
