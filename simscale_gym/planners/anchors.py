"""A few plans that stand for all labels of a data set."""

from __future__ import annotations

import torch
from torch import Tensor

_ROUNDS = 30
_SHOWN = 20_000  # labels at most that are looked at


def cluster_plans(plans: Tensor, count: int) -> Tensor:
    """Centres ``[count, 8, 2]`` of plans ``[N, 8, 2 or more]`` by k-means, standing still among them.

    The same plans give the same centres. They begin at plans that lie far from each other, so that rare ones have a
    centre of their own.
    """
    flat = plans[:: max(1, len(plans) // _SHOWN), :, :2].flatten(1)
    centers = _spread(flat, count)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(flat, centers).argmin(1)
        sums = torch.zeros_like(centers).index_add_(0, nearest, flat)
        sizes = torch.bincount(nearest, minlength=count)[:, None]
        centers = torch.where(sizes > 0, sums / sizes.clamp(min=1), centers)
        centers[0] = 0.0
    return centers.unflatten(1, (-1, 2))


def _spread(flat: Tensor, count: int) -> Tensor:
    """Standing still, and ``count - 1`` rows, each the farthest from those before it."""
    centers = [torch.zeros_like(flat[0])]
    far = torch.full((len(flat),), torch.inf)
    for _ in range(count - 1):
        far = torch.minimum(far, (flat - centers[-1]).norm(dim=1))
        centers.append(flat[int(far.argmax())])
    return torch.stack(centers)
