"""Settings of the unified expert."""

from __future__ import annotations

from dataclasses import dataclass

from simscale_gym.errors import ArgumentError


@dataclass(frozen=True)
class UnifiedConfig:
    """Settings of :class:`simscale_gym.agents.unified.unified_expert.UnifiedExpert`.

    Attributes:
        recoveries: Human futures bent to where the log is 4 s ahead that are tried.
        humans: Human futures bent to each end of the planner's centre proposals that are tried.
        closing: Most of what is left between a future's end and its target that is closed by bending it, along
            and across [m].
        returns: Times after which smooth motions are back on the centreline [s].
        more_returns: Such times [s] for the second look, taken where no candidate passes the filter of labels.
        near_side: Offset from the centreline, on the ego's side, that the second look takes for as good [m].
        brakings: Decelerations of the stops that are tried [m/s^2].
        tie: Difference in EPDMS to the best within which candidates are as good as it.
        human_weight: Weight of the distance to human futures [1/m] in deciding between these.
        comfort_weight: Weight of the discomfort in deciding between these.
        rollouts: Greatest number of times that the traffic is run ahead: first for the planner's choice, then for the
            best candidate as long as it changes.
        alike: Distance along x or y [m] up to which two ways of the ego are taken to change nothing for the others.
    """

    recoveries: int = 8
    humans: int = 3
    closing: tuple[float, float] = (4.0, 1.5)
    returns: tuple[float, ...] = (2.5, 4.0)
    more_returns: tuple[float, ...] = (1.5, 2.0, 3.0)
    near_side: float = 0.3
    brakings: tuple[float, ...] = (2.0, 4.0)
    tie: float = 0.05
    human_weight: float = 0.5
    comfort_weight: float = 1.0
    rollouts: int = 1
    alike: float = 1.0

    def __post_init__(self) -> None:
        for name in ("recoveries", "humans", "rollouts"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"UnifiedConfig.{name}: {getattr(self, name)}, expected 1 or more.")
        for name in ("tie", "human_weight", "comfort_weight", "alike"):
            if not getattr(self, name) >= 0.0:
                raise ArgumentError(f"UnifiedConfig.{name}: {getattr(self, name)}, expected 0 or more.")
        for name in ("returns", "more_returns", "brakings"):
            if not getattr(self, name) or not min(getattr(self, name)) > 0.0:
                raise ArgumentError(
                    f"UnifiedConfig.{name}: {getattr(self, name)}, expected some, all positive."
                )
