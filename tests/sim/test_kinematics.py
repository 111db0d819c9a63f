import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import StateIndex, Vehicle
from simscale_gym.sim.kinematics import MAX_STEERING, bicycle_step


def state(x=0.0, y=0.0, heading=0.0, vx=0.0, ax=0.0, steering=0.0, yaw_rate=0.0):
    return np.array([x, y, heading, vx, 0.0, ax, 0.0, steering, 0.0, yaw_rate, 0.0])


def test_one_step_worked_by_hand():
    after = bicycle_step(state(1.0, 2.0, 0.0, 10.0, 1.0, 0.1, 0.3), np.array([4.0, 0.6]))
    acceleration = 1.0 + (4.0 - 1.0) / 3.0  # dt / (dt + 0.2) = 1 / 3
    rate = 0.6 * 2.0 / 3.0  # dt / (dt + 0.05) = 2 / 3
    yaw_rate = 10.2 * np.tan(0.1 + 0.1 * rate) / 3.089
    expected = [
        2.0,
        2.0,
        10.0 * np.tan(0.1) / 3.089 * 0.1,
        10.2,
        0.0,
        acceleration,
        0.0,
        0.1 + 0.1 * rate,
        rate,
    ]
    np.testing.assert_allclose(after, [*expected, yaw_rate, (yaw_rate - 0.3) / 0.1], atol=1e-12)


def test_position_moves_along_the_old_heading_at_the_old_speed():
    after = bicycle_step(state(heading=np.pi / 2, vx=5.0), np.array([3.0, 0.0]))
    np.testing.assert_allclose(after[:2], [0.0, 0.5], atol=1e-12)


def test_turning_circle_has_the_radius_of_the_wheel_base():
    now, steering = state(vx=2.0, steering=0.3), 0.3
    radius = Vehicle().wheel_base / np.tan(steering)
    for _ in range(200):
        now = bicycle_step(now, np.zeros(2), dt=0.01)
        distance = np.hypot(now[0], now[1] - radius)
        assert distance == pytest.approx(radius, rel=0.01)


def test_steering_is_clipped():
    now = state(vx=1.0)
    for _ in range(60):
        now = bicycle_step(now, np.array([0.0, 5.0]))
    assert now[StateIndex.STEERING] == MAX_STEERING


def test_batch_and_broadcast_equal_single_rows():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 4, 11))
    commands = rng.normal(size=(4, 2))
    batched = bicycle_step(states, commands)
    for i in range(3):
        for j in range(4):
            np.testing.assert_array_equal(batched[i, j], bicycle_step(states[i, j], commands[j]))


@given(st.floats(-50, 50), st.floats(-4, 40), st.floats(-1, 1), st.floats(-9, 9), st.floats(-2, 2))
def test_heading_stays_wrapped_and_all_finite(heading, speed, steering, acceleration, rate):
    after = bicycle_step(state(heading=heading, vx=speed, steering=steering), np.array([acceleration, rate]))
    assert np.isfinite(after).all()
    assert -np.pi <= after[StateIndex.HEADING] <= np.pi


def test_wrong_shapes_and_step_are_named():
    with pytest.raises(ArgumentError, match=r"states \(10,\)"):
        bicycle_step(np.zeros(10), np.zeros(2))
    with pytest.raises(ArgumentError, match="dt is 0"):
        bicycle_step(np.zeros(11), np.zeros(2), dt=0.0)
