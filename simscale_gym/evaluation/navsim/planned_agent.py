"""Planners of simscale-gym in NAVSIM: an agent that gives the plans that were written beside an export.

Copied into every export as it is, so that NAVSIM's environment needs nothing of simscale-gym.
"""

import json

import numpy as np
from navsim.agents.abstract_agent import AbstractAgent
from navsim.common.dataclasses import AgentInput, Scene, SensorConfig, Trajectory
from nuplan.planning.simulation.trajectory.trajectory_sampling import TrajectorySampling


class PlannedAgent(AbstractAgent):
    """Gives the plan of whichever scene it is shown.

    Args:
        plans: File with a planner's plans ``[40, 3]`` (x, y [m], heading [rad] at 0.1 .. 4.0 s, ego frame) by token.
    """

    requires_scene = True

    def __init__(self, plans: str) -> None:
        self._sampling = TrajectorySampling(num_poses=40, interval_length=0.1)
        super().__init__(trajectory_sampling=self._sampling, requires_scene=True)
        self._path, self._plans = plans, {}

    def name(self) -> str:
        """The file's name."""
        return self._path

    def initialize(self) -> None:
        """Read the plans."""
        with open(self._path, encoding="utf-8") as file:
            self._plans = json.load(file)

    def get_sensor_config(self) -> SensorConfig:
        """It looks at nothing."""
        return SensorConfig.build_no_sensors()

    def compute_trajectory(self, agent_input: AgentInput, scene: Scene) -> Trajectory:
        """The plan of ``scene``."""
        return Trajectory(np.array(self._plans[scene.scene_metadata.initial_token]), self._sampling)
