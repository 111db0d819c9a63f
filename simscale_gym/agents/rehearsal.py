"""What the others will do while the ego drives a given way: the traffic model itself, run ahead.

Pseudo-experts are privileged: they may know how the traffic that they drive in decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.agents.idm import IDMTraffic
from simscale_gym.agents.traffic_kernel import GONE
from simscale_gym.metrics import Agents, simulated_agents
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]

REACH = 80.0
"""Whoever is further from the ego than this [m] does not meet it within 4 s and is left out."""
_IDM_MEMORY = frozenset({"kinds", "routes", "motion", "clocks"})


def model_behind(traffic: TrafficState) -> TrafficModel:
    """The model to run ahead: IDM where ``traffic`` has its memory, else everybody keeps speed and heading."""
    return IDMTraffic() if set(traffic.memory) >= _IDM_MEMORY else ConstantVelocity()


def foresee(scene: Scene, state: SimState, egos: Array, model: TrafficModel | None = None) -> Agents:
    """The others while the ego drives ``egos``.

    Args:
        scene: The scene.
        state: The world now.
        egos: ``[T, 11]`` ego states 0.1 s apart, the present one first.
        model: Who moves the others; None for :func:`model_behind`.
    """
    model = model or model_behind(state.traffic)
    traffic = nearby(state.traffic, state.ego, REACH)
    course = [traffic]
    for step, ego in enumerate(egos[:-1]):
        traffic = model.step(scene, state.frame + step, ego, traffic)
        course.append(traffic)
    arrays = ([getattr(now, name) for now in course] for name in ("poses", "velocities", "valid"))
    return simulated_agents(scene, *map(np.stack, arrays))


def nearby(traffic: TrafficState, ego: Array, reach: float) -> TrafficState:
    """The traffic without whoever is further than ``reach`` [m] from ``ego [11]``."""
    away = np.hypot(traffic.poses[:, 0] - ego[0], traffic.poses[:, 1] - ego[1]) > reach
    far = traffic.valid & away
    memory = dict(traffic.memory)
    if "kinds" in memory:
        memory["kinds"] = np.where(far, GONE, memory["kinds"]).astype(memory["kinds"].dtype)
    return replace(traffic, valid=traffic.valid & ~away, memory=memory)
