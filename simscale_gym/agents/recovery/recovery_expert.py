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

from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.agents.recovery.kernel import Driving, Surroundings, bend_all, first_safe, nearest
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene, StateIndex, Vehicle, on_other_level
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState, TrafficModel
from simscale_gym.sim.tracker import speed_factor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RecoveryConfig:
    """Settings of the recovery expert.

    Attributes:
        weights: Weights of the L1 distance: start vx, vy [1/(m/s)], end x, y [1/m], end heading [1/rad].
        candidates: Nearest futures that are looked through for a safe one.
        closing: Most of what is left between a future's end and the log that is closed by bending it, along and
            across [m].
        margin: Room around the ego that a future must keep free to count as safe [m].
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

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The nearest safe future to the log's pose 4 s ahead; ``valid`` is False where it had to brake.

        ``scores`` has the ``distance`` of the future that it took, or of the nearest, and its ``rank`` among those
        that it looked through, or their number.
        """
        ego, config = state.ego, self.config
        target = se2.poses_to_local(ego[:3], logged_pose(scene, state.frame + HORIZON_STEPS)[None])[0]
        sought = np.array([ego[StateIndex.VX], ego[StateIndex.VY], *target])
        count = min(config.candidates, len(self.bank))
        rows, distances = nearest(self._features, sought, np.array(config.weights), count)
        plan = np.empty((HORIZON_STEPS, 3))
        driving, around = _driving(scene.vehicle, config.margin), _surroundings(scene, state)
        rank = first_safe(self.bank.poses, rows, target, np.array(config.closing), ego, driving, around, plan)
        if rank < 0:
            plan = braking_plan(scene, state.ego, config.braking)
            return ExpertPlan(plan, False, {"distance": float(distances[0]), "rank": float(count)})
        return ExpertPlan(plan, True, {"distance": float(distances[rank]), "rank": float(rank)})


def _driving(vehicle: Vehicle, margin: float) -> Driving:
    return Driving(
        vehicle.rear_axle_to_center,
        vehicle.length / 2.0,
        vehicle.width / 2.0,
        vehicle.wheel_base,
        margin,
        speed_factor(HORIZON_STEPS, DT, "navsim"),
    )


def _surroundings(scene: Scene, state: SimState) -> Surroundings:
    traffic, met = state.traffic, state.traffic.valid & ~on_other_level(scene)
    return Surroundings(
        traffic.poses, traffic.velocities, scene.tracks.sizes, met, map_layers(scene.map).road
    )


def bent_to(poses: Array, target: Array, most: Array) -> Array:
    """Futures ``[P, 40, 3]`` whose ends are moved toward ``target [3]`` by at most ``most [2]`` along and across.

    The shift grows smoothly from nothing at the start; headings follow the bent path where it moves.
    """
    return bend_all(np.ascontiguousarray(poses, float), np.asarray(target, float), np.asarray(most, float))
