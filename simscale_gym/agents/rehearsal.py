"""What the others will do while the ego drives a given way: the traffic model itself, run ahead.

Pseudo-experts are privileged: they may know how the traffic that they drive in decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.metrics import Agents, simulated_agents
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel

Array = NDArray[np.float64]


def rehearse(scene: Scene, state: SimState, egos: Array, traffic: TrafficModel) -> Agents:
    """The others while the ego drives ``egos``.

    Args:
        scene: The scene.
        state: The world now, with the others as ``traffic`` left them.
        egos: ``[T, 11]`` ego states 0.1 s apart, the present one first.
        traffic: Traffic model that moves the others.
    """
    course = [state.traffic]
    for step, ego in enumerate(egos[:-1]):
        course.append(traffic.step(scene, state.frame + step, ego, course[-1]))
    arrays = ([getattr(others, name) for others in course] for name in ("poses", "velocities", "valid"))
    return simulated_agents(scene, *map(np.stack, arrays))
