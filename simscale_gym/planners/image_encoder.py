"""Pictures to tokens: one residual network for all cameras, and a learned place for each token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simscale_gym.planners.inputs import InputSpec

_GROUPS = 8
_MEAN, _SPREAD = 127.5, 64.0  # of the values of pictures, 0 .. 255


@dataclass(frozen=True)
class ResNetConfig:
    """Size of a residual network.

    Attributes:
        channels: Of each stage; every stage but the first halves height and width. Multiples of 8.
        blocks: Basic blocks of each stage, two convolutions each.
        stem_kernel, stem_stride: Of the first convolution.
        pool: Whether the stem halves height and width once more, as He et al. (2016) do.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    blocks: tuple[int, ...] = (1, 1, 1)
    stem_kernel: int = 8
    stem_stride: int = 4
    pool: bool = False


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut; norms of groups, for a batch would mix real and simulated pictures."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.first_norm = nn.GroupNorm(_GROUPS, outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = nn.GroupNorm(_GROUPS, outside)
        same = inside == outside and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, C, H, W]``."""
        inner = torch.relu(self.first_norm(self.first(features)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(features))


def resnet(config: ResNetConfig) -> nn.Sequential:
    """The network ``[B, 3, H, W]`` to ``[B, channels[-1], H / s, W / s]`` (He et al. 2016, basic blocks)."""
    kernel, width = config.stem_kernel, config.channels[0]
    padding = (kernel - config.stem_stride + 1) // 2
    stem = nn.Conv2d(3, width, kernel, config.stem_stride, padding, bias=False)
    layers: list[nn.Module] = [stem, nn.GroupNorm(_GROUPS, width), nn.ReLU()]
    if config.pool:
        layers.append(nn.MaxPool2d(3, 2, 1))
    for stage, (channels, blocks) in enumerate(zip(config.channels, config.blocks, strict=True)):
        for n in range(blocks):
            layers.append(BasicBlock(width, channels, 2 if stage and not n else 1))
            width = channels
    return nn.Sequential(*layers)


class ImageTokens(nn.Module):
    """Tokens ``[B, C h w, D]`` of the pictures of all cameras.

    Args:
        inputs: The pictures.
        config: The residual network.
        width: D.
    """

    def __init__(self, inputs: InputSpec, config: ResNetConfig, width: int) -> None:
        super().__init__()
        self.network = resnet(config).to(memory_format=torch.channels_last)
        with torch.no_grad():
            rows, columns = self.network(torch.zeros(1, 3, *inputs.image_size)).shape[2:]
        self.project = nn.Linear(config.channels[-1], width)
        self.places = nn.Parameter(0.02 * torch.randn(len(inputs.cameras), rows * columns, width))

    def forward(self, pictures: Tensor) -> Tensor:
        """Tokens of pictures uint8 ``[B, C, H, W, 3]``."""
        planes = pictures.flatten(0, 1).permute(0, 3, 1, 2)
        features = self.network((planes.to(self.places.dtype) - _MEAN) / _SPREAD)
        tokens = self.project(features.flatten(2).transpose(1, 2)).unflatten(0, pictures.shape[:2])
        return (tokens + self.places).flatten(1, 2)
