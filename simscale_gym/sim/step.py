"""One step of the world: the ego moves by its command, the others react to where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import DT, STATE_SIZE, Scene, StateIndex
from simscale_gym.sim.kinematics import move_bicycle
from simscale_gym.sim.state import SimState, TrafficModel

Array = NDArray[np.float64]


def start(scene: Scene, traffic_model: TrafficModel, frame: int = 0, ego: Array | None = None) -> SimState:
    """The world at ``frame`` of the log, with the ego at ``ego [11]`` or, if None, where it was logged."""
    if not 0 <= frame < scene.num_frames:
        raise ArgumentError(f"frame is {frame}, expected 0 to {scene.num_frames - 1} for scene {scene.id}.")
    ego = scene.ego.states[frame].copy() if ego is None else np.array(ego, float)
    return SimState(frame, _checked(ego, STATE_SIZE, "ego"), traffic_model.start(scene, frame, ego))


def step(
    scene: Scene, traffic_model: TrafficModel, state: SimState, command: Array, *, reverse: bool = False
) -> SimState:
    """The world 0.1 s later.

    Both halves start from the same instant: the traffic model sees the ego at ``state.frame``, not where the
    command takes it, so the order of the two does not matter and nobody foresees the ego's command.

    Args:
        scene: The scene.
        traffic_model: Traffic model that moves the others.
        state: State of the world now.
        command: ``[2]`` acceleration [m/s^2] and steering rate [rad/s].
        reverse: Braking may go on into driving backwards, as in nuPlan's bicycle; otherwise it ends at rest.
    """
    acceleration, steering_rate = _checked(command, 2, "command")
    ego = np.empty(STATE_SIZE)
    move_bicycle(state.ego, ego, acceleration, steering_rate, DT, scene.vehicle.wheel_base)
    if not reverse:
        ego = held_at_rest(state.ego, ego)
    return advance(scene, traffic_model, state, ego)


def advance(scene: Scene, traffic_model: TrafficModel, state: SimState, ego: Array) -> SimState:
    """The world 0.1 s later with the ego then at ``ego [11]``; the others react to ``state.ego``."""
    traffic = traffic_model.step(scene, state.frame, state.ego, state.traffic)
    return SimState(state.frame + 1, ego, traffic)


def held_at_rest(before: Array, after: Array) -> Array:
    """``after [11]``, at rest instead of beginning to move backwards (lagging brakes would push it back)."""
    if before[StateIndex.VX] < 0.0 or after[StateIndex.VX] >= 0.0:
        return after
    held = after.copy()
    held[[StateIndex.VX, StateIndex.AX, StateIndex.YAW_RATE]] = 0.0
    held[StateIndex.YAW_ACC] = -before[StateIndex.YAW_RATE] / DT
    return held


def _checked(values: Array, size: int, name: str) -> Array:
    values = np.asarray(values, float)
    if values.shape != (size,) or not np.isfinite(values).all():
        raise ArgumentError(f"{name} is {values}, expected {size} finite numbers.")
    return values
