"""How far off its log an ego may be thrown, and how perturbations are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from simscale_gym.errors import ArgumentError, shown
from simscale_gym.perturbation.bounds import Bounds
from simscale_gym.perturbation.grid import CELL
from simscale_gym.scene import DT

PERTURBATION_GATE = 0.8
"""Least EPDMS of a perturbation (SimScale's R_per)."""


@dataclass(frozen=True)
class PerturbConfig:
    """Settings of a perturbed reset, such as ``PerturbConfig(bounds=Bounds(lateral=1.0), attempts=32)``.

    Attributes:
        bounds: Bounds of the ego's place relative to its log at the end.
        gate: Least EPDMS of the perturbation as driven (R_per of Algorithm 1); its progress is not judged.
        attempts: Number of reactive rollouts that are tried before a start frame is given up.
        starts: Number of start frames that are tried before the scene is given up.
        variety: Number of starts of a scene (or of a time in it, where resets name one), of which each reset draws one.
            A start is searched for when it is first drawn, frames and trajectories as random as ever; whoever draws it
            again, in any process that shares the cache, only drives it. So no scene has more perturbed starts than
            these, and a search that failed stays failed.
        clearance: Time within which the end state must not meet another's constant-velocity forecast [s].
        return_braking: Deceleration [m/s^2] of the stop, on a curve back to the route, that must be possible from
            the end state without leaving the road or meeting another's constant-velocity forecast.
        road_margin: Room to the edge of the road and to the others that this stop must keep [m].
        on_failure: What to do where all are given up: start on the log ("log") or raise ResetError ("error").
    """

    bounds: Bounds = field(default_factory=Bounds)
    gate: float = PERTURBATION_GATE
    attempts: int = 16
    starts: int = 3
    variety: int = 64
    clearance: float = 1.5
    return_braking: float = 2.0
    road_margin: float = 0.2
    on_failure: Literal["log", "error"] = "log"

    def __post_init__(self) -> None:
        if self.on_failure not in ("log", "error"):
            raise ArgumentError(f"PerturbConfig.on_failure: {self.on_failure!r}, expected 'log' or 'error'.")
        check_bounds(self.bounds, "PerturbConfig.bounds")
        if not 0.0 <= self.gate <= 1.0:
            raise ArgumentError(f"PerturbConfig.gate: {self.gate}, expected an EPDMS, 0 to 1.")
        for name in ("clearance", "road_margin"):
            if not getattr(self, name) >= 0.0:
                raise ArgumentError(f"PerturbConfig.{name}: {getattr(self, name)}, expected 0 or more.")
        if not self.return_braking > 0.0:
            raise ArgumentError(f"PerturbConfig.return_braking: {self.return_braking}, expected more than 0.")
        for name in ("attempts", "starts", "variety"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"PerturbConfig.{name}: {getattr(self, name)}, expected 1 or more.")


def check_bounds(bounds: object, name: str) -> None:
    """Refuse what is no :class:`Bounds`, such as the settings of a whole reset.

    Raises:
        ArgumentError: It is something else.
    """
    if not isinstance(bounds, Bounds):
        raise ArgumentError(f"{name}: {shown(bounds)}, expected a Bounds.")


@dataclass(frozen=True)
class AlgorithmConfig:
    """Settings of Algorithm 1 (SimScale, arXiv 2511.23369); each is the paper's unless it says otherwise.

    Attributes:
        bounds: Bounds of the pose at T+H relative to the log's (the paper does not name the frame). The least distance
            is ours; in navtrain, filtered for interest, few clips wait.
        gate: Least EPDMS of a perturbation, first without and then with reacting traffic (R_per, section 3).
        cell: Length and width of the cells of the interleaved grid [m].
        rounds: Number of samples of a clip and expert at most; the paper released five rounds.
        tries: Number of candidates that one round tries before it gives the clip up; None for all left. The paper
            does not say; its rounds are nested, as they are where a round goes on until one succeeds.
        stride: Time between the starts of a scene's clips [s]. Ours: navtrain's, filtered for interest, lie 0.5 s
            apart and overlap by far the most.
    """

    bounds: Bounds = field(default_factory=Bounds)
    gate: float = PERTURBATION_GATE
    cell: tuple[float, float] = CELL
    rounds: int = 5
    tries: int | None = None
    stride: float = 2.0

    def __post_init__(self) -> None:
        check_bounds(self.bounds, "AlgorithmConfig.bounds")
        if not 0.0 <= self.gate <= 1.0:
            raise ArgumentError(f"AlgorithmConfig.gate: {self.gate}, expected an EPDMS, 0 to 1.")
        if len(self.cell) != 2 or not all(side > 0.0 for side in self.cell):
            raise ArgumentError(f"AlgorithmConfig.cell: {self.cell}, expected two sides of more than 0 m.")
        if self.rounds < 1 or (self.tries is not None and self.tries < 1):
            wrong = f"rounds {self.rounds}, tries {self.tries}"
            raise ArgumentError(f"AlgorithmConfig: {wrong}, expected 1 or more of each.")
        if not self.stride >= DT:
            raise ArgumentError(f"AlgorithmConfig.stride: {self.stride} s, expected {DT} s or more.")
