"""Plans that no vehicle can drive: followed as far as one can."""

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv
from simscale_gym.envs.actions import PLAN_ACCELERATION, TOP_SPEED, ControlAction
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import StateIndex


@pytest.fixture(scope="module")
def env(town_scene):
    settings = {"action": "trajectory", "perturb": False, "horizon": 99.0, "traffic": "log"}
    return SimScaleEnv([town_scene], observation="state", experts=(), **settings)


def straight(way):
    return np.stack([np.linspace(way / 8, way, 8), np.zeros(8), np.zeros(8)], 1)


@pytest.mark.parametrize("way", [1e6, 1e30, 1e300, -1e6, -1e300])
def test_huge_plans_are_followed_as_far_as_a_vehicle_can(env, way):
    env.reset(seed=0, options={"time": 3.0})
    for _ in range(30):
        observation, reward, *_, info = env.step(straight(way))
        assert np.isfinite(reward) and all(np.isfinite(value).all() for value in observation.values())
        assert np.isfinite(info["ego_state"]).all()
    driven = env.history.egos
    speeds = driven[:, StateIndex.VX]
    assert speeds.min() >= 0.0 and speeds.max() <= TOP_SPEED + 2.0 * PLAN_ACCELERATION
    assert np.abs(np.diff(speeds)).max() <= 0.1 * PLAN_ACCELERATION + 1e-9
    assert way > 0.0 or speeds[-1] == 0.0


def test_random_plans_of_the_space_stay_drivable(env):
    env.action_space.seed(0)
    env.reset(seed=0, options={"time": 3.0})
    for _ in range(60):
        *_, info = env.step(env.action_space.sample())
        assert 0.0 <= info["ego_state"][StateIndex.VX] <= TOP_SPEED + 2.0 * PLAN_ACCELERATION
        assert np.isfinite(info["ego_state"]).all()


def test_a_plan_that_leads_backwards_is_a_stop(env):
    env.reset(seed=0, options={"time": 3.0})
    for _ in range(12):
        *_, info = env.step(straight(-20.0))
    assert info["ego_state"][StateIndex.VX] == 0.0


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_numbers_too_large_for_a_float_are_refused(env, value):
    env.reset(seed=0, options={"time": 3.0})
    with pytest.raises(ArgumentError, match=r"action: .*expected \(8, 3\) numbers"):
        env.step([[value, 0, 0]] * 8)
    with pytest.raises(ArgumentError, match=r"action: .*expected \(2,\) numbers"):
        ControlAction().checked([value, 0])
