"""Vector environments of Gymnasium for Stable-Baselines3: the same episodes as single ones."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from simscale_gym.errors import ArgumentError


@pytest.fixture
def envs(town_scene):
    pytest.importorskip("stable_baselines3")
    settings = {
        "scenes": [town_scene],
        "observation": "state",
        "experts": (),
        "perturb": False,
        "horizon": 0.5,
    }
    vector = gym.make_vec("SimScale-v0", num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
    yield vector, gym.make("SimScale-v0", **settings)
    vector.close()


def test_episodes_are_those_of_single_environments(envs):
    from simscale_gym.envs.sb3_vec_env import Sb3VecEnv

    vector, single = envs
    adapted = Sb3VecEnv(vector, "state")
    assert adapted.observation_space == single.observation_space["state"]
    adapted.seed(3)
    seen, action = adapted.reset(), np.array([0.5, 0.0], np.float32)
    plain, _ = single.reset(seed=3)
    np.testing.assert_array_equal(seen[0], plain["state"])
    for step in range(5):
        seen, rewards, dones, infos = adapted.step(np.stack([action, action]))
        plain, reward, _, truncated, info = single.step(action)
        assert rewards[0] == pytest.approx(reward, abs=1e-6) and dones.tolist() == [step == 4] * 2
    np.testing.assert_array_equal(infos[0]["terminal_observation"], plain["state"])
    assert truncated and infos[0]["TimeLimit.truncated"] and infos[0]["truncation"] == "horizon"
    assert infos[0]["epdms"]["score"] == pytest.approx(info["epdms"]["score"])
    assert not np.array_equal(seen[0], plain["state"]), "the next episode has begun"


def test_ppo_learns_on_it(envs):
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecMonitor

    from simscale_gym.envs.sb3_vec_env import Sb3VecEnv

    model = PPO("MlpPolicy", VecMonitor(Sb3VecEnv(envs[0], "state")), n_steps=8, batch_size=8, n_epochs=1)
    model.learn(16)
    assert len(model.ep_info_buffer) == 2 and all(episode["l"] == 5 for episode in model.ep_info_buffer)


def test_another_autoreset_is_refused(town_scene):
    pytest.importorskip("stable_baselines3")
    from simscale_gym.envs.sb3_vec_env import Sb3VecEnv

    vector = gym.make_vec("SimScale-v0", num_envs=1, scenes=[town_scene], observation="state", experts=())
    with pytest.raises(ArgumentError, match=r"autoreset_mode is AutoresetMode.NEXT_STEP, expected"):
        Sb3VecEnv(vector)
    vector.close()
