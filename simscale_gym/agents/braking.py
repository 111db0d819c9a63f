"""An emergency stop: what an expert advises where it finds no way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.stopping_kernel import stopping_plans
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.scoring.fitness import off_road
from simscale_gym.sim import track

Array = NDArray[np.float64]

_JOIN_DISTANCE, _JOIN_TIME = 8.0, 1.5  # [m], [s] ahead: where the way of an emergency stop meets the route
_JOIN_FACTORS = np.array([1.0, 1.6, 2.5, 0.6])


def braking_plan(scene: Scene, ego: Array, deceleration: float) -> Array:
    """A way ``[40, 3]`` to a stop in the frame of ``ego [11]``, along the :func:`way_back`."""
    speed = max(0.0, float(ego[StateIndex.VX]))
    t = np.minimum(np.arange(1, HORIZON_STEPS + 1) * DT, speed / deceleration)
    return way_back(scene, ego, speed * t - deceleration * t**2 / 2)


def way_back(scene: Scene, ego: Array, travelled: Array) -> Array:
    """``[40, 3]`` in the frame of ``ego [11]`` on the curve back to the route that keeps best to the road.

    Args:
        scene: The scene.
        ego: Where it begins.
        travelled: ``[40]`` how far along the curve the ego is at each step [m].
    """
    ways = max(_JOIN_DISTANCE, _JOIN_TIME * max(0.0, float(ego[StateIndex.VX]))) * _JOIN_FACTORS
    plans = stopping_plans(scene.route_path, scene.route_lengths, ego[:3], ways, travelled)
    outside = off_road(scene, track(ego, plans, vehicle=scene.vehicle)).sum(1)
    return se2.poses_to_local(ego[:3], plans[int(np.argmin(outside)), 1:])
