"""The EPDMS of a plan at a moment, as NAVSIM's two-stage run scores it: tracked, among traffic that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import dense_plan
from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.agents.recorded_ego import logged_future
from simscale_gym.evaluation.queries import Query
from simscale_gym.geometry import se2
from simscale_gym.metrics import Scores, extended_comfort
from simscale_gym.scene import DT, STATE_SIZE, Scene
from simscale_gym.scoring import ego_history, score_segment
from simscale_gym.sim import SimState, TrafficModel, rollout

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DrivenPlan:
    """A plan, driven and scored.

    Attributes:
        egos: ``[41, 11]`` states of the ego.
        scores: Scores of this one drive, without extended comfort.
        end: ``[2]`` where the plan itself ends, scene frame [m].
        states: 41 simulation states of the drive; none where it was not driven in the simulator.
    """

    egos: Array
    scores: Scores
    end: Array
    states: tuple[SimState, ...] = ()


class Measure(Protocol):
    """What plans at a moment are measured by, whoever makes them.

    Attributes:
        logged: ``[8, 3]`` what the human did, in the ego frame; None off the log.
    """

    @property
    def logged(self) -> Array | None:
        """What the human did."""

    def drive(self, plan: Array) -> DrivenPlan:
        """Drive a plan ``[40, 3]`` from the moment, and score what came of it; on the log with the human filter."""


@dataclass(frozen=True, eq=False)
class Yardstick:
    """A measure: the simulator's map, route and traffic.

    Attributes:
        scene: The scene.
        query: The moment.
        traffic: Traffic model that moves the others.
        reference: ``[41, 11]`` PDM-Closed's plan as driven, by which progress is judged; None where it has no lane.
        human: Scores of the logged human, alone; None off the log.
        logged: ``[8, 3]`` what the human did, in the ego frame; None off the log.
    """

    scene: Scene
    query: Query
    traffic: TrafficModel
    reference: Array | None
    human: Scores | None = None
    logged: Array | None = None

    def drive(self, plan: Array) -> DrivenPlan:
        """Drive a plan ``[40, 3]`` from the moment, and score what came of it; on the log with the human filter."""
        query = self.query
        states = _driven(self.scene, self.traffic, query.state, plan)
        history = ego_history(self.scene, query.states)
        scores = _scores(self.scene, states, history, self.reference, self.traffic)
        if self.human is not None:
            scores = scores.human_filtered(self.human)
        end = se2.poses_to_world(query.state.ego[:3], plan[-1:])[0, :2]
        return DrivenPlan(np.stack([state.ego for state in states]), scores, end, states)


def yardstick(scene: Scene, query: Query, traffic: TrafficModel) -> Yardstick:
    """The yardstick of a moment."""
    return yardstick_by(scene, query, traffic, reference_drive(scene, query.state, PlannerExpert()))


def yardstick_by(scene: Scene, query: Query, traffic: TrafficModel, reference: Array | None) -> Yardstick:
    """The yardstick of a moment whose reference is known."""
    if query.stage == 2:
        return Yardstick(scene, query, traffic, reference)
    logged = logged_plan(scene, query.state)
    states = _driven(scene, traffic, query.state, dense_plan(logged))
    nobody_before = np.zeros((0, STATE_SIZE))  # NAVSIM scores the human without history
    human = _scores(scene, states, nobody_before, None, traffic)
    return Yardstick(scene, query, traffic, reference, human, logged)


def logged_plan(scene: Scene, state: SimState) -> Array:
    """``[8, 3]`` where the human was 0.5 .. 4.0 s after ``state``, in the frame of its ego."""
    return logged_future(scene, state.frame, state.ego[:3])


def pair_scores(now: DrivenPlan, before: DrivenPlan) -> tuple[Scores, Scores]:
    """Scores of a pair of plans half a second apart, with extended comfort, which both share."""
    ec, _ = extended_comfort(before.egos, now.egos, PLAN_STRIDE * DT)
    return now.scores.with_extended_comfort(ec), before.scores.with_extended_comfort(ec)


def displacement(plan: Array, logged: Array) -> tuple[float, float]:
    """Average and final distance [m] of a plan ``[40, 3]`` from the log's ``[8, 3]``, at 0.5 .. 4.0 s."""
    away = np.hypot(*(plan[PLAN_STRIDE - 1 :: PLAN_STRIDE, :2] - logged[:, :2]).T)
    return float(away.mean()), float(away[-1])


def _driven(scene: Scene, traffic: TrafficModel, state: SimState, plan: Array) -> tuple[SimState, ...]:
    pose = state.ego[:3]
    world = np.concatenate([pose[None], se2.poses_to_world(pose, plan)])
    return (state, *rollout(scene, traffic, state, world))


def _scores(
    scene: Scene,
    states: tuple[SimState, ...],
    history: Array,
    reference: Array | None,
    traffic: TrafficModel,
) -> Scores:
    return score_segment(scene, states, history, reference, replayed=not traffic.reacts)
