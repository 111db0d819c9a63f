"""Pictures to features: one residual network for all cameras."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

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


class ImageFeatures(nn.Module):
    """Features ``[B, F, h, C w]`` of the pictures of all cameras, side by side.

    The last stage of the residual network is added to the one before, which has twice its height and width (feature
    pyramid, Lin et al. 2017).

    Args:
        inputs: The pictures.
        config: The residual network.
        features: F.
    """

    def __init__(self, inputs: InputSpec, config: ResNetConfig, features: int) -> None:
        super().__init__()
        network = resnet(config).to(memory_format=torch.channels_last)
        last = len(network) - config.blocks[-1]
        self.fine, self.coarse = network[:last], network[last:]
        before = config.channels[-2] if len(config.channels) > 1 else config.channels[0]
        self.of_fine = nn.Conv2d(before, features, 1)
        self.of_coarse = nn.Conv2d(config.channels[-1], features, 1)
        with torch.no_grad():
            rows, columns = self.fine(torch.zeros(1, 3, *inputs.image_size)).shape[2:]
        self.size = rows * columns * len(inputs.cameras)

    def forward(self, pictures: Tensor) -> Tensor:
        """Features of pictures uint8 ``[B, C, H, W, 3]``."""
        planes = pictures.flatten(0, 1).permute(0, 3, 1, 2).to(self.of_fine.weight.dtype)
        fine = self.fine((planes - _MEAN) / _SPREAD)
        coarse = self.of_coarse(self.coarse(fine))
        raised = functional.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        apart = (self.of_fine(fine) + raised).unflatten(0, pictures.shape[:2])
        return torch.cat(apart.unbind(1), -1)
