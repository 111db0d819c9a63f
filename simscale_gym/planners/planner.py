"""What every planner is: a network of cameras and status that gives a plan, and knows what it is to be taught."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simscale_gym.agents.agent import PLAN_SHAPES
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.planners.inputs import STATUS_SIZE, InputSpec
from simscale_gym.planners.lessons import MAP_STRIDE
from simscale_gym.scene import DT

POSES = PLAN_SHAPES[0][0]
"""Poses of a plan, 0.5 s apart."""

_USUAL_SPEED = 5.0  # [m/s]

Outputs = dict[str, Tensor]
Batch = Mapping[str, Tensor]
Teachers = tuple[bool, bool]
"""Whether labels of recorded samples are imitated, and whether those of simulated ones."""


class Planner(nn.Module, ABC):
    """A planner to be trained. Its family is its class, its size a config, which a checkpoint holds as JSON.

    Attributes:
        config: Frozen dataclass with a field ``inputs`` (:class:`simscale_gym.planners.inputs.InputSpec`).
        imitation_terms: Names of those losses that copy the label, and are left out where only rewards are learned.
        calibrates: Whether :meth:`calibrate` does anything.
    """

    imitation_terms: ClassVar[frozenset[str]] = frozenset()
    calibrates: ClassVar[bool] = False
    config: Any

    @property
    def inputs(self) -> InputSpec:
        """The pictures that it is built for."""
        return self.config.inputs

    @property
    def map_stride(self) -> int:
        """Cells of a data set's class map that are one of its own, each way."""
        return MAP_STRIDE

    def check_vocabulary(self, count: int) -> None:
        """Whether it can learn from samples that have the scores of ``count`` trajectories.

        Raises:
            ArgumentError: It cannot.
        """

    def meet(self, targets: Tensor, vocabulary: Tensor, teachers: Teachers = (True, True)) -> None:
        """Look at the training set before the first step: anchors and the like are taken from it.

        Args:
            targets: All labels ``[N, 8, 3]``.
            vocabulary: Trajectories ``[K, 40, 3]`` whose scores samples have; K may be 0.
            teachers: Whether labels of recorded samples will be imitated, and whether those of simulated ones.

        Raises:
            ArgumentError: The planner cannot learn from it.
        """

    @abstractmethod
    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """What it makes of a batch.

        Args:
            pictures: uint8 ``[B, C, H, W, 3]``.
            status: float ``[B, 8]`` (:data:`simscale_gym.planners.inputs.STATUS_SIZE`).

        Returns:
            ``plan`` ``[B, 8, 3]`` x, y [m], heading [rad] at 0.5 .. 4.0 s in the ego frame, and what its losses need.
        """

    @abstractmethod
    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Weighted loss ``[B]`` of each sample by term.

        Args:
            outputs: What :meth:`forward` gave.
            batch: Lessons (:func:`simscale_gym.planners.lessons.lesson`), stacked.
        """

    def calibrate(self, outputs: Outputs, batch: Batch) -> None:
        """Set the few numbers that descent does not learn, such as how to weigh estimates, by the validation set.

        Args:
            outputs: What :meth:`forward` makes of it.
            batch: Its lessons, stacked.
        """


class PlanHead(nn.Module):
    """A feature ``[..., D]`` to a plan ``[..., 8, 3]``; headings within a half turn, as TransFuser has them.

    Places are learned as shares of the way that is driven until then at 5 m/s, so that all are of one size.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        way = _USUAL_SPEED * PLAN_STRIDE * DT * torch.arange(1, POSES + 1)
        self.register_buffer("way", way, persistent=False)
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, POSES * 3))

    def forward(self, feature: Tensor) -> Tensor:
        """The plan."""
        x, y, turn = self.layers(feature).unflatten(-1, (POSES, 3)).unbind(-1)
        return torch.stack([self.way * x, self.way * y, torch.pi * torch.tanh(turn)], -1)


class StatusToken(nn.Module):
    """The status ``[B, 8]`` as a feature ``[B, D]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 1.0, 1.0, 1.0, 10.0, 1.0, 2.0, 2.0]))
        self.layer = nn.Linear(STATUS_SIZE, width)

    def forward(self, status: Tensor) -> Tensor:
        """The feature."""
        return self.layer(status / self.scale)


def imitation_loss(plan: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference ``[B]`` of poses, heading included: TransFuser's in NAVSIM."""
    return (plan - target).abs().mean((1, 2))
