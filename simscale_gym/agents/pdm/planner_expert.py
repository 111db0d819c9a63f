"""The planner expert: PDM-Closed on everything that the simulator knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.pdm.closed import PDMPlan, plan
from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.route import PDMRoute, with_paths
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se2
from simscale_gym.scene import LightStatus, Scene, on_other_level
from simscale_gym.scoring.route_ahead import route_ahead
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState, TrafficModel

Array = NDArray[np.float64]

_CODES = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")
_FIGURES = (*_CODES, "score", "offset", "speed_fraction")
_NO_LANE_BRAKING = 3.0  # [m/s^2] where there is nothing to follow


class PlannerExpert:
    """PDM-Closed as a pseudo-expert.

    Args:
        config: Settings; None for all corrections. ``PDMConfig.navsim()`` gives NAVSIM's planner.
        driven: Give the chosen proposal as the tracker drives it from the ego's pose, instead of the proposal
            itself, which lies on its path from the first pose on.
    """

    name = "planner"

    def __init__(self, config: PDMConfig | None = None, *, driven: bool = False) -> None:
        self.config, self.driven = config or PDMConfig.expert(), driven
        if self.config.steps != HORIZON_STEPS:
            raise ArgumentError(
                f"config.steps is {self.config.steps}, expected {HORIZON_STEPS} of an expert."
            )

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The best proposal.

        Valid where, driven against the forecast, it hits nobody, keeps to the road and stops at red lights;
        ``scores`` has its subscores and total by EPDMS code, its offset from the centreline and its share of the
        speed limit. Without any lane to follow the plan brakes, is not valid and scores 0.
        """
        return self.plan_of(scene, state, self.outcome(scene, state))

    def plan_of(self, scene: Scene, state: SimState, outcome: PDMPlan | None) -> ExpertPlan:
        """The plan of :meth:`plan`, where :meth:`outcome` has been asked already."""
        if outcome is None:
            return ExpertPlan(
                braking_plan(scene, state.ego, _NO_LANE_BRAKING), False, dict.fromkeys(_FIGURES, 0.0)
            )
        best = outcome.chosen
        scores = outcome.scores
        poses = outcome.poses[1 : HORIZON_STEPS + 1]
        if self.driven and not outcome.braking:
            poses = outcome.driven[best, 1:, :3]
        valid = not outcome.braking and bool((scores.nc * scores.dac * scores.tlc)[best] == 1.0)
        return ExpertPlan(se2.poses_to_local(state.ego[:3], poses), valid, self._figures(outcome))

    def outcome(self, scene: Scene, state: SimState, route: PDMRoute | None = None) -> PDMPlan | None:
        """The planning step behind :meth:`plan`, with all proposals; None where there is no lane to follow.

        ``route`` may be given where :meth:`route` has been asked already.
        """
        route = route or self.route(scene, state)
        if route is None:
            return None
        traffic, rows = state.traffic, np.flatnonzero(state.traffic.valid & ~on_other_level(scene))
        lights = scene.lights.at(state.frame)
        return plan(
            map_layers(scene.map),
            route,
            state.ego,
            np.concatenate([traffic.poses[rows], scene.tracks.sizes[rows, :2]], axis=1),
            traffic.velocities[rows],
            scene.tracks.types[rows],
            red_lights=[lane for lane, status in lights.items() if status == LightStatus.RED],
            config=self.config,
            vehicle=scene.vehicle,
        )

    def route(self, scene: Scene, state: SimState) -> PDMRoute | None:
        """The paths that the ego may follow."""
        ahead = route_ahead(scene, state.ego, self.config.search)
        return None if ahead is None else with_paths(scene.map, ahead, self.config)

    def _figures(self, outcome: PDMPlan) -> dict[str, float]:
        best, scores = outcome.chosen, outcome.scores
        path, speed = divmod(best, len(self.config.speed_fractions))
        figures = {code: float(getattr(scores, code)[best]) for code in _CODES}
        return figures | {
            "score": float(scores.total[best]),
            "offset": float((0.0, *self.config.lateral_offsets)[path]),
            "speed_fraction": float(self.config.speed_fractions[speed]),
        }


def reference_drive(scene: Scene, state: SimState, planner: PlannerExpert) -> Array | None:
    """``[41, 11]`` the planner's proposal as driven; None where it has no lane to follow."""
    return driven_of(planner.outcome(scene, state))


def driven_of(outcome: PDMPlan | None) -> Array | None:
    """The drive of :func:`reference_drive`, where the planner has been asked already."""
    return None if outcome is None else outcome.driven[outcome.chosen]
