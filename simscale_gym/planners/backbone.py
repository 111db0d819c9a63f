"""What the planners of the TransFuser line share: cameras to a bird's-eye view, with boxes and a map to learn.

The essence of LTF (TransFuser without LiDAR, Chitta et al. 2022, as SimScale trains it): a grid in the place of the
LiDAR is filled from all cameras, a decoder asks it with queries for plans and for vehicles, and two tasks beside keep
it looking. How the grid is filled is not LTF's (:mod:`simscale_gym.planners.ground_view`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simscale_gym.datagen.class_map import SIDE
from simscale_gym.planners.bird_view import AttentionConfig, MapHead, decoder, map_loss
from simscale_gym.planners.box_head import BoxHead, box_losses
from simscale_gym.planners.ground_view import GroundGrid
from simscale_gym.planners.image_encoder import ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.lessons import MAP_STRIDE, MOST_VEHICLES
from simscale_gym.planners.planner import Batch, Outputs, StatusToken


@dataclass(frozen=True)
class BackboneConfig:
    """Size of a :class:`Backbone` and weights of its losses, which are LTF's in NAVSIM.

    Attributes:
        images: Residual network.
        attention: Size of all attention.
        grid: Rows, columns of the bird's-eye view.
        grid_layers, decoder_layers: Layers of attention of the grid to the pictures, and of those that read it.
        vehicles: Vehicles that it can tell at most.
        map_stride: Cells of a data set's class map that are one of its own, each way.
        presence_weight, box_weight, map_weight: Of the losses.
    """

    images: ResNetConfig = field(default_factory=ResNetConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    grid: tuple[int, int] = (8, 8)
    grid_layers: int = 0
    decoder_layers: int = 2
    vehicles: int = MOST_VEHICLES
    map_stride: int = MAP_STRIDE
    presence_weight: float = 10.0
    box_weight: float = 1.0
    map_weight: float = 10.0


class Seen(NamedTuple):
    """What a backbone makes of a batch.

    Attributes:
        plans: ``[B, Q, D]`` features of the queries for plans.
        vehicles: ``[B, M, D]`` those of the queries for vehicles.
        grid: ``[B, R K, D]`` the bird's-eye view.
        told: ``[B, D]`` what is known of the whole: the status, and the grid at once.
        outputs: ``presence`` ``[B, M]``, ``boxes`` ``[B, M, 5]``, ``class_map`` ``[B, 7, R', K']``.
    """

    plans: Tensor
    vehicles: Tensor
    grid: Tensor
    told: Tensor
    outputs: Outputs


class Backbone(nn.Module):
    """Cameras and status to features, boxes and a map.

    The status is a token beside the grid, as in LTF, and part of each feature of a plan, as in GTRS: without that, many
    hundred steps go by before plans are as long as the speed says. So is the whole grid: attention is slow to learn
    where to look.

    Args:
        inputs: Pictures.
        config: Its size.
        queries: Queries for plans.
    """

    def __init__(self, inputs: InputSpec, config: BackboneConfig, queries: int) -> None:
        super().__init__()
        self.config, self._queries, width = config, queries, config.attention.width
        self.grid = GroundGrid(inputs, config.images, config.grid, config.attention, config.grid_layers)
        self.status = StatusToken(width)
        self.queries = nn.Parameter(0.02 * torch.randn(queries + config.vehicles, width))
        self.decoder = decoder(config.attention, config.decoder_layers)
        self.box = BoxHead(width)
        rows = SIDE // 2 // config.map_stride
        self.map = MapHead(width, config.grid, (rows, 2 * rows))

    def forward(self, pictures: Tensor, status: Tensor) -> Seen:
        """What it makes of pictures uint8 ``[B, C, H, W, 3]`` and status ``[B, 8]``."""
        (grid, whole), token = self.grid(pictures), self.status(status)
        read = self.decoder(self.queries.expand(len(status), -1, -1), torch.cat([grid, token[:, None]], 1))
        told = token + whole
        plans, vehicles = read[:, : self._queries] + told[:, None], read[:, self._queries :]
        presence, boxes = self.box(vehicles)
        outputs = {"presence": presence, "boxes": boxes, "class_map": self.map(grid)}
        return Seen(plans, vehicles, grid, told, outputs)

    def losses(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """``presence``, ``boxes``, ``class_map``, each ``[B]``."""
        config, most = self.config, self.config.vehicles
        presence, boxes = box_losses(
            outputs["presence"], outputs["boxes"], batch["vehicles"][:, :most], batch["vehicle_mask"][:, :most],
            presence_weight=config.presence_weight, box_weight=config.box_weight,
        )  # fmt: skip
        drawn = config.map_weight * map_loss(outputs["class_map"], batch["class_map"])
        return {"presence": presence, "boxes": boxes, "class_map": drawn}
