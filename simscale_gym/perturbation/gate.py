"""The gate of a perturbation, one for perturbed resets and for Algorithm 1: it must end well and score well.

SimScale (arXiv 2511.23369), section 3: what collides or leaves the road is dropped, and what scores less than R_per.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import WEIGHTS, Agents, Scores, score
from simscale_gym.metrics.score import AVERAGED, MULTIPLIERS
from simscale_gym.scene import Scene
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.segment import Segment, ego_history, score_segment, segment_situation
from simscale_gym.sim import SimState

Array = NDArray[np.float64]


def gate_failures(scores: Scores, gate: float) -> NDArray[np.str_]:
    """``[P]`` the subscore to which a drive with an EPDMS under ``gate`` owes that; "" for those at or above it.

    The first of the multiplied ones that is not full; else the averaged one that costs most.
    """
    multiplied = [getattr(scores, code) < 1.0 for code in MULTIPLIERS]
    costs = np.stack([WEIGHTS[code] * (1.0 - getattr(scores, code)) for code in AVERAGED])
    dearest = np.array(AVERAGED)[costs.argmax(0)]
    return np.where(scores.total >= gate, "", np.select(multiplied, MULTIPLIERS, dearest))


def proposal_failures(
    scene: Scene, begin: SimState, driven: Array, agents: Agents, reference: Array | None, gate: float
) -> tuple[Array, NDArray[np.str_]]:
    """EPDMS ``[P]`` of drives among others that do not react, and why those under ``gate`` fall.

    Args:
        scene: The scene.
        begin: The world in which all of them begin.
        driven: ``[P, 41, 11]`` as tracked.
        agents: The others over these steps; :meth:`Agents.none` for an empty road.
        reference: ``[41, 11]`` a drive whose progress counts as well; None to leave progress aside.
        gate: Least EPDMS.
    """
    situation = segment_situation(scene, begin, agents, ego_history(scene, [begin]))
    scores = score(situation, driven, vehicle=scene.vehicle)
    if reference is None:
        scores = replace(scores, ep=np.ones_like(scores.ep))
    else:
        scores = scores.against(score(situation, reference[None], vehicle=scene.vehicle))
    return scores.total, gate_failures(scores, gate)


def judged(
    scene: Scene, states: Sequence[SimState], history: Array, reference: Array | None, gate: float
) -> Segment | str:
    """The perturbation that was driven among reacting others, with its score, or why it falls.

    Args:
        scene: The scene.
        states: Simulation states from T to T+H, 0.1 s apart.
        history: ``[H, 11]`` of :func:`simscale_gym.scoring.segment.ego_history`.
        reference: ``[41, 11]`` a drive whose progress counts as well; None to leave progress aside.
        gate: Least EPDMS that passes.
    """
    if any(touched(scene, state).any() for state in states):
        return "collision"
    if off_road(scene, np.stack([state.ego for state in states])).any():
        return "off_road"
    return scored(scene, states, history, reference, gate)


def scored(
    scene: Scene, states: Sequence[SimState], history: Array, reference: Array | None, gate: float
) -> Segment | str:
    """What :func:`judged` says of a perturbation that is known to touch nobody and to stay on the road."""
    scores = score_segment(scene, states, history, reference)
    weak = str(gate_failures(scores, gate)[0])
    return weak or Segment(tuple(states), scores)
