"""EPDMS subscores of a whole vocabulary from where a sample stands: what planners that score trajectories learn from.

GTRS-Dense in SimScale (arXiv 2511.23369, "rewards only"): every trajectory is driven by the tracker among the others as
they moved while the label was driven, who have reacted to that and react no more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, reference_drive
from simscale_gym.datagen.drives import Drive
from simscale_gym.datagen.sample import SUBSCORES
from simscale_gym.metrics import Scores, Situation, score
from simscale_gym.metrics.centerline import PROGRESS_THRESHOLD
from simscale_gym.perturbation.bounds import vocabulary_plans
from simscale_gym.scene import Scene
from simscale_gym.scoring.segment import driven_situation, ego_history
from simscale_gym.sim import track

_AT_ONCE = 1024  # trajectories that are driven together, so that memory does not grow with the vocabulary


def vocabulary_scores(
    scene: Scene, drive: Drive, vocabulary: HumanFutures, *, human_filter: bool = False
) -> NDArray[np.float16]:
    """Subscores ``[K, 8]`` of ``K`` trajectories, each driven from the drive's present.

    In the order of :data:`simscale_gym.datagen.sample.SUBSCORES`.

    Args:
        scene: The scene.
        drive: The drive; its way ahead says how the others move.
        vocabulary: ``K`` trajectories.
        human_filter: Forgive the subscores that the drive itself fails outright, as NAVSIM does where it is the
            human's. Labels of experts are judged without it.
    """
    history = ego_history(scene, drive.past)
    situation = driven_situation(scene, drive.ahead, history, replayed=drive.replayed)
    reference = reference_drive(scene, drive.present, PlannerExpert())
    best = (
        0.0 if reference is None else _progress(score(situation, reference[None], vehicle=scene.vehicle))[0]
    )
    human = _human(scene, situation, drive) if human_filter else None
    columns = []
    for first in range(0, len(vocabulary), _AT_ONCE):
        some = vocabulary.take(np.arange(first, min(first + _AT_ONCE, len(vocabulary))))
        plans = vocabulary_plans(drive.present.ego[:3], some)
        driven = track(drive.present.ego, plans, vehicle=scene.vehicle)
        scores = graded(score(situation, driven, vehicle=scene.vehicle), float(best))
        scores = scores if human is None else scores.human_filtered(human)
        columns.append(np.stack([getattr(scores, code) for code in SUBSCORES], axis=1))
    return np.concatenate(columns).astype(np.float16)


def _human(scene: Scene, situation: Situation, drive: Drive) -> Scores:
    """Scores of the drive itself, judged as NAVSIM judges the human: alone and without its past."""
    egos = np.stack([state.ego for state in drive.ahead])
    return score(situation, egos[None], history=False, vehicle=scene.vehicle)


def graded(scores: Scores, best: float) -> Scores:
    """Progress of each trajectory relative to itself or the reference, whichever is farther; 1 where neither is far.

    SimScale's ``PROGRESS_MODE=gen_gt``: unlike in evaluation, a trajectory's own multipliers lower its progress.

    Args:
        scores: Subscores of ``P`` trajectories.
        best: Progress of the reference times its multipliers [m].
    """
    own = _progress(scores)
    farther = np.maximum(own, best)
    judged = farther > PROGRESS_THRESHOLD
    return replace(scores, ep=np.where(judged, own / np.where(judged, farther, 1.0), 1.0))


def _progress(scores: Scores) -> NDArray[np.float64]:
    return scores.progress * scores.product
