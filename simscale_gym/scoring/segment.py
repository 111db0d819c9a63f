"""A segment: some seconds that the ego really drove among reacting traffic, and NAVSIM's score of them.

SimScale (arXiv 2511.23369) filters both halves of a sample by it: the perturbation by its total, the expert's
continuation by every subscore.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.pdm.closed import route_situation
from simscale_gym.agents.pdm.planner_expert import PlannerExpert, map_layers
from simscale_gym.metrics import Agents, Scores, Situation, score, simulated_agents
from simscale_gym.scene import LightStatus, RoadMap, Scene, derived
from simscale_gym.sim import SimState, TrafficModel, rollout, stacked

Array = NDArray[np.float64]

PERTURBATION_GATE = 0.8
"""Least EPDMS of a perturbation (SimScale's R_per)."""
LEAST_PROGRESS = 0.5
"""EP that a label must exceed, while every other subscore must be 1 (SimScale's R_exp)."""
_FULL = ("nc", "dac", "ddc", "tlc", "ttc", "lk", "hc")
_HISTORY_STEPS = 14  # NAVSIM's samples, of which the last is 0.2 s old


@dataclass(frozen=True, eq=False)
class Segment:
    """What was driven.

    Attributes:
        states: ``T`` simulation states 0.1 s apart, the one it began in first; 41 for H = 4 s.
        scores: Of this one drive, ``P = 1``.
    """

    states: tuple[SimState, ...]
    scores: Scores

    @property
    def total(self) -> float:
        """EPDMS without extended comfort."""
        return float(self.scores.total[0])


def drive_segment(
    scene: Scene,
    traffic: TrafficModel,
    history: Sequence[SimState],
    poses: Array,
    *,
    planner: PlannerExpert | None = None,
) -> Segment:
    """Drive a plan from the last state of ``history`` among reacting traffic, and score what came of it.

    Args:
        scene: The scene.
        traffic: Moves the others.
        history: Simulation states up to the present, 0.1 s apart; the log fills in what lies before them.
        poses: ``[T, 3]`` scene frame, the ego's present pose first (``ExpertPlan.poses_world``).
        planner: Whose plan is the reference of progress; None for the planner expert.
    """
    begin = history[-1]
    states = (begin, *rollout(scene, traffic, begin, poses))
    planner = planner or PlannerExpert()
    reference = reference_drive(scene, begin, planner)
    return Segment(states, score_segment(scene, states, ego_history(scene, history), reference))


def score_segment(
    scene: Scene, states: Sequence[SimState], history: Array, reference: Array | None = None
) -> Scores:
    """EPDMS of what the ego drove over ``states``, with the others as they reacted to it.

    Args:
        scene: The scene.
        states: ``T`` of them, 0.1 s apart, 10 or more.
        history: ``[H, 11]`` of :func:`ego_history`.
        reference: ``[T, 11]`` another drive whose progress counts as well (NAVSIM's is PDM-Closed's, as driven);
            None to judge progress by itself.

    Returns:
        Scores of one proposal.
    """
    egos, poses, velocities, valid = stacked(list(states))
    agents = simulated_agents(scene, poses, velocities, valid)
    situation = segment_situation(scene, states[0], agents, history)
    drives = egos[None] if reference is None else np.stack([reference, egos])
    return score(situation, drives, vehicle=scene.vehicle).take([-1])


def segment_situation(scene: Scene, begin: SimState, agents: Agents, history: Array | None) -> Situation:
    """What is met from ``begin`` on by whoever starts there, as NAVSIM sets it up: PDM-Closed's centreline and route.

    Where there is no lane to follow, the scene's own route path stands in.
    """
    ground, steps = segment_ground(scene, begin), agents.valid.shape[1]
    closed = _closed_lanes(scene, ground.route_lane_ids)
    lights = [closed[min(frame, len(closed) - 1)] for frame in range(begin.frame, begin.frame + steps)]
    return ground.with_agents(agents, lights, history if history is not None and len(history) else None)


def segment_ground(scene: Scene, begin: SimState) -> Situation:
    """Map, centreline and route of :func:`segment_situation`, with nobody on it; kept by map and route."""
    route = PlannerExpert().route(scene, begin)
    return route_situation(map_layers(scene.map), route) if route is not None else _on_log(scene)


def reference_drive(scene: Scene, state: SimState, planner: PlannerExpert) -> Array | None:
    """``[41, 11]`` the planner's proposal as driven; None where it has no lane to follow."""
    outcome = planner.outcome(scene, state)
    return None if outcome is None else outcome.driven[outcome.chosen]


def ego_history(scene: Scene, states: Sequence[SimState]) -> Array:
    """``[H, 11]`` ego states 1.5 to 0.2 s before the last of ``states``, the log's where ``states`` begin later.

    H is 14, or less near the start of the clip.
    """
    past = [state.ego for state in states[-_HISTORY_STEPS - 2 : -2]]
    missing = _HISTORY_STEPS - len(past)
    first = states[-1].frame - 1 - len(past)
    logged = scene.ego.states[max(0, min(first, scene.num_frames) - missing) : max(0, first)]
    return np.array([*logged, *past]).reshape(-1, scene.ego.states.shape[1])


def is_valid_label(scores: Scores) -> NDArray[np.bool_]:
    """``[P]`` which drives pass SimScale's filter of labels: every subscore 1, progress above one half."""
    full = np.stack([getattr(scores, code) == 1.0 for code in _FULL])
    return full.all(0) & (scores.ep > LEAST_PROGRESS)


def label_failures(scores: Scores) -> dict[str, NDArray[np.bool_]]:
    """By EPDMS code, ``[P]`` which drives fail SimScale's filter of labels for it."""
    failed = {code: getattr(scores, code) < 1.0 for code in _FULL}
    return failed | {"ep": scores.ep <= LEAST_PROGRESS}


@derived
def _closed_lanes(scene: Scene, route: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """At each frame of the log, lanes of the route whose light is red."""
    lights = scene.lights
    if not lights.lane_ids:
        return ((),) * scene.num_frames
    allowed = {lane for lane in route if lane in scene.map.lanes}
    known = [(row, lane) for row, lane in enumerate(lights.lane_ids) if lane in allowed]
    red = (lights.status == LightStatus.RED).T
    return tuple(tuple(lane for row, lane in known if now[row]) for now in red.tolist())


@derived
def _on_log(scene: Scene) -> Situation:
    lanes = _lanes_of_route(scene.map, scene.route)
    return Situation(map_layers(scene.map), scene.route_path, lanes, Agents.none())


def _lanes_of_route(road: RoadMap, route: Sequence[str]) -> tuple[str, ...]:
    blocks = set(route)
    return tuple(lane.id for lane in road.lanes.values() if lane.roadblock_id in blocks)
