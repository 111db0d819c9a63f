"""The regression planner: one plan from a latent bird's-eye view, with boxes and a map to learn beside it.

The essence of LTF (TransFuser without LiDAR, Chitta et al. 2022, as SimScale trains it): a learned grid in the place of
the LiDAR, a decoder with one query for the plan and one for each vehicle, a single mode, absolute errors, two auxiliary
tasks. The grid looks at the tokens of all cameras after the last stage, where the original fuses at four.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from simscale_gym.datagen.class_map import SIDE
from simscale_gym.planners.bird_view import AttentionConfig, LatentGrid, MapHead, decoder, map_loss
from simscale_gym.planners.box_head import BoxHead, box_losses
from simscale_gym.planners.image_encoder import ImageTokens, ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.lessons import MAP_STRIDE, MOST_VEHICLES
from simscale_gym.planners.planner import Batch, Outputs, PlanHead, Planner, StatusToken, imitation_loss


@dataclass(frozen=True)
class RegressionConfig:
    """Size and loss weights of a :class:`RegressionPlanner`; the weights are LTF's in NAVSIM.

    Attributes:
        inputs: Pictures.
        images: Residual network.
        attention: Size of all attention.
        grid: Rows, columns of the latent bird's-eye view.
        grid_layers, decoder_layers: Layers of attention that fill the grid, and that read it.
        vehicles: Vehicles that it can tell at most.
        map_stride: Cells of a data set's class map that are one of its own, each way.
        trajectory_weight, presence_weight, box_weight, map_weight: Of the losses.
    """

    inputs: InputSpec = field(default_factory=InputSpec)
    images: ResNetConfig = field(default_factory=ResNetConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    grid: tuple[int, int] = (8, 8)
    grid_layers: int = 1
    decoder_layers: int = 2
    vehicles: int = MOST_VEHICLES
    map_stride: int = MAP_STRIDE
    trajectory_weight: float = 10.0
    presence_weight: float = 10.0
    box_weight: float = 1.0
    map_weight: float = 10.0


class RegressionPlanner(Planner):
    """One plan, absolute errors."""

    imitation_terms = frozenset({"trajectory"})

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.config, width = config, config.attention.width
        self.images = ImageTokens(config.inputs, config.images, width)
        self.grid = LatentGrid(*config.grid, config.attention, config.grid_layers)
        self.status = StatusToken(width)
        self.queries = nn.Parameter(0.02 * torch.randn(1 + config.vehicles, width))
        self.decoder = decoder(config.attention, config.decoder_layers)
        self.plan = PlanHead(width, config.attention.hidden)
        self.box = BoxHead(width)
        rows = SIDE // 2 // config.map_stride
        self.map = MapHead(width, config.grid, (rows, 2 * rows))

    def forward(self, pictures: Tensor, status: Tensor) -> Outputs:
        """``plan``, ``presence`` ``[B, M]``, ``boxes`` ``[B, M, 5]``, ``class_map`` ``[B, 7, R, 2 R]``."""
        grid = self.grid(self.images(pictures))
        memory = torch.cat([grid, self.status(status)[:, None]], 1)
        read = self.decoder(self.queries.expand(len(status), -1, -1), memory)
        presence, boxes = self.box(read[:, 1:])
        return {
            "plan": self.plan(read[:, 0]),
            "presence": presence,
            "boxes": boxes,
            "class_map": self.map(grid),
        }

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``trajectory``, ``presence``, ``boxes``, ``class_map``."""
        config, most = self.config, self.config.vehicles
        presence, boxes = box_losses(
            outputs["presence"], outputs["boxes"], batch["vehicles"][:, :most], batch["vehicle_mask"][:, :most],
            presence_weight=config.presence_weight, box_weight=config.box_weight,
        )  # fmt: skip
        return {
            "trajectory": config.trajectory_weight * imitation_loss(outputs["plan"], batch["target"]),
            "presence": presence,
            "boxes": boxes,
            "class_map": config.map_weight * map_loss(outputs["class_map"], batch["class_map"]),
        }
