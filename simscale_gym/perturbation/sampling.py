"""Perturbations: vocabulary trajectories that end off the log, driven reactively, kept if nothing went wrong.

SimScale (arXiv 2511.23369): the ego leaves its log at T along a trajectory of the vocabulary that ends, at
T+H, within bounds of the logged pose; traffic reacts; what collides, leaves the road or scores too little is dropped.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.braking import braking_plan, way_back
from simscale_gym.agents.forecast import constant_velocity_boxes, first_conflict, followers
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.errors import SceneError
from simscale_gym.geometry import box, se2
from simscale_gym.metrics import Agents
from simscale_gym.metrics.areas import off_road as boxes_off_road
from simscale_gym.metrics.contacts import traffic_lights
from simscale_gym.one_line import one_line
from simscale_gym.perturbation.bounds import bound_broken, end_offsets, vocabulary_plans
from simscale_gym.perturbation.config import PerturbConfig
from simscale_gym.perturbation.gate import proposal_failures, scored
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.scoring.fitness import off_road, touched
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.scoring.segment import ego_history, segment_situation
from simscale_gym.sim import SimState, TrafficModel, start, track
from simscale_gym.sim.step import advance

Array = NDArray[np.float64]

REJECTIONS = (
    "log_start_unfit", "out_of_bounds", "off_road", "collision", "imminent_collision", "no_way_back", "red_light",
    "nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc",
)  # fmt: skip
"""Why a start frame (the first of these) or a candidate falls; the last ones are the subscores that the gate blames."""
_AT_ONCE = 32
"""Trajectories that are tracked at once at first: three in ten end within bounds and on the road. Where that is not
enough, twice as many each time."""


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What became of one try to perturb.

    Attributes:
        frame: T, at which the log is left.
        row: The trajectory's place in the vocabulary; -1 where every attempt failed.
        states: ``H + 1`` simulation states from T to T+H; empty where every attempt failed.
        plan: ``[41, 3]`` the vocabulary trajectory that the ego was told to drive, scene frame; None likewise.
        attempts: Reactive rollouts that were run to find it.
        rejections: How many candidates fell for which reason.
    """

    frame: int
    row: int
    states: tuple[SimState, ...]
    plan: Array | None
    attempts: int
    rejections: Counter[str] = field(default_factory=Counter)

    __repr__ = one_line

    @classmethod
    def none(cls, frame: int, attempts: int, rejections: Counter[str]) -> Perturbation:
        """All attempts at ``frame`` failed."""
        return cls(frame, -1, (), None, attempts, rejections)

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
    bicycle from the present state, some at once) and dropped if its end is out of bounds, its way leaves the road or
    scores less than the gate with nobody there, or if from its end no way leads back or keeps off red lights. What is
    left is tried with reacting traffic, until one survives and passes the gate or the attempts are used up. Only as
    many are looked at as that takes.

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
    for row, stop in _candidates(scene, state, vocabulary, config, rng, rejections):
        attempts += 1
        plan, egos = _way(scene, state, vocabulary, row)
        states, reason = _driven(scene, traffic, state, egos, stop, config)
        if not reason:
            return Perturbation(state.frame, row, states, plan, attempts, rejections)
        rejections[reason] += 1
        if attempts == config.attempts:
            break
    return Perturbation.none(state.frame, attempts, rejections)


def again(
    scene: Scene,
    frame: int,
    row: int,
    vocabulary: HumanFutures,
    traffic: TrafficModel,
    attempts: int,
    rejections: Counter[str],
) -> Perturbation:
    """The perturbation that was found, and with which effort, driven again; ``row`` is -1 where none was."""
    if row < 0:
        return Perturbation.none(frame, attempts, rejections)
    states = [start(scene, traffic, frame)]
    plan, egos = _way(scene, states[0], vocabulary, row)
    for ego in egos[1:]:
        states.append(advance(scene, traffic, states[-1], ego))
    return Perturbation(frame, row, tuple(states), plan, attempts, rejections)


def scene_rng(scene: Scene, *numbers: int) -> np.random.Generator:
    """Chance of a scene and ``numbers``: the same whatever was drawn before, in whichever process."""
    digest = hashlib.sha256(scene.id.encode()).digest()
    return np.random.default_rng([*numbers, int.from_bytes(digest[:8], "little")])


def _way(scene: Scene, state: SimState, vocabulary: HumanFutures, row: int) -> tuple[Array, Array]:
    """Trajectory ``row`` of the vocabulary from ``state``: plan ``[41, 3]`` and its drive ``[41, 11]``."""
    plan = vocabulary_plans(state.ego[:3], vocabulary.take(np.array([row])))[0]
    return plan, track(state.ego, plan, vehicle=scene.vehicle)


def _candidates(
    scene: Scene,
    state: SimState,
    vocabulary: HumanFutures,
    config: PerturbConfig,
    rng: np.random.Generator,
    rejections: Counter[str],
) -> Iterator[tuple[int, Array]]:
    """In random order, what may be tried: a row of the vocabulary, and the stop ``[K, 5]`` after it."""
    logged, end = scene.ego.poses[state.frame + HORIZON_STEPS], state.frame + HORIZON_STEPS
    nobody = Agents.none(HORIZON_STEPS + 1)
    order = rng.permutation(len(vocabulary))
    first, last = 0, _AT_ONCE
    while first < len(order):
        rows = order[first:last]
        first, last = last, last + 2 * (last - first)
        plans = vocabulary_plans(state.ego[:3], vocabulary.take(rows))
        driven = track(state.ego, plans, vehicle=scene.vehicle)
        inside = bound_broken(end_offsets(driven[:, -1, :3], logged), config.bounds) == ""
        left_road = np.zeros(len(driven), bool)
        left_road[inside] = off_road(scene, driven[inside]).any(1)
        reasons = np.where(inside, np.where(left_road, "off_road", "").astype("<U16"), "out_of_bounds")
        left = np.flatnonzero(reasons == "")
        if len(left):
            reasons[left] = proposal_failures(scene, state, driven[left], nobody, None, config.gate)[1]
        for row, egos, reason in zip(rows.tolist(), driven, reasons.tolist(), strict=True):
            stop = None if reason else _stop(scene, egos[-1], config)
            reason = reason or _dead_end(scene, replace(state, frame=end, ego=egos[-1]), stop, config)
            if reason:
                rejections[reason] += 1
            else:
                yield row, _with_margin(scene, stop, config)


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
    if traffic.reacts:
        others = others[:, ~followers(stop[0], others[0])]
    if first_conflict(stop[looks], others) < len(looks):
        return (), "no_way_back"
    outcome = scored(scene, states, ego_history(scene, states[:1]), None, config.gate)  # dearest, so last
    return ((), outcome) if isinstance(outcome, str) else (outcome.states, "")


def _stop(scene: Scene, ego: Array, config: PerturbConfig) -> Array:
    """``[41, 11]`` a stop on a way back to the route."""
    return _tracked(scene, ego, braking_plan(scene, ego, config.return_braking))


def _with_margin(scene: Scene, driven: Array, config: PerturbConfig) -> Array:
    """Boxes ``[41, 5]``, ``road_margin`` too wide, of a drive."""
    return scene.vehicle.boxes(driven) + 2 * config.road_margin * np.array([0, 0, 0, 1, 1])


def _tracked(scene: Scene, ego: Array, plan: Array) -> Array:
    world = np.concatenate([ego[None, :3], se2.poses_to_world(ego[:3], plan)])
    return track(ego, world, vehicle=scene.vehicle)


def _dead_end(scene: Scene, end: SimState, stop: Array, config: PerturbConfig) -> str:
    """Why nobody gets back from ``end``, whatever the others do, or ""; ``stop [41, 11]`` is one that begins there.

    A state from which no driver gets back has no label; SimScale drops such states later, with its expert.
    """
    if boxes_off_road(_with_margin(scene, stop, config), map_layers(scene.map).road).any():
        return "no_way_back"
    lights = segment_situation(scene, end, Agents.none(HORIZON_STEPS + 1), None).lights
    if not len(lights.rows):
        return ""
    way = max(0.0, float(end.ego[StateIndex.VX])) * DT * np.arange(1, HORIZON_STEPS + 1)
    onward = _tracked(scene, end.ego, way_back(scene, end.ego, way))
    corners = box.corners(scene.vehicle.boxes(np.stack([stop, onward])))
    minds = traffic_lights(corners, lights) > 0.0
    return "" if minds.any() else "red_light"  # neither who stops nor who goes on keeps off what is red


def _collides_soon(scene: Scene, state: SimState, clearance: float) -> bool:
    times = np.arange(0.0, clearance + DT / 2, 3 * DT)
    ahead = state.ego[3] * times
    pose = state.ego[:3]
    moved = pose + ahead[:, None] * np.array([np.cos(pose[2]), np.sin(pose[2]), 0.0])
    others = constant_velocity_boxes(scene, state.traffic, times)
    return first_conflict(scene.vehicle.boxes(moved), others) < len(times)
