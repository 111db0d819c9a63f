"""The cascade that moves plans to where one would drive, after DiffusionDrive's decoder (Liao et al. 2025)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from simscale_gym.planners.backbone import Seen
from simscale_gym.planners.bird_view import AttentionConfig
from simscale_gym.planners.ground_view import REACH
from simscale_gym.planners.planner import POSES, PlanHead
from simscale_gym.planners.waves import WAVES, waves


class Denoised(NamedTuple):
    """What a layer makes of noisy points.

    Attributes:
        plans: ``[B, A, 8, 3]``.
        logits: ``[B, A]`` of each being the one.
    """

    plans: Tensor
    logits: Tensor


class DenoisingLayer(nn.Module):
    """One layer: looks at the grid where the points lie, at vehicles and at the ego, and says where they belong.

    DiffusionDrive's moves the noisy points, and so has to know the noise of each pose to take it off. A small planner
    does not learn that: what it leaves from pose to pose is jerk (docs/results.md). Here a plan without noise is moved.

    Args:
        attention: Size of its attention.
        grid: Rows, columns of the grid.
    """

    def __init__(self, attention: AttentionConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        width, heads = attention.width, attention.heads
        self._grid = grid
        self.embed = nn.Sequential(nn.Linear(POSES * 2 * WAVES, width), nn.ReLU(), nn.Linear(width, width))
        self.weights = nn.Linear(width, POSES)
        self.sampled = nn.Linear(width, width)
        self.vehicles = nn.MultiheadAttention(width, heads, attention.dropout, batch_first=True)
        self.ego = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, attention.hidden), nn.ReLU(), nn.Linear(attention.hidden, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.film = nn.Linear(width, 2 * width)
        self.move = PlanHead(width, width)
        self.logit = nn.Linear(width, 1)

    def forward(self, points: Tensor, clean: Tensor, seen: Seen, time: Tensor) -> Denoised:
        """Plans for points ``[B, A, 8, 2]`` [m] at the time feature ``[B, D]``, not far from ``clean``, likewise."""
        query = self.embed(waves(points).flatten(2))
        query = self.norms[0](query + self.sampled(self._sampled(points, seen.grid, query)))
        query = self.norms[1](query + self.vehicles(query, seen.vehicles, seen.vehicles)[0])
        query = self.norms[2](query + self.ego(seen.plans[:, :1]))
        query = self.norms[3](query + self.hidden(query))
        scale, shift = self.film(time)[:, None].chunk(2, -1)
        query = query * (1.0 + scale) + shift
        plans = self.move(query) + functional.pad(clean, (0, 1))
        return Denoised(plans, self.logit(query)[..., 0])

    def _sampled(self, points: Tensor, grid: Tensor, query: Tensor) -> Tensor:
        """Features ``[B, A, D]`` of the grid at the points of each plan, weighed by what the plan asks for."""
        planes = grid.transpose(1, 2).unflatten(2, self._grid)
        x, y = points.unbind(-1)
        places = torch.stack([-y / REACH, 1.0 - 2.0 * x / REACH], -1)
        found = functional.grid_sample(planes, places, padding_mode="border", align_corners=False)
        return torch.einsum("bdap,bap->bad", found, self.weights(query).softmax(-1))
