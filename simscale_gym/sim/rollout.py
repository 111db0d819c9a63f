"""A plan carried out in the world: tracked by the regulator, with traffic that reacts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Scene
from simscale_gym.sim.state import SimState, TrafficModel
from simscale_gym.sim.step import advance
from simscale_gym.sim.tracker import track

Array = NDArray[np.float64]


def rollout(
    scene: Scene, traffic_model: TrafficModel, state: SimState, poses: Array, *, steps: int | None = None
) -> list[SimState]:
    """Drive a plan.

    Args:
        scene: The scene.
        traffic_model: Traffic model that moves the others.
        state: State to begin in.
        poses: ``[M + 1, 3]`` reference poses 0.1 s apart in the scene frame, the first being the ego's now
            (:func:`simscale_gym.sim.plan_to_poses` makes them from a plan).
        steps: Number of steps to drive, for one planning period; None for all M.

    Returns:
        The ``steps`` states after ``state``.
    """
    poses = np.asarray(poses, float)
    if poses.ndim != 2:
        raise ArgumentError(f"rollout: poses {poses.shape}, expected one plan [M + 1, 3].")
    states: list[SimState] = []
    for ego in track(state.ego, poses, vehicle=scene.vehicle, steps=steps)[1:]:
        states.append(advance(scene, traffic_model, states[-1] if states else state, ego))
    return states


def stacked(states: list[SimState]) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """The arrays of a rollout over time.

    Returns:
        Ego states ``[T, 11]``; the others' poses ``[T, N, 3]``, velocities ``[T, N, 2]`` and presence ``[T, N]``.
    """
    return (
        np.stack([state.ego for state in states]),
        np.stack([state.traffic.poses for state in states]),
        np.stack([state.traffic.velocities for state in states]),
        np.stack([state.traffic.valid for state in states]),
    )
