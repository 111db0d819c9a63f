"""What is asked wrongly is answered with the argument, its value and what is allowed."""

import gymnasium as gym
import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError, DataError, SimScaleError

WRONG = [
    ({"render_mode": "ansi"}, "render_mode: 'ansi', expected None, 'rgb_array' or 'human'"),
    ({"observation": "bev2"}, "observation: .*bev2.*expected some of camera, state"),
    ({"observation": ()}, "observation: .*expected some of camera, state"),
    ({"observation": None}, "observation: None, expected a name"),
    ({"cameras": ("cam_f0", "cam_x9")}, "cameras: 'cam_x9' is unknown, expected some of .*cam_f0"),
    ({"cameras": ("cam_f0", "cam_f0")}, "cameras: .*names one twice"),
    ({"cameras": 3}, "cameras: 3, expected a name"),
    ({"cameras": (), "observation": "camera"}, "cameras: none"),
    ({"image_size": (0, 64)}, r"image_size: \(0, 64\), expected \(height, width\), each 8 to 4096"),
    ({"image_size": (64, 64, 3)}, "image_size: .*expected"),
    ({"image_size": (64.5, 64)}, "image_size: .*expected"),
    ({"image_size": 64}, "image_size: 64, expected"),
    ({"action": "controls"}, "action: 'controls', expected one of control, curvature, trajectory, anchor"),
    ({"action": "anchor", "anchors": 1}, "anchors: 1, expected 2 to 4096, or the path of a .npy file"),
    ({"action": "anchor", "anchors": 3.5}, "anchors: 3.5, expected 2 to 4096"),
    ({"action": "anchor", "anchors": True}, "anchors: True, expected"),
    ({"traffic": "imd"}, "traffic is 'imd'.*Did you mean \"idm\""),
    ({"traffic": 5}, "traffic: 5, expected a name or a TrafficModel"),
    ({"experts": ("recover",)}, "experts: 'recover' is unknown, expected some of .*recovery"),
    ({"experts": None}, "experts: None, expected a name"),
    ({"split": "trian"}, "split: 'trian', expected one of train, val, test, hard"),
    ({"perturb": "yes"}, "perturb: 'yes', expected True, False or a PerturbConfig"),
    ({"horizon": 0.0}, "horizon: 0.0 s, expected 0.1 s or more"),
    ({"horizon": float("nan")}, "horizon: nan s"),
    ({"horizon": "long"}, "horizon: 'long' s"),
    ({"renderer": "opengl"}, "renderer: 'opengl', expected one of auto, cpu"),
    ({"reward": {"progres": 1.0}}, "reward: .*progres"),
    ({"reward": "epdm"}, "reward: 'epdm', expected 'driving' or 'epdms'"),
    ({"reward": None}, "reward: None, expected 'driving'"),
    ({"scenes": []}, "scenes: the list is empty"),
    ({"scenes": 5}, 'scenes: 5, expected one of: the name "town"'),
    ({"scenes": None}, "scenes: None, expected one of"),
    ({"scenes": [1]}, "scenes: 1 in the list, expected objects of type Scene"),
]


@pytest.mark.filterwarnings("ignore:.*render_mode:UserWarning")
@pytest.mark.parametrize(("kwargs", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_arguments_are_named(kwargs, message):
    with pytest.raises(ArgumentError, match=message):
        gym.make("SimScale-v0", **kwargs)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: found nothing, expected one of: the name \"town\""):
        SimScaleEnv(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Did you mean 'town'"):
        SimScaleEnv("twon")


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(
        DataError,
        match=f"{tmp_path}.*found a folder in which no source finds scenes",
    ):
        SimScaleEnv(str(tmp_path))


def test_one_name_may_stand_alone(town_scene):
    env = SimScaleEnv([town_scene], observation="state", cameras="cam_b0", experts="recovery")
    assert env.camera_names == ("cam_b0",)
    _, info = env.reset(seed=0, options={"perturb": False})
    assert list(info["expert"]) == ["recovery"]


@pytest.mark.parametrize("action", [np.zeros(3), np.zeros((2, 1)), 0.5, [], [[0.0, 0.0]]])
def test_actions_of_the_wrong_shape_are_refused(make_env, action):
    env = make_env().unwrapped
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ArgumentError, match=r"action: shape .*expected \(2,\)"):
        env.step(action)
    assert env.get_state().history is before.history


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["control", "trajectory"])
def test_actions_that_are_not_finite_are_refused(make_env, kind, value):
    env = make_env(action=kind).unwrapped
    env.reset(seed=0)
    before = env.get_state()
    action = np.zeros(env.action_space.shape)
    action.flat[1] = value
    with pytest.raises(ArgumentError, match="is not finite; check the policy's output"):
        env.step(action)
    assert env.get_state().history is before.history


@pytest.mark.parametrize("action", [None, "left", {"a": 1}, [1, "b"]])
def test_actions_that_are_no_numbers_are_refused(make_env, action):
    env = make_env().unwrapped
    env.reset(seed=0)
    with pytest.raises(ArgumentError, match="action: "):
        env.step(action)


@pytest.mark.parametrize("options", [5, "scene", ["scene"], [("scene", "a")]])
def test_options_that_are_no_dictionary_are_refused(town_scene, options):
    env = SimScaleEnv([town_scene], observation="state")
    with pytest.raises(ArgumentError, match=r"reset options: .*expected a dictionary of some of scene, time"):
        env.reset(seed=0, options=options)


def test_nothing_before_the_first_reset(town_scene):
    env = SimScaleEnv([town_scene], observation="state")
    for attempt in (
        lambda: env.step(np.zeros(2)),
        lambda: env.peek(np.zeros(2)),
        lambda: env.fork(1),
        lambda: env.get_state(),
        lambda: env.sim_state,
        lambda: env.history,
        lambda: env.scene,
        lambda: env.start,
    ):
        with pytest.raises(gym.error.ResetNeeded):
            attempt()
    env.close()


def test_rendering_before_the_first_reset(town_scene):
    with pytest.raises(gym.error.ResetNeeded):
        SimScaleEnv([town_scene], render_mode="rgb_array").render()


@pytest.mark.filterwarnings("ignore:.*render_mode:UserWarning")
def test_every_error_is_one_of_ours():
    for wrong, _ in WRONG:
        with pytest.raises(SimScaleError):
            SimScaleEnv(**wrong)
