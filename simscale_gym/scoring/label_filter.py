"""SimScale's filter of labels (arXiv 2511.23369, R_exp): every subscore full, progress above one half."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import Scores

LEAST_PROGRESS = 0.5
"""EP that a label must exceed, while every other subscore must be 1 (SimScale's R_exp)."""
_FULL = ("nc", "dac", "ddc", "tlc", "ttc", "lk", "hc")


def is_valid_label(scores: Scores) -> NDArray[np.bool_]:
    """Whether drives pass SimScale's filter of labels, ``[P]``: every subscore 1, progress above one half."""
    full = np.stack([getattr(scores, code) == 1.0 for code in _FULL])
    return full.all(0) & (scores.ep > LEAST_PROGRESS)


def label_failures(scores: Scores) -> dict[str, NDArray[np.bool_]]:
    """Whether drives fail SimScale's filter of labels, ``[P]`` for each subscore, by EPDMS code."""
    failed = {code: getattr(scores, code) < 1.0 for code in _FULL}
    return failed | {"ep": scores.ep <= LEAST_PROGRESS}
