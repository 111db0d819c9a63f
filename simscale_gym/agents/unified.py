"""The unified expert: as safe as the planner, as smooth as a human.

SimScale (arXiv 2511.23369) takes labels from two experts and leaves open how to join them: PDM-Closed, which finds
a way nearly always but drives like a machine, and retrieval of human futures, which is smooth but often finds none.
Here both propose, together with human futures that lead where the planner goes and with motions of least jerk; all
are driven by the tracker and scored with EPDMS among the others as they will react; of those that are as good as
the best, the calmest and most human one wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.rehearsal import foresee
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.pdm_closed import least_bad
from simscale_gym.agents.planner_expert import PlannerExpert
from simscale_gym.agents.recovery import braking_plan
from simscale_gym.agents.retrieval import Retrieval
from simscale_gym.agents.segment import is_valid_label, segment_situation
from simscale_gym.agents.unified_candidates import SOURCES, Candidates, propose
from simscale_gym.agents.unified_config import UnifiedConfig
from simscale_gym.geometry import se2
from simscale_gym.metrics import Scores, score
from simscale_gym.metrics.comfort import (
    LATERAL_LIMIT,
    LONGITUDINAL_JERK_LIMIT,
    LONGITUDINAL_LIMITS,
    YAW_ACCELERATION_LIMIT,
)
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.sim import SimState, TrafficModel, track

Array = NDArray[np.float64]

_HISTORY_TIMES = -np.arange(15, 1, -1) * DT  # NAVSIM's: 1.5 to 0.2 s ago
_NO_LANE_BRAKING = 3.0  # [m/s^2] where there is nothing to follow
_CODES = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")


@dataclass(frozen=True, eq=False)
class UnifiedPlan:
    """Outcome of a planning step.

    Attributes:
        candidates: What was proposed.
        driven: ``[P, 41, 11]`` what the tracker makes of it.
        scores: Of ``driven``, progress relative to the planner's choice.
        valid: ``[P]`` which pass SimScale's filter of labels.
        distance: ``[P]`` to the most similar human future [m].
        discomfort: ``[P]`` share of the bounds of comfort that is used, see :func:`discomfort`.
        chosen: Row of the best.
    """

    candidates: Candidates
    driven: Array
    scores: Scores
    valid: NDArray[np.bool_]
    distance: Array
    discomfort: Array
    chosen: int


class UnifiedExpert:
    """Planner, retrieval and smooth motions as one pseudo-expert.

    Args:
        bank: Human futures.
        config: Settings; None for the default ones.
        traffic: Who moves the others, to be run ahead; None to tell from the state: IDM where it is at work, else
            everybody keeps speed and heading.
    """

    name = "unified"

    def __init__(
        self, bank: HumanFutures, config: UnifiedConfig | None = None, *, traffic: TrafficModel | None = None
    ) -> None:
        self.config, self.traffic = config or UnifiedConfig(), traffic
        self._retrieval = Retrieval(bank)
        self._planner = PlannerExpert()

    def plan(self, scene: Scene, state: SimState) -> ExpertPlan:
        """The best candidate.

        Valid where, driven among the others as they will react, every EPDMS subscore is 1 and progress more than
        half of the planner's (SimScale's filter of labels). ``scores`` has its subscores and total (``score``) by
        EPDMS code, its ``distance`` to the most similar human future [m], its ``discomfort``, and ``from_planner``,
        ``from_recovery``, ``from_human``, ``from_smooth``, ``from_braking``, of which one is 1. Without any lane to
        follow the plan brakes and is not valid.
        """
        outcome = self.outcome(scene, state)
        if outcome is None:
            return ExpertPlan(braking_plan(scene, state, _NO_LANE_BRAKING), False)
        best, scores = outcome.chosen, outcome.scores
        figures = {code: float(getattr(scores, code)[best]) for code in _CODES}
        figures |= {
            "score": float(scores.total[best]),
            "distance": float(outcome.distance[best]),
            "discomfort": float(outcome.discomfort[best]),
        }
        sources = outcome.candidates.sources
        figures |= {f"from_{name}": float(sources[best] == row) for row, name in enumerate(SOURCES)}
        poses = se2.poses_to_local(state.ego[:3], outcome.candidates.poses[best, 1:])
        return ExpertPlan(poses, bool(outcome.valid[best]), figures)

    def outcome(self, scene: Scene, state: SimState) -> UnifiedPlan | None:
        """The planning step behind :meth:`plan`, with all candidates; None where there is no lane to follow."""
        planned = self._planner.outcome(scene, state)
        if planned is None:
            return None
        route = self._planner.route(scene, state)
        candidates = propose(scene, state, route, planned, self._retrieval, self.config)
        driven = track(state.ego, candidates.poses, vehicle=scene.vehicle)
        distance = self._retrieval.distances(
            se2.poses_to_local(state.ego[:3], driven[:, 1:, :3].reshape(-1, 3)).reshape(-1, HORIZON_STEPS, 3)
        )
        uneasy = discomfort(driven)
        rank = self.config.human_weight * distance + self.config.comfort_weight * uneasy
        history, expected, best = steady_history(state.ego), planned.chosen, -1
        for _ in range(self.config.rollouts):
            agents = foresee(scene, state, driven[expected], self.traffic)
            situation = segment_situation(scene, state, agents, history)
            scores = score(situation, driven, vehicle=scene.vehicle)
            scores = scores.against(scores.take([planned.chosen]))
            valid = is_valid_label(scores)
            best = choose(scores, valid, rank, self.config.tie)
            if best == expected:
                break
            expected = best
        return UnifiedPlan(candidates, driven, scores, valid, distance, uneasy, best)


def choose(scores: Scores, valid: NDArray[np.bool_], rank: Array, tie: float) -> int:
    """The candidate of the least ``rank [P]`` among those whose total is within ``tie`` of the best.

    Valid labels come before all others; where every total is 0, the one that fails least is taken.
    """
    total = scores.total
    if not valid.any() and total.max() <= 0.0:
        return least_bad(scores)
    pool = np.flatnonzero(valid) if valid.any() else np.arange(len(total))
    near = pool[total[pool] >= total[pool].max() - tie]
    return int(near[np.argmin(rank[near])])


def discomfort(driven: Array) -> Array:
    """``[P]`` mean over time of the shares of nuPlan's bounds that ``driven [P, T, 11]`` uses.

    Of the bounds on acceleration lengthwise and sideways, on lengthwise jerk and on yaw acceleration.
    """
    acceleration = driven[:, 1:, StateIndex.AX]
    jerk = np.diff(driven[..., StateIndex.AX], axis=1) / DT
    sideways = driven[:, 1:, StateIndex.VX] * driven[:, 1:, StateIndex.YAW_RATE]
    turning = driven[:, 1:, StateIndex.YAW_ACC]
    parts = (
        np.abs(acceleration) / LONGITUDINAL_LIMITS[1],
        np.abs(sideways) / LATERAL_LIMIT,
        np.abs(jerk) / LONGITUDINAL_JERK_LIMIT,
        np.abs(turning) / YAW_ACCELERATION_LIMIT,
    )
    return np.sum([part.mean(1) for part in parts], axis=0)


def steady_history(ego: Array) -> Array:
    """``[14, 11]`` a past for ``ego [11]``: the same acceleration and yaw rate all the time."""
    past = np.repeat(ego[None], len(_HISTORY_TIMES), 0)
    past[:, StateIndex.HEADING] += ego[StateIndex.YAW_RATE] * _HISTORY_TIMES
    past[:, StateIndex.YAW_ACC] = 0.0
    return past
