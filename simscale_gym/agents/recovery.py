"""The recovery expert: from where the ego is, the recorded human future that best leads back to the log.

SimScale (arXiv 2511.23369), supplement: the feature of a human future is its start velocity and end pose; the
target joins the ego's present velocity with the logged human pose one horizon ahead; the future at the least
L1 distance is the expert's plan. Ours weights the components, bends the nearest futures so that they end where
the log was, takes the first that stays on the road and clear of the others, and brakes where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.forecast import constant_velocity_boxes, first_conflict
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.geometry import box, polyline, se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.sim import SimState, ego_boxes, off_road, track

Array = NDArray[np.float64]

_MOVING = 0.05  # [m] in 0.1 s
_JOIN_DISTANCE, _JOIN_TIME = 8.0, 1.5  # [m], [s] ahead: where the way of an emergency stop meets the route
_JOIN_FACTORS = (1.0, 1.6, 2.5, 0.6)
_LOOK = 2  # simulation steps between the moments that are looked at
_SETTLED = 2  # looks until a plan must also keep the margin to the edge of the road


@dataclass(frozen=True)
class RecoveryConfig:
    """Settings of the recovery expert.

    Attributes:
        weights: Of the L1 distance: start vx, vy [1/(m/s)], end x, y [1/m], end heading [1/rad].
        candidates: Nearest futures that are looked through for a safe one.
        closing: Most of what is left between a future's end and the log that is closed by bending it, along and
            across [m].
        margin: Kept free around the ego when looking [m].
        braking: Deceleration where no candidate is safe [m/s^2].
    """

    weights: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 2.0, 5.0)
    candidates: int = 64
    closing: tuple[float, float] = (4.0, 1.5)
    margin: float = 0.2
    braking: float = 3.0


class RecoveryExpert:
    """Retrieves plans from a bank of human futures."""

    name = "recovery"

    def __init__(self, bank: HumanFutures, config: RecoveryConfig | None = None) -> None:
        self.bank, self.config = bank, config or RecoveryConfig()
        self._features = np.concatenate([bank.velocities, bank.poses[:, -1]], axis=1)

    def plan(self, scene: Scene, state: SimState) -> ExpertPlan:
        """The nearest safe future to the log's pose 4 s ahead; ``valid`` is False where it had to brake."""
        target = se2.poses_to_local(state.ego[:3], logged_pose(scene, state.frame + HORIZON_STEPS)[None])[0]
        distance = self._distances(state, target)
        order = np.argpartition(distance, min(self.config.candidates, len(distance) - 1))
        order = order[: self.config.candidates]
        order = order[np.argsort(distance[order], kind="stable")]
        poses = bent_to(self.bank.poses[order], target, np.array(self.config.closing))
        safe = self._first_safe(scene, state, poses)
        if safe is None:
            plan = braking_plan(scene, state, self.config.braking)
            return ExpertPlan(plan, False, {"distance": float(distance[order[0]])})
        return ExpertPlan(poses[safe], True, {"distance": float(distance[order[safe]]), "rank": float(safe)})

    def _distances(self, state: SimState, target: Array) -> Array:
        """Weighted L1 distance ``[M]`` of each future to the ego's velocity and ``target [3]`` (ego frame)."""
        velocity = state.ego[[StateIndex.VX, StateIndex.VY]]
        difference = self._features - np.concatenate([velocity, target])
        difference[:, 4] = wrap_angle(difference[:, 4])
        return np.abs(difference) @ np.array(self.config.weights)

    def _first_safe(self, scene: Scene, state: SimState, poses: Array) -> int | None:
        """Index of the first of ``poses [P, 40, 3]`` (ego frame) that, driven, keeps the road and hits nobody."""
        world = se2.poses_to_world(state.ego[:3], poses.reshape(-1, 3)).reshape(poses.shape)
        start = np.broadcast_to(state.ego[:3], (len(poses), 1, 3))
        driven = track(state.ego, np.concatenate([start, world], axis=1), vehicle=scene.vehicle)[:, ::_LOOK]
        boxes = ego_boxes(driven, scene.vehicle)
        boxes[:, 1:, 3:] += 2 * self.config.margin
        on_road = scene.map.drivable.contains_any(box.corners(boxes[:, _SETTLED:])).all((1, 2))
        others = constant_velocity_boxes(scene, state.traffic, np.arange(driven.shape[1]) * _LOOK * DT)
        for index in np.flatnonzero(on_road):
            if first_conflict(boxes[index], others) == len(others):
                return int(index)
        return None


def bent_to(poses: Array, target: Array, most: Array) -> Array:
    """Futures ``[P, 40, 3]`` whose ends are moved toward ``target [3]`` by at most ``most [2]`` along and across.

    The shift grows smoothly from nothing at the start; headings follow the bent path where it moves.
    """
    share = np.arange(1, HORIZON_STEPS + 1) / HORIZON_STEPS
    share = share**2 * (3.0 - 2.0 * share)
    shift = np.clip(target[:2] - poses[:, -1, :2], -most, most)
    out = poses.copy()
    out[..., :2] += share[:, None] * shift[:, None]
    before = np.concatenate([np.zeros((len(poses), 1, 2)), poses[:, :-1, :2]], axis=1)
    steps = np.diff(out[..., :2], axis=1, prepend=0.0)
    old = poses[..., :2] - before
    turn = wrap_angle(np.arctan2(steps[..., 1], steps[..., 0]) - np.arctan2(old[..., 1], old[..., 0]))
    moving = (np.hypot(*np.moveaxis(steps, -1, 0)) > _MOVING) & (np.hypot(*np.moveaxis(old, -1, 0)) > _MOVING)
    out[..., 2] = wrap_angle(out[..., 2] + np.where(moving, turn, 0.0))
    return out


def braking_plan(scene: Scene, state: SimState, deceleration: float) -> Array:
    """``[40, 3]`` to a stop, in the ego frame, on the curve back to the route that keeps best to the road."""
    ego = state.ego
    speed = max(0.0, float(ego[StateIndex.VX]))
    t = np.minimum(np.arange(1, HORIZON_STEPS + 1) * DT, speed / deceleration)
    travelled = speed * t - deceleration * t**2 / 2
    nearest = max(_JOIN_DISTANCE, _JOIN_TIME * speed)
    plans = []
    for factor in _JOIN_FACTORS:
        curve = _curve_to_route(scene, ego, factor * nearest)
        plans.append(polyline.at_arc_length(curve, travelled))
    worlds = np.concatenate([np.broadcast_to(ego[:3], (len(plans), 1, 3)), np.stack(plans)], axis=1)
    outside = off_road(track(ego, worlds, vehicle=scene.vehicle), scene.map, scene.vehicle).sum(1)
    return se2.poses_to_local(ego[:3], plans[int(np.argmin(outside))])


def _curve_to_route(scene: Scene, ego: Array, distance: float) -> Array:
    """``[K, 2]`` from the ego's pose into the route path, ``distance`` [m] further along it (cubic Hermite)."""
    s = polyline.project(scene.route_path, ego[None, :2])[0][0]
    joint = polyline.at_arc_length(scene.route_path, s + distance)
    u = np.linspace(0.0, 1.0, 21)[:, None]
    gap = np.hypot(*(joint[:2] - ego[:2]))
    leave, arrive = (gap * np.array([np.cos(h), np.sin(h)]) for h in (ego[StateIndex.HEADING], joint[2]))
    curve = (
        (2 * u**3 - 3 * u**2 + 1) * ego[:2]
        + (u**3 - 2 * u**2 + u) * leave
        + (3 * u**2 - 2 * u**3) * joint[:2]
        + (u**3 - u**2) * arrive
    )
    beyond = polyline.at_arc_length(scene.route_path, s + distance + np.arange(1.0, 40.0))[:, :2]
    return polyline.without_repeats(np.concatenate([curve, beyond]), 1e-3)


def logged_pose(scene: Scene, frame: int) -> Array:
    """The log's pose ``[3]`` at ``frame``; past its end, on along the route at the last logged speed."""
    poses = scene.ego.poses
    if frame < len(poses):
        return poses[frame]
    ahead = float(scene.ego.states[-1, StateIndex.VX]) * (frame - len(poses) + 1) * DT
    start = polyline.project(scene.route_path, poses[-1:, :2])[0][0]
    return polyline.at_arc_length(scene.route_path, start + max(0.0, ahead))
