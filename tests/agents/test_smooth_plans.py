"""Motions of least jerk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.agents.pdm.path import build_path
from simscale_gym.agents.unified.smooth_plans import quintic, smooth_plans
from simscale_gym.geometry import polyline

number = st.floats(-20.0, 20.0)
STRAIGHT = build_path(np.column_stack([np.linspace(0, 200, 101), np.zeros(101), np.zeros(101)]))


def circle(radius=40.0):
    angle = np.linspace(0.0, np.pi, 200)
    points = radius * np.column_stack([np.sin(angle), 1.0 - np.cos(angle)])
    return build_path(polyline.with_headings(points))


def state(x=10.0, y=0.0, heading=0.0, speed=8.0, acceleration=0.0, yaw_rate=0.0):
    out = np.zeros(11)
    out[[0, 1, 2, 3, 5, 9]] = x, y, heading, speed, acceleration, yaw_rate
    return out


@given(st.tuples(number, number, number), st.tuples(number, number, number), st.floats(0.5, 6.0))
def test_quintics_keep_both_ends(start, end, duration):
    step = 1e-3
    times = np.array([0.0, step, 2 * step, duration - 2 * step, duration - step, duration, duration + 3.0])
    v = quintic(np.array([start]), np.array([end]), np.array([duration]), times)[0]
    assert v[0] == pytest.approx(start[0], abs=1e-6)
    assert v[5] == pytest.approx(end[0], abs=1e-6) and v[6] == pytest.approx(end[0], abs=1e-6)
    jerk = 6000.0 / duration**3 + 3000.0 / duration**2 + 1000.0 / duration
    assert (v[1] - v[0]) / step == pytest.approx(start[1], abs=20 * step + jerk * step**2)
    assert (v[5] - v[4]) / step == pytest.approx(end[1], abs=20 * step + jerk * step**2)
    assert (v[2] - 2 * v[1] + v[0]) / step**2 == pytest.approx(start[2], abs=3 * jerk * step + 1e-3)


def test_nothing_to_do_is_straight_on():
    plan = smooth_plans(STRAIGHT, state(), np.array([[32.0, 8.0, 4.0]]), np.array([[3.0, 0.0]]), steps=40)[0]
    np.testing.assert_allclose(plan[:, 0], 10.0 + 0.8 * np.arange(41), atol=1e-9)
    np.testing.assert_allclose(plan[:, 1:], 0.0, atol=1e-9)


@pytest.mark.parametrize("duration", [2.0, 4.0])
def test_back_beside_the_path_in_time(duration):
    plan = smooth_plans(
        STRAIGHT, state(y=1.5), np.array([[32.0, 8.0, 4.0]]), np.array([[duration, 0.3]]), steps=40
    )[0]
    after = round(duration / 0.1)
    np.testing.assert_allclose(plan[after:, 1], 0.3, atol=1e-9)
    assert (np.diff(plan[: after + 1, 1]) <= 1e-9).all()
    slope = np.gradient(plan[:, 1], plan[:, 0])
    np.testing.assert_allclose(plan[1:-1, 2], np.arctan(slope[1:-1]), atol=1e-6)


def test_speed_and_turn_do_not_jump():
    ego = state(y=1.0, heading=0.1, speed=8.0, acceleration=1.0)
    plan = smooth_plans(STRAIGHT, ego, np.array([[30.0, 7.0, 4.0]]), np.array([[3.0, 0.0]]), steps=40)[0]
    steps = np.diff(plan[:, :2], axis=0) / 0.1
    np.testing.assert_allclose(np.hypot(*steps[0]), 8.05, atol=0.02)
    np.testing.assert_allclose(plan[0], ego[:3])
    assert abs(plan[1, 2] - 0.1) < 0.02


def test_along_a_curve():
    path = circle()
    ego = state(x=40.0 * np.sin(0.5), y=40.0 * (1 - np.cos(0.5)), heading=0.5, speed=6.0, yaw_rate=6.0 / 40.0)
    plan = smooth_plans(path, ego, np.array([[24.0, 6.0, 4.0]]), np.array([[3.0, 0.0]]), steps=40)[0]
    gap = np.hypot(plan[:, 0], plan[:, 1] - 40.0) - 40.0
    assert np.abs(gap).max() < 0.02
    assert plan[-1, 2] == pytest.approx(0.5 + 24.0 / 40.0, abs=0.01)


def test_a_stop_stays_and_keeps_its_heading():
    ends, returns = np.array([[8.0, 0.0, 2.0]]), np.array([[2.0, 0.0]])
    plan = smooth_plans(STRAIGHT, state(y=0.5, heading=-0.05), ends, returns, steps=40)[0]
    np.testing.assert_allclose(plan[21:, 0], 18.0, atol=1e-9)
    assert np.ptp(plan[21:, 2]) == 0.0 and np.isfinite(plan).all()
    assert (np.diff(plan[:, 0]) >= -1e-9).all()


def test_it_never_goes_back():
    ends = np.array([[0.5, 0.0, 4.0], [3.0, 9.0, 4.0]])
    plans = smooth_plans(STRAIGHT, state(), ends, np.tile([3.0, 0.0], (2, 1)), steps=40)
    assert (np.diff(plans[..., 0], axis=1) >= 0.0).all()


def test_beside_the_beginning_of_a_path_that_comes_by_again():
    there = np.column_stack([np.linspace(0, 100, 51), np.zeros(51)])
    back = np.column_stack([np.linspace(100, 0, 51), np.full(51, 3.0)])
    path = build_path(polyline.with_headings(np.concatenate([there, back])))
    ends, returns = np.array([[20.0, 5.0, 4.0]]), np.array([[3.0, 0.0]])
    plan = smooth_plans(path, state(y=2.0, speed=5.0), ends, returns, steps=40, within=60.0)[0]
    np.testing.assert_allclose(plan[-1, :2], [30.0, 0.0], atol=1e-6)


def test_batched_as_looped():
    ends = np.array([[32.0, 8.0, 4.0], [10.0, 0.0, 3.0], [25.0, 5.0, 4.0]])
    returns = np.array([[2.0, 0.0], [3.0, 0.5], [4.0, -0.5]])
    ego = state(y=0.7, heading=0.05, acceleration=-1.0)
    batch = smooth_plans(circle(), ego, ends, returns, steps=40)
    for row in range(3):
        one = smooth_plans(circle(), ego, ends[row : row + 1], returns[row : row + 1], steps=40)[0]
        np.testing.assert_allclose(batch[row], one, atol=1e-12)
