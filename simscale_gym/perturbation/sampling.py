"""Perturbations: vocabulary trajectories that end off the log, driven reactively, kept if nothing went wrong.

SimScale (arXiv 2511.23369): the ego leaves its log at T along a trajectory of the vocabulary that ends, at
T+H, within bounds of the logged pose; traffic reacts; what collides or leaves the road is dropped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.forecast import constant_velocity_boxes, first_conflict
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.errors import SceneError
from simscale_gym.geometry import se2
from simscale_gym.metrics.areas import off_road as boxes_off_road
from simscale_gym.perturbation.bounds import bound_broken, end_offsets, vocabulary_plans
from simscale_gym.perturbation.config import PerturbConfig
from simscale_gym.scene import DT, Scene
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState, TrafficModel, rollout, track

Array = NDArray[np.float64]

REJECTIONS = (
    "log_start_unfit", "out_of_bounds", "off_road", "collision", "imminent_collision", "no_way_back",
)  # fmt: skip
"""Why a start frame (the first of these) or a candidate falls."""


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What became of one try to perturb.

    Attributes:
        states: ``H + 1`` simulation states from T to T+H; empty where every attempt failed.
        plan: ``[41, 3]`` the vocabulary trajectory that the ego was told to drive, scene frame.
        attempts: Reactive rollouts that were run.
        rejections: How many candidates fell for which reason.
    """

    states: tuple[SimState, ...]
    plan: Array
    attempts: int
    rejections: Counter[str] = field(default_factory=Counter)

    @property
    def found(self) -> bool:
        """A perturbation was accepted."""
        return bool(self.states)


def sample_perturbation(
    scene: Scene,
    state: SimState,
    vocabulary: HumanFutures,
    traffic: TrafficModel,
    config: PerturbConfig,
    rng: np.random.Generator,
) -> Perturbation:
    """Drive the ego off its log for H = 4 s from ``state``, which lies on it.

    Every trajectory of the vocabulary is first tracked without regard to the others (LQR and bicycle from the
    present state, all at once) and dropped if its end is out of bounds or its way leaves the road. The rest
    is tried in random order with reacting traffic until one survives or the attempts are used up.

    Raises:
        SceneError: The log does not reach T+H.
    """
    end = state.frame + HORIZON_STEPS
    if end >= scene.num_frames:
        raise SceneError(
            f"scene {scene.id}: a perturbation from frame {state.frame} needs frame {end}, "
            f"it has {scene.num_frames}."
        )
    start = state.ego[:3]
    plans = vocabulary_plans(start, vocabulary)
    driven = track(state.ego, plans, vehicle=scene.vehicle)
    rejections: Counter[str] = Counter()
    offsets = end_offsets(driven[:, -1, :3], scene.ego.poses[end])
    inside = bound_broken(offsets, config.bounds) == ""
    rejections["out_of_bounds"] = int((~inside).sum())
    candidates = np.flatnonzero(inside)
    left_road = off_road(scene, driven[candidates]).any(1)
    rejections["off_road"] = int(left_road.sum())
    candidates = rng.permutation(candidates[~left_road])
    for attempt, index in enumerate(candidates[: config.attempts]):
        states = (state, *rollout(scene, traffic, state, plans[index]))
        reason = _failure(scene, states, config)
        if reason is None:
            return Perturbation(states, plans[index], attempt + 1, rejections)
        rejections[reason] += 1
    return Perturbation((), plans[0], min(len(candidates), config.attempts), rejections)


def _failure(scene: Scene, states: tuple[SimState, ...], config: PerturbConfig) -> str | None:
    """Why a rollout must be dropped, or None."""
    if any(touched(scene, state).any() for state in states):
        return "collision"
    if off_road(scene, np.stack([state.ego for state in states])).any():
        return "off_road"
    if _collides_soon(scene, states[-1], config.clearance):
        return "imminent_collision"
    return None if _leads_back(scene, states[-1], config) else "no_way_back"


def _leads_back(scene: Scene, state: SimState, config: PerturbConfig) -> bool:
    """Can the ego stop on a way back to its route, with ``road_margin`` to the edge of the road and to the others?

    A state from which no driver gets back has no label; SimScale drops such states later, with its expert.
    """
    plan = braking_plan(scene, state, config.return_braking)
    world = np.concatenate([state.ego[None, :3], se2.poses_to_world(state.ego[:3], plan)])
    driven = track(state.ego, world, vehicle=scene.vehicle)
    boxes = scene.vehicle.boxes(driven) + 2 * config.road_margin * np.array([0, 0, 0, 1, 1])
    if boxes_off_road(boxes, map_layers(scene.map).road).any():
        return False
    looks = np.arange(0, len(boxes), 2)
    return first_conflict(boxes[looks], constant_velocity_boxes(scene, state.traffic, looks * DT)) == len(
        looks
    )


def _collides_soon(scene: Scene, state: SimState, clearance: float) -> bool:
    times = np.arange(0.0, clearance + DT / 2, 3 * DT)
    ahead = state.ego[3] * times
    pose = state.ego[:3]
    moved = pose + ahead[:, None] * np.array([np.cos(pose[2]), np.sin(pose[2]), 0.0])
    others = constant_velocity_boxes(scene, state.traffic, times)
    return first_conflict(scene.vehicle.boxes(moved), others) < len(times)
