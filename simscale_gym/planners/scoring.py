"""The scoring planner: a fixed vocabulary of trajectories, each of which it judges, and of which it takes the best.

The essence of GTRS-Dense (Li et al. 2025), which SimScale trains: trajectories as tokens look at the bird's-eye view,
heads tell the subscores of EPDMS that each would get, one more tells how like the human's it is; half of the vocabulary
is left out at random in every step. Learning from scores needs no label, so it can go on where imitation is left out.
Self-attention among trajectories is left out, so that a score does not hang on which others are asked about, as is
whatever GTRS fuses beside the cameras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.datagen.sample import SUBSCORES
from simscale_gym.errors import ArgumentError
from simscale_gym.planners.bird_view import AttentionConfig, Onlookers
from simscale_gym.planners.ground_view import GroundGrid
from simscale_gym.planners.image_encoder import ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import POSES, Batch, Outputs, Planner, StatusToken
from simscale_gym.planners.waves import WAVES, waves

LOSS_WEIGHTS: Mapping[str, float] = {
    "nc": 3.0,
    "dac": 3.0,
    "ttc": 4.0,
    "ep": 2.0,
    "ddc": 1.0,
    "lk": 2.0,
    "tlc": 3.0,
}
"""Of the subscores that have a head: GTRS-Dense's in SimScale."""
_FACTORS = {"tlc": 0.1, "nc": 0.1, "dac": 0.9, "ddc": 0.2}
_IMITATION, _MEAN = 0.03, 6.0
_TERMS = {"ttc": 7.0, "ep": 7.0, "lk": 3.0}
"""How subscores make up the score that is maximised, as exponents and as weights of a mean: likewise."""
_WHOLE = ("nc", "ddc")  # of which a half counts as nothing
_LEAST = 1e-6


@dataclass(frozen=True)
class ScoringConfig:
    """Size of a :class:`ScoringPlanner`.

    Attributes:
        inputs: Pictures.
        images: Residual network.
        attention: Size of its attention.
        layers: Layers in which trajectories look at the bird's-eye view.
        grid: Rows, columns of the bird's-eye view.
        grid_layers: Layers of attention of the grid to the pictures.
        vocabulary: Number of trajectories: as many as the data sets have scores of (``collect --scores``).
        softness: Sum of squared errors over eight poses at which a trajectory's likeness has fallen to 1/e: GTRS' is
            0.5, for a vocabulary of 16,384; fewer lie farther apart.
        imitation_weight: Of the loss of likeness.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    images: ResNetConfig = field(default_factory=ResNetConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    layers: int = 2
    grid: tuple[int, int] = (8, 8)
    grid_layers: int = 0
    vocabulary: int = 256
    softness: float = 5.0
    imitation_weight: float = 1.0


class ScoringPlanner(Planner):
    """The best of a vocabulary."""

    imitation_terms = frozenset({"imitation"})

    def __init__(self, config: ScoringConfig) -> None:
        super().__init__()
        self.config, width = config, config.attention.width
        self.register_buffer("vocabulary", torch.zeros(config.vocabulary, HORIZON_STEPS, 3))
        self.grid = GroundGrid(
            config.inputs, config.images, config.grid, config.attention, config.grid_layers
        )
        self.embed = nn.Sequential(nn.Linear(POSES * 3 * WAVES, width), nn.ReLU(), nn.Linear(width, width))
        self.decoder = Onlookers(config.attention, config.layers)
        self.status = StatusToken(width)
        self.heads = nn.ModuleDict(
            {name: _head(width, config.attention.hidden) for name in ("imitation", *LOSS_WEIGHTS)}
        )

    def check_vocabulary(self, count: int) -> None:
        """It judges as many trajectories as it was made for."""
        if count != len(self.vocabulary):
            raise ArgumentError(
                f"scoring: samples have scores of {count} trajectories, expected {len(self.vocabulary)}. Collect with "
                f"--scores {len(self.vocabulary)}."
            )

    def meet(self, targets: Tensor, vocabulary: Tensor) -> None:
        """The vocabulary is the data sets'."""
        self.check_vocabulary(len(vocabulary))
        self.vocabulary.copy_(vocabulary)

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``; of the ``rows`` ``[V]`` of the vocabulary that were judged, logits ``[B, V]`` of each head."""
        rows = self._rows()
        poses = self.vocabulary[rows][:, PLAN_STRIDE - 1 :: PLAN_STRIDE]
        tokens = self.embed(waves(poses).flatten(1)).expand(len(status), -1, -1)
        cells, whole = self.grid(pictures)
        judged = self.decoder(tokens, cells) + (self.status(status) + whole)[:, None]
        logits = {name: head(judged)[..., 0] for name, head in self.heads.items()}
        best = rows[_score(logits).argmax(1)]
        plan = self.vocabulary[best][:, PLAN_STRIDE - 1 :: PLAN_STRIDE]
        return {"plan": plan, "rows": rows, **logits}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``imitation``, and the heads' by EPDMS code."""
        rows = outputs["rows"]
        poses = self.vocabulary[rows][:, PLAN_STRIDE - 1 :: PLAN_STRIDE]
        error = (batch["target"][:, None] - poses).square().sum((2, 3))
        wanted = (-error / self.config.softness).softmax(1)
        likeness = -(wanted * outputs["imitation"].log_softmax(1)).sum(1)
        told = batch["vocabulary_scores"][:, rows].to(likeness)
        return {
            "imitation": self.config.imitation_weight * likeness,
            **{
                name: weight * _head_loss(outputs[name], _wanted(told, name))
                for name, weight in LOSS_WEIGHTS.items()
            },
        }

    def _rows(self) -> Tensor:
        """All rows of the vocabulary; in training a random half."""
        count, device = len(self.vocabulary), self.vocabulary.device
        if not self.training:
            return torch.arange(count, device=device)
        return torch.randperm(count, device=device)[: (count + 1) // 2]


def _head(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))


def _wanted(scores: Tensor, name: str) -> Tensor:
    """What the head of a subscore is to say, of scores ``[B, V, 8]``."""
    column = scores[..., SUBSCORES.index(name)]
    return (column >= 1.0).to(column) if name in _WHOLE else column


def _head_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1)


def _score(logits: Mapping[str, Tensor]) -> Tensor:
    """What is maximised, ``[B, V]``."""
    sure = {name: logits[name].sigmoid().clamp(min=_LEAST) for name in LOSS_WEIGHTS}
    score = _IMITATION * logits["imitation"].log_softmax(1)
    score = score + sum(factor * sure[name].log() for name, factor in _FACTORS.items())
    return score + _MEAN * sum(weight * sure[name] for name, weight in _TERMS.items()).log()
