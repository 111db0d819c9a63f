"""Acceleration and lateral acceleration: what comes of them on the road."""

import numpy as np
import pytest

from simscale_gym.envs.actions import ControlAction
from simscale_gym.envs.curvature_action import LEAST_SPEED, CurvatureAction
from simscale_gym.scene import STATE_SIZE, StateIndex, Vehicle
from simscale_gym.sim.kinematics import bicycle_step

VEHICLE = Vehicle()


def ego_at(speed, steering=0.0):
    ego = np.zeros(STATE_SIZE)
    ego[StateIndex.VX], ego[StateIndex.STEERING] = speed, steering
    return ego


def driven(ego, action, steps):
    """``[steps, 11]`` under one action."""
    states = []
    for _ in range(steps):
        command = CurvatureAction().orders(ego[None], np.array([action]), [VEHICLE])(0, ego[None])
        states.append(ego := bicycle_step(ego, command[0], vehicle=VEHICLE))
    return np.array(states)


@pytest.mark.parametrize("speed", [LEAST_SPEED, 10.0, 20.0])
def test_the_ego_comes_to_turn_as_wanted(speed):
    last = driven(ego_at(speed), [0.0, 0.5], 20)[-1]
    assert last[StateIndex.YAW_RATE] * last[StateIndex.VX] == pytest.approx(2.0, rel=1e-3)


def test_slow_egos_turn_by_a_radius():
    last = driven(ego_at(1.0), [0.0, 1.0], 20)[-1]
    assert last[StateIndex.VX] / last[StateIndex.YAW_RATE] == pytest.approx(LEAST_SPEED**2 / 4.0, rel=1e-3)


def test_the_wheels_make_half_of_the_way_at_a_time():
    angles = driven(ego_at(10.0, 0.08), [0.0, 0.0], 4)[:, StateIndex.STEERING]
    np.testing.assert_allclose(angles, [0.04, 0.02, 0.01, 0.005])


def test_what_is_beyond_the_space_is_clipped():
    orders = [
        CurvatureAction().orders(ego_at(10.0)[None], np.array([action]), [VEHICLE])(0, ego_at(10.0)[None])
        for action in ([1.0, -1.0], [7.0, -7.0])
    ]
    np.testing.assert_array_equal(*orders)
    np.testing.assert_allclose(orders[0], [[4.0, -np.arctan(VEHICLE.wheel_base * 0.04) * 7.5]])


@pytest.mark.parametrize("steering", [-0.05, 0.0, 0.02])
def test_a_plan_is_followed_by_the_command_of_control(steering):
    ego, times = ego_at(8.0, steering), np.arange(1, 41) / 10.0
    plan = np.stack([8.0 * times, 0.05 * times**2, np.arctan(0.0125 * times)], 1)
    command = ControlAction().of_plan(VEHICLE, ego, plan) * [4.0, 1.0]
    action = CurvatureAction().of_plan(VEHICLE, ego, plan)
    assert CurvatureAction().space.contains(action) and abs(action[1]) < 1.0
    orders = CurvatureAction().orders(ego[None], action[None].astype(float), [VEHICLE])
    np.testing.assert_allclose(orders(0, ego[None])[0], command, atol=1e-5)
