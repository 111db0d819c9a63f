"""The reward, term by term, and what ends an episode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, Scene, StateIndex, TrackType
from simscale_gym.sim import SimState, ego_contacts, off_road

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RewardConfig:
    """Weights of the reward's terms (all per environment step, unless said).

    Attributes:
        progress: Per metre gained along the route.
        lane: Per second and metre that the rear axle is off the route's line beyond ``lane_slack``.
        comfort: Per second, times the excess over comfortable acceleration and yaw rate (relative).
        speed: Per second, times the share by which the speed limit is exceeded.
        collision: Once, at an at-fault collision.
        off_road: Once, on leaving the road.
        goal: Once, on arrival.
        lane_slack: Free lateral deviation [m].
        max_acceleration: Comfortable longitudinal acceleration [m/s^2] (NAVSIM's limits are -4.05 and 2.40).
        max_yaw_rate: Comfortable yaw rate [rad/s] (NAVSIM: 0.95).
    """

    progress: float = 0.1
    lane: float = -0.2
    comfort: float = -0.2
    speed: float = -0.5
    collision: float = -10.0
    off_road: float = -10.0
    goal: float = 5.0
    lane_slack: float = 0.5
    max_acceleration: float = 2.4
    max_yaw_rate: float = 0.95


@dataclass(frozen=True)
class Outcome:
    """What happened in one environment step.

    Attributes:
        progress: Arc length of the ego along the route [m].
        touching: ``[N]`` which tracks the ego touches at the end.
        contact: Types of tracks that the ego touches, at fault or not.
        at_fault: Types of tracks that the ego hit by its own fault.
        out_of_road: A corner of the ego left the drivable area.
        arrived: The ego is where the log ended.
    """

    progress: float
    touching: NDArray[np.bool_]
    contact: frozenset[TrackType]
    at_fault: frozenset[TrackType]
    out_of_road: bool
    arrived: bool

    @property
    def terminated(self) -> bool:
        """The episode is over: at-fault collision, off the road, or goal."""
        return bool(self.at_fault) or self.out_of_road or self.arrived


def progress_along(scene: Scene, ego: Array) -> float:
    """Arc length [m] of the rear axle along the scene's route path."""
    return float(polyline.project(scene.route_path, ego[None, :2])[0][0])


def goal_progress(scene: Scene) -> float:
    """Arc length [m] at which the log ended."""
    return progress_along(scene, scene.ego.poses[-1])


def judge(scene: Scene, states: list[SimState], goal: float | None, before: Outcome | None = None) -> Outcome:
    """What happened over the simulation ``states`` of one step.

    Args:
        scene: The scene.
        states: One or more, 0.1 s apart.
        goal: Arc length to reach [m], if any.
        before: Outcome of the step before: whom the ego touched there already is no new contact, so a track
            is judged by how it was first touched (NAVSIM's rule).
    """
    touching = np.zeros(len(scene.tracks), bool) if before is None else before.touching
    touched: set[TrackType] = set()
    at_fault: set[TrackType] = set()
    for state in states:
        now, fault = ego_contacts(scene, state)
        if now.any():
            touched |= {TrackType(t) for t in scene.tracks.types[now]}
            at_fault |= {TrackType(t) for t in scene.tracks.types[fault & ~touching]}
        touching = touching | now
    egos = np.stack([state.ego for state in states])
    progress = progress_along(scene, egos[-1])
    return Outcome(
        progress=progress,
        touching=now,
        contact=frozenset(touched),
        at_fault=frozenset(at_fault),
        out_of_road=bool(off_road(egos, scene.map, scene.vehicle).any()),
        arrived=goal is not None and progress >= goal,
    )


def reward_terms(
    scene: Scene, states: list[SimState], before: float, outcome: Outcome, config: RewardConfig
) -> dict[str, float]:
    """The weighted terms; the step's reward is their sum."""
    ego = states[-1].ego
    seconds = len(states) * DT
    excess = max(0.0, abs(ego[StateIndex.AX]) / config.max_acceleration - 1.0)
    excess += max(0.0, abs(ego[StateIndex.YAW_RATE]) / config.max_yaw_rate - 1.0)
    return {
        "progress": config.progress * (outcome.progress - before),
        "lane": config.lane * seconds * max(0.0, _deviation(scene, ego) - config.lane_slack),
        "comfort": config.comfort * seconds * excess,
        "speed": config.speed * seconds * _overspeed(scene, ego),
        "collision": config.collision * bool(outcome.at_fault),
        "off_road": config.off_road * outcome.out_of_road,
        "goal": config.goal * outcome.arrived,
    }


def _deviation(scene: Scene, ego: Array) -> float:
    return abs(float(polyline.project(scene.route_path, ego[None, :2])[1][0]))


def _overspeed(scene: Scene, ego: Array) -> float:
    """Share by which the speed exceeds the limit of the lane that the ego drives along; 0 without a limit."""
    limits = []
    for lane_id in scene.map.lanes_at(ego[:2]):
        lane = scene.map.lanes[lane_id]
        nearest = np.argmin(((lane.centerline[:, :2] - ego[:2]) ** 2).sum(1))
        along = abs(wrap_angle(lane.centerline[nearest, 2] - ego[StateIndex.HEADING])) < np.pi / 4
        if along and lane.speed_limit:
            limits.append(lane.speed_limit)
    return max(0.0, float(ego[StateIndex.VX]) / max(limits) - 1.0) if limits else 0.0
