"""Vehicles as a set of boxes, matched with the true ones: TransFuser's auxiliary task."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

BOX_VALUES = 5
"""x, y [m], heading [rad], length, width [m]."""
_REACH = 32.0  # [m]


class BoxHead(nn.Module):
    """Queries ``[B, M, D]`` to logits of presence ``[B, M]`` and boxes ``[B, M, 5]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.presence = nn.Linear(width, 1)
        self.box = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, BOX_VALUES))

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Presence and boxes."""
        x, y, turn, length, width = self.box(queries).unbind(-1)
        place = _REACH * torch.tanh(x), _REACH * torch.tanh(y), torch.pi * torch.tanh(turn)
        return self.presence(queries)[..., 0], torch.stack([*place, length, width], -1)


def box_losses(
    presence: Tensor,
    boxes: Tensor,
    truth: Tensor,
    valid: Tensor,
    *,
    presence_weight: float,
    box_weight: float,
) -> tuple[Tensor, Tensor]:
    """Weighted losses ``[B]`` of presence and of boxes after Hungarian matching, with the same weights as the match.

    Args:
        presence: Logits ``[B, M]``.
        boxes: ``[B, M, 5]``.
        truth: ``[B, N, 5]``, of which ``valid [B, N]`` are there; at most M are.
        valid: See there.
        presence_weight: Of the binary cross-entropy of presence.
        box_weight: Of the mean absolute difference of matched boxes.
    """
    far = (boxes[:, :, None] - truth[:, None]).abs().mean(-1)  # [B, M, N]
    cost = presence_weight * functional.softplus(-presence)[..., None] + box_weight * far
    there, matched = torch.zeros_like(presence), torch.zeros_like(far)
    for n, (costs, count) in enumerate(
        zip(cost.detach().float().cpu().numpy(), valid.sum(1).tolist(), strict=True)
    ):
        rows, columns = linear_sum_assignment(costs[:, :count])
        there[n, rows], matched[n, rows, columns] = 1.0, 1.0
    missed = functional.binary_cross_entropy_with_logits(presence, there, reduction="none").mean(1)
    apart = (far * matched).sum((1, 2)) / matched.sum((1, 2)).clamp(min=1.0)
    return presence_weight * missed, box_weight * apart
