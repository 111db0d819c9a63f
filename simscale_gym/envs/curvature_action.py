"""Driving by acceleration and lateral acceleration: what a policy explores with is no steering rate that adds up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit
from numpy.typing import NDArray

from simscale_gym.envs.actions import MAX_ACCELERATION, MAX_STEERING_RATE, ControlAction, Orders
from simscale_gym.scene import DT, StateIndex, Vehicle
from simscale_gym.sim.kinematics import STEERING, STEERING_LAG, VX

Array = NDArray[np.float64]

LEAST_SPEED = 5.0
"""Speed [m/s] below which the lateral acceleration is that of a vehicle so fast: an action of 1 is a radius of 6 m."""

_SHARE = 0.5  # of the way to the wanted steering angle that is made in 0.1 s
_GAIN = _SHARE / DT * (DT + STEERING_LAG) / DT / MAX_STEERING_RATE  # action for an error of the angle [1/rad]


class CurvatureAction:
    """``[2]`` in -1..1: acceleration and lateral acceleration (left +), 1 = 4 m/s^2, for a simulation step of 0.1 s.

    The lateral one is a curvature at the present speed, towards whose steering angle the wheels turn by half the
    difference in 0.1 s, 1 rad/s at most. 0 is straight on, and noise on it moves the wheels about an angle; on the
    steering rates of "control" it adds up to another one.
    """

    name, steps = "curvature", 1

    def __init__(self) -> None:
        self.space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._control = ControlAction()
        self.checked, self.checked_rows = self._control.checked, self._control.checked_rows

    def orders(self, egos: Array, actions: Array, vehicles: Sequence[Vehicle]) -> Orders:
        """The control actions that turn the wheels to the wanted curvature."""
        bases = np.array([vehicle.wheel_base for vehicle in vehicles])
        return self._control.orders(egos, _with_rates(egos, actions, bases), vehicles)

    def of_plan(self, vehicle: Vehicle, ego: Array, plan: Array) -> Array:
        """The action with the command that "control" follows the plan by."""
        acceleration, rate = self._control.of_plan(vehicle, ego, plan).astype(float)
        angle = ego[StateIndex.STEERING] + rate / _GAIN
        lateral = math.tan(angle) * max(ego[StateIndex.VX], LEAST_SPEED) ** 2 / vehicle.wheel_base
        return np.clip([acceleration, lateral / MAX_ACCELERATION], -1.0, 1.0).astype(np.float32)


@njit(cache=True)
def _with_rates(egos: Array, actions: Array, bases: Array) -> Array:
    """Actions ``[P, 2]`` of :class:`ControlAction`; a kernel, as numpy's arctangent depends on the processor."""
    out = np.empty((len(egos), 2))
    for n in range(len(egos)):
        lateral = min(max(actions[n, 1], -1.0), 1.0) * MAX_ACCELERATION
        angle = np.arctan(bases[n] * lateral / max(egos[n, VX], LEAST_SPEED) ** 2)
        out[n, 0], out[n, 1] = actions[n, 0], _GAIN * (angle - egos[n, STEERING])
    return out
