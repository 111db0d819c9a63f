"""A segment: some seconds that the ego really drove among reacting traffic, and NAVSIM's score of them.

SimScale (arXiv 2511.23369) filters both halves of a sample by it: the perturbation by its total, the expert's
continuation by every subscore.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import Agents, Scores, Situation, score, simulated_agents, without_touching
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.one_line import one_line
from simscale_gym.scene import Scene, on_other_level
from simscale_gym.scoring.scene_ground import closed_lanes, segment_ground
from simscale_gym.sim import SimState, TrafficModel, rollout, stacked

Array = NDArray[np.float64]

_SAMPLES = HISTORY_STEPS - 1  # of a history, of which the last is 0.2 s old, as NAVSIM's


@dataclass(frozen=True, eq=False)
class Segment:
    """A drive of the ego, and its score.

    Attributes:
        states: ``T`` simulation states 0.1 s apart, the one it began in first; 41 for H = 4 s.
        scores: Scores of this one drive, ``P = 1``.
    """

    states: tuple[SimState, ...]
    scores: Scores

    __repr__ = one_line

    @property
    def total(self) -> float:
        """EPDMS without extended comfort."""
        return float(self.scores.total[0])


def drive_segment(
    scene: Scene,
    traffic: TrafficModel,
    history: Sequence[SimState],
    poses: Array,
    reference: Array | None = None,
) -> Segment:
    """Drive a plan from the last state of ``history`` among reacting traffic, and score what came of it.

    Args:
        scene: The scene.
        traffic: Traffic model that moves the others.
        history: Simulation states up to the present, 0.1 s apart; the log fills in what lies before them.
        poses: ``[T, 3]`` scene frame, the ego's present pose first (``ExpertPlan.poses_world``).
        reference: ``[T, 11]`` the drive by which progress is judged, as of :func:`score_segment`.
    """
    states = (history[-1], *rollout(scene, traffic, history[-1], poses))
    return Segment(states, score_segment(scene, states, ego_history(scene, history), reference))


def score_segment(
    scene: Scene,
    states: Sequence[SimState],
    history: Array,
    reference: Array | None = None,
    *,
    replayed: bool = False,
) -> Scores:
    """EPDMS of what the ego drove over ``states``, with the others as they reacted to it.

    Args:
        scene: The scene.
        states: ``T`` simulation states 0.1 s apart, 10 or more.
        history: ``[H, 11]`` ego states before these, from :func:`ego_history`.
        reference: ``[T, 11]`` another drive whose progress counts as well (NAVSIM's is PDM-Closed's, as driven);
            None to judge progress by itself.
        replayed: Whether the others did not react, so that whom the ego touches at the start is left out, as by
            NAVSIM's log replay.

    Returns:
        Scores of one proposal.
    """
    situation = driven_situation(scene, states, history, replayed=replayed)
    egos = np.stack([state.ego for state in states])
    drives = egos[None] if reference is None else np.stack([reference, egos])
    return score(situation, drives, vehicle=scene.vehicle).take([-1])


def driven_situation(
    scene: Scene, states: Sequence[SimState], history: Array, *, replayed: bool = False
) -> Situation:
    """What is met from the first of ``states`` on by whoever starts there, with the others as they were in ``states``.

    The arguments are those of :func:`score_segment`.
    """
    _, poses, velocities, valid = stacked(list(states))
    agents = simulated_agents(scene, poses, velocities, valid & ~on_other_level(scene))
    situation = segment_situation(scene, states[0], agents, history)
    return without_touching(situation, states[0].ego, scene.vehicle) if replayed else situation


def segment_situation(scene: Scene, begin: SimState, agents: Agents, history: Array | None) -> Situation:
    """What is met from ``begin`` on by whoever starts there, as NAVSIM sets it up."""
    ground = segment_ground(scene, begin)
    closed = closed_lanes(scene, ground.route_lane_ids, begin.frame, agents.valid.shape[1])
    return ground.with_agents(agents, closed, history if history is not None and len(history) else None)


def ego_history(scene: Scene, states: Sequence[SimState]) -> Array:
    """``[H, 11]`` ego states 1.5 to 0.2 s before the last of ``states``, the log's where ``states`` begin later.

    H is 14, or less near the start of the clip.
    """
    past = [state.ego for state in states[-_SAMPLES - 2 : -2]]
    missing = _SAMPLES - len(past)
    first = states[-1].frame - 1 - len(past)
    logged = scene.ego.states[max(0, min(first, scene.num_frames) - missing) : max(0, first)]
    return np.array([*logged, *past]).reshape(-1, scene.ego.states.shape[1])
