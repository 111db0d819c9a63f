"""The log expert: what the human did from here, where the ego is still where the human was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.lead import lead_along
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.geometry import se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.scoring.fitness import off_road
from simscale_gym.sim import SimState, TrafficModel

Array = NDArray[np.float64]

_BACK_STEPS = 20  # [0.1 s] in which whoever is off his log is led back to it


@dataclass(frozen=True)
class LogConfig:
    """How near its log the ego must be for the log's future to be a plan for it.

    Attributes:
        along: Largest offset along the logged pose's heading [m].
        across: Largest offset across it [m].
        turn: Largest difference of heading [rad].
        speed: Largest difference of speed [m/s].
        deviation: Farthest that the tracker, driving the plan, may get from it [m].
    """

    along: float = 2.0
    across: float = 0.5
    turn: float = 0.1
    speed: float = 2.0
    deviation: float = 0.75


class LogExpert:
    """Gives the recorded future itself; past the log's end, on along the route at the last logged speed.

    Args:
        config: Tolerances; None for the default ones.
    """

    name = "log"

    def __init__(self, config: LogConfig | None = None) -> None:
        self.config = config or LogConfig()

    def plan(self, scene: Scene, state: SimState, traffic: TrafficModel) -> ExpertPlan:
        """The log's poses at the next 40 frames.

        Valid where the ego is on its log: by default less than 2 m ahead or behind, 0.5 m beside, 0.1 rad and
        2 m/s off the logged state of this frame; where the tracker, led by ``lead``, can drive the plan without
        leaving it by 0.75 m; and where it keeps to the road. Whoever is off his log is led back to it within 2 s. It
        does not ask whether the others still leave the way free: they may react to an ego off its log. ``scores`` has
        the distances to the log: ``distance``, ``along``, ``across`` [m], ``turn`` [rad], ``speed`` [m/s] and
        ``deviation`` [m].
        """
        config, ego = self.config, state.ego
        ahead = np.stack([logged_pose(scene, state.frame + k) for k in range(HORIZON_STEPS + 1)])
        along, across, turn = se2.poses_to_local(ahead[0], ego[None, :3])[0]
        logged = scene.ego.states[min(state.frame, scene.num_frames - 1)]
        speed = float(ego[StateIndex.VX] - logged[StateIndex.VX])
        left = np.maximum(1.0 - np.arange(HORIZON_STEPS + 1) / _BACK_STEPS, 0.0)[:, None]
        wished = ahead + left * np.append(ego[:2] - ahead[0, :2], wrap_angle(ego[2] - ahead[0, 2]))
        lead, driven = lead_along(ego, se2.poses_to_local(ego[:3], wished[1:]), scene.vehicle)
        deviation = float(np.linalg.norm(driven[1:, :2] - wished[1:, :2], axis=1).max())
        on_log = (
            abs(along) < config.along
            and abs(across) < config.across
            and abs(wrap_angle(turn)) < config.turn
            and abs(speed) < config.speed
        )
        trackable = deviation < config.deviation and not off_road(scene, driven).any()
        scores = {
            "distance": float(np.hypot(along, across)),
            "along": float(along),
            "across": float(across),
            "turn": float(turn),
            "speed": speed,
            "deviation": deviation,
        }
        return ExpertPlan(se2.poses_to_local(ego[:3], ahead[1:]), bool(on_log and trackable), scores, lead)
