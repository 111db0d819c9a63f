"""Settings of PDM-Closed: NAVSIM's, and the corrections that the expert has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simscale_gym.errors import ArgumentError
from simscale_gym.scoring.route_ahead import RouteSearch

EmergencyBrake = Literal["off", "tuplan", "stop"]
_NAVSIM_SEARCH = RouteSearch()


@dataclass(frozen=True)
class PDMConfig:
    """Settings of :func:`simscale_gym.agents.pdm.closed.plan`.

    The numbers are NAVSIM's (metric_cache_processor.py, pdm_generator.py, pdm_observation.py). The named
    corrections are off in :meth:`navsim` and on in :meth:`expert`.

    Attributes:
        lateral_offsets: Offsets of the side paths from the centreline [m, left +].
        speed_fractions: Fractions of the speed limit that proposals aim at.
        fallback_speed: Speed limit of lanes that have none [m/s].
        min_gap: Standing distance to what is ahead [m].
        headway: Time gap [s].
        acceleration, deceleration: Largest acceleration and braking [m/s^2].
        exponent: Exponent of the speed term of the Intelligent Driver Model.
        steps: Number of steps of a proposal, 0.1 s each.
        output_steps: Number of steps of the chosen proposal, which is unrolled on; at least ``steps``.
        stride: Number of steps between two moves of the forecasts, and between two searches for leaders.
        radius: Objects further away are left out [m].
        nearest: Largest numbers of vehicles, bicycles, pedestrians and static objects that are taken along.
        search: Settings of the search for the route ahead. Correction: ``RouteSearch.off_route``.
        lead_at_once: Correction: look for leaders at the first step too. NAVSIM's first step finds its table of
            leaders still empty and brakes as if something stood right ahead.
        separate_leads: Correction: each proposal has its own leader. NAVSIM's proposals of one path share a row,
            where speed and length of a former proposal's leader are left standing.
        hold_at_rest: Correction: proposals that stand do not roll backwards.
        join_time: Correction: paths begin at the ego's pose and are joined so long after [s], or where the ego is
            slow ``join_distance`` after [m]; 0 for not at all. NAVSIM's proposals lie on their path from the start,
            and the tracker, thrown at it from meters beside, swings over the road.
        join_distance: Least distance after which paths are joined [m], see ``join_time``.
        least_bad: Correction: where every score is 0, take the proposal that fails least. NAVSIM takes the first.
        curve_acceleration: Correction: slow down ahead of curves so that the lateral acceleration stays below this
            [m/s^2]; 0 for not at all.
        emergency_brake: What to do about an at-fault collision soon in the best proposal: "off" nothing, as
            NAVSIM; "tuplan" straight on at a constant speed, as tuPlan; "stop" brake to a stand along the path.
        brake_within: Time within which such a collision counts as soon [s].
        brake_below: Greatest speed of the ego at which it brakes so [m/s].
        brake_deceleration: Deceleration of "stop" [m/s^2] (nuPlan's bound of comfort, which tuPlan clips to as well).
    """

    lateral_offsets: tuple[float, ...] = (-1.0, 1.0)
    speed_fractions: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    fallback_speed: float = 15.0
    min_gap: float = 1.0
    headway: float = 1.5
    acceleration: float = 1.5
    deceleration: float = 3.0
    exponent: float = 10.0
    steps: int = 40
    output_steps: int = 50
    stride: int = 2
    radius: float = 100.0
    nearest: tuple[int, int, int, int] = (50, 10, 25, 50)
    search: RouteSearch = _NAVSIM_SEARCH
    lead_at_once: bool = False
    separate_leads: bool = False
    hold_at_rest: bool = False
    join_time: float = 0.0
    join_distance: float = 8.0
    least_bad: bool = False
    curve_acceleration: float = 0.0
    emergency_brake: EmergencyBrake = "off"
    brake_within: float = 2.0
    brake_below: float = 5.0
    brake_deceleration: float = 4.05

    def __post_init__(self) -> None:
        if not self.speed_fractions or min(self.speed_fractions) <= 0.0:
            raise ArgumentError(f"speed_fractions is {self.speed_fractions}, expected some, all positive.")
        if not 1 <= self.steps <= self.output_steps:
            raise ArgumentError(
                f"steps is {self.steps}, output_steps {self.output_steps}; expected 1 <= steps <= output_steps."
            )
        if self.stride < 1:
            raise ArgumentError(f"stride is {self.stride}, expected 1 or more.")
        if self.emergency_brake not in ("off", "tuplan", "stop"):
            raise ArgumentError(
                f'emergency_brake is {self.emergency_brake!r}, expected "off", "tuplan" or "stop".'
            )

    @classmethod
    def navsim(cls) -> PDMConfig:
        """Settings with which NAVSIM computes the reference plan of its metric, flaws included."""
        return cls()

    @classmethod
    def expert(cls) -> PDMConfig:
        """Settings of the expert: all corrections are on."""
        return cls(
            lead_at_once=True,
            separate_leads=True,
            hold_at_rest=True,
            join_time=3.0,
            least_bad=True,
            search=RouteSearch.off_route(),
            curve_acceleration=2.5,
            emergency_brake="stop",
        )
