"""Numbers as sines and cosines, so that a linear layer tells near ones apart as well as far ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LENGTHS = 16
_LONGEST = 128.0
WAVES = 2 * _LENGTHS
"""Values that stand for one."""


def waves(values: Tensor) -> Tensor:
    """Sines and cosines ``[..., K WAVES]`` of values ``[..., K]``; the waves are 2 pi to 128 long."""
    steps = torch.logspace(0.0, math.log10(_LONGEST / math.tau), _LENGTHS, device=values.device)
    angles = (values[..., None] / steps).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], -1)
