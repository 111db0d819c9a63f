"""The recovery expert: from where the ego is, the recorded human future that best leads back to the log.

SimScale (arXiv 2511.23369), supplement: the feature of a human future is its start velocity and end pose; the
target joins the ego's present velocity with the logged human pose one horizon ahead; the future at the least
L1 distance is the expert's plan. Ours weights the components, looks through the nearest futures for one that
stays on the road and clear of the others, and brakes where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE, ExpertPlan
from simscale_gym.agents.forecast import constant_velocity_boxes, first_conflict
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.geometry import box, polyline, se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.sim import SimState, ego_boxes

Array = NDArray[np.float64]

_TIMES = np.arange(0, HORIZON_STEPS + 1, PLAN_STRIDE) * DT


@dataclass(frozen=True)
class RecoveryConfig:
    """Settings of the recovery expert.

    Attributes:
        weights: Of the L1 distance: start vx, vy [1/(m/s)], end x, y [1/m], end heading [1/rad].
        candidates: Nearest futures that are looked through for a safe one.
        margin: Kept free around the ego when looking [m].
        braking: Deceleration where no candidate is safe [m/s^2].
    """

    weights: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 2.0, 5.0)
    candidates: int = 64
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
        distance = self._distances(scene, state)
        order = np.argpartition(distance, min(self.config.candidates, len(distance) - 1))
        order = order[: self.config.candidates]
        order = order[np.argsort(distance[order], kind="stable")]
        poses = self.bank.poses[order]
        safe = self._first_safe(scene, state, poses)
        if safe is None:
            return ExpertPlan(self._braking_plan(state), False, {"distance": float(distance[order[0]])})
        return ExpertPlan(poses[safe], True, {"distance": float(distance[order[safe]]), "rank": float(safe)})

    def _distances(self, scene: Scene, state: SimState) -> Array:
        """Weighted L1 distance ``[M]`` of each future to the target."""
        target_pose = logged_pose(scene, state.frame + HORIZON_STEPS)
        end = se2.poses_to_local(state.ego[:3], target_pose[None])[0]
        velocity = state.ego[[StateIndex.VX, StateIndex.VY]]
        difference = self._features - np.concatenate([velocity, end])
        difference[:, 4] = wrap_angle(difference[:, 4])
        return np.abs(difference) @ np.array(self.config.weights)

    def _first_safe(self, scene: Scene, state: SimState, poses: Array) -> int | None:
        """Index of the first of ``poses [P, 40, 3]`` (ego frame) that keeps the road and hits nobody."""
        sampled = poses[:, PLAN_STRIDE - 1 :: PLAN_STRIDE]
        world = se2.poses_to_world(state.ego[:3], sampled.reshape(-1, 3)).reshape(sampled.shape)
        boxes = ego_boxes(world, scene.vehicle)
        on_road = scene.map.drivable.contains_any(box.corners(boxes)).all((1, 2))
        start = ego_boxes(state.ego[None], scene.vehicle)
        wide = boxes + 2 * self.config.margin * np.array([0, 0, 0, 1, 1])
        others = constant_velocity_boxes(scene, state.traffic, _TIMES)
        for index in np.flatnonzero(on_road):
            if first_conflict(np.concatenate([start, wide[index]]), others) == len(_TIMES):
                return int(index)
        return None

    def _braking_plan(self, state: SimState) -> Array:
        """``[40, 3]`` straight ahead to a stop."""
        t = np.arange(1, HORIZON_STEPS + 1) * DT
        speed = max(0.0, float(state.ego[StateIndex.VX]))
        t = np.minimum(t, speed / self.config.braking)
        travelled = speed * t - self.config.braking * t**2 / 2
        return np.column_stack([travelled, np.zeros((HORIZON_STEPS, 2))])


def logged_pose(scene: Scene, frame: int) -> Array:
    """The log's pose ``[3]`` at ``frame``; past its end, on along the route at the last logged speed."""
    poses = scene.ego.poses
    if frame < len(poses):
        return poses[frame]
    ahead = float(scene.ego.states[-1, StateIndex.VX]) * (frame - len(poses) + 1) * DT
    start = polyline.project(scene.route_path, poses[-1:, :2])[0][0]
    return polyline.at_arc_length(scene.route_path, start + max(0.0, ahead))
