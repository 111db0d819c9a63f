"""The kinematic bicycle that moves the ego: nuPlan's model and constants, batched."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels.borrowing import borrowing
from simscale_gym.scene import DT, STATE_SIZE, StateIndex, Vehicle

Array = NDArray[np.float64]

X, Y, HEADING, VX, VY, AX, AY, STEERING, STEERING_RATE, YAW_RATE, YAW_ACC = (int(i) for i in StateIndex)
"""Columns of a state as plain numbers, which kernels index with."""

# nuplan-devkit, KinematicBicycleModel; NAVSIM, batch_kinematic_bicycle.py.
MAX_STEERING = np.pi / 3
"""Largest steering angle [rad]."""
ACCELERATION_LAG = 0.2
"""Time constant of the first-order lag between commanded and actual acceleration [s]."""
STEERING_LAG = 0.05
"""Time constant of the first-order lag between commanded and actual steering angle [s]."""


def bicycle_step(states: Array, commands: Array, dt: float = DT, vehicle: Vehicle | None = None) -> Array:
    """Move ego states one step on (explicit Euler, first-order lags on both commands).

    Args:
        states: ``[..., 11]`` (:class:`simscale_gym.scene.StateIndex`).
        commands: ``[..., 2]`` acceleration [m/s^2] and steering rate [rad/s]; broadcast with ``states``.
        dt: Step [s].
        vehicle: The vehicle, of which the wheel base is used; None for the default ego.

    Returns:
        States ``[..., 11]`` after the step. Speed may become negative, as in nuPlan.
    """
    states, commands = np.asarray(states, float), np.asarray(commands, float)
    if states.shape[-1:] != (STATE_SIZE,) or commands.shape[-1:] != (2,):
        raise ArgumentError(
            f"bicycle_step: states {states.shape}, commands {commands.shape}; expected [..., 11], [..., 2]."
        )
    if dt <= 0.0:
        raise ArgumentError(f"bicycle_step: dt is {dt}, expected a positive number of seconds.")
    batch = np.broadcast_shapes(states.shape[:-1], commands.shape[:-1])
    flat = np.ascontiguousarray(np.broadcast_to(states, (*batch, STATE_SIZE))).reshape(-1, STATE_SIZE)
    controls = np.ascontiguousarray(np.broadcast_to(commands, (*batch, 2))).reshape(-1, 2)
    wheel_base = (vehicle or Vehicle()).wheel_base
    return _step_all(flat, controls, float(dt), wheel_base).reshape(*batch, STATE_SIZE)


@borrowing
def move_bicycle(
    state: Array, out: Array, acceleration: float, steering_rate: float, dt: float, wheel_base: float
):
    """Write the successor of ``state [11]`` to ``out``; the pose moves with the old speed and steering."""
    heading, speed, steering = state[HEADING], state[VX], state[STEERING]
    new_acceleration = state[AX] + dt / (dt + ACCELERATION_LAG) * (acceleration - state[AX])
    new_rate = dt / (dt + STEERING_LAG) * steering_rate
    new_speed = speed + new_acceleration * dt
    new_steering = min(max(steering + new_rate * dt, -MAX_STEERING), MAX_STEERING)
    new_heading = heading + speed * np.tan(steering) / wheel_base * dt
    yaw_rate = new_speed * np.tan(new_steering) / wheel_base
    out[X] = state[X] + speed * np.cos(heading) * dt
    out[Y] = state[Y] + speed * np.sin(heading) * dt
    out[HEADING] = new_heading - 2.0 * np.pi * np.floor((new_heading + np.pi) / (2.0 * np.pi))
    out[VX], out[VY] = new_speed, 0.0
    out[AX], out[AY] = new_acceleration, 0.0
    out[STEERING], out[STEERING_RATE] = new_steering, new_rate
    out[YAW_ACC] = (yaw_rate - state[YAW_RATE]) / dt
    out[YAW_RATE] = yaw_rate


@njit(cache=True)
def _step_all(states: Array, commands: Array, dt: float, wheel_base: float) -> Array:
    out = np.empty_like(states)
    for row in range(len(states)):
        move_bicycle(states[row], out[row], commands[row, 0], commands[row, 1], dt, wheel_base)
    return out
