"""Actions that name a trajectory of a vocabulary."""

import numpy as np
import pytest

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.envs import SimScaleEnv
from simscale_gym.envs.actions import AnchorAction, TrajectoryAction, apply
from simscale_gym.envs.anchors import cluster_anchors
from simscale_gym.errors import ArgumentError, DataError


@pytest.fixture(scope="module")
def anchors(bank):
    return cluster_anchors(bank, 64)


@pytest.fixture(scope="module")
def env(town_scene, anchors, tmp_path_factory):
    path = tmp_path_factory.mktemp("anchors") / "anchors.npy"
    np.save(path, anchors)
    return SimScaleEnv([town_scene], observation="state", action="anchor", anchors=str(path))


def test_as_many_as_were_asked_for_all_from_the_bank(bank, anchors):
    assert anchors.shape == (64, 40, 3)
    assert all((bank.poses == anchor).all((1, 2)).any() for anchor in anchors)
    assert len(np.unique(anchors.reshape(64, -1), axis=0)) == 64
    np.testing.assert_array_equal(cluster_anchors(bank, 64), anchors)


def test_gaps_between_clusters_are_filled(bank):
    """Many alike and a few that differ: k-means shares members, the farthest of the rest are taken."""
    ends = bank.poses[:, -1, :2].round(1)
    seven = bank.poses[np.unique(ends, axis=0, return_index=True)[1][:7]]  # many cars of the bank stand
    poses = np.concatenate([seven[:6], np.repeat(seven[6:], 60, 0)])
    futures = HumanFutures(poses, np.zeros((len(poses), 2)))
    taken = cluster_anchors(futures, 7)
    assert len(np.unique(taken.reshape(7, -1), axis=0)) == 7
    with pytest.raises(ArgumentError, match="anchors: 8, expected fewer"):
        cluster_anchors(futures, 8)
    with pytest.raises(ArgumentError, match="anchors: 67, expected at most 66"):
        cluster_anchors(futures, 67)


def test_the_space_counts_them(env, town_scene):
    assert env.action_space.n == 64
    assert SimScaleEnv([town_scene], action="anchor", experts=()).action_space.n == 256


def test_an_anchor_is_tracked_for_half_a_second(env, anchors):
    """As the same trajectory is, but for the poses between the samples."""
    env.reset(seed=1)
    straight = int(np.abs(anchors[:, -1, 1]).argmin())
    before = env.sim_state
    _, _, _, _, info = env.step(straight)
    assert env.sim_state.frame == before.frame + 5
    states = apply(TrajectoryAction(), env.scene, env.traffic, before, anchors[straight, 4::5])
    np.testing.assert_allclose(info["ego_state"][:3], states[-1].ego[:3], atol=0.05)


def test_different_anchors_lead_to_different_places(env):
    env.reset(seed=1)
    ends = {tuple(env.peek(k)[4]["ego_state"][:2].round(3)) for k in range(0, 64, 8)}
    assert len(ends) == 8


def test_the_experts_action_is_the_nearest_anchor(env, anchors):
    _, info = env.reset(seed=1)
    plan = info["expert"]["planner"]["trajectory"]
    away = [np.linalg.norm(anchor[4::5, :2] - plan[:, :2], axis=1).mean() for anchor in anchors]
    assert info["expert_action"] == np.argmin(away) == info["expert"]["planner"]["action"]
    for k in (0, 17, 63):
        assert env.action_of(anchors[k]) == k


@pytest.mark.parametrize("action", [64, -1, 1.5, "0", None, True, np.zeros(1, int), np.nan])
def test_what_is_no_anchor_is_refused(env, action):
    env.reset(seed=1)
    before = env.get_state()
    with pytest.raises(ArgumentError, match="expected the number of an anchor, 0 to 63"):
        env.step(action)
    assert env.get_state().history is before.history


@pytest.mark.parametrize("action", [3, np.int64(3), np.array(3), np.uint8(3)])
def test_whole_numbers_of_all_kinds_are_taken(env, action):
    env.reset(seed=1)
    assert env.peek(action)[4]["state_hash"] == env.peek(3)[4]["state_hash"]


def test_anchors_are_clustered_once_and_when_needed(bank):
    made = []
    action = AnchorAction(4, lambda: made.append(1) or bank.poses[:4])
    assert not made and action.poses is action.poses and made == [1]


def test_a_file_that_holds_no_trajectories_is_named(town_scene, tmp_path):
    path = tmp_path / "bad.npy"
    np.save(path, np.zeros((4, 7)))
    with pytest.raises(DataError, match=r"bad\.npy.*\(4, 7\)"):
        SimScaleEnv([town_scene], action="anchor", anchors=path)
    with pytest.raises(DataError, match=r"nowhere\.npy"):
        SimScaleEnv([town_scene], action="anchor", anchors=tmp_path / "nowhere.npy")


@pytest.mark.parametrize("learner", ["DQN", "PPO"])
def test_policies_of_stable_baselines_choose_among_them(env, learner):
    sb3 = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.vec_env import DummyVecEnv

    settings = {
        "DQN": {"learning_starts": 4, "train_freq": 4, "batch_size": 4, "buffer_size": 64},
        "PPO": {"n_steps": 8, "batch_size": 4, "n_epochs": 1},
    }[learner]
    model = getattr(sb3, learner)("MultiInputPolicy", DummyVecEnv([lambda: env]), seed=0, **settings)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(16)
    assert any((before[name] != value).any() for name, value in model.policy.state_dict().items())
    observation, _ = env.reset(seed=0)
    choice, _ = model.predict(observation)
    env.step(choice)
