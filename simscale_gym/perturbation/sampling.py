"""Perturbations: vocabulary trajectories that end off the log, driven reactively, kept if nothing went wrong.

SimScale (arXiv 2511.23369): the ego leaves its log at T along a trajectory of the vocabulary that ends, at
T+H, within bounds of the logged pose; traffic reacts; what collides or leaves the road is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
from simscale_gym.sim import SimState, TrafficModel, track
from simscale_gym.sim.step import advance

Array = NDArray[np.float64]

REJECTIONS = (
    "log_start_unfit", "out_of_bounds", "off_road", "collision", "imminent_collision", "no_way_back",
)  # fmt: skip
"""Why a start frame (the first of these) or a candidate falls."""
_AT_ONCE = 32
"""Trajectories that are tracked at once: three in ten end within bounds and on the road."""


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

    Trajectories of the vocabulary come in random order. Each is first tracked without regard to the others (LQR and
    bicycle from the present state, some at once) and dropped if its end is out of bounds, its way leaves the road or no
    way leads back from there. What is left is tried with reacting traffic, until one survives or the attempts are used
    up. Only as many are looked at as that takes.

    Raises:
        SceneError: The log does not reach T+H.
    """
    end = state.frame + HORIZON_STEPS
    if end >= scene.num_frames:
        raise SceneError(
            f"scene {scene.id}: a perturbation from frame {state.frame} needs frame {end}, "
            f"it has {scene.num_frames}."
        )
    attempts, rejections = 0, Counter[str]()
    for plan, egos, stop in _candidates(scene, state, vocabulary, config, rng, rejections):
        attempts += 1
        states, reason = _driven(scene, traffic, state, egos, stop, config)
        if not reason:
            return Perturbation(states, plan, attempts, rejections)
        rejections[reason] += 1
        if attempts == config.attempts:
            break
    return Perturbation((), np.zeros((HORIZON_STEPS + 1, 3)), attempts, rejections)


def _candidates(
    scene: Scene,
    state: SimState,
    vocabulary: HumanFutures,
    config: PerturbConfig,
    rng: np.random.Generator,
    rejections: Counter[str],
) -> Iterator[tuple[Array, Array, Array]]:
    """In random order, what may be tried: plan ``[41, 3]``, its drive ``[41, 11]`` and a stop after it ``[K, 5]``."""
    logged = scene.ego.poses[state.frame + HORIZON_STEPS]
    order = rng.permutation(len(vocabulary))
    for first in range(0, len(order), _AT_ONCE):
        plans = vocabulary_plans(state.ego[:3], vocabulary.take(order[first : first + _AT_ONCE]))
        driven = track(state.ego, plans, vehicle=scene.vehicle)
        inside = bound_broken(end_offsets(driven[:, -1, :3], logged), config.bounds) == ""
        left_road = np.zeros(len(driven), bool)
        left_road[inside] = off_road(scene, driven[inside]).any(1)
        for plan, egos, near, off in zip(plans, driven, inside, left_road, strict=True):
            stop = _way_back(scene, egos[-1], config) if near and not off else None
            if stop is not None:
                yield plan, egos, stop
            else:
                rejections["off_road" if off else "no_way_back" if near else "out_of_bounds"] += 1


def _driven(
    scene: Scene, traffic: TrafficModel, state: SimState, egos: Array, stop: Array, config: PerturbConfig
) -> tuple[tuple[SimState, ...], str]:
    """The states while the ego drives ``egos [41, 11]`` among reacting traffic, and why they must be dropped, or ""."""
    states = [state]
    for ego in (*egos[1:], None):
        if touched(scene, states[-1]).any():
            return (), "collision"
        if ego is not None:
            states.append(advance(scene, traffic, states[-1], ego))
    if _collides_soon(scene, states[-1], config.clearance):
        return (), "imminent_collision"
    looks = np.arange(0, len(stop), 2)
    others = constant_velocity_boxes(scene, states[-1].traffic, looks * DT)
    if first_conflict(stop[looks], others) < len(looks):
        return (), "no_way_back"
    return tuple(states), ""


def _way_back(scene: Scene, ego: Array, config: PerturbConfig) -> Array | None:
    """Boxes ``[K, 5]``, ``road_margin`` too wide, of a stop on a way back to the route; None if that leaves the road.

    A state from which no driver gets back has no label; SimScale drops such states later, with its expert.
    """
    plan = braking_plan(scene, ego, config.return_braking)
    world = np.concatenate([ego[None, :3], se2.poses_to_world(ego[:3], plan)])
    driven = track(ego, world, vehicle=scene.vehicle)
    boxes = scene.vehicle.boxes(driven) + 2 * config.road_margin * np.array([0, 0, 0, 1, 1])
    return None if boxes_off_road(boxes, map_layers(scene.map).road).any() else boxes


def _collides_soon(scene: Scene, state: SimState, clearance: float) -> bool:
    times = np.arange(0.0, clearance + DT / 2, 3 * DT)
    ahead = state.ego[3] * times
    pose = state.ego[:3]
    moved = pose + ahead[:, None] * np.array([np.cos(pose[2]), np.sin(pose[2]), 0.0])
    others = constant_velocity_boxes(scene, state.traffic, times)
    return first_conflict(scene.vehicle.boxes(moved), others) < len(times)
