"""What tells how good a trajectory would be: the subscores of EPDMS that it would get, and how like the human's it is.

The essence of GTRS-Dense's decoder (Li et al. 2025), which SimScale trains: trajectories as tokens look at the
bird's-eye view, heads tell the subscores of each, one more its likeness to the human's; half of the vocabulary is left
out at random in every step. Learning from scores needs no label, so it can go on where imitation is left out.
Self-attention among trajectories is left out, so that a score does not hang on which others are asked about, and any
trajectory may be. GTRS' weights of the subscores were tuned by hand for its heads and its benchmark; here they are the
start of those that the validation set asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.datagen.sample import SUBSCORES
from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.score import AVERAGED, MULTIPLIERS, total_score
from simscale_gym.planners.bird_view import AttentionConfig, Onlookers
from simscale_gym.planners.planner import POSES, Batch, Outputs
from simscale_gym.planners.waves import WAVES, waves

LOSS_WEIGHTS: Mapping[str, float] = {
    "nc": 3.0,
    "dac": 3.0,
    "ttc": 4.0,
    "ep": 2.0,
    "ddc": 1.0,
    "lk": 2.0,
    "tlc": 3.0,
    "hc": 1.0,
}
"""Of the subscores that have a head: GTRS-Dense's in SimScale, which weighs HC but has no head for it."""
_EXPONENTS = {"imitation": 0.03, "tlc": 0.1, "nc": 0.1, "dac": 0.9, "ddc": 0.2}
_MEAN = 6.0
_TERMS = {"ttc": 7.0, "ep": 7.0, "lk": 3.0, "hc": 3.0}
"""How subscores make up the score that is maximised, as exponents, that of a mean and the weights in it: likewise."""
_WHOLE = ("nc", "ddc")  # of which a half counts as nothing
_LEAST = 1e-6
_PULL = 0.003
"""EPDMS that a weight has to gain by going to e times GTRS' value, so that few samples do not lead it far."""
_CALIBRATION_STEPS, _CALIBRATION_RATE = 250, 0.05
_NO_SLOPE = 1e-3
"""EPDMS that a weight gains by going to e times its value at which nothing moves any more, so that it stays where it
makes no difference."""


@dataclass(frozen=True)
class ScorerConfig:
    """Size of a :class:`TrajectoryScorer`.

    Attributes:
        layers: Layers in which trajectories look at the bird's-eye view.
        vocabulary: Number of trajectories that it learns by: as many as the data sets have scores of (``collect
            --scores``).
        drawn: Those that are looked at in a training step, drawn anew in each; GTRS' are half of them.
        softness: Sum of squared errors over eight poses at which a trajectory's likeness has fallen to 1/e: GTRS' is
            0.5, for a vocabulary of 16,384; fewer lie farther apart.
        imitation_weight: Of the loss of likeness.
    """

    layers: int = 2
    vocabulary: int = 512
    drawn: int = 128
    softness: float = 5.0
    imitation_weight: float = 1.0


class TrajectoryScorer(nn.Module):
    """Estimates of any trajectories, learned from the scores of a vocabulary.

    Args:
        attention: Size of its attention.
        config: What else there is to it.
    """

    def __init__(self, attention: AttentionConfig, config: ScorerConfig) -> None:
        super().__init__()
        self.config, width = config, attention.width
        self.register_buffer("vocabulary", torch.zeros(config.vocabulary, HORIZON_STEPS, 3))
        self.embed = nn.Sequential(nn.Linear(POSES * 3 * WAVES, width), nn.ReLU(), nn.Linear(width, width))
        self.decoder = Onlookers(attention, config.layers)
        self.heads = nn.ModuleDict(
            {name: _head(width, attention.hidden) for name in ("imitation", *LOSS_WEIGHTS)}
        )
        self.register_buffer("weighing", usual_weighing())

    def check_vocabulary(self, count: int) -> None:
        """It learns from as many trajectories as it was made for.

        Raises:
            ArgumentError: Samples have scores of another number.
        """
        if count != len(self.vocabulary):
            raise ArgumentError(
                f"scores: samples have those of {count} trajectories, expected {len(self.vocabulary)}. Collect with "
                f"--scores {len(self.vocabulary)}."
            )

    def meet(self, vocabulary: Tensor) -> None:
        """The vocabulary ``[V, 40, 3]`` is the data sets'."""
        self.check_vocabulary(len(vocabulary))
        self.vocabulary.copy_(vocabulary)

    def rows(self) -> Tensor:
        """All rows of the vocabulary; in training some of them."""
        count, device = len(self.vocabulary), self.vocabulary.device
        if not self.training:
            return torch.arange(count, device=device)
        return torch.randperm(count, device=device)[: self.config.drawn]

    def poses(self, rows: Tensor) -> Tensor:
        """Poses ``[R, 8, 3]`` of rows of the vocabulary, as plans have them."""
        return self.vocabulary[rows][:, PLAN_STRIDE - 1 :: PLAN_STRIDE]

    def forward(self, plans: Tensor, grid: Tensor, told: Tensor) -> Outputs:
        """Logits ``[B, P]`` of each head.

        Args:
            plans: ``[P, 8, 3]``, or ``[B, P, 8, 3]`` where each sample has its own.
            grid: ``[B, M, D]`` bird's-eye view.
            told: ``[B, D]`` what is known of the whole.
        """
        tokens = self.embed(waves(plans).flatten(-2)).expand(len(told), -1, -1)
        judged = self.decoder(tokens, grid) + told[:, None]
        return {name: head(judged)[..., 0] for name, head in self.heads.items()}

    def best(self, logits: Outputs) -> Tensor:
        """Which ``[B]`` of the trajectories it takes."""
        return weighed(logits, self.weighing).argmax(1)

    def losses(self, rows: Tensor, logits: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``imitation``, and the heads' by EPDMS code, of rows of the vocabulary."""
        error = (batch["target"][:, None] - self.poses(rows)).square().sum((2, 3))
        wanted = (-error / self.config.softness).softmax(1)
        likeness = -(wanted * logits["imitation"].log_softmax(1)).sum(1)
        scores = batch["vocabulary_scores"][:, rows].to(likeness)
        return {
            "imitation": self.config.imitation_weight * likeness,
            **{
                name: weight * _head_loss(logits[name], _wanted(scores, name))
                for name, weight in LOSS_WEIGHTS.items()
            },
        }

    def calibrate(self, logits: Outputs, batch: Batch) -> None:
        """Weights of the subscores: those for which rows of the vocabulary drawn by their score have the highest EPDMS.

        That is smooth in the weights, unlike the EPDMS of the best one; how sharply the score decides is free. EC is
        left out: samples have no scores of it.
        """
        worth = known_epdms(batch["vocabulary_scores"]).to(self.weighing.device)
        logits = {name: logits[name].float().clone() for name in self.heads}
        usual = usual_weighing().to(worth.device)
        with torch.enable_grad():
            weighing, sharpness = (
                start.clone().requires_grad_() for start in (usual, torch.zeros_like(usual[0]))
            )
            descent = torch.optim.Adam([weighing, sharpness], _CALIBRATION_RATE, eps=_NO_SLOPE)
            for _ in range(_CALIBRATION_STEPS):
                drawn = (sharpness.exp() * weighed(logits, weighing)).softmax(1)
                loss = _PULL * (weighing - usual).square().sum() - (drawn * worth).sum(1).mean()
                descent.zero_grad()
                loss.backward()
                descent.step()
        self.weighing.copy_(weighing.detach())


def _head(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))


def _wanted(scores: Tensor, name: str) -> Tensor:
    """What the head of a subscore is to say, of scores ``[B, V, 8]``."""
    column = scores[..., SUBSCORES.index(name)]
    return (column >= 1.0).to(column) if name in _WHOLE else column


def _head_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1)


def weighed(logits: Mapping[str, Tensor], weighing: Tensor) -> Tensor:
    """What is maximised, ``[B, V]``.

    Args:
        logits: Of each head.
        weighing: Logarithms of the exponents, of the mean's and of the weights in it.
    """
    weights = dict(zip((*_EXPONENTS, "mean", *_TERMS), weighing.exp(), strict=True))
    sure = {name: logits[name].sigmoid().clamp(min=_LEAST) for name in LOSS_WEIGHTS}
    logs = {name: sure[name].log() for name in _EXPONENTS if name in sure}
    logs["imitation"] = logits["imitation"].log_softmax(1)
    logs["mean"] = sum(weights[name] * sure[name] for name in _TERMS).log()
    return sum(weights[name] * values for name, values in logs.items())


def usual_weighing() -> Tensor:
    """GTRS' weights as :func:`weighed` takes them."""
    return torch.tensor([*_EXPONENTS.values(), _MEAN, *_TERMS.values()]).log()


def known_epdms(scores: Tensor) -> Tensor:
    """``[B, V]`` of subscores ``[B, V, 8]``, as far as it is known without an earlier plan."""
    named = dict(zip(SUBSCORES, scores.float().cpu().numpy().transpose(2, 0, 1), strict=True))
    product = np.prod([named[code] for code in MULTIPLIERS], axis=0)
    return torch.from_numpy(total_score(product, **{code: named[code] for code in AVERAGED})).float()
