"""The unified expert: as safe as the planner, as smooth as a human.

SimScale (arXiv 2511.23369) takes labels from two experts and leaves open how to join them: PDM-Closed, which finds
a way nearly always but drives like a machine, and retrieval of human futures, which is smooth but often finds none.
Here both propose, together with human futures that lead where the planner goes and with motions of least jerk; all
are driven by the tracker and scored with EPDMS among the others as they will react; of those that are as good as
the best, the calmest and most human one wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.pdm.closed import least_bad
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.rehearsal import rehearse
from simscale_gym.agents.retrieval import Retrieval
from simscale_gym.agents.unified.candidates import SOURCES, CandidatePlans, propose, propose_more
from simscale_gym.agents.unified.config import UnifiedConfig
from simscale_gym.geometry import se2
from simscale_gym.metrics import Scores, Situation, score
from simscale_gym.metrics.comfort import (
    LATERAL_LIMIT,
    LONGITUDINAL_JERK_LIMIT,
    LONGITUDINAL_LIMITS,
    YAW_ACCELERATION_LIMIT,
)
from simscale_gym.metrics.score import MULTIPLIERS
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.scoring.label_filter import is_valid_label
from simscale_gym.scoring.scene_ground import closed_lanes
from simscale_gym.sim import SimState, TrafficModel, track

Array = NDArray[np.float64]

_HISTORY_TIMES = -np.arange(15, 1, -1) * DT  # NAVSIM's: 1.5 to 0.2 s ago
_NO_LANE_BRAKING = 3.0  # [m/s^2] where there is nothing to follow
_FURTHER = 1.0  # [m] than the planner, where no candidate keeps the lights
_CODES = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")
_FIGURES = (*_CODES, "score", "label", "distance", "discomfort", *(f"from_{name}" for name in SOURCES))


@dataclass(frozen=True, eq=False)
class UnifiedPlan:
    """Outcome of a planning step.

    Attributes:
        candidates: The ``P`` plans that were proposed.
        driven: ``[P, 41, 11]`` states when the tracker drives them.
        scores: Subscores of ``driven``, progress relative to the planner's choice.
        labels: ``[P]`` whether it passes SimScale's filter of labels.
        contenders: ``[C]`` rows of the candidates that are as good as the best, see :func:`contenders`.
        distance: ``[C]`` distance of the contenders to the most similar human future [m].
        discomfort: ``[C]`` share of the bounds of comfort that the contenders use, see :func:`discomfort`.
        winner: Place among the contenders of the one that is taken.
    """

    candidates: CandidatePlans
    driven: Array
    scores: Scores
    labels: NDArray[np.bool_]
    contenders: NDArray[np.int64]
    distance: Array
    discomfort: Array
    winner: int

    @property
    def chosen(self) -> int:
        """Row of the candidate that is taken."""
        return int(self.contenders[self.winner])


class UnifiedExpert:
    """Planner, retrieval and smooth motions as one pseudo-expert.

    Args:
        bank: Human futures.
        config: Settings; None for the default ones.
    """

    name = "unified"

    def __init__(self, bank: HumanFutures, config: UnifiedConfig | None = None) -> None:
        self.config = config or UnifiedConfig()
        self._retrieval = Retrieval(bank)
        self._planner = PlannerExpert()

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The best candidate.

        Valid where, driven among the others as they will react, it hits nobody, keeps to the road and stops at red
        lights. ``scores`` has its subscores and total (``score``) by EPDMS code, ``label`` (1 where it passes
        SimScale's filter: every subscore 1, progress more than half of the planner's), its ``distance`` to the
        most similar human future [m], its ``discomfort``, and of ``from_planner``, ``from_recovery``,
        ``from_human``, ``from_smooth``, ``from_braking`` and ``from_blend`` one that is 1. Without any lane to
        follow the plan brakes, is not valid and scores 0.
        """
        outcome = self.outcome(scene, state, traffic)
        if outcome is None:
            return ExpertPlan(
                braking_plan(scene, state.ego, _NO_LANE_BRAKING), False, dict.fromkeys(_FIGURES, 0.0)
            )
        best, scores = outcome.chosen, outcome.scores
        figures = {code: float(getattr(scores, code)[best]) for code in _CODES}
        figures |= {
            "score": float(scores.total[best]),
            "label": float(outcome.labels[best]),
            "distance": float(outcome.distance[outcome.winner]),
            "discomfort": float(outcome.discomfort[outcome.winner]),
        }
        sources = outcome.candidates.sources
        figures |= {f"from_{name}": float(sources[best] == row) for row, name in enumerate(SOURCES)}
        poses = se2.poses_to_local(state.ego[:3], outcome.candidates.poses[best, 1:])
        safe = bool((scores.nc * scores.dac * scores.tlc)[best] == 1.0)
        return ExpertPlan(poses, safe, figures)

    def outcome(self, scene: Scene, state: SimState, traffic: TrafficModel) -> UnifiedPlan | None:
        """The planning step behind :meth:`plan`, with all candidates; None where there is no lane to follow."""
        route = self._planner.route(scene, state)
        planned = None if route is None else self._planner.outcome(scene, state, route)
        if planned is None:
            return None
        candidates = propose(scene, state, route, planned, self._retrieval, self.config)
        expected = planned.driven[planned.chosen]
        closed = closed_lanes(scene, route.ahead.lane_ids, state.frame, len(expected))
        for _ in range(self.config.rollouts):
            agents = rehearse(scene, state, expected, traffic)
            situation = planned.situation.with_agents(agents, closed, steady_history(state.ego))
            judged = self._judged(scene, state, situation, candidates, planned.chosen)
            way = judged.driven[judged.chosen]
            if np.abs(way[:, :2] - expected[:, :2]).max() <= self.config.alike:
                break
            expected = way
        if judged.labels.any() or not judged.scores.tlc.any():
            return judged
        totals = relieved(judged.scores).total
        more = propose_more(scene, state, route, planned, candidates, totals, self.config)
        return self._judged(scene, state, situation, candidates.and_also(more), planned.chosen)

    def _judged(
        self, scene: Scene, state: SimState, situation: Situation, candidates: CandidatePlans, reference: int
    ) -> UnifiedPlan:
        """The candidates driven and scored, progress relative to the one in row ``reference``."""
        driven = track(state.ego, candidates.poses, vehicle=scene.vehicle)
        scores = score(situation, driven, vehicle=scene.vehicle)
        scores = scores.against(scores.take([reference]))
        labels = is_valid_label(scores)
        reach = float(scores.progress[reference]) + _FURTHER
        rows = contenders(scores, labels, self.config.tie, reach)
        local = se2.poses_to_local(state.ego[:3], driven[rows, 1:, :3].reshape(-1, 3))
        distance = self._retrieval.distances(local.reshape(len(rows), -1, 3))
        uneasy = discomfort(driven[rows])
        cost = self.config.human_weight * distance + self.config.comfort_weight * uneasy
        return UnifiedPlan(
            candidates, driven, scores, labels, rows, distance, uneasy, winner=int(np.argmin(cost))
        )


def contenders(
    scores: Scores, labels: NDArray[np.bool_], tie: float, reach: float = np.inf
) -> NDArray[np.int64]:
    """Rows of the candidates whose total is within ``tie`` of the best; human-likeness and comfort decide between them.

    Candidates that pass the filter of labels (``labels [P]``) come before all others. Multipliers that none can
    keep, as of who stands under a red light, are left out of the total; where it is 0 for all even so, the one that
    fails least is alone. Where it is the lights that none can keep, none may make more than ``reach`` [m] of way: who
    stands over the stop line shall not drive on because that costs nothing.
    """
    total = relieved(scores).total
    if not scores.tlc.any():
        total = np.where(scores.progress <= reach, total, 0.0)
    if total.max() <= 0.0:
        return np.array([least_bad(scores)])
    if labels.any():
        total = np.where(labels, total, -1.0)
    return np.flatnonzero(total >= total.max() - tie)


def relieved(scores: Scores) -> Scores:
    """The scores without the multipliers that are 0 for all."""
    hopeless = [code for code in MULTIPLIERS if not getattr(scores, code).any()]
    return replace(scores, **{code: np.ones_like(getattr(scores, code)) for code in hopeless})


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
