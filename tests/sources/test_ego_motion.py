import numpy as np
import pytest

from simscale_gym.scene import DT, StateIndex
from simscale_gym.sources.inferred.ego_motion import states_from_poses, without_jumps, without_slips

TIME = DT * np.arange(80)


def circle(speed, radius):
    angle = speed * TIME / radius
    return np.column_stack([radius * np.sin(angle), radius * (1 - np.cos(angle)), angle])


def test_circle_gives_its_yaw_rate_steering_and_lateral_acceleration():
    states = states_from_poses(circle(8.0, 20.0), wheel_base=3.0)
    assert np.allclose(states[:, StateIndex.VX], 8.0, atol=0.01)
    assert np.allclose(states[:, StateIndex.YAW_RATE], 0.4, atol=1e-3)
    assert np.allclose(states[:, StateIndex.AY], 3.2, atol=0.01)
    assert np.allclose(states[:, StateIndex.STEERING], np.arctan(3.0 / 20.0), atol=1e-3)
    assert np.abs(states[:, [StateIndex.AX, StateIndex.VY, StateIndex.YAW_ACC]]).max() < 0.05


def test_braking_and_reversing_have_their_signs():
    x = 10 * TIME - TIME**2  # 10 m/s, -2 m/s^2: reverses after 5 s
    states = states_from_poses(np.column_stack([x, 0 * x, 0 * x]), wheel_base=3.0)
    assert np.allclose(states[:, StateIndex.VX], 10 - 2 * TIME, atol=1e-6)
    assert np.allclose(states[:, StateIndex.AX], -2.0, atol=1e-6)


def test_noise_of_centimeters_stays_out_of_the_acceleration():
    noise = np.random.default_rng(0).normal(0.0, 0.01, (80, 2))
    poses = np.column_stack([8 * TIME, 0 * TIME, 0 * TIME])
    poses[:, :2] += noise
    states = states_from_poses(poses, wheel_base=3.0)
    assert np.abs(states[8:-8, StateIndex.AX]).max() < 0.6
    assert np.abs(np.diff(poses[:, 0], 2) / DT**2).max() > 2.0  # what plain differences would give


def test_standstill_has_no_steering_and_no_nan():
    states = states_from_poses(np.zeros((30, 3)), wheel_base=3.0)
    assert np.isfinite(states).all() and np.allclose(states, 0.0)


def test_headings_across_the_cut_do_not_spin():
    poses = np.column_stack([-8 * TIME, 0 * TIME, np.pi - 0.01 + 0.02 * np.sin(TIME)])
    poses[:, 2] = (poses[:, 2] + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(states_from_poses(poses, 3.0)[:, StateIndex.YAW_RATE]).max() < 0.03


@pytest.mark.parametrize("at", [10, 30, 50, 78])
def test_a_jump_is_undone_on_the_shorter_side(at):
    clean = circle(8.0, 20.0)[:, :2]
    broken = clean.copy()
    broken[at:] += [0.4, -0.5]
    mended, count = without_jumps(broken)
    assert count == 1
    kept = slice(at, None) if at < 40 else slice(0, at)
    assert np.allclose(mended[kept], broken[kept], atol=0.05)
    assert np.linalg.norm(np.diff(mended, axis=0), axis=1).max() < 0.9


def test_hard_braking_is_no_jump():
    speed = np.maximum(0.0, 15 - 10 * TIME)
    positions = np.column_stack([np.cumsum(speed) * DT, 0 * TIME])
    assert without_jumps(positions)[1] == 0


def test_a_clock_that_slips_brakes_nobody():
    """At 11 m/s, a frame that lies 20 ms late is 0.22 m too far: 22 m/s^2 to one side and the other."""
    steps = np.full(120, 1.1)
    steps[[40, 42, 75]] += 0.22
    steps[90] -= 0.15
    x = np.r_[0.0, np.cumsum(steps)]
    slipping = np.column_stack([x, np.zeros(121)])
    mended, count = without_slips(slipping)
    assert count == 4
    acceleration = np.diff(mended[:, 0], 2) / 0.01
    assert np.abs(acceleration).max() < 0.5 and np.abs(mended - slipping).max() < 0.3
    braking = np.cumsum(np.maximum(1.5 - 0.08 * np.arange(60), 0.0))  # 8 m/s^2, to rest
    assert without_slips(np.column_stack([braking, 0.0 * braking]))[1] == 0
