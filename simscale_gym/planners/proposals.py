"""The proposals planner: many plans, of which the nearest to the label learns, and a scorer that says which to take.

Winner takes all over learned queries, as newer leaders of NAVSIM do it (DrivoR, RAP): labels that disagree go to
different proposals instead of being averaged. As theirs, its scorer estimates what EPDMS would say; it learns that from
the scores of the data sets' vocabulary, as GTRS' does, and judges by it plans that no vocabulary holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from simscale_gym.planners.backbone import Backbone, BackboneConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner
from simscale_gym.planners.scorer import ScorerConfig, TrajectoryScorer


@dataclass(frozen=True)
class ProposalsConfig:
    """Size of a :class:`ProposalsPlanner`.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        scorer: How it judges.
        proposals: Number of its plans.
        losers: Share of the loss that all proposals have; the nearest one has the rest. A little of it keeps those
            alive that never win.
        trajectory_weight: Of the proposals' loss.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    scorer: ScorerConfig = field(default_factory=ScorerConfig)
    proposals: int = 16
    losers: float = 0.05
    trajectory_weight: float = 10.0


class ProposalsPlanner(Planner):
    """As many modes as it has proposals."""

    imitation_terms = frozenset({"trajectory", "imitation"})
    calibrates = True

    def __init__(self, config: ProposalsConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, config.proposals)
        self.head = PlanHead(attention.width, attention.hidden)
        self.scorer = TrajectoryScorer(attention, config.scorer)

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def check_vocabulary(self, count: int) -> None:
        """See :meth:`TrajectoryScorer.check_vocabulary`."""
        self.scorer.check_vocabulary(count)

    def meet(self, targets: Tensor, vocabulary: Tensor) -> None:
        """The vocabulary is the data sets'."""
        self.scorer.meet(vocabulary)

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``, the best of the ``proposals`` ``[B, P, 8, 3]``, and what the backbone gives.

        Also ``rows`` ``[R]`` of the vocabulary that were judged, and their logits ``[B, R]`` of each of its heads.
        """
        seen = self.backbone(pictures, status)
        proposals, rows = self.head(seen.plans), self.scorer.rows()
        logits = self.scorer(self.scorer.poses(rows), seen.grid, seen.told)
        with torch.no_grad():  # estimates are learned from the vocabulary, proposals from labels
            best = self.scorer.best(self.scorer(proposals, seen.grid, seen.told))
        plan = proposals[torch.arange(len(best), device=best.device), best]
        return {"plan": plan, "proposals": proposals, "rows": rows, **logits, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, those of its scorer, and those of its backbone."""
        config = self.config
        off = (outputs["proposals"] - batch["target"][:, None]).abs().mean((2, 3))
        trajectory = (1.0 - config.losers) * off.amin(1) + config.losers * off.mean(1)
        return {
            "trajectory": config.trajectory_weight * trajectory,
            **self.scorer.losses(outputs["rows"], outputs, batch),
            **self.backbone.losses(outputs, batch),
        }

    def calibrate(self, outputs: Outputs, batch: Batch) -> None:
        """See :meth:`TrajectoryScorer.calibrate`."""
        self.scorer.calibrate(outputs, batch)
