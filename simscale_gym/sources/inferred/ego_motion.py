"""Ego states worked out from poses alone, for sources that record no more."""

from __future__ import annotations

import numpy as np
import scipy
import scipy.ndimage
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, STATE_SIZE, StateIndex

Array = NDArray[np.float64]

_WINDOW, _ORDER = 15, 3  # 1.5 s: takes centimetres of position noise out of the acceleration
_STANDSTILL = 1.0  # [m/s] under which yaw rate over speed says nothing about the steering
_MAX_STEERING = np.radians(60.0)  # nuPlan's limit of the bicycle model

_CONTRADICTION = 0.3  # [m/s] between recorded and derived speed, beyond which the recorded one is none
_ENDS = 11  # [frames] from either end up to which the recorded speed counts, in full for the outer four
_LEAP = 1.2  # [m/s] in 0.1 s that is no braking
_JUMP = 0.25  # [m] off its neighbors that a 0.1 s step is no motion (25 m/s^2) but a slip of the record
_SLIP = 0.1  # [m] the same of a clock: frames of nuScenes lie up to 20 ms off the 0.1 s that they are said to be apart
_SPREAD = 10.0  # [frames] over which the way that was driven in a slip is made up

MIN_FRAMES = 11
"""Shortest log [frames], one second, that can be differentiated."""


def without_jumps(positions: Array) -> tuple[Array, int]:
    """Positions ``[T, 2]`` at 10 Hz with sudden shifts undone, and how many there were.

    Records joined from two localizations jump by decimeters in one step. Such a step is replaced by the
    median of those around it; most positions stay where they were.
    """
    mended, count = _usual_steps(positions, _JUMP)
    return (mended + np.median(positions - mended, axis=0), count) if count else (positions, 0)


def without_slips(positions: Array) -> tuple[Array, int]:
    """Positions ``[T, 2]`` at 10 Hz without steps that a slipping clock made long or short, and how many there were.

    What such a step was too long is driven over a few seconds around it, so that the ego keeps with its record.
    """
    mended, count = _usual_steps(positions, _SLIP)
    if not count:
        return positions, 0
    return mended + scipy.ndimage.gaussian_filter1d(
        positions - mended, _SPREAD, axis=0, mode="nearest"
    ), count


def _usual_steps(positions: Array, most: float) -> tuple[Array, int]:
    """Positions whose steps that are ``most`` [m] off those around them are as those are; and how many were."""
    steps = np.diff(positions, axis=0)
    padded = np.pad(steps, ((3, 3), (0, 0)), mode="edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7, axis=0), axis=-1)
    odd = np.linalg.norm(steps - usual, axis=1) > most
    mended = np.concatenate([positions[:1], np.where(odd[:, None], usual, steps)]).cumsum(0)
    return mended, int(odd.sum())


def states_from_poses(poses: Array, wheel_base: float) -> Array:
    """States ``[T, 11]`` of the rear axle that drives ``poses [T, 3]`` at 10 Hz.

    Savitzky-Golay derivatives; the rear axle does not slip (vy = 0), so lateral acceleration is v times
    yaw rate and steering that of a kinematic bicycle with ``wheel_base`` [m].
    """
    window = min(_WINDOW, len(poses) - 1 + len(poses) % 2)
    x, y, heading = poses[:, 0], poses[:, 1], np.unwrap(poses[:, 2])

    def derivative(values: Array, order: int) -> Array:
        return scipy.signal.savgol_filter(values, window, _ORDER, deriv=order, delta=DT)

    cos, sin = np.cos(heading), np.sin(heading)
    states = np.zeros((len(poses), STATE_SIZE))
    states[:, StateIndex.X] = scipy.signal.savgol_filter(x, window, _ORDER)
    states[:, StateIndex.Y] = scipy.signal.savgol_filter(y, window, _ORDER)
    states[:, StateIndex.HEADING] = wrap_angle(heading)
    states[:, StateIndex.VX] = cos * derivative(x, 1) + sin * derivative(y, 1)
    states[:, StateIndex.AX] = cos * derivative(x, 2) + sin * derivative(y, 2)
    states[:, StateIndex.YAW_RATE] = derivative(heading, 1)
    states[:, StateIndex.YAW_ACC] = derivative(heading, 2)
    states[:, StateIndex.AY] = states[:, StateIndex.VX] * states[:, StateIndex.YAW_RATE]
    states[:, StateIndex.STEERING] = steering_angle(
        states[:, StateIndex.VX], states[:, StateIndex.YAW_RATE], wheel_base
    )
    states[:, StateIndex.STEERING_RATE] = np.gradient(states[:, StateIndex.STEERING], DT)
    return states


def with_recorded_speed(states: Array, velocities: Array, wheel_base: float) -> Array | None:
    """``states [T, 11]`` worked out from poses, with the speed that was recorded; None where the two contradict.

    At both ends of a clip derivatives of positions are poor, and a record has them still: there the recorded speed
    counts, and what follows from it. Further in it gives way to the derived one, which agrees with the poses.

    Args:
        states: From :func:`states_from_poses`.
        velocities: ``[T, 2]`` recorded velocities [m/s] in the frame of the poses.
        wheel_base: Of the vehicle [m].
    """
    heading = states[:, StateIndex.HEADING]
    speed = _without_leaps(np.cos(heading) * velocities[:, 0] + np.sin(heading) * velocities[:, 1])
    inner = slice(_WINDOW // 2, len(states) - _WINDOW // 2)
    apart = np.abs(speed - states[:, StateIndex.VX])[inner]
    if not len(apart) or np.median(apart) > _CONTRADICTION or apart.max() > 4 * _CONTRADICTION:
        return None
    window = min(_WINDOW, len(states) - 1 + len(states) % 2)
    out, frames = states.copy(), np.arange(len(states))
    share = np.clip((_ENDS - np.minimum(frames, frames[::-1])) / (_WINDOW // 2), 0.0, 1.0)
    for column, order in ((StateIndex.VX, 0), (StateIndex.AX, 1)):
        own = scipy.signal.savgol_filter(speed, window, _ORDER, deriv=order, delta=DT)
        out[:, column] = share * own + (1.0 - share) * states[:, column]
    out[:, StateIndex.AY] = out[:, StateIndex.VX] * out[:, StateIndex.YAW_RATE]
    out[:, StateIndex.STEERING] = steering_angle(
        out[:, StateIndex.VX], out[:, StateIndex.YAW_RATE], wheel_base
    )
    out[:, StateIndex.STEERING_RATE] = np.gradient(out[:, StateIndex.STEERING], DT)
    return out


def _without_leaps(speed: Array) -> Array:
    """``speed [T]`` [m/s] without what no car does in 0.1 s: nuScenes' converter ends records with a zero."""
    smooth = np.abs(np.diff(speed)) < _LEAP
    good = np.r_[True, smooth] & np.r_[smooth, True]
    frames = np.arange(len(speed))
    return np.interp(frames, frames[good], speed[good]) if good.any() else speed


def steering_angle(speed: Array, yaw_rate: Array, wheel_base: float) -> Array:
    """Steering ``[T]`` [rad] of a kinematic bicycle; interpolated through standstill, where nothing tells."""
    moving = np.abs(speed) > _STANDSTILL
    if not moving.any():
        return np.zeros(len(speed))
    frames = np.arange(len(speed))
    angle = np.arctan(wheel_base * yaw_rate[moving] / speed[moving])
    return np.interp(frames, frames[moving], np.clip(angle, -_MAX_STEERING, _MAX_STEERING))
