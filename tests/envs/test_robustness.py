"""Whatever is done to it: finite numbers out, no warning, nothing left behind."""

import os
import warnings

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv


def finite(observation, reward, info):
    arrays = [*observation.values(), info["ego_state"], reward, *info["rewards"].values()]
    for advice in info["expert"].values():
        arrays += [advice["trajectory"], advice["action"], *advice["scores"].values()]
    return all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize("traffic", ["idm", "log", "constant_velocity"])
@pytest.mark.parametrize("action", ["control", "trajectory"])
def test_wild_driving_gives_finite_numbers(town_log, action, traffic):
    """Also on after the episode's end, where a caller is warned and may go."""
    env = SimScaleEnv(town_log, observation="state", action=action, traffic=traffic, horizon=3.0)
    rng = np.random.default_rng(1)
    low, high = env.action_space.low, env.action_space.high
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*after the end of the episode")
        for seed in range(3):
            env.reset(seed=seed, options={"perturb": False})
            held = rng.choice([0.0, 1.0], env.action_space.shape)
            for step in range(25 if action == "control" else 6):
                wild = rng.uniform(low, high) if step % 2 else low + held * (high - low)
                observation, reward, _, _, info = env.step(wild)
                assert finite(observation, reward, info), (seed, step)
                assert env.observation_space.contains(observation)


def test_standing_still_forever_and_past_the_logs_end(town_scene):
    env = SimScaleEnv([town_scene], observation="state", horizon=100.0)
    _, info = env.reset(seed=0, options={"time": 18.0, "perturb": False})
    for _ in range(60):
        observation, reward, _, truncated, info = env.step(np.array([-1.0, 0.0]))
        assert finite(observation, reward, info)
    assert truncated and info["truncation"] == "log_end" and info["ego_state"][3] == 0.0


def test_many_episodes_leave_no_file_open_and_no_state_behind(town_log):
    env = SimScaleEnv(town_log, observation="state", experts=(), perturb=False, horizon=0.5)

    def episode(seed):
        env.reset(seed=seed)
        for _ in range(5):
            env.step(np.zeros(2))

    for seed in range(10):
        episode(seed)
    open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for seed in range(60):
        episode(seed)
        assert len(env.history) == 6
    if open_files:
        assert len(os.listdir("/proc/self/fd")) <= open_files
    env.close()
    env.close()
