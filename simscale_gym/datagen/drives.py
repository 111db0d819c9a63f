"""The drives that samples show: perturbed ones with an expert's label, and the log's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.datagen.sample import HISTORY_POSES
from simscale_gym.metrics import Scores
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import ClipOutcome, Sample
from simscale_gym.scene import Moment, Scene
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import SimState, moment_of

Array = NDArray[np.float64]

LOG = "log"
"""Whose label a sample on the log has."""


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
        future: ``[40, 11]`` ego states of the label.
        perturbation: Scores of the way off the log; None on the log.
        label: Scores of the label.
    """

    expert: str
    round_index: int
    vocabulary_index: int | None
    frame: int
    offset: Array
    past: Sequence[SimState]
    future: Array
    perturbation: Scores | None
    label: Scores

    @property
    def present(self) -> SimState:
        """State now."""
        return self.past[-1]

    def shown(self, history: int) -> list[tuple[int, SimState | None, SimState]]:
        """Half seconds before now, the state before, and the state, for the present and ``history`` earlier ones."""
        places = [(back, len(self.past) - 1 - PLAN_STRIDE * back) for back in range(history + 1)]
        return [(back, self.past[at - 1] if at else None, self.past[at]) for back, at in places]

    def history(self) -> Array:
        """``[4, 11]`` ego states at -1.5 .. 0 s."""
        return np.array([state.ego for _, _, state in self.shown(HISTORY_POSES - 1)][::-1])

    def moments(self, scene: Scene, history: int) -> list[Moment]:
        """The present, and ``history`` moments before it, brake lamps included."""
        return [moment_of(scene, state, before) for _, before, state in self.shown(history)]


def perturbed_drives(outcome: ClipOutcome) -> list[Drive]:
    """The drives of a clip's samples."""
    return [_perturbed(sample) for sample in outcome.samples]


def log_drives(scene: Scene, frames: Sequence[int]) -> Iterator[Drive]:
    """The human's drive at each of ``frames``, judged against PDM-Closed's as labels of experts are."""
    planner = PlannerExpert()
    for frame in frames:
        states = [_logged(scene, k) for k in range(frame - HISTORY_STEPS, frame + HORIZON_STEPS + 1)]
        past, ahead = states[: HISTORY_STEPS + 1], states[HISTORY_STEPS:]
        reference = reference_drive(scene, past[-1], planner)
        scores = score_segment(scene, ahead, ego_history(scene, past), reference, replayed=True)
        future = np.array([state.ego for state in ahead[1:]])
        yield Drive(LOG, 0, None, frame, np.zeros(3), past, future, None, scores)


def _perturbed(sample: Sample) -> Drive:
    future = np.array([state.ego for state in sample.label.states[1:]])
    return Drive(
        sample.expert, sample.round_index, sample.vocabulary_index, sample.frame, sample.offset,
        sample.perturbation.states, future, sample.perturbation.scores, sample.label.scores,
    )  # fmt: skip


def _logged(scene: Scene, frame: int) -> SimState:
    ego = scene.ego.states[frame]
    return SimState(frame, ego, LogReplay().start(scene, frame, ego))
