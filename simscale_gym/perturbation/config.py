"""How far off its log an ego may be thrown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class PerturbConfig:
    """Settings of a perturbed reset; the bounds are SimScale's (arXiv 2511.23369, supplement).

    Attributes:
        longitudinal: Largest offset of the end pose along the logged one's heading [m].
        lateral: Largest offset across it [m].
        heading: Largest turn against it [rad].
        minimum: Smallest of (offset [m] + 5 m/rad times turn): nearer the log is no perturbation.
        attempts: Reactive rollouts that are tried before giving up on a start frame.
        starts: Start frames that are tried before giving up on the scene.
        clearance: The end state must not meet another's constant-velocity forecast within this time [s].
        on_failure: What to do then: start on the log ("log") or raise ResetError ("error").
    """

    longitudinal: float = 20.0
    lateral: float = 2.0
    heading: float = float(np.radians(20.0))
    minimum: float = 0.5
    attempts: int = 16
    starts: int = 3
    clearance: float = 1.5
    on_failure: Literal["log", "error"] = "log"
