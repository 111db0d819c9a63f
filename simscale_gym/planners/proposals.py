"""The proposals planner: many plans, of which the nearest to the label learns, and a scorer that says which to take.

Winner takes all over learned queries, as newer leaders of NAVSIM do it (DrivoR, RAP): labels that disagree go to
different proposals instead of being averaged. As theirs, its scorer estimates what EPDMS would say; it learns that from
the scores of the data sets' vocabulary, as GTRS' does, and judges by it plans that no vocabulary holds. Humans and
experts teach proposals of their own: where they share them, an expert's way to drive blurs the human's on the log
(docs/results.md), and it is the scorer's to say whose plan is better here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from simscale_gym.planners.backbone import Backbone, BackboneConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner, Teachers
from simscale_gym.planners.scorer import ScorerConfig, TrajectoryScorer


@dataclass(frozen=True)
class ProposalsConfig:
    """Size of a :class:`ProposalsPlanner`.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        scorer: How it judges.
        proposals: Number of its plans for each kind of label, recorded and simulated.
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
    """As many modes as it has proposals of those teachers that it had."""

    imitation_terms = frozenset({"trajectory", "imitation"})
    calibrates = True

    def __init__(self, config: ProposalsConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, 2 * config.proposals)
        self.head = PlanHead(attention.width, attention.hidden)
        self.scorer = TrajectoryScorer(attention, config.scorer)
        simulated = torch.arange(2 * config.proposals) >= config.proposals
        self.register_buffer("of_simulated", simulated, persistent=False)
        self.register_buffer("taught", torch.ones_like(simulated))

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def check_vocabulary(self, count: int) -> None:
        """See :meth:`TrajectoryScorer.check_vocabulary`."""
        self.scorer.check_vocabulary(count)

    def meet(self, targets: Tensor, vocabulary: Tensor, teachers: Teachers = (True, True)) -> None:
        """The vocabulary is the data sets'; proposals that no one teaches are never taken."""
        self.scorer.meet(vocabulary)
        recorded, simulated = teachers
        self.taught.copy_(torch.where(self.of_simulated, simulated, recorded))

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``, the best of the ``proposals`` ``[B, P, 8, 3]``, and what the backbone gives.

        Also ``rows`` ``[R]`` of the vocabulary that were judged, and their logits ``[B, R]`` of each of its heads.
        """
        seen = self.backbone(pictures, status)
        proposals, rows = self.head(seen.plans), self.scorer.rows()
        logits = self.scorer(self.scorer.poses(rows), seen.grid, seen.told)
        drivable = proposals[
            :, self.taught
        ].detach()  # what is to be thought of them is learned from the vocabulary
        best = self.scorer.best(self.scorer(drivable, seen.grid, seen.told))
        plan = drivable[torch.arange(len(best), device=best.device), best]
        return {"plan": plan, "proposals": proposals, "rows": rows, **logits, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, those of its scorer, and those of its backbone."""
        config = self.config
        own = batch["is_sim"][:, None] == self.of_simulated
        off = (outputs["proposals"] - batch["target"][:, None]).abs().mean((2, 3))
        nearest, all_own = off.masked_fill(~own, torch.inf).amin(1), (off * own).sum(1) / config.proposals
        trajectory = (1.0 - config.losers) * nearest + config.losers * all_own
        return {
            "trajectory": config.trajectory_weight * trajectory,
            **self.scorer.losses(outputs["rows"], outputs, batch),
            **self.backbone.losses(outputs, batch),
        }

    def calibrate(self, outputs: Outputs, batch: Batch) -> None:
        """See :meth:`TrajectoryScorer.calibrate`."""
        self.scorer.calibrate(outputs, batch)
