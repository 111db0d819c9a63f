"""The labels of states that rollouts come to: what experts would have done there, and what a person did.

Labels are made as Algorithm 1 makes them: the expert's plan is driven for 4 s among reacting traffic, and scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from simscale_gym.agents.expert import PLAN_STRIDE, ExpertPlan
from simscale_gym.agents.experts import make_expert
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.datagen.collection import Recipe
from simscale_gym.datagen.drives import Drive, DrivenStep, onward
from simscale_gym.datagen.mixture import Remembering
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.tape import PERSON
from simscale_gym.envs.actions import ActionType, of_expert
from simscale_gym.metrics import Scores
from simscale_gym.perturbation import Telemetry
from simscale_gym.perturbation.bounds import end_offsets
from simscale_gym.scene import Scene
from simscale_gym.scoring.label_filter import label_failures
from simscale_gym.scoring.segment import drive_segment, ego_history, score_segment
from simscale_gym.sim import SimState, TrafficModel

NO_WAY_ON = "no way on"
"""Why a person's label falls: they let go before its end, and from there PDM-Closed has no plan that it vouches for."""


class Visited(NamedTuple):
    """A state that a rollout came to.

    Attributes:
        frame: T of its clip.
        number: Which rollout of the clip it is.
        index: Simulation steps of 0.1 s since the rollout began.
        past: Simulation states up to it, 0.1 s apart.
        observation: What was observed there.
        action: What was driven on with.
        by_expert: Whether the expert, or the person, drove on from there instead of the policy.
    """

    frame: int
    number: int
    index: int
    past: Sequence[SimState]
    observation: Mapping[str, Any]
    action: Any
    by_expert: bool


class RolloutLabels:
    """Labels the states that rollouts of one scene come to.

    Args:
        scene: The scene.
        spec: What is labelled, and kept.
        recipe: Names of the experts, and their bank.
        traffic: Traffic model that moves the others.
        action: What the rollouts' actions are.
        telemetry: Where fallen labels are counted.

    Attributes:
        experts: The experts that are asked.
    """

    def __init__(
        self,
        scene: Scene,
        spec: DataSpec,
        recipe: Recipe,
        traffic: TrafficModel,
        action: ActionType,
        telemetry: Telemetry,
    ) -> None:
        self._scene, self._traffic, self._action, self._telemetry = scene, traffic, action, telemetry
        self._filtered, self._steps = spec.rollout.filtered, PLAN_STRIDE * spec.moments_ahead
        self.experts = [Remembering(make_expert(name, recipe.bank)) for name in recipe.experts]
        self._planner = PlannerExpert()

    def labelled(self, at: Visited, driven: Sequence[SimState] = ()) -> Iterator[Drive]:
        """What a person drove on as, where one did, and what each expert would have done, where such labels are kept.

        Args:
            at: The state.
            driven: States behind it that a person drove, 0.1 s apart; empty where nobody did.
        """
        reference = reference_drive(self._scene, at.past[-1], self._planner)
        if driven:
            yield from self._of_person(at, driven, reference)
        for expert in self.experts:
            yield from self._of_expert(at, expert, reference)

    def _of_person(self, at: Visited, driven: Sequence[SimState], reference: np.ndarray) -> Iterator[Drive]:
        """Where the person let go, PDM-Closed drives on: what they would have done is not known."""
        scene, state, future = self._scene, at.past[-1], list(driven[: self._steps])
        for needed in (HORIZON_STEPS, self._steps):
            missing = max(0, needed - len(future))
            future += onward(scene, future[-1], self._planner, self._traffic, missing)
        if len(future) < HORIZON_STEPS:
            self._telemetry.one("label", NO_WAY_ON, expert=PERSON, round_index=at.number)
            return
        ahead = [state, *future[:HORIZON_STEPS]]
        scores = score_segment(scene, ahead, ego_history(scene, at.past), reference)
        if self._stays(PERSON, at, scores, valid=True):
            step = _step(at, True, at.action, {"person_steps": np.int64(min(len(driven), HORIZON_STEPS))})
            yield self._drive(PERSON, at, future, scores, None, step)

    def _of_expert(self, at: Visited, expert: Remembering, reference: np.ndarray) -> Iterator[Drive]:
        scene, state = self._scene, at.past[-1]
        plan = expert.plan(scene, state, self._traffic)
        label = drive_segment(scene, self._traffic, at.past, plan.poses_world(state.ego), reference)
        if self._stays(expert.name, at, label.scores, plan.valid):
            more = onward(scene, label.states[-1], expert, self._traffic, self._steps - HORIZON_STEPS)
            step = _step(at, plan.valid, of_expert(self._action, scene.vehicle, state.ego, plan))
            yield self._drive(expert.name, at, [*label.states[1:], *more], label.scores, plan, step)

    def _stays(self, expert: str, at: Visited, scores: Scores, valid: bool) -> bool:
        """Whether a label is kept, which is counted."""
        fallen = ""
        if self._filtered:
            failed = (code for code, failures in label_failures(scores).items() if failures[0])
            fallen = next(failed, "") if valid else "no valid plan"
        self._telemetry.one("label", fallen, expert=expert, round_index=at.number)
        return not fallen

    def _drive(
        self,
        expert: str,
        at: Visited,
        future: Sequence[SimState],
        scores: Scores,
        plan: ExpertPlan | None,
        step: DrivenStep,
    ) -> Drive:
        state = at.past[-1]
        return Drive(
            expert=expert,
            round_index=at.number,
            vocabulary_index=None,
            frame=at.frame,
            offset=end_offsets(state.ego[None, :3], self._scene.ego.poses[state.frame])[0],
            past=at.past,
            future=future,
            perturbation=None,
            label=scores,
            plan=plan,
            step=step,
        )


def _step(at: Visited, valid: bool, would: Any, more: Mapping[str, Any] | None = None) -> DrivenStep:
    seen = {name: value for name, value in at.observation.items() if value.dtype != np.uint8}
    arrays = {
        **seen,
        "action": np.asarray(at.action, np.float32),
        "expert_action": np.asarray(would),
        **(more or {}),
    }
    return DrivenStep(at.index, at.by_expert, valid, arrays)
