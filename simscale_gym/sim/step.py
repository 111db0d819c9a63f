"""One step of the world: the ego moves by its command, the others react to where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT, STATE_SIZE, Scene
from simscale_gym.sim.kinematics import AX, VX, YAW_ACC, YAW_RATE, move_bicycle
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
    move_ego(state.ego, ego, acceleration, steering_rate, scene.vehicle.wheel_base, reverse)
    return advance(scene, traffic_model, state, ego)


def advance(scene: Scene, traffic_model: TrafficModel, state: SimState, ego: Array) -> SimState:
    """The world 0.1 s later with the ego then at ``ego [11]``; the others react to ``state.ego``."""
    traffic = traffic_model.step(scene, state.frame, state.ego, state.traffic)
    return SimState(state.frame + 1, ego, traffic)


@borrowing
def move_ego(
    ego: Array, out: Array, acceleration: float, steering_rate: float, wheel_base: float, reverse: bool
):
    """Write to ``out [11]`` where :func:`step` moves ``ego [11]``; unless ``reverse``, braking ends at rest."""
    move_bicycle(ego, out, acceleration, steering_rate, DT, wheel_base)
    if reverse or ego[VX] < 0.0 or out[VX] >= 0.0:
        return
    out[VX], out[AX], out[YAW_RATE] = 0.0, 0.0, 0.0  # lagging brakes would push it back
    out[YAW_ACC] = -ego[YAW_RATE] / DT


def _checked(values: Array, size: int, name: str) -> Array:
    values = np.asarray(values, float)
    if values.shape != (size,) or not np.isfinite(values).all():
        raise ArgumentError(f"{name} is {values}, expected {size} finite numbers.")
    return values
