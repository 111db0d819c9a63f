"""The subscores of a drive so far, from what has been counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.metrics.areas import DIRECTION_LIMITS
from simscale_gym.metrics.centerline import PROGRESS_THRESHOLD
from simscale_gym.metrics.running_kernel import AGAINST, ARC, DAC, LK, NC, START, TLC, TTC

Array = NDArray[np.float64]

RUNNING_CODES = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")
"""Codes of the subscores of a drive, in the kernel's order. There is no ``ec``: it compares two plans."""


@borrowing
def fill_subscores(tally: Array, comfortable: bool, reference: float, out: Array):
    """Write the subscores ``[8]`` in the order of :data:`RUNNING_CODES`.

    Args:
        tally: ``[9]`` what was counted of the drive (:mod:`simscale_gym.metrics.running_kernel`).
        comfortable: HC.
        reference: Way along the centreline [m] of a faultless drive over the same time.
        out: Row that is written.
    """
    against, progress = tally[AGAINST], max(0.0, tally[ARC] - tally[START])
    ddc = 1.0 if against < DIRECTION_LIMITS[0] else 0.5 if against < DIRECTION_LIMITS[1] else 0.0
    best = max(reference, progress * (tally[NC] * tally[DAC] * ddc * tally[TLC]))
    out[0], out[1], out[2], out[3] = tally[NC], tally[DAC], ddc, tally[TLC]
    out[4] = min(progress / best, 1.0) if best > PROGRESS_THRESHOLD else 1.0
    out[5], out[6], out[7] = tally[TTC], tally[LK], 1.0 if comfortable else 0.0
