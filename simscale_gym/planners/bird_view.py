"""What is common to planners with a bird's-eye view: layers of attention, and the map that they learn to draw."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.datagen.class_map import MapClass


@dataclass(frozen=True)
class AttentionConfig:
    """Size of layers of attention.

    Attributes:
        width: Width of all tokens.
        heads: Heads of each attention.
        hidden: Width of the layer between.
        dropout: Share of values that are left out in training.
    """

    width: int = 64
    heads: int = 4
    hidden: int = 128
    dropout: float = 0.0


def decoder(config: AttentionConfig, layers: int) -> nn.TransformerDecoder:
    """Queries that look at each other and at a memory."""
    layer = nn.TransformerDecoderLayer(
        config.width, config.heads, config.hidden, config.dropout, batch_first=True, norm_first=True
    )
    return nn.TransformerDecoder(layer, layers, nn.LayerNorm(config.width))


class Onlookers(nn.Module):
    """Queries that look at a memory, each by itself, so that what one sees does not hang on who else is asked.

    Args:
        config: Size of its attention.
        layers: Number of layers.
    """

    def __init__(self, config: AttentionConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Onlooking(config) for _ in range(layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """``[B, Q, D]`` of queries ``[B, Q, D]`` and a memory ``[B, M, D]``."""
        for layer in self.layers:
            queries = layer(queries, memory)
        return self.norm(queries)


class _Onlooking(nn.Module):
    """A layer of a transformer's decoder, norms first, without the attention of queries to each other."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.attention = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.between = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        seen, _ = self.attention(self.norms[0](queries), memory, memory, need_weights=False)
        queries = queries + self.dropout(seen)
        return queries + self.dropout(self.between(self.norms[1](queries)))


class MapHead(nn.Module):
    """Tokens of a grid to classes of a map around the ego, ``[B, classes, rows, columns]``.

    Args:
        width: Width of the tokens.
        grid: Rows, columns of the grid.
        size: Rows, columns of the map.
    """

    def __init__(self, width: int, grid: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__()
        self._grid, self._size = grid, size
        self.coarse = nn.Conv2d(width, width // 2, 3, 1, 1)
        self.fine = nn.Conv2d(width // 2, len(MapClass), 3, 1, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits."""
        grid = tokens.transpose(1, 2).unflatten(2, self._grid)
        between = _resized(torch.relu(self.coarse(grid)), tuple(side // 2 for side in self._size))
        return _resized(self.fine(between), self._size)


def map_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy ``[B]`` of logits ``[B, classes, R, K]`` for a map of classes ``[B, R, K]``."""
    return functional.cross_entropy(logits, classes.long(), reduction="none").mean((1, 2))


def _resized(features: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(features, size, mode="bilinear", align_corners=False)
