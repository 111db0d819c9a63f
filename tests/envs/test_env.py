"""The environment as Gymnasium and Stable-Baselines3 see it."""

import json
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

from simscale_gym.envs import SimScaleEnv

INFO_KEYS = {
    "scene", "time_us", "ego_state", "expert", "expert_action", "reset", "arrive_dest", "out_of_road",
    "crash_vehicle", "crash_pedestrian", "crash_object", "at_fault", "route_completion", "inferred", "state_hash",
    "epdms", "controllers", "rewards", "truncation", "left_road", "skipped_scenes",
}  # fmt: skip


ACTIONS = ["control", "curvature", "trajectory", "anchor"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("observation", ["camera", "state", ("camera", "state")])
def test_gymnasium_finds_nothing_to_warn_of(make_env, one_renderer_per_scene, observation, action):
    env = make_env(observation=observation, action=action, anchors=32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_observations_are_bounded(make_env):
    for name, space in make_env().observation_space.items():
        assert np.isfinite(space.low).all() and np.isfinite(space.high).all(), name


@pytest.mark.parametrize("reward", ["driving", "epdms"])
@pytest.mark.parametrize("action", ACTIONS)
def test_stable_baselines_finds_nothing_to_warn_of(make_env, one_renderer_per_scene, action, reward):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    settings = {"observation": ("camera", "state"), "image_size": (64, 96), "anchors": 32}
    env = make_env(action=action, reward=reward, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if action == "trajectory":  # metres, not -1 .. 1: SB3 would rather have them scaled
            warnings.filterwarnings("ignore", ".*symmetric and normalized Box action space", UserWarning)
        checker.check_env(env)


def test_a_policy_of_stable_baselines_learns_on_states(make_env):
    sb3 = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.vec_env import DummyVecEnv

    env = make_env(experts=())
    model = sb3.PPO(
        "MultiInputPolicy", DummyVecEnv([lambda: env]), n_steps=16, batch_size=8, n_epochs=1, seed=0
    )
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(32)
    assert any((before[name] != value).any() for name, value in model.policy.state_dict().items())
    assert model.num_timesteps == 32


def test_the_id_names_its_package():
    script = (
        "import gymnasium as gym; env = gym.make('simscale_gym:SimScale-v0');"
        "print(type(env.unwrapped).__name__, env.observation_space['cam_f0'].shape, env.action_space.shape)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.split("\n")[0] == "SimScaleEnv (144, 256, 3) (2,)"


def test_a_spec_survives_json(make_env, town_cache):
    kwargs = {"scenes": "town", "split": "test", "observation": ("camera", "state"), "cameras": ["cam_b0"]}
    env = gym.make("SimScale-v0", **kwargs, image_size=(40, 80), horizon=3.5, experts=(), perturb=False)
    text = env.spec.to_json()
    json.loads(text)
    twin = gym.make(EnvSpec.from_json(text))
    assert twin.observation_space == env.observation_space and twin.action_space == env.action_space
    assert twin.unwrapped.horizon_steps == 35
    assert twin.spec.kwargs["split"] == "test" and twin.spec.kwargs["perturb"] is False


def test_spec_of_a_running_environment_makes_its_twin(make_env):
    env = make_env()
    check_environments_match(env, gym.make(env.spec), num_steps=3, seed=5, info_comparison="skip")


def test_two_at_once(town_cache, town_scene):
    settings = {"scenes": [town_scene], "observation": "state", "horizon": 1.0}
    envs = gym.make_vec("SimScale-v0", num_envs=2, vectorization_mode="sync", **settings)
    observation, info = envs.reset(seed=[1, 2])
    assert observation["state"].shape == (2, *envs.single_observation_space["state"].shape)
    assert info["state_hash"][0] != info["state_hash"][1]
    for _ in range(12):  # the episodes end after ten steps, and begin anew
        observation, rewards, _, truncated, info = envs.step(envs.action_space.sample())
        assert (np.isfinite(rewards).all() and not truncated.all()) or (info["truncation"] == "horizon").any()
    envs.close()


def test_info_is_complete(make_env):
    env = make_env()
    _, info = env.reset(seed=3)
    assert set(info) == INFO_KEYS
    _, _, _, _, info = env.step(info["expert_action"])
    assert set(info) == INFO_KEYS
    assert set(info["reset"]) == {"perturbed", "attempts", "rejections"}
    advice = info["expert"]["planner"]
    assert set(advice) == {"trajectory", "action", "scores", "valid"}
    assert advice["trajectory"].shape == (8, 3)


@pytest.mark.parametrize("action", ACTIONS)
def test_expert_action_is_an_action(make_env, action):
    env = make_env(action=action, anchors=32)
    _, info = env.reset(seed=3)
    for _ in range(5):
        assert env.action_space.contains(info["expert_action"])
        _, _, _, _, info = env.step(info["expert_action"])


@pytest.mark.parametrize("action", ["trajectory", "anchor"])
def test_trajectory_actions_last_half_a_second(make_env, action):
    env = make_env(action=action, anchors=32)
    _, info = env.reset(seed=3)
    _, _, _, _, after = env.step(info["expert_action"])
    assert after["time_us"] - info["time_us"] == 500_000


def test_without_experts_there_is_no_advice(make_env):
    env = make_env(experts=())
    _, info = env.reset(seed=0)
    assert info["expert"] == {} and "expert_action" not in info


def test_observations_are_finite_and_say_what_the_state_says(make_env, one_renderer_per_scene):
    env = make_env(observation=("camera", "state"), cameras=("cam_f0", "cam_b0"))
    observation, info = env.reset(seed=1)
    for _ in range(3):
        assert env.observation_space.contains(observation)
        assert all(np.isfinite(value).all() for value in observation.values())
        np.testing.assert_allclose(observation["ego"][:2], info["ego_state"][3:5], rtol=1e-6)
        assert observation["command"].sum() == 1.0
        assert observation["cam_f0"].std() > 10 and (observation["cam_f0"] != observation["cam_b0"]).any()
        observation, _, _, _, info = env.step(info["expert_action"])


def test_observations_are_the_callers_own(make_env, one_renderer_per_scene):
    """What a caller does to its arrays changes nothing here."""
    env = make_env(observation=("camera", "state"))
    observation, info = env.reset(seed=1)
    snapshot = env.unwrapped.get_state()
    kept = {name: value.copy() for name, value in observation.items()}
    info["ego_state"][:] = 1e6
    for value in observation.values():
        value[...] = 0
    again, twice = env.reset(options={"state": snapshot})
    assert twice["state_hash"] == info["state_hash"]
    for name, value in again.items():
        np.testing.assert_array_equal(value, kept[name])


def test_the_contract_is_in_the_docstring():
    for heading in (
        "## Observation",
        "## Action",
        "## Reward",
        "## End",
        "## Info",
        "## Reset options",
        "## Versions",
    ):
        assert heading in SimScaleEnv.__doc__
    for key in INFO_KEYS:
        assert f"`{key}`" in SimScaleEnv.__doc__


def test_several_experts_answer_and_the_first_valid_one_is_followed(make_env):
    names = ["recovery", "planner", "unified", "log"]
    env = make_env(observation="state", experts=names)
    _, info = env.reset(seed=1)
    for _ in range(3):
        assert list(info["expert"]) == names
        for entry in info["expert"].values():
            assert set(entry) == {"trajectory", "action", "scores", "valid"}
            assert entry["trajectory"].shape == (8, 3) and np.isfinite(entry["trajectory"]).all()
            assert env.action_space.contains(entry["action"]) and isinstance(entry["valid"], bool)
        assert {"nc", "dac", "score"} <= set(info["expert"]["planner"]["scores"])
        valid = [name for name, entry in info["expert"].items() if entry["valid"]]
        followed = info["expert"][(valid or names)[0]]["action"]
        np.testing.assert_array_equal(info["expert_action"], followed)
        *_, info = env.step(info["expert_action"])


@pytest.mark.parametrize("experts", [("log",), ("planner", "log"), ("unified",)])
def test_any_experts_may_be_asked_alone(make_env, experts):
    _, info = make_env(experts=experts).reset(seed=2)
    assert tuple(info["expert"]) == experts


def test_the_planner_is_asked_unless_others_are_named(make_env):
    assert list(make_env().reset(seed=0)[1]["expert"]) == ["planner"]
