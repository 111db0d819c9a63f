"""The EPDMS of a plan at a moment, as NAVSIM's two-stage run scores it: tracked, among traffic that answers it."""

from __future__ import annotations

from dataclasses import dataclass

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
class Yardstick:
    """What plans at a moment are measured by, whoever makes them.

    Attributes:
        reference: ``[41, 11]`` PDM-Closed's plan as driven, by which progress is judged; None where it has no lane.
        human: Scores of the logged human, alone; None off the log.
        logged: ``[8, 3]`` what the human did, in the ego frame; None off the log.
    """

    reference: Array | None
    human: Scores | None = None
    logged: Array | None = None


@dataclass(frozen=True, eq=False)
class DrivenPlan:
    """A plan, driven and scored.

    Attributes:
        states: 41 simulation states of the drive.
        scores: Scores of this one drive, without extended comfort.
        end: ``[2]`` where the plan itself ends, scene frame [m].
    """

    states: tuple[SimState, ...]
    scores: Scores
    end: Array

    @property
    def egos(self) -> Array:
        """``[41, 11]`` states of the ego."""
        return np.stack([state.ego for state in self.states])


def yardstick(scene: Scene, query: Query, traffic: TrafficModel) -> Yardstick:
    """The yardstick of a moment."""
    return yardstick_by(scene, query, traffic, reference_drive(scene, query.state, PlannerExpert()))


def yardstick_by(scene: Scene, query: Query, traffic: TrafficModel, reference: Array | None) -> Yardstick:
    """The yardstick of a moment whose reference is known."""
    if query.stage == 2:
        return Yardstick(reference)
    logged = logged_plan(scene, query.state)
    states = _driven(scene, traffic, query.state, dense_plan(logged))
    nobody_before = np.zeros((0, STATE_SIZE))  # NAVSIM scores the human without history
    return Yardstick(reference, _scores(scene, states, nobody_before, None, traffic), logged)


def logged_plan(scene: Scene, state: SimState) -> Array:
    """``[8, 3]`` where the human was 0.5 .. 4.0 s after ``state``, in the frame of its ego."""
    return logged_future(scene, state.frame, state.ego[:3])


def drive_plan(
    scene: Scene, query: Query, plan: Array, traffic: TrafficModel, measured_by: Yardstick
) -> DrivenPlan:
    """Drive a plan ``[40, 3]`` from a moment, and score what came of it; on the log with the human filter."""
    states = _driven(scene, traffic, query.state, plan)
    history = ego_history(scene, query.states)
    scores = _scores(scene, states, history, measured_by.reference, traffic)
    if measured_by.human is not None:
        scores = scores.human_filtered(measured_by.human)
    end = se2.poses_to_world(query.state.ego[:3], plan[-1:])[0, :2]
    return DrivenPlan(states, scores, end)


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
