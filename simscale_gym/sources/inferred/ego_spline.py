"""A smooth, drivable ego at 10 Hz out of poses and motion that were recorded a few times a second.

Positions and heading are quintic splines, fitted by least squares to the recorded poses, velocities, accelerations and
yaw rates, each by what it can be trusted; where those say too little, the least jerk decides. Speed, acceleration and
steering are the splines' own derivatives, so that they agree with the poses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, STATE_SIZE, StateIndex
from simscale_gym.sources.inferred.ego_motion import steering_angle

Array = NDArray[np.float64]

_DEGREE = 5
_KNOTS = 2  # for each recorded frame
_SHARES = (
    1 / 6,
    1 / 2,
    5 / 6,
)  # of the way between knots where jerk counts: three, so that none of it escapes
_POSITION, _VELOCITY, _ACCELERATION, _JERK = (
    0.003,
    0.1,
    0.5,
    20.0,
)  # deviations [m, s]: how far each is trusted
_HEADING, _YAW_RATE, _YAW_JERK = 0.001, 0.02, 20.0  # likewise [rad, s]

_KINK = 1e-3  # [m] of second differences, over which a line at 10 Hz has a corner
_FEWEST, _APART = 5, 4  # corners, and frames between them, from which on they are keyframes
_LATE, _SMOOTH = 0.1, 1.0  # [m, m/s^3] trust in the way that was driven by a keyframe, and in smoothness
_PLACE = 0.5  # [m] of way: of keyframes that are nearer to each other, one says where the way leads


def states_from_keyframes(
    times: Array, poses: Array, motion: Array, yaw_rates: Array | None, at: Array, wheel_base: float
) -> Array:
    """States ``[T, 11]`` of the rear axle at times ``at [T]`` [s] within ``times``.

    Args:
        times: ``[F]`` times of the recorded frames [s], ascending, three or more.
        poses: ``[F, 3]`` x, y [m], heading [rad], in a frame whose origin is near.
        motion: ``[F, 4]`` vx, vy [m/s], ax, ay [m/s^2] at the rear axle, along the axes of the ego frame.
        yaw_rates: ``[F]`` [rad/s], or None where they are not recorded.
        at: Times that are asked for.
        wheel_base: Of the kinematic bicycle whose steering angle is given [m].
    """
    heading = np.unwrap(poses[:, 2])
    cos, sin = np.cos(heading), np.sin(heading)
    turned = [cos * motion[:, k] - sin * motion[:, k + 1] for k in (0, 2)]
    across = [sin * motion[:, k] + cos * motion[:, k + 1] for k in (0, 2)]
    trust = (_POSITION, _VELOCITY, _ACCELERATION)
    x = _fitted(times, (poses[:, 0], *turned), trust, _JERK)
    y = _fitted(times, (poses[:, 1], *across), trust, _JERK)
    turns = (heading,) if yaw_rates is None else (heading, yaw_rates)
    yaw = _fitted(times, turns, (_HEADING, _YAW_RATE), _YAW_JERK)
    return _states(*([spline.derivative(k)(at) for k in range(3)] for spline in (x, y, yaw)), wheel_base)


def through_keyframes(positions: Array, headings: Array) -> tuple[Array, Array, int]:
    """A smooth drive in place of straight lines between keyframes, with which some converters fill up 10 Hz.

    It leads through the places of the keyframes, and is there when a smooth drive would be: nuScenes' keyframes are up
    to 50 ms off the half seconds that they are said to be apart.

    Args:
        positions: ``[T, 2]`` at 10 Hz [m].
        headings: ``[T]`` [rad].

    Returns:
        Positions and headings, and how many frames the keyframes are apart: 1 where all frames were recorded, and
        nothing has changed.
    """
    corners = np.flatnonzero(np.linalg.norm(np.diff(positions, 2, axis=0), axis=1) > _KINK) + 1
    apart = int(np.gcd.reduce(np.diff(corners))) if len(corners) >= _FEWEST else 1
    if apart < _APART:
        return positions, headings, 1
    last = len(positions) - 1
    frames = np.union1d(np.arange(corners[0] % apart, last, apart), [0, last])
    keys = np.column_stack([positions, np.unwrap(headings)])[frames]
    way = np.r_[0.0, np.linalg.norm(np.diff(keys[:, :2], axis=0), axis=1).cumsum()]
    passed = _fitted(DT * frames, (way,), (_LATE,), _SMOOTH)(DT * np.arange(last + 1))
    places = np.unique(np.round(way / _PLACE), return_index=True)[1]
    drive = scipy.interpolate.CubicSpline(way[places], keys[places])(passed)
    return drive[:, :2], wrap_angle(drive[:, 2]), apart


def _fitted(
    times: Array, recorded: Sequence[Array], trust: Sequence[float], jerk: float
) -> scipy.interpolate.BSpline:
    """The spline whose value and derivatives are nearest to what was ``recorded``, by deviations of each."""
    count = _KNOTS * (len(times) - 1)
    inner = np.linspace(times[0], times[-1], count + 1)
    knots = np.r_[[inner[0]] * _DEGREE, inner, [inner[-1]] * _DEGREE]
    basis = scipy.interpolate.BSpline(knots, np.eye(len(knots) - _DEGREE - 1), _DEGREE)
    between = np.concatenate([inner[:-1] + share * np.diff(inner) for share in _SHARES])
    rows = [basis.derivative(k)(times) / trust[k] for k in range(len(recorded))]
    sought = [values / trust[k] for k, values in enumerate(recorded)]
    matrix = np.concatenate([*rows, basis.derivative(3)(between) / jerk])
    values = np.concatenate([*sought, np.zeros(len(between))])
    coefficients = np.linalg.lstsq(matrix, values, rcond=None)[0]
    return scipy.interpolate.BSpline(knots, coefficients, _DEGREE)


def _states(x: list[Array], y: list[Array], yaw: list[Array], wheel_base: float) -> Array:
    """States of values and first two derivatives of x, y and heading, ``[T]`` each."""
    cos, sin = np.cos(yaw[0]), np.sin(yaw[0])
    states = np.zeros((len(cos), STATE_SIZE))
    states[:, StateIndex.X], states[:, StateIndex.Y] = x[0], y[0]
    states[:, StateIndex.HEADING] = wrap_angle(yaw[0])
    states[:, StateIndex.VX], states[:, StateIndex.VY] = cos * x[1] + sin * y[1], cos * y[1] - sin * x[1]
    states[:, StateIndex.AX], states[:, StateIndex.AY] = cos * x[2] + sin * y[2], cos * y[2] - sin * x[2]
    states[:, StateIndex.YAW_RATE], states[:, StateIndex.YAW_ACC] = yaw[1], yaw[2]
    states[:, StateIndex.STEERING] = steering_angle(states[:, StateIndex.VX], yaw[1], wheel_base)
    states[:, StateIndex.STEERING_RATE] = np.gradient(states[:, StateIndex.STEERING], DT)
    return states
