"""Episodes step by step, as transitions and as Minari data sets."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from scripted_policies import Forgetful, Straight

import simscale_gym  # noqa: F401  (registers the id)
from simscale_gym.agents import ConstantVelocityAgent
from simscale_gym.datagen import record_episode, transitions, write_minari
from simscale_gym.envs import resources, run_episode
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.sources import list_scenes


@pytest.fixture(scope="module")
def make(town_cache, town_scene):
    """Environments of the town by its name, as specs keep it, of which one scene is listed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            resources,
            "list_scenes",
            lambda s, split, **_: [ref for ref in list_scenes(s, split) if ref.id == town_scene.id],
        )
        yield lambda **changes: gym.make("SimScale-v0", horizon=0.5, perturb=False, **changes)


@pytest.fixture(scope="module")
def env(make):
    return make(observation="state")


@pytest.fixture(scope="module")
def recorded(env):
    return [record_episode(env, ConstantVelocityAgent(), seed=seed) for seed in (0, 1)]


def test_an_episode_is_recorded_as_it_is_driven(env, recorded):
    episode = recorded[0]
    drive = run_episode(env, ConstantVelocityAgent(), seed=0)
    assert len(episode.rewards) == drive.steps == 5 and episode.rewards.sum() == pytest.approx(
        drive.total_reward
    )
    assert episode.infos["state_hash"][-1] == drive.info["state_hash"] and episode.truncations.tolist()[
        -2:
    ] == [0, 1]
    assert episode.infos["epdms.score"][-1] == drive.epdms["score"]
    observation, _ = env.reset(seed=0)
    for name, value in observation.items():
        np.testing.assert_array_equal(episode.observations[name][0], value, strict=True)
    for action in episode.actions:
        observation, *_ = env.step(action)
    np.testing.assert_array_equal(episode.observations["state"][-1], observation["state"])


def test_infos_have_one_structure(recorded):
    shapes = [{k: (v.shape[1:], v.dtype.kind) for k, v in e.infos.items()} for e in recorded]
    assert shapes[0] == shapes[1] and "controllers" not in shapes[0]
    assert shapes[0]["expert.planner.trajectory"] == ((8, 3), "f") and all("." in k or k for k in shapes[0])


@pytest.mark.parametrize("expert", [False, True])
def test_transitions(recorded, expert):
    flat = transitions(recorded, expert=expert)
    wide = sum(recorded[0].observations[name][0].size for name in ("ego", "command", "state"))
    assert flat.obs.shape == flat.next_obs.shape == (10, wide) and flat.obs.dtype == np.float32
    assert flat.acts.shape == (10, 2) and flat.dones.shape == flat.infos.shape == (10,)
    assert flat.dones.dtype == bool and not flat.dones.any() and isinstance(flat.infos[0], dict)
    np.testing.assert_array_equal(flat.obs[1:5], flat.next_obs[:4])
    np.testing.assert_array_equal(flat.obs[5, :6], recorded[1].observations["ego"][0])
    wanted = recorded[1].infos["expert_action"][2] if expert else recorded[1].actions[2]
    np.testing.assert_array_equal(flat.acts[7], wanted)
    assert flat.infos[4]["state_hash"] == recorded[0].infos["state_hash"][5]
    assert list(vars(flat)) == ["obs", "acts", "infos", "next_obs", "dones"]


def test_transitions_are_those_of_imitation(recorded):
    types = pytest.importorskip("imitation.data.types")
    theirs = types.Transitions(**vars(transitions(recorded)))
    assert len(theirs) == 10 and {f.name for f in dataclasses.fields(theirs)} == set(
        vars(transitions(recorded))
    )


def test_transitions_that_cannot_be(recorded):
    with pytest.raises(ArgumentError, match="no episode"):
        transitions([])
    with pytest.raises(ArgumentError, match="entries \\['smell'\\], expected some of ego, command"):
        transitions(recorded, ["smell"])
    silent = dataclasses.replace(recorded[0], infos={})
    with pytest.raises(ArgumentError, match="had no expert"):
        transitions([silent], expert=True)


@pytest.fixture
def minari(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return pytest.importorskip("minari")


@pytest.fixture
def write(minari, env):
    def write(count, agent=None, name="straight", dataset_id="simscale/test-v0", **settings):
        agent = agent or ConstantVelocityAgent()
        return list(write_minari(dataset_id, env, agent, name=name, episodes=count, **settings))

    return write


@pytest.mark.parametrize("data_format", ["arrow", "hdf5"])
def test_minari_opens_what_was_written(minari, env, recorded, write, data_format):
    pytest.importorskip({"arrow": "pyarrow", "hdf5": "h5py"}[data_format])
    assert len(write(2, data_format=data_format)) == 2
    data_set = minari.load_dataset("simscale/test-v0")
    assert (data_set.total_episodes, data_set.total_steps) == (2, 10)
    for ours, theirs in zip(recorded, data_set.iterate_episodes(), strict=True):
        assert (
            theirs.observations.keys() == ours.observations.keys() == data_set.observation_space.spaces.keys()
        )
        for name, values in ours.observations.items():
            np.testing.assert_array_equal(theirs.observations[name], values)
        np.testing.assert_array_equal(theirs.actions, ours.actions)
        np.testing.assert_array_equal(theirs.rewards, ours.rewards)
        np.testing.assert_array_equal(theirs.truncations, ours.truncations)
        assert theirs.infos.keys() == ours.infos.keys()
        for name in (
            "expert_action",
            "ego_state",
            "epdms.score",
            "reset.rejections.dac",
            "expert.planner.valid",
        ):
            np.testing.assert_array_equal(theirs.infos[name], ours.infos[name])
    seeds = [told["seed"] for told in data_set.storage.get_episode_metadata([0, 1])]
    assert seeds == [0, 1]


def test_pictures_are_kept_as_they_were_observed(minari, make, one_renderer_per_scene):
    sight = {"cameras": ("cam_f0",), "image_size": (32, 32), "action": "trajectory"}
    settings = {"name": "seeing", "episodes": 1, "jpeg": False}
    episode = next(write_minari("seen-v0", make(**sight), ConstantVelocityAgent(), **settings))
    kept = minari.load_dataset("seen-v0")[0].observations["cam_f0"]
    assert kept.shape == (2, 32, 32, 3) and kept.std() > 10
    np.testing.assert_array_equal(kept, episode.observations["cam_f0"])


def test_minari_recovers_the_environment(minari, env, recorded, write):
    write(1)
    again = minari.load_dataset("simscale/test-v0").recover_environment()
    assert again.spec.kwargs == env.spec.kwargs and again.observation_space == env.observation_space
    observation, _ = again.reset(seed=0)
    np.testing.assert_array_equal(observation["state"], recorded[0].observations["state"][0])


def test_a_second_run_adds_what_is_missing(minari, env, write):
    write(1)
    path = minari.load_dataset("simscale/test-v0").storage.data_path / "0"
    was = {file: file.read_bytes() for file in path.iterdir()}
    assert len(write(3)) == 2 and write(3) == []
    data_set = minari.load_dataset("simscale/test-v0")
    assert [episode.id for episode in data_set] == [0, 1, 2] and data_set.total_steps == 15
    assert [told["seed"] for told in data_set.storage.get_episode_metadata(range(3))] == [0, 1, 2]
    assert was == {file: file.read_bytes() for file in path.iterdir()}
    np.testing.assert_array_equal(data_set[2].observations["ego"][0], env.reset(seed=2)[0]["ego"])


def test_an_id_that_is_taken_is_refused(minari, write):
    write(1)
    for other in ({"name": "another"}, {"seed": 5}):
        with pytest.raises(
            ArgumentError, match=r"test-v0 exists and holds other episodes .Episodes of simscale-gym"
        ):
            write(2, **other)
    assert minari.load_dataset("simscale/test-v0").total_episodes == 1


def test_a_policy_that_fails_leaves_whole_episodes(minari, write, tmp_path):
    class Later(Straight):
        """Fails in its second episode."""

        begun = 0

        def reset(self, context):
            super().reset(context)
            self.begun += 1

        def spoiled(self, plan):
            return plan[:3] if self.begun == 2 else plan

    with pytest.raises(ArgumentError, match=r"shape \(3, 3\), expected \(2,\)"):
        write(3, Later())
    assert minari.load_dataset("simscale/test-v0").total_episodes == 1
    with pytest.raises(KeyError):
        write(1, Forgetful(), dataset_id="simscale/none-v0")
    assert not (tmp_path / "minari" / "simscale" / "none-v0").exists()
    assert len(write(3)) == 2


def test_what_cannot_be_written_is_named(minari, write, env, town_scene, tmp_path):
    for wrong in ("no version", "town", "a/b/-v1"):
        with pytest.raises(ArgumentError, match="expected a name and a version"):
            write(1, dataset_id=wrong)
    with pytest.raises(ArgumentError, match="data_format 'csv'"):
        write(1, data_format="csv")
    (tmp_path / "minari" / "half-v0" / "data").mkdir(parents=True)
    with pytest.raises(DataError, match="Delete the folder"):
        write(1, dataset_id="half-v0")
    held = gym.make("SimScale-v0", scenes=[town_scene], observation="state", perturb=PerturbConfig())
    with pytest.raises(ArgumentError, match="spec cannot be kept"):
        next(write_minari("a-v0", held, ConstantVelocityAgent(), name="x", episodes=1))
