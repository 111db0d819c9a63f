"""Wrappers around the environment itself."""

import json

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import FrameStackObservation

from simscale_gym.agents import ConstantVelocityAgent
from simscale_gym.envs import SimScaleEnv, run_episode
from simscale_gym.wrappers import (
    EpdmsMonitor,
    EveryScene,
    FixedInfo,
    GrayCameras,
    NavsimFeatures,
    ObservedHistory,
    PrivilegeSwitch,
    RecordFilms,
    ResizedCameras,
    SmoothActions,
)

BOTH = {"observation": ("camera", "state"), "perturb": False, "experts": ()}

WRAPPED = {
    "grey": GrayCameras,
    "resized": lambda env: ResizedCameras(env, (16, 32)),
    "history of grey": lambda env: ObservedHistory(GrayCameras(env), frames=2),
    "navsim": lambda env: NavsimFeatures(env, (32, 128)),
    "privileged": PrivilegeSwitch,
    "smooth": SmoothActions,
    "monitored": EpdmsMonitor,
    "fixed info": FixedInfo,
    "every scene": EveryScene,
    "gymnasium's stack": lambda env: FrameStackObservation(env, 2),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_gymnasium_finds_nothing_wrong(make_env, one_renderer_per_scene, name):
    env = WRAPPED[name](make_env(**BOTH))
    check_env(env, skip_render_check=True)


@pytest.mark.parametrize("name", WRAPPED)
def test_they_stand_in_the_spec(make_env, town_cache, name):
    env = WRAPPED[name](make_env(**BOTH, scenes="town"))
    assert len(json.loads(env.spec.to_json())["additional_wrappers"]) >= 1


def test_gymnasiums_own_vectors_take_fixed_infos_of_different_scenes(town_log):
    """Their infos are arrays of one shape, which is that of the first environment."""
    settings = {"observation": "state", "experts": (), "perturb": False}
    scenes = town_log[0], town_log[2]
    assert len(scenes[0].tracks) != len(scenes[1].tracks)
    vector = SyncVectorEnv(
        [lambda scene=scene: FixedInfo(SimScaleEnv([scene], **settings)) for scene in scenes]
    )
    told = [vector.reset(seed=0)[1], vector.step(vector.action_space.sample())[-1]]
    for infos in told:
        assert infos["ego_state"].shape == (2, 11) and infos["scene"].tolist() == [
            scene.id for scene in scenes
        ]
    vector.close()


def test_a_trained_look_at_grey_and_past_pictures_knows_its_cameras(make_env, one_renderer_per_scene):
    from simscale_gym.envs import agent_context

    env = ObservedHistory(ResizedCameras(make_env(**BOTH), (16, 40)), frames=2)
    env.reset(seed=0)
    camera = agent_context(env).cameras["cam_f0"]
    assert (camera.height, camera.width) == (16, 40)


def test_an_agent_drives_a_monitored_episode_into_a_film(make_env, tmp_path):
    env = RecordFilms(
        EpdmsMonitor(make_env(action="trajectory", render_mode="rgb_array", cameras=())), tmp_path
    )
    episode = run_episode(env, ConstantVelocityAgent(), seed=0)
    env.close()
    (kept,) = env.env.episodes
    assert kept["score"] == episode.epdms["score"] and kept["ending"] == episode.ending
    assert kept["return"] == pytest.approx(episode.total_reward)
    assert [path.name for path in tmp_path.iterdir()] == ["episode-000000.mp4"]


def test_what_is_driven_is_what_was_smoothed(make_env):
    smooth, plain = SmoothActions(make_env(perturb=False), weight=0.5), make_env(perturb=False)
    smooth.reset(seed=0)
    plain.reset(seed=0)
    *_, info = smooth.step(np.array([1.0, 0.0], np.float32))
    *_, other = plain.step(np.array([0.5, 0.0], np.float32))
    assert info["state_hash"] == other["state_hash"]
