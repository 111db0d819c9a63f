"""Where a length is cut, so that cells are small at its sharp ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARP_GROWTH = 1.7
"""From cell to cell beside borders that are to be sharp. Measured on a wall whose first cell is 2.2 pixels wide: from
90 to 10 % of its brightness it takes 3 pixels, and 6 to 8 with a growth of 2, where cells reach over the border."""


def graded_edges(
    low: float,
    high: float,
    cell: float,
    sharp_low: bool,
    sharp_high: bool,
    edge: float,
    growth: float,
    *,
    steady: bool = False,
) -> Array:
    """Cell borders ``[M + 1]`` from ``low`` to ``high`` [m].

    Cells are at most ``cell`` wide; beside a sharp end they start at ``edge`` and grow by ``growth``.
    With ``steady``, those in the middle do not exceed that growth either, so that none reaches over a border.
    """
    length, used = high - low, 0.0
    left: list[float] = []
    right: list[float] = []
    step = edge
    while (sharp_low or sharp_high) and step < cell:
        fits = [side for side, sharp in ((left, sharp_low), (right, sharp_high)) if sharp]
        if used + step * len(fits) >= 0.8 * length:
            break
        for side in fits:
            side.append(step)
        used += step * len(fits)
        step *= growth
    cell = min(cell, step) if steady and left + right else cell
    middle = max(1, int(np.ceil((length - used) / cell - 1e-6)))
    steps = np.concatenate([left, np.full(middle, (length - used) / middle), right[::-1]])
    return low + np.concatenate([[0.0], np.cumsum(steps)])
