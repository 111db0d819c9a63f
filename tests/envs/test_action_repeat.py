"""Actions that are given several times in a row are what as many steps are."""

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError


def made(town_log, action, **changes):
    settings = {
        "scenes": town_log[:1],
        "observation": "state",
        "experts": (),
        "perturb": False,
        "action": action,
    }
    env = SimScaleEnv(**settings | changes)
    env.reset(seed=3)
    return env


def some_action(action):
    if action != "trajectory":
        return np.array([0.3, -0.1], np.float32)
    return np.stack([np.arange(1, 9) * 3.0, np.arange(1, 9) * 0.1, np.zeros(8)], 1).astype(np.float32)


@pytest.mark.parametrize("action", ["control", "curvature", "trajectory"])
def test_one_long_step_is_as_many_short_ones(town_log, action):
    often, seldom = made(town_log, action), made(town_log, action, action_repeat=3)
    for _ in range(2):
        paid = 0.0
        for _ in range(3):
            seen, *_, info = often.step(some_action(action))
            paid += info["rewards"]["progress"]
        found, *_, told = seldom.step(some_action(action))
        np.testing.assert_array_equal(found["state"], seen["state"])
        assert told["state_hash"] == info["state_hash"] and told["epdms"] == info["epdms"]
        assert told["rewards"]["progress"] == pytest.approx(paid)


def test_a_step_lasts_so_much_longer(town_log):
    env = made(town_log, "control", action_repeat=2, horizon=1.0)
    assert env.action_type.steps == 2 and env.metadata["render_fps"] == 5
    ends = [env.step(some_action("control"))[3] for _ in range(5)]
    assert ends == [False] * 4 + [True]


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_a_count_is_a_whole_number(town_log, count):
    with pytest.raises(ArgumentError, match=r"action_repeat: .*expected a whole number, 1 or more"):
        made(town_log, "control", action_repeat=count)
