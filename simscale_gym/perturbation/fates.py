"""The fate of every trajectory of a vocabulary at a moment: kept, or where and why Algorithm 1 drops it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.one_line import one_line
from simscale_gym.perturbation.bounds import vocabulary_plans
from simscale_gym.perturbation.clip_search import Fall, Sample, begin_search
from simscale_gym.perturbation.config import AlgorithmConfig
from simscale_gym.perturbation.telemetry import STAGES, Telemetry
from simscale_gym.scene import Scene
from simscale_gym.sim import TrafficModel

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fates:
    """What becomes of the ``V`` trajectories of a vocabulary at a frame of a log.

    Attributes:
        scene: Id of the scene.
        frame: T, at which the log is left.
        expert: Name of the expert whose labels are judged.
        plans: ``[V, 41, 3]`` the trajectories from the ego at T, scene frame.
        stages: ``[V]`` the stage (:data:`STAGES`) at which each falls, "" where it is kept.
        reasons: ``[V]`` why.
        samples: Samples that came of those that are kept, by place in the vocabulary.
    """

    scene: str
    frame: int
    expert: str
    plans: Array
    stages: NDArray[np.str_]
    reasons: NDArray[np.str_]
    samples: Mapping[int, Sample]

    __repr__ = one_line

    def counts(self) -> dict[str, Counter[str]]:
        """Numbers of trajectories by reason, by stage at which they fall; those that are kept stand under ""."""
        by_stage: dict[str, Counter[str]] = {stage: Counter() for stage in (*STAGES, "")}
        for stage, reason in zip(self.stages.tolist(), self.reasons.tolist(), strict=True):
            by_stage[stage][reason] += 1
        return {stage: counts for stage, counts in by_stage.items() if counts}


def clip_fates(
    scene: Scene,
    frame: int,
    vocabulary: HumanFutures,
    expert: Expert,
    traffic: TrafficModel,
    config: AlgorithmConfig | None = None,
    *,
    seed: int = 0,
) -> Fates:
    """The fates of a vocabulary at a moment. Where :func:`search_clip` stops at the first sample, all are tried here.

    Args:
        scene: The scene.
        frame: T; one of :func:`clip_frames`.
        vocabulary: Trajectories to leave the log along.
        expert: Source of labels.
        traffic: Traffic model that moves the others where they react.
        config: Settings; None for the paper's.
        seed: Number that settles ties of the grid, as of :func:`search_clip`.

    Raises:
        SceneError: The log does not reach from T to T+2H.
    """
    search = begin_search(scene, frame, vocabulary, traffic, config, Telemetry(), seed=seed)
    plans = vocabulary_plans(scene.ego.poses[frame], vocabulary)
    if isinstance(search, Fall):
        stages, reasons = (np.full(len(plans), text) for text in search)
        return Fates(scene.id, frame, expert.name, plans, stages, reasons, {})
    stages, reasons = search.candidates.fallen.T.copy()
    samples: dict[int, Sample] = {}
    for row, place in enumerate(search.candidates.indices.tolist()):
        outcome = search.attempt(row, expert)
        if isinstance(outcome, Sample):
            samples[place] = outcome
        else:
            stages[place], reasons[place] = outcome
    return Fates(scene.id, frame, expert.name, plans, stages, reasons, samples)
