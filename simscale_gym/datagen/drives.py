"""The drives that samples show: perturbed ones with an expert's label, the log's own, and a policy's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE, Expert, ExpertPlan
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.datagen.moments import EARLIEST
from simscale_gym.datagen.sample import HISTORY_POSES
from simscale_gym.metrics import Scores
from simscale_gym.one_line import one_line
from simscale_gym.perturbation import ClipOutcome, Sample
from simscale_gym.scene import Moment, Scene
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import SimState, TrafficModel, moment_of, rollout

Array = NDArray[np.float64]

LOG = "log"
"""Whose label a sample on the log has."""


@dataclass(frozen=True, eq=False)
class DrivenStep:
    """The step of a rollout that a sample's present is.

    Attributes:
        index: Simulation steps of 0.1 s since the policy took over.
        by_expert: Whether the expert drove on from here, instead of the policy.
        valid: Whether the label's expert vouches for its plan.
        arrays: What the policy observed, pictures left out, by the environment's names; the ``action`` that was driven
            on with, and ``expert_action``, by which the environment would follow the label.
    """

    index: int
    by_expert: bool
    valid: bool
    arrays: Mapping[str, NDArray]


@dataclass(frozen=True, eq=False)
class Drive:
    """What a sample is drawn and counted from.

    Attributes:
        expert: Whose label it is.
        round_index: 0 for the first round.
        vocabulary_index: Of the trajectory that led off the log; None on the log.
        frame: T of its clip.
        offset: ``[3]`` of the present pose from the logged one: along, across [m], turn [rad].
        past: 16 states or more 0.1 s apart, the present last.
        future: 40 states or more 0.1 s apart, of which the label is the first 40.
        perturbation: Scores of the way off the log; None on the log.
        label: Scores of the label.
        plan: What the expert planned; None on the log.
        step: Step of a rollout; None elsewhere.
    """

    expert: str
    round_index: int
    vocabulary_index: int | None
    frame: int
    offset: Array
    past: Sequence[SimState]
    future: Sequence[SimState]
    perturbation: Scores | None
    label: Scores
    plan: ExpertPlan | None
    step: DrivenStep | None = None

    __repr__ = one_line

    @property
    def present(self) -> SimState:
        """State now."""
        return self.past[-1]

    @property
    def ahead(self) -> list[SimState]:
        """The 41 states of the label, the present first."""
        return [self.present, *self.future[:HORIZON_STEPS]]

    @property
    def replayed(self) -> bool:
        """Whether the others do as they did, whatever the ego does."""
        return self.perturbation is None

    def steps(self, ahead: int) -> range:
        """Half seconds from now at which there are states, to ``ahead`` at most."""
        earliest = max(EARLIEST, -((len(self.past) - 1) // PLAN_STRIDE))
        return range(earliest, min(ahead, len(self.future) // PLAN_STRIDE) + 1)

    def state(self, step: int) -> SimState:
        """State ``step`` half seconds from now."""
        return self._at(PLAN_STRIDE * step)

    def history(self) -> Array:
        """``[4, 11]`` ego states at -1.5 .. 0 s."""
        return np.array([self.state(step).ego for step in range(1 - HISTORY_POSES, 1)])

    def moment(self, scene: Scene, step: int) -> Moment:
        """What is to be seen ``step`` half seconds from now, brake lamps included."""
        at = PLAN_STRIDE * step
        before = self._at(at - 1) if at - 1 > -len(self.past) else None
        return moment_of(scene, self._at(at), before)

    def _at(self, at: int) -> SimState:
        """State ``at`` tenths of a second from now."""
        return self.future[at - 1] if at > 0 else self.past[at - 1]


def perturbed_drives(
    scene: Scene, outcome: ClipOutcome, experts: Mapping[str, Expert], traffic: TrafficModel, steps: int
) -> list[Drive]:
    """The drives of a clip's samples, ``steps`` of 0.1 s beyond the present where the scene lasts so long.

    Behind its label, which is 40 steps long, the expert plans anew from where that led.
    """
    return [_perturbed(scene, s, experts[s.expert], traffic, steps) for s in outcome.samples]


def log_drives(scene: Scene, frames: Sequence[int], steps: int) -> Iterator[Drive]:
    """The human's drive at each of ``frames``, judged against PDM-Closed's as labels of experts are.

    It goes ``steps`` of 0.1 s beyond the present where the log lasts so long, 40 at least.
    """
    planner = PlannerExpert()
    for frame in frames:
        first = max(0, frame + PLAN_STRIDE * EARLIEST)
        last = frame + steps if frame + steps < scene.num_frames else frame + HORIZON_STEPS
        states = [logged_state(scene, k) for k in range(first, last + 1)]
        past, future = states[: frame - first + 1], states[frame - first + 1 :]
        reference = reference_drive(scene, past[-1], planner)
        ahead = [past[-1], *future[:HORIZON_STEPS]]
        scores = score_segment(scene, ahead, ego_history(scene, past), reference, replayed=True)
        yield Drive(LOG, 0, None, frame, np.zeros(3), past, future, None, scores, None)


def _perturbed(scene: Scene, sample: Sample, expert: Expert, traffic: TrafficModel, steps: int) -> Drive:
    label = sample.label.states
    future = [*label[1:], *onward(scene, label[-1], expert, traffic, steps - HORIZON_STEPS)]
    return Drive(
        sample.expert, sample.round_index, sample.vocabulary_index, sample.frame, sample.offset,
        sample.perturbation.states, future, sample.perturbation.scores, sample.label.scores, sample.plan,
    )  # fmt: skip


def onward(
    scene: Scene, begin: SimState, expert: Expert, traffic: TrafficModel, steps: int
) -> list[SimState]:
    """``steps`` states behind ``begin``, driven as ``expert`` plans there; none where it or the scene is at its end."""
    if not steps or begin.frame + steps >= scene.num_frames:
        return []
    plan = expert.plan(scene, begin, traffic)
    return rollout(scene, traffic, begin, plan.poses_world(begin.ego), steps=steps) if plan.valid else []


def logged_state(scene: Scene, frame: int) -> SimState:
    """The world at ``frame`` of the log."""
    ego = scene.ego.states[frame]
    return SimState(frame, ego, LogReplay().start(scene, frame, ego))
