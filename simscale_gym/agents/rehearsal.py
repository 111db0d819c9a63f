"""What the others will do while the ego drives a given way: the traffic model itself, run ahead.

Pseudo-experts are privileged: they may know how the traffic that they drive in decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.metrics import Agents, simulated_agents
from simscale_gym.scene import LightStatus, Scene, derived
from simscale_gym.sim import SimState, TrafficModel

Array = NDArray[np.float64]


def model_behind(scene: Scene, state: SimState) -> TrafficModel:
    """The model to run ahead: IDM where ``state`` has its memory, else everybody keeps speed and heading."""
    memory = {name: array.shape for name, array in state.traffic.memory.items()}
    return IDMTraffic() if memory == _idm_memory(scene) else ConstantVelocity()


@derived
def _idm_memory(scene: Scene) -> dict[str, tuple[int, ...]]:
    memory = IDMTraffic().start(scene, 0, scene.ego.states[0]).memory
    return {name: array.shape for name, array in memory.items()}


def rehearse(scene: Scene, state: SimState, egos: Array, model: TrafficModel | None = None) -> Agents:
    """The others while the ego drives ``egos``.

    Args:
        scene: The scene.
        state: The world now.
        egos: ``[T, 11]`` ego states 0.1 s apart, the present one first.
        model: Who moves the others; None for :func:`model_behind`.
    """
    model, course = model or model_behind(scene, state), [state.traffic]
    for step, ego in enumerate(egos[:-1]):
        course.append(model.step(scene, state.frame + step, ego, course[-1]))
    arrays = ([getattr(traffic, name) for traffic in course] for name in ("poses", "velocities", "valid"))
    return simulated_agents(scene, *map(np.stack, arrays))


def closed_lanes(scene: Scene, frame: int, steps: int) -> list[list[str]]:
    """The lanes that are closed by red lights at each of ``steps`` frames from ``frame`` on."""
    red = np.stack([scene.lights.column(at) for at in range(frame, frame + steps)]) == LightStatus.RED
    names = [name if name in scene.map.lanes else "" for name in scene.lights.lane_ids]
    return [[names[row] for row in np.flatnonzero(now) if names[row]] for now in red]
