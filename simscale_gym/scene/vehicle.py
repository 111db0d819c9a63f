"""The ego vehicle's dimensions and the layout of its state vector."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import box

Array = NDArray[np.float64]


class StateIndex(IntEnum):
    """Columns of an ego state ``[..., 11]``, at the rear axle (NAVSIM's order).

    Position [m] and heading [rad] are in the scene frame, velocity [m/s] and acceleration [m/s^2] in the
    ego frame; angles in rad, their rates in rad/s and rad/s^2.
    """

    X = 0
    Y = 1
    HEADING = 2
    VX = 3
    VY = 4
    AX = 5
    AY = 6
    STEERING = 7
    STEERING_RATE = 8
    YAW_RATE = 9
    YAW_ACC = 10


STATE_SIZE = len(StateIndex)


@dataclass(frozen=True)
class Vehicle:
    """Dimensions [m]; the defaults are nuPlan's ego, a Chrysler Pacifica (devkit, vehicle_parameters.py).

    Attributes:
        width: Over all.
        front_length: Rear axle to front bumper.
        rear_length: Rear axle to rear bumper.
        wheel_base: Between the axles.
        height: Over all.
    """

    width: float = 2.297
    front_length: float = 4.049
    rear_length: float = 1.127
    wheel_base: float = 3.089
    height: float = 1.777

    @property
    def length(self) -> float:
        """Over all [m]."""
        return self.front_length + self.rear_length

    @property
    def rear_axle_to_center(self) -> float:
        """Distance from the rear axle forward to the centre of the box [m], rounded as nuPlan's parameters are."""
        return self.length / 2 - self.rear_length

    def boxes(self, states: Array) -> Array:
        """Boxes ``[..., 5]`` (:mod:`simscale_gym.geometry.box`) of ego states ``[..., 11]`` or poses ``[..., 3]``."""
        return box.around(states, self.rear_axle_to_center, self.length, self.width)
