"""Agents of all kinds drive episodes, whatever the actions."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RescaleAction

from simscale_gym.agents.agent import ExpertAgent
from simscale_gym.agents.constant_velocity_agent import ConstantVelocityAgent
from simscale_gym.agents.experts import make_expert
from simscale_gym.envs.agent_episode import agent_context, run_episode
from simscale_gym.errors import ArgumentError

ACTIONS = ("control", "curvature", "trajectory", "anchor")
ON_LOG = {"perturb": False, "time": 3.0}


@pytest.fixture(params=ACTIONS)
def env(request, make_env):
    return make_env(action=request.param, anchors=64, traffic="log", experts=(), horizon=4.0)


class Recorder:
    """Remembers what it is told; gives one answer."""

    def __init__(self, answer):
        self.answer, self.contexts, self.observations = answer, [], []

    def reset(self, context):
        self.contexts.append(context)
        self.observations.clear()

    def act(self, observation):
        self.observations.append(observation)
        return self.answer


def test_the_log_driver_stays_with_the_log(env):
    episode = run_episode(env, ExpertAgent(make_expert("log"), env.unwrapped), seed=0, options=ON_LOG)
    state, scene = env.unwrapped.sim_state, env.unwrapped.scene
    assert state.frame == 70 and episode.ending == "horizon"
    off = np.linalg.norm(state.ego[:2] - scene.ego.poses[state.frame, :2])
    assert off < (3.0 if env.unwrapped.action_type.name == "anchor" else 0.6)


def test_an_episode_says_what_the_loop_by_hand_says(env):
    episode = run_episode(env, ConstantVelocityAgent(), seed=3)
    agent, over, total, steps = ConstantVelocityAgent(), False, 0.0, 0
    observation, _ = env.reset(seed=3)
    while not over:
        action = env.unwrapped.action_of(agent.act(observation))
        observation, reward, terminated, truncated, info = env.step(action)
        total, steps, over = total + reward, steps + 1, terminated or truncated
    assert (episode.steps, episode.total_reward) == (steps, total)
    assert episode.info["state_hash"] == info["state_hash"]
    assert episode.epdms == info["epdms"]


def test_sparse_and_dense_plans_are_driven_alike(env):
    sparse = np.column_stack([2.0 * np.arange(1, 9), np.zeros((8, 2))])
    dense = np.column_stack([0.4 * np.arange(1, 41), np.zeros((40, 2))])
    ends = [
        run_episode(env, Recorder(plan), seed=1, options=ON_LOG).info["ego_state"] for plan in (sparse, dense)
    ]
    np.testing.assert_allclose(*ends, atol=1e-4)


def test_actions_are_taken_as_they_are(env):
    action = env.action_space.sample()
    if env.unwrapped.action_type.name == "trajectory":
        action = np.asarray(action)[:, :2]  # neither plan nor action
        with pytest.raises(ArgumentError, match=r"action: shape \(8, 2\)"):
            run_episode(env, Recorder(action), seed=2, options=ON_LOG)
        return
    run_episode(env, Recorder(action), seed=2, options=ON_LOG)
    driven = env.unwrapped.sim_state.ego
    env.reset(seed=2, options=ON_LOG)
    over = False
    while not over:
        *_, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
    np.testing.assert_array_equal(env.unwrapped.sim_state.ego, driven)


def test_endings_are_named(make_env):
    env = make_env(traffic="log", experts=(), horizon=8.0)
    spin = run_episode(env, Recorder(np.array([1.0, 1.0], np.float32)), seed=0, options=ON_LOG)
    assert spin.ending == "out_of_road" and spin.info["out_of_road"]


def test_the_context_tells_of_the_vehicle_and_nothing_of_the_scene(make_env, one_renderer_per_scene):
    env = make_env(
        observation="camera", cameras=("cam_l0", "cam_f0"), image_size=(36, 64), action="trajectory"
    )
    env.reset(seed=0)
    context, rig = agent_context(env), env.unwrapped.scene.rig.cameras
    assert list(context.cameras) == ["cam_l0", "cam_f0"]
    for name, camera in context.cameras.items():
        assert (camera.height, camera.width) == env.observation_space[name].shape[:2]
        np.testing.assert_allclose(camera.K, rig[name].scaled_intrinsics(36, 64))
        np.testing.assert_array_equal(camera.cam_to_ego, rig[name].cam_to_ego)
    assert context.vehicle == env.unwrapped.scene.vehicle
    assert (context.action, context.period) == ("trajectory", 0.5)
    assert context.action_space == env.action_space and context.observation_space == env.observation_space
    assert set(vars(context)) == {
        "vehicle", "cameras", "observation_space", "action_space", "action", "period"
    }  # fmt: skip


def test_cameras_that_are_not_observed_are_not_told(make_env):
    env = make_env(observation="state")
    env.reset(seed=0)
    context = agent_context(env)
    assert not context.cameras and (context.action, context.period) == ("control", 0.1)


def test_each_episode_begins_with_a_reset(make_env):
    env, agent = make_env(experts=(), horizon=1.0), Recorder(np.zeros(2, np.float32))
    for seed in (0, 1):
        steps = run_episode(env, agent, seed=seed).steps
        assert len(agent.contexts) == seed + 1 and len(agent.observations) == steps


def test_a_plan_that_is_not_finite_is_refused(make_env):
    with pytest.raises(ArgumentError, match=r"plan: .*not finite"):
        run_episode(make_env(experts=()), Recorder(np.full((8, 3), np.nan)), seed=0)


def test_a_plan_is_refused_where_a_wrapper_changed_the_actions(make_env):
    env = RescaleAction(make_env(experts=()), np.float32(0.0), np.float32(1.0))
    with pytest.raises(ArgumentError, match="a wrapper changed the actions"):
        run_episode(env, ConstantVelocityAgent(), seed=0)
    assert run_episode(env, Recorder(np.full(2, 0.5, np.float32)), seed=0).steps > 0


def test_a_policy_of_stable_baselines_is_an_agent_in_five_lines(make_env):
    sb3 = pytest.importorskip("stable_baselines3")
    env = make_env(experts=(), horizon=1.0)

    class Policy:
        def __init__(self, model):
            self.model = model

        def reset(self, context):
            """Nothing to be remembered."""

        def act(self, observation):
            return self.model.predict(observation, deterministic=True)[0]

    model = sb3.PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, seed=0)
    first, again = (run_episode(env, Policy(model), seed=4) for _ in range(2))
    assert first.steps <= 10 and first.total_reward == again.total_reward


def test_the_ids_of_scenes_can_be_asked_for(make_env, town_scene):
    env = make_env()
    assert isinstance(env, gym.Env) and env.unwrapped.scene_ids == (town_scene.id,)
    _, info = env.reset(options={"scene": env.unwrapped.scene_ids[0]})
    assert info["scene"] == town_scene.id
