"""A bird's-eye view gathered from the cameras: cells of a grid look up what the pictures show where they lie.

TransFuser without LiDAR starts from learned tokens and has attention find out, over a million samples, which pixels
belong to which place (Chitta et al. 2022). A few thousand samples do not teach that; the cameras' places on the car say
it at once. So every cell takes the features at its own points of the ground, and above it, as Simple-BEV does (Harley
et al. 2023), and attention comes on top where a planner is large enough for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.datagen.class_map import RESOLUTION, SIDE
from simscale_gym.planners.bird_view import AttentionConfig, decoder
from simscale_gym.planners.image_encoder import ImageFeatures, ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.waves import WAVES, waves
from simscale_gym.scene.cameras import nuplan_rig

REACH = SIDE * RESOLUTION / 2
"""As far as the grid reaches ahead, to the left and to the right [m]: as far as the map that it learns to draw."""

_POINTS = 2  # of a cell, each way
_HEIGHTS = (0.0, 1.0)  # [m] of the points: the ground, and what stands on it
_NEAR = 0.5  # [m] before a camera
_INSIDE = 0.98  # of a picture's half width, so that nothing is mixed in from the one beside it
_PLANES = 32  # features of a picture that a cell looks up at each point
_WHOLE = 16  # features of a cell that the summary of the whole grid has
_GROUPS = 8


class GroundView(NamedTuple):
    """What the cameras show of the ground around the ego.

    Attributes:
        cells: ``[B, R K, D]``; the first row is farthest ahead, the first column farthest to the left.
        whole: ``[B, D]`` all cells in one feature, each with its own weights.
    """

    cells: Tensor
    whole: Tensor


class GroundGrid(nn.Module):
    """Pictures to a view of the ground.

    Cameras are taken to be where nuPlan's cars have those of the same names; what another car has elsewhere is looked
    up beside its place, always the same way, which the layers behind learn.

    Args:
        inputs: The pictures.
        images: Residual network that makes features of them.
        grid: Rows, columns of the grid.
        attention: Size of attention, and width of the cells.
        layers: Layers of attention in which cells look at all of the pictures; 0 for none.

    Raises:
        ArgumentError: nuPlan has no camera of that name.
    """

    def __init__(
        self,
        inputs: InputSpec,
        images: ResNetConfig,
        grid: tuple[int, int],
        attention: AttentionConfig,
        layers: int,
    ) -> None:
        super().__init__()
        self._grid, width = grid, attention.width
        self.images = ImageFeatures(inputs, images, _PLANES)
        places, seen = _looked_up(inputs, grid)
        self.register_buffer("places", torch.from_numpy(places)[None], persistent=False)
        self.register_buffer("seen", torch.from_numpy(seen)[None, None], persistent=False)
        centers = torch.from_numpy(_points(*grid, 1)[:, 0])
        self.register_buffer("centers", waves(centers), persistent=False)
        self.gather = nn.Linear(_PLANES * places[..., 0].size // (grid[0] * grid[1]), width)
        self.place = nn.Linear(2 * WAVES, width)
        self.around = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(_GROUPS, width), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.layers = decoder(attention, layers) if layers else None
        self.tokens = nn.Linear(_PLANES, width) if layers else None
        self.token_places = nn.Parameter(0.02 * torch.randn(self.images.size, width)) if layers else None
        self.whole = nn.Sequential(
            nn.Conv2d(width, _WHOLE, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(attention.dropout),
            nn.Linear(_WHOLE * grid[0] * grid[1], width), nn.ReLU(), nn.Linear(width, width),
        )  # fmt: skip

    def forward(self, pictures: Tensor) -> GroundView:
        """The view of pictures uint8 ``[B, C, H, W, 3]``."""
        planes = self.images(pictures)
        cells = self.gather(self._found(planes)) + self.place(self.centers)
        cells = cells + self.around(self._plane(cells)).flatten(2).transpose(1, 2)
        if self.layers is not None:
            cells = self.layers(cells, self.tokens(planes.flatten(2).transpose(1, 2)) + self.token_places)
        cells = self.norm(cells)
        return GroundView(cells, self.whole(self._plane(cells)))

    def _found(self, planes: Tensor) -> Tensor:
        """``[B, R K, features * heights * points]`` of planes ``[B, features, h, w]``; 0 where nobody sees a point."""
        places = self.places.expand(len(planes), -1, -1, -1)
        found = functional.grid_sample(planes, places, padding_mode="border", align_corners=False) * self.seen
        by_cell = found.unflatten(3, (self._grid[0] * self._grid[1], -1))
        return by_cell.permute(0, 3, 1, 2, 4).flatten(2)

    def _plane(self, cells: Tensor) -> Tensor:
        return cells.transpose(1, 2).unflatten(2, self._grid)


def _points(rows: int, columns: int, each_way: int) -> NDArray[np.float32]:
    """Points ``[rows * columns, each_way ** 2, 2]`` x, y [m] in the ego frame, evenly over each cell."""
    x = REACH * (1.0 - (np.arange(rows * each_way) + 0.5) / (rows * each_way))
    y = REACH * (1.0 - (np.arange(columns * each_way) + 0.5) / (columns * each_way) * 2.0)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    split = points.reshape(rows, each_way, columns, each_way, 2).swapaxes(1, 2)
    return split.reshape(rows * columns, each_way**2, 2).astype(np.float32)


def _looked_up(inputs: InputSpec, grid: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where the points of all cells are in the pictures side by side, and which of them are there at all.

    Returns:
        ``[heights, points, 2]`` right, down, each -1 .. 1; ``[heights, points]`` 1 or 0. The first camera that sees a
        point is asked.
    """
    flat = _points(*grid, _POINTS).reshape(-1, 2).astype(np.float64)
    ones = np.ones((len(flat), 1))
    points = np.stack([np.concatenate([flat, height * ones, ones], 1) for height in _HEIGHTS])
    (rows, columns), rig = inputs.image_size, nuplan_rig().select(inputs.cameras)
    places, seen = np.zeros((*points.shape[:2], 2)), np.zeros(points.shape[:2], bool)
    for number, camera in enumerate(rig):
        before = points @ np.linalg.inv(camera.cam_to_ego).T
        depth = before[..., 2]
        pixels = (before[..., :3] @ camera.scaled_intrinsics(rows, columns).T)[..., :2]
        within = 2.0 * pixels / np.maximum(depth, _NEAR)[..., None] / (columns, rows) - 1.0
        new = ~seen & (depth > _NEAR) & (abs(within) <= 1.0).all(-1)
        right = (2 * number + 1 + _INSIDE * within[..., 0]) / len(rig) - 1.0
        places[new] = np.stack([right, within[..., 1]], -1)[new]
        seen |= new
    return places.astype(np.float32), seen.astype(np.float32)
