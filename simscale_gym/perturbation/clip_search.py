"""The candidates of a clip, tried one by one: off the log among reacting others, an expert's label, its filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import Expert, ExpertPlan
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.pdm.closed import PDMPlan
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, driven_of, reference_drive
from simscale_gym.errors import SceneError
from simscale_gym.one_line import one_line
from simscale_gym.perturbation.candidates import Candidates, find_candidates
from simscale_gym.perturbation.config import AlgorithmConfig
from simscale_gym.perturbation.gate import judged
from simscale_gym.perturbation.sampling import scene_rng
from simscale_gym.perturbation.telemetry import STAGES, Telemetry
from simscale_gym.scene import Scene
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.label_filter import label_failures
from simscale_gym.scoring.segment import Segment, drive_segment, ego_history
from simscale_gym.sim import SimState, TrafficModel, rollout, start

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """A perturbed start and how to go on from it.

    Attributes:
        scene: Id of the scene.
        frame: T, at which the log was left; the sample's present is T + 4 s.
        round_index: 0 for the first round.
        vocabulary_index: Row of the vocabulary's trajectory that led off the log.
        expert: Name of the expert whose label it is.
        offset: ``[3]`` of the present pose from the logged one, in its frame: along, across [m], turn [rad].
        perturbation: Segment that was driven from T to T+H.
        label: Segment that the expert then drove from T+H to T+2H; its first state is the perturbation's last.
        plan: The expert's plan, which the label drove.
    """

    scene: str
    frame: int
    round_index: int
    vocabulary_index: int
    expert: str
    offset: Array
    perturbation: Segment
    label: Segment
    plan: ExpertPlan

    __repr__ = one_line


PictureFilter = Callable[[Scene, Segment, Segment], str]
"""Why the pictures of a sample, its perturbation and its label, cannot be used; "" where they can. It says the same of
the same segments, whatever it was asked before."""


SightFilter = Callable[[Scene, SimState, Expert, ExpertPlan], str]
"""Why an expert's plan at a state cannot be learned from what is seen there; "" where it can."""


class Fall(NamedTuple):
    """Where and why a candidate was rejected."""

    stage: str
    reason: str


def begin_search(
    scene: Scene,
    frame: int,
    vocabulary: HumanFutures,
    traffic: TrafficModel,
    config: AlgorithmConfig | None,
    telemetry: Telemetry,
    *,
    seed: int = 0,
    sight: SightFilter | None = None,
    pictures: PictureFilter | None = None,
) -> ClipSearch | Fall:
    """The candidates of a clip, or why nothing can start there (arguments as of ``search_clip``).

    Raises:
        SceneError: The log does not reach from T to T+2H.
    """
    if not 0 <= frame < scene.num_frames - 2 * HORIZON_STEPS:
        last = frame + 2 * HORIZON_STEPS
        raise SceneError(
            f"scene {scene.id}: a clip at frame {frame} needs frame {last}, it has {scene.num_frames}."
        )
    begin = start(scene, traffic, frame)
    unfit = _unfit(scene, begin)
    telemetry.one("clip", unfit)
    if unfit:
        return Fall("clip", unfit)
    rng, config = scene_rng(scene, seed, frame), config or AlgorithmConfig()
    return ClipSearch(scene, begin, vocabulary, traffic, config, telemetry, rng, sight, pictures)


def _unfit(scene: Scene, begin: SimState) -> str:
    """Why nothing can start at ``begin``, or ""."""
    if touched(scene, begin).any():
        return "log touches another"
    return "log is off the road" if off_road(scene, begin.ego) else ""


class ClipSearch:
    """A clip's candidates, each driven among reacting others once, however many experts ask for it."""

    def __init__(
        self,
        scene: Scene,
        begin: SimState,
        vocabulary: HumanFutures,
        traffic: TrafficModel,
        config: AlgorithmConfig,
        telemetry: Telemetry,
        rng: np.random.Generator,
        sight: SightFilter | None,
        pictures: PictureFilter | None,
    ) -> None:
        self.scene, self.begin, self.traffic, self.config = scene, begin, traffic, config
        self.telemetry, self.planner = telemetry, PlannerExpert()
        self.sight, self.pictures = sight, pictures
        self.reference = reference_drive(scene, begin, self.planner)
        self.history = ego_history(scene, [begin])
        self.candidates: Candidates = find_candidates(
            scene, begin, self.reference, vocabulary, config, rng, telemetry
        )
        self._driven: dict[int, Segment | Fall] = {}
        self._onward: dict[int, PDMPlan | None] = {}

    def samples(self, expert: Expert) -> list[Sample]:
        """The rounds of ``expert``."""
        rows, found, falls = iter(range(len(self.candidates))), [], []
        for round_index in range(self.config.rounds):
            for row in islice(rows, self.config.tries):
                outcome = self.attempt(row, expert, round_index)
                if isinstance(outcome, Sample):
                    found.append(outcome)
                    break
                falls.append(outcome)
            else:
                break
        if not found:
            stage, reason = _furthest(falls, self.telemetry)
            self.telemetry.ends[expert.name, stage, reason] += 1
        return found

    def attempt(self, row: int, expert: Expert, round_index: int = 0) -> Sample | Fall:
        """What becomes of candidate ``row`` with the label of ``expert``."""

        def fell(stage: str, reason: str) -> Fall | None:
            self.telemetry.one(stage, reason, expert=expert.name, round_index=round_index)
            return Fall(stage, reason) if reason else None

        driven = self._drive(row)
        if fall := fell("reactive", driven.reason if isinstance(driven, Fall) else ""):
            return fall
        plan = self._plan(row, driven.states[-1], expert)
        if fall := fell("expert", "" if plan.valid else "no valid plan"):
            return fall
        label = self._label(row, driven, plan.poses_world(driven.states[-1].ego))
        failed = (code for code, failures in label_failures(label.scores).items() if failures[0])
        if fall := fell("label", next(failed, "")):
            return fall
        if self.sight is not None:
            hidden = self.sight(self.scene, driven.states[-1], expert, plan)
            if fall := fell("sight", hidden):
                return fall
        if self.pictures is not None and (fall := fell("render", self.pictures(self.scene, driven, label))):
            return fall
        index, offset = int(self.candidates.indices[row]), self.candidates.offsets[row]
        frame = self.begin.frame
        return Sample(self.scene.id, frame, round_index, index, expert.name, offset, driven, label, plan)

    def _drive(self, row: int) -> Segment | Fall:
        """The perturbation among reacting others, or why it fell."""
        if row not in self._driven:
            begin, plan = self.begin, self.candidates.plans[row]
            states = (begin, *rollout(self.scene, self.traffic, begin, plan))
            outcome = judged(self.scene, states, self.history, self.reference, self.config.gate)
            self._driven[row] = outcome if isinstance(outcome, Segment) else Fall("reactive", outcome)
        return self._driven[row]

    def _plan(self, row: int, begin: SimState, expert: Expert) -> ExpertPlan:
        if isinstance(expert, PlannerExpert) and expert.config == self.planner.config:
            return expert.plan_of(self.scene, begin, self._planned(row, begin))
        return expert.plan(self.scene, begin, self.traffic)

    def _planned(self, row: int, begin: SimState) -> PDMPlan | None:
        """PDM-Closed's outcome behind a perturbation, which is the planner's plan and every label's reference."""
        if row not in self._onward:
            self._onward[row] = self.planner.outcome(self.scene, begin)
        return self._onward[row]

    def _label(self, row: int, driven: Segment, poses: Array) -> Segment:
        """What comes of an expert's plan ``poses [41, 3]`` behind a perturbation."""
        reference = driven_of(self._planned(row, driven.states[-1]))
        return drive_segment(self.scene, self.traffic, driven.states, poses, reference)


def _furthest(falls: Sequence[Fall], telemetry: Telemetry) -> Fall:
    """The last stage that any candidate came to, and the reason for which most of those fell."""
    if falls:
        last = max((fall.stage for fall in falls), key=STAGES.index)
        return Counter(fall for fall in falls if fall.stage == last).most_common(1)[0][0]
    for stage in ("bounds", "gate", "grid"):
        flow = telemetry.flow(stage)
        if not flow.passed:
            return Fall(stage, flow.rejected.most_common(1)[0][0])
    raise AssertionError("candidates were left, but none was tried")
