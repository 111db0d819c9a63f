"""Hands and feet to actions: a wheel that centres itself, pedals that are felt before they bite.

Keys are either down or not, so the car does what a driver would make of them: the wheel turns at a rate, less far the
faster one drives, and accelerations come and go within the limits that EPDMS calls comfortable (but full braking).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.actions import MAX_ACCELERATION, MAX_STEERING_RATE
from simscale_gym.scene import DT, StateIndex
from simscale_gym.sim.kinematics import ACCELERATION_LAG, STEERING_LAG

LEAST_TOUCH = 0.05
"""Share of a control's way below which it is not touched: sticks do not rest at 0."""

_LOCK, _LATERAL = 0.5, 3.0  # [rad], and [m/s^2] sideways beyond which the wheel does not turn at speed
_TURNING = 0.8  # [s] from the middle to the lock
_PULL, _BRAKE, _COAST = 1.8, MAX_ACCELERATION, 0.3  # [m/s^2] of full throttle, full brake, and no pedal
_TOP = 25.0  # [m/s] at which full throttle pulls no more
_JERK, _HARD_JERK, _HARD = 4.0, 12.0, 0.9  # [m/s^3]; share of the brake from which on it bites at once


@dataclass(frozen=True)
class Controls:
    """What a person does.

    Attributes:
        steer: -1 (right) to 1 (left).
        throttle: 0 to 1.
        brake: 0 to 1; it wins over the throttle.
    """

    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0

    @property
    def touched(self) -> bool:
        """Whether the person does anything."""
        return max(abs(self.steer), self.throttle, self.brake) > LEAST_TOUCH


def driven_action(controls: Controls, ego: NDArray[np.float64], wheel_base: float) -> NDArray[np.float32]:
    """The action of kind "control" for the next 0.1 s.

    Args:
        controls: What the person does.
        ego: ``[11]`` present state (:class:`simscale_gym.scene.StateIndex`).
        wheel_base: Wheel base of the vehicle [m].

    Returns:
        ``[2]`` acceleration and steering rate, -1 to 1. The car brakes to rest and does not reverse, as no plan does.
    """
    commands = [_acceleration(controls, ego), _steering_rate(controls, ego, wheel_base)]
    return np.clip(np.divide(commands, [MAX_ACCELERATION, MAX_STEERING_RATE]), -1.0, 1.0).astype(np.float32)


def _acceleration(controls: Controls, ego: NDArray[np.float64]) -> float:
    """Command [m/s^2] behind whose lag the acceleration goes to what the pedals ask for, with a bounded jerk."""
    speed, present = float(ego[StateIndex.VX]), float(ego[StateIndex.AX])
    if controls.brake > LEAST_TOUCH:
        wanted = -_BRAKE * controls.brake
    elif controls.throttle > LEAST_TOUCH:
        wanted = _PULL * controls.throttle * max(0.0, 1.0 - (speed / _TOP) ** 2)
    else:
        wanted = -_COAST if speed > 0.0 else 0.0
    most = DT * (_HARD_JERK if controls.brake > _HARD else _JERK)
    change = min(max(wanted - present, -most), most)
    return present + change * (DT + ACCELERATION_LAG) / DT


def _steering_rate(controls: Controls, ego: NDArray[np.float64], wheel_base: float) -> float:
    """Command [rad/s] behind whose lag the wheel goes to where it is held, or back to the middle."""
    speed, angle = float(ego[StateIndex.VX]), float(ego[StateIndex.STEERING])
    lock = min(_LOCK, float(np.arctan(_LATERAL * wheel_base / max(speed, 0.1) ** 2)))
    steer = controls.steer if abs(controls.steer) > LEAST_TOUCH else 0.0
    beyond = abs(angle) > lock  # a policy may have turned it farther than a hand would
    most = DT * (MAX_STEERING_RATE if beyond else lock / _TURNING)
    change = min(max(steer * lock - angle, -most), most)
    return change / DT * (DT + STEERING_LAG) / DT
