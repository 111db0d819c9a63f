"""Settings as JSON holds them: what a spec says survives being written down."""

import json

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

import simscale_gym  # noqa: F401  (registers SimScale-v0)
from simscale_gym.envs import EpdmsRewardConfig, RewardConfig
from simscale_gym.envs.arguments import checked_camera_effects, checked_lidar, checked_perturb, checked_reward
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import Bounds, PerturbConfig
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.depth_sweep import LidarConfig

CONFIGS = {
    "perturb": (checked_perturb, PerturbConfig(bounds=Bounds(lateral=1.0), attempts=3)),
    "reward": (checked_reward, RewardConfig(progress=2.0)),
    "epdms": (checked_reward, EpdmsRewardConfig(scale=3.0)),
    "camera_effects": (checked_camera_effects, CameraEffects(white_balance=(1.0, 0.9, 1.1))),
    "lidar": (checked_lidar, LidarConfig(channels=8)),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_spec_comes_back_from_json(town_cache, name):
    check, config = CONFIGS[name]
    argument = "reward" if name == "epdms" else name
    spec = gym.make("SimScale-v0", observation="state", experts=(), **{argument: config}).spec
    told = EnvSpec.from_json(spec.to_json())
    assert check(told.kwargs[argument]) == config
    assert gym.make(told).unwrapped.spec.kwargs[argument] == json.loads(json.dumps(told.kwargs[argument]))


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (checked_perturb, {"lateral": 1.0}, "perturb: 'lateral' is unknown, expected some of bounds"),
        (checked_perturb, {"bounds": {"sideways": 1.0}}, "perturb.bounds: 'sideways' is unknown"),
        (checked_perturb, {"bounds": 3}, "perturb.bounds: 3, expected a Bounds or a dictionary"),
        (checked_reward, {"progres": 1.0}, "reward: 'progres' is unknown, expected some of progress"),
        (checked_reward, {"progress": "much"}, "reward.progress: 'much', expected a number"),
        (checked_camera_effects, 3, "camera_effects: 3, expected a CameraEffects"),
        (checked_lidar, "dense", "lidar: 'dense', expected a LidarConfig"),
    ],
)
def test_what_does_not_fit_is_named(check, value, message):
    with pytest.raises(ArgumentError, match=message):
        check(value)
