"""The regression planner with a mixture head: a few plans with their probabilities, learned by likelihood.

A mixture density network (Bishop 1994) with Laplace components, whose logarithm is the absolute error that the
regression planner descends, as motion forecasts have them (MultiPath, HiVT, QCNet). All else is the regression planner,
so that what differs is the head alone. Nothing forces a winner: the likelihood shares each label out among the modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.planners.backbone import Backbone, BackboneConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import POSES, Batch, Outputs, PlanHead, Planner

_LEAST = 0.05  # [m, rad] of a scale, so that a label that is met exactly does not outweigh all others


@dataclass(frozen=True)
class MixtureConfig:
    """Size of a :class:`MixturePlanner`.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        modes: Components of the mixture; forecasts of traffic usually have six.
        likelihood_weight: Of its loss.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    modes: int = 6
    likelihood_weight: float = 10.0


class MixturePlanner(Planner):
    """As many modes as its mixture has components; it drives the likeliest."""

    imitation_terms = frozenset({"likelihood"})

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, config.modes)
        self.head = PlanHead(attention.width, attention.hidden)
        self.scale = nn.Linear(attention.width, POSES * 3)
        self.mode = nn.Linear(attention.width, 1)

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan`` of the likeliest mode, ``plans`` and ``scales`` ``[B, K, 8, 3]``, ``logits`` ``[B, K]``, and more.

        What there is more is the backbone's.
        """
        seen = self.backbone(pictures, status)
        plans, logits = self.head(seen.plans), self.mode(seen.plans)[..., 0]
        scales = _LEAST + functional.softplus(self.scale(seen.plans)).unflatten(-1, (POSES, 3))
        best = logits.argmax(1)
        plan = plans[torch.arange(len(best), device=best.device), best]
        return {"plan": plan, "plans": plans, "scales": scales, "logits": logits, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``likelihood``, negative, its logarithm by coordinate of a plan; and those of its backbone."""
        scales = outputs["scales"]
        off = (outputs["plans"] - batch["target"][:, None]).abs()
        each = -(off / scales + scales.log() + math.log(2.0)).sum((2, 3))
        whole = (outputs["logits"].log_softmax(1) + each).logsumexp(1) / (POSES * 3)
        return {
            "likelihood": -self.config.likelihood_weight * whole,
            **self.backbone.losses(outputs, batch),
        }
