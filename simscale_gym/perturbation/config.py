"""How far off its log an ego may be thrown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simscale_gym.errors import ArgumentError


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
        return_braking: Deceleration [m/s^2] of the stop, on a curve back to the route, that must be possible from
            the end state without leaving the road or meeting another's constant-velocity forecast.
        road_margin: Room to the edge of the road and to the others that this stop must keep [m].
        on_failure: What to do then: start on the log ("log") or raise ResetError ("error").
    """

    longitudinal: float = 20.0
    lateral: float = 2.0
    heading: float = float(np.radians(20.0))
    minimum: float = 0.5
    attempts: int = 16
    starts: int = 3
    clearance: float = 1.5
    return_braking: float = 2.0
    road_margin: float = 0.2
    on_failure: Literal["log", "error"] = "log"

    def __post_init__(self) -> None:
        if self.on_failure not in ("log", "error"):
            raise ArgumentError(f"PerturbConfig.on_failure: {self.on_failure!r}, expected 'log' or 'error'.")
        for name in ("longitudinal", "lateral", "heading", "minimum", "clearance", "road_margin"):
            if not getattr(self, name) >= 0.0:
                raise ArgumentError(f"PerturbConfig.{name}: {getattr(self, name)}, expected 0 or more.")
        if not self.return_braking > 0.0:
            raise ArgumentError(f"PerturbConfig.return_braking: {self.return_braking}, expected more than 0.")
        for name in ("attempts", "starts"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"PerturbConfig.{name}: {getattr(self, name)}, expected 1 or more.")
