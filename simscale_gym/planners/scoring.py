"""The scoring planner: a fixed vocabulary of trajectories, each of which it judges, and of which it takes the best.

GTRS-Dense's kind (Li et al. 2025), which SimScale trains, without whatever GTRS fuses beside the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from simscale_gym.planners.bird_view import AttentionConfig
from simscale_gym.planners.ground_view import GroundGrid
from simscale_gym.planners.image_encoder import ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.planner import Batch, Outputs, Planner, StatusToken, Teachers
from simscale_gym.planners.scorer import ScorerConfig, TrajectoryScorer


@dataclass(frozen=True)
class ScoringConfig:
    """Size of a :class:`ScoringPlanner`.

    Attributes:
        inputs: Pictures.
        images: Residual network.
        attention: Size of its attention.
        grid: Rows, columns of the bird's-eye view.
        grid_layers: Layers of attention of the grid to the pictures.
        scorer: How it judges.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    images: ResNetConfig = field(default_factory=ResNetConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    grid: tuple[int, int] = (8, 8)
    grid_layers: int = 0
    scorer: ScorerConfig = field(default_factory=ScorerConfig)


class ScoringPlanner(Planner):
    """The best of a vocabulary."""

    imitation_terms = frozenset({"imitation"})
    calibrates = True

    def __init__(self, config: ScoringConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = GroundGrid(
            config.inputs, config.images, config.grid, config.attention, config.grid_layers
        )
        self.status = StatusToken(config.attention.width)
        self.scorer = TrajectoryScorer(config.attention, config.scorer)

    def check_vocabulary(self, count: int) -> None:
        """See :meth:`TrajectoryScorer.check_vocabulary`."""
        self.scorer.check_vocabulary(count)

    def meet(self, targets: Tensor, vocabulary: Tensor, teachers: Teachers = (True, True)) -> None:
        """The vocabulary is the data sets'."""
        self.scorer.meet(vocabulary)

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``; of the ``rows`` ``[R]`` of the vocabulary that were judged, logits ``[B, R]`` of each head."""
        grid, whole = self.grid(pictures)
        rows = self.scorer.rows()
        plans = self.scorer.poses(rows)
        logits = self.scorer(plans, grid, self.status(status) + whole)
        return {"plan": plans[self.scorer.best(logits)], "rows": rows, **logits}

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``imitation``, and the heads' by EPDMS code."""
        return self.scorer.losses(outputs["rows"], outputs, batch)

    def calibrate(self, outputs: Outputs, batch: Batch) -> None:
        """See :meth:`TrajectoryScorer.calibrate`."""
        self.scorer.calibrate(outputs, batch)
