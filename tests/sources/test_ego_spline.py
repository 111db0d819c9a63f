"""A drive that is known at 2 Hz only: the spline through it is the drive, whatever was recorded of its motion."""

import numpy as np
import pytest

from simscale_gym.scene import StateIndex
from simscale_gym.sources.inferred.ego_spline import states_from_keyframes, through_keyframes

WHEEL_BASE = 3.0


def bend(times):
    """Speeding up from 4 m/s in a bend that tightens: poses, motion in the ego frame, yaw rates."""
    speed, yaw_rate = 4.0 + 1.2 * times, 0.05 + 0.04 * times
    heading = 3.0 + 0.05 * times + 0.02 * times**2  # passes pi
    fine = np.linspace(0.0, times[-1], 20_001)
    along = np.exp(1j * (3.0 + 0.05 * fine + 0.02 * fine**2)) * (4.0 + 1.2 * fine)
    places = np.r_[0.0, np.cumsum((along[1:] + along[:-1]) / 2 * np.diff(fine))]
    x, y = np.interp(times, fine, places.real), np.interp(times, fine, places.imag)
    poses = np.column_stack([x, y, np.angle(np.exp(1j * heading))])
    motion = np.column_stack([speed, 0 * speed, 0 * speed + 1.2, speed * yaw_rate])
    return poses, motion, yaw_rate


@pytest.mark.parametrize("frames", [3, 4, 12, 24])
@pytest.mark.parametrize("turning", [True, False])
def test_between_the_frames_lies_the_drive(frames, turning):
    times = 0.5 * np.arange(frames) + 0.004 * np.sin(np.arange(frames)) * (np.arange(frames) > 0)
    at = np.arange(0.0, times[-1], 0.1)
    poses, motion, yaw_rates = bend(times)
    states = states_from_keyframes(times, poses, motion, yaw_rates if turning else None, at, WHEEL_BASE)
    true, moving, turns = bend(np.r_[at, times[-1]])
    off = states[:, :3] - true[:-1]
    assert np.abs(off[:, :2]).max() < 0.003
    assert np.abs(np.angle(np.exp(1j * off[:, 2]))).max() < 0.003
    assert np.abs(states[:, StateIndex.VX] - moving[:-1, 0]).max() < 0.02
    assert np.abs(states[:, StateIndex.VY]).max() < 0.03
    assert np.abs(states[:, StateIndex.AX] - 1.2).max() < 0.1
    assert np.abs(states[:, StateIndex.AY] - moving[:-1, 3]).max() < 0.15
    assert np.abs(states[:, StateIndex.YAW_RATE] - turns[:-1]).max() < 0.02
    steering = np.arctan(WHEEL_BASE * turns[:-1] / moving[:-1, 0])
    assert np.abs(states[:, StateIndex.STEERING] - steering).max() < 0.02


def test_noise_of_the_record_does_not_become_jerk():
    rng = np.random.default_rng(0)
    times = 0.5 * np.arange(20)
    poses = np.column_stack([10.0 * times, np.zeros((20, 2))])
    poses[:, :2] += rng.normal(0.0, 0.01, (20, 2))
    motion = np.tile([10.0, 0.0, 0.0, 0.0], (20, 1))
    motion[:, :2] += rng.normal(0.0, 0.05, (20, 2))
    motion[:, 2:] += rng.normal(0.0, 0.2, (20, 2))
    states = states_from_keyframes(times, poses, motion, None, np.arange(0.0, 9.5, 0.1), WHEEL_BASE)
    assert np.abs(states[:, StateIndex.AX]).max() < 1.0
    assert (
        np.abs(np.diff(states[:, StateIndex.AX]) / 0.1).max() < 8.0
    )  # NAVSIM's bound of comfort is 8.37 m/s^3


def test_who_stands_stands():
    poses = np.tile([3.0, 4.0, 0.5], (10, 1))
    states = states_from_keyframes(
        0.5 * np.arange(10), poses, np.zeros((10, 4)), None, np.arange(0, 4.5, 0.1), 3.0
    )
    np.testing.assert_allclose(states[:, :3], poses[:1].repeat(45, 0), atol=1e-6)
    assert np.abs(states[:, 3:]).max() < 1e-6


def filled(keys, every=5):
    """Keyframes ``[F, 3]`` and what lies on straight lines between them."""
    rows, frames = np.arange(len(keys)) * every, np.arange((len(keys) - 1) * every + 1)
    return np.column_stack([np.interp(frames, rows, column) for column in keys.T])


def test_lines_between_keyframes_become_the_drive_that_was():
    times, rng = 0.5 * np.arange(17), np.random.default_rng(1)
    late = bend(times + np.r_[0.0, rng.uniform(0.0, 0.05, 16)])[0]
    late[:, 2] = np.unwrap(late[:, 2])
    lines = filled(late)
    positions, headings, apart = through_keyframes(lines[:, :2], lines[:, 2])
    true, motion, _ = bend(0.1 * np.arange(81))
    assert apart == 5
    across = np.column_stack([-np.sin(true[:, 2]), np.cos(true[:, 2])])
    assert np.abs(((positions - true[:, :2]) * across).sum(1)).max() < 0.05
    assert np.abs(np.angle(np.exp(1j * (headings - true[:, 2])))).max() < 0.03
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=1) / 0.1
    assert np.abs(speed - (motion[1:, 0] + motion[:-1, 0]) / 2).max() < 0.5
    assert np.abs(np.diff(speed) / 0.1).max() < 2.0 < np.abs(np.diff(lines[:, 0], 2)).max() / 0.01


@pytest.mark.parametrize("kind", ["recorded", "standing", "even", "of 5 Hz"])
def test_what_is_no_line_between_keyframes_stays(kind):
    rng = np.random.default_rng(2)
    drive = bend(0.1 * np.arange(81))[0]
    poses = {
        "recorded": drive,
        "standing": drive[:1] + np.where(rng.random((81, 1)) < 0.2, 0.01, 0.0) * rng.random((81, 3)),
        "even": np.column_stack([np.arange(81.0), np.zeros((81, 2))]),
        "of 5 Hz": filled(drive[::2], 2),
    }[kind]
    positions, headings, apart = through_keyframes(poses[:, :2], poses[:, 2])
    assert apart == 1 and positions.base is poses and headings.base is poses
