"""The diffusion planner: a few anchors, looked at with a little noise on them, and a cascade that moves them.

The essence of DiffusionDrive (Liao et al. 2025): truncated diffusion around anchors, points of plans that look at the
bird's-eye view where they lie, two layers with losses each, the time as scale and shift. The anchor nearest to the
label is its mode; whatever noise it got, its plan learns the label, and its logit to be the one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.planners.anchors import cluster_plans
from simscale_gym.planners.backbone import Backbone, BackboneConfig, Seen
from simscale_gym.planners.denoiser import Denoised, DenoisingLayer
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import POSES, Batch, Outputs, Planner, Teachers
from simscale_gym.planners.waves import WAVES, waves

_TIMES = 1000  # of the schedule of noise, of which the first few are used
_FOCUS, _BALANCE = 2.0, 0.25  # of the focal loss (Lin et al. 2017)
_MARGIN = 2.0  # [m] of room around the labels that were met


@dataclass(frozen=True)
class DiffusionConfig:
    """Size of a :class:`DiffusionPlanner`; numbers of the diffusion are DiffusionDrive's.

    Attributes:
        inputs: Pictures.
        backbone: What it sees with.
        anchors: Number of modes, one of which stands still.
        layers: Of the cascade.
        latest: Times of the schedule that are trained, from 0.
        begin: Time at which plans begin when it drives.
        trajectory_weight, mode_weight: Of the losses, all layers together.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    anchors: int = 20
    layers: int = 2
    latest: int = 50
    begin: int = 8
    trajectory_weight: float = 10.0
    mode_weight: float = 10.0


class DiffusionPlanner(Planner):
    """As many modes as it has anchors."""

    imitation_terms = frozenset({"trajectory", "mode"})

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config, attention = config, config.backbone.attention
        self.backbone = Backbone(config.inputs, config.backbone, 1)
        layers = (DenoisingLayer(attention, config.backbone.grid) for _ in range(config.layers))
        self.layers = nn.ModuleList(layers)
        self.time = nn.Linear(WAVES, attention.width)
        self.register_buffer("anchors", torch.zeros(config.anchors, POSES, 2))
        self.register_buffer("low", -torch.ones(2))
        self.register_buffer("high", torch.ones(2))
        fixed = torch.Generator().manual_seed(0)
        self.register_buffer("noise", torch.randn(config.anchors, POSES, 2, generator=fixed))
        betas = torch.linspace(1e-4**0.5, 2e-2**0.5, _TIMES).square()
        self.register_buffer("kept", torch.cumprod(1.0 - betas, 0), persistent=False)

    @property
    def map_stride(self) -> int:
        """See :class:`simscale_gym.planners.planner.Planner`."""
        return self.config.backbone.map_stride

    def meet(self, targets: Tensor, vocabulary: Tensor, teachers: Teachers = (True, True)) -> None:
        """Anchors are clusters of all labels, coordinates are scaled to their range."""
        places = targets[..., :2].flatten(0, 1).to(self.low)
        self.anchors.copy_(cluster_plans(targets.to(self.anchors), self.config.anchors))
        self.low.copy_(places.amin(0) - _MARGIN)
        self.high.copy_(places.amax(0) + _MARGIN)

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan`` of the likeliest mode; ``plans`` ``[B, L, A, 8, 3]`` and ``logits`` ``[B, L, A]`` of each layer."""
        seen = self.backbone(pictures, status)
        denoised = self._trained(seen, len(status)) if self.training else self._driven(seen, len(status))
        best = denoised[-1].logits.argmax(1)
        plan = denoised[-1].plans[torch.arange(len(best), device=best.device), best]
        plans, logits = (torch.stack(values, 1) for values in zip(*denoised, strict=True))
        return {"plan": plan, "plans": plans, "logits": logits, **seen.outputs}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, ``mode``, and those of its backbone."""
        config, target = self.config, batch["target"]
        apart = (self.anchors - target[:, None, :, :2]).norm(dim=-1).mean(-1)
        mode = apart.argmin(1)
        rows = torch.arange(len(mode), device=mode.device)
        off = (outputs["plans"][rows, :, mode] - target[:, None]).abs().mean((2, 3)).sum(1)
        chosen = functional.one_hot(mode, config.anchors)[:, None].expand_as(outputs["logits"])
        return {
            "trajectory": config.trajectory_weight * off,
            "mode": config.mode_weight * _focal(outputs["logits"], chosen.to(off)).sum((1, 2)),
            **self.backbone.losses(outputs, batch),
        }

    def _trained(self, seen: Seen, count: int) -> list[Denoised]:
        """Each sample at a time of its own."""
        times = torch.randint(self.config.latest, (count,), device=self.low.device)
        noise = torch.randn(count, *self.anchors.shape, device=self.low.device)
        return self._cascade(self._noisy(self._scaled(self.anchors), noise, times), seen, times)

    def _driven(self, seen: Seen, count: int) -> list[Denoised]:
        """Two steps of DDIM from the anchors with a noise that is always the same."""
        times = torch.full((count,), self.config.begin, device=self.low.device)
        noisy = self._noisy(self._scaled(self.anchors), self.noise.expand(count, -1, -1, -1), times)
        clean = self._scaled(self._cascade(noisy, seen, times)[-1].plans[..., :2])
        kept = self.kept[times][:, None, None, None]
        noise = (noisy - kept.sqrt() * clean) / (1.0 - kept).sqrt()
        return self._cascade(self._noisy(clean, noise, 0 * times), seen, 0 * times)

    def _cascade(self, noisy: Tensor, seen: Seen, times: Tensor) -> list[Denoised]:
        """All layers' plans for scaled points ``[B, A, 8, 2]``; nothing is learned from one layer through the next."""
        points, told = self._meters(noisy), self.time(waves(times[:, None].to(self.low)))
        clean, found = self.anchors.expand_as(points), []
        for layer in self.layers:
            found.append(layer(points, clean, seen, told))
            points = clean = found[-1].plans[..., :2].detach()
        return found

    def _noisy(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        kept = self.kept[times][:, None, None, None]
        return (kept.sqrt() * clean + (1.0 - kept).sqrt() * noise).clamp(-1.0, 1.0)

    def _scaled(self, points: Tensor) -> Tensor:
        return 2.0 * (points - self.low) / (self.high - self.low) - 1.0

    def _meters(self, scaled: Tensor) -> Tensor:
        return self.low + (scaled + 1.0) / 2.0 * (self.high - self.low)


def _focal(logits: Tensor, chosen: Tensor) -> Tensor:
    """Focal loss of each logit, whose ``chosen`` is 1 or 0."""
    missed = functional.binary_cross_entropy_with_logits(logits, chosen, reduction="none")
    share = logits.sigmoid()
    wrong = torch.where(chosen > 0, 1.0 - share, share)
    return torch.where(chosen > 0, _BALANCE, 1.0 - _BALANCE) * wrong**_FOCUS * missed
