"""``camera_source="log"``: the log's own pictures where everybody is where the log had them, drawn ones elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.scene import RecordedPictures

CAMERAS = ("cam_f0", "cam_l0")
STILL = np.zeros(2)


@pytest.fixture(scope="module")
def recorded_scene(town_scene, tmp_path_factory):
    """The scene with grey pictures of two cameras every half second."""
    folder = tmp_path_factory.mktemp("pictures")
    names = {camera: [""] * town_scene.num_frames for camera in CAMERAS}
    for frame in range(0, town_scene.num_frames, 5):
        for number, camera in enumerate(CAMERAS):
            names[camera][frame] = f"{camera}-{frame}.jpg"
            Image.new("RGB", (1920, 1080), (frame, frame, 100 * number)).save(folder / names[camera][frame])
    recorded = RecordedPictures((folder,), {k: tuple(v) for k, v in names.items()}, "a folder")
    return replace(town_scene, recorded=recorded)


@pytest.fixture
def make(recorded_scene, one_renderer_per_scene):
    def made(scene=recorded_scene, **settings):
        defaults = {
            "experts": ("log",),
            "image_size": (27, 48),
            "cameras": CAMERAS,
            "perturb": False,
            "traffic": "log",
        }
        return SimScaleEnv([scene], **{**defaults, "camera_source": "log", **settings})

    return made


def test_on_the_log_observations_are_the_recorded_pictures(make):
    env = make(action="trajectory")
    for seed in range(3):
        observation, info = env.reset(seed=seed)
        frame = env.sim_state.frame
        assert frame % 5 == 0
        assert info["picture_source"] == "log"
        assert info["render_quality"] == {"cam_f0": 1.0, "cam_l0": 1.0, "score": 1.0}
        assert info["truncation"] == ""
        for number, camera in enumerate(CAMERAS):
            assert observation[camera].shape == (27, 48, 3)
            assert np.abs(observation[camera] - np.array([frame, frame, 100.0 * number])).max() <= 2


def test_off_the_log_and_between_its_pictures_they_are_drawn(make, recorded_scene):
    env = make()
    _, info = env.reset(seed=0, options={"time": 3.0})
    assert info["picture_source"] == "log"
    _, _, _, _, info = env.step(STILL)
    assert info["picture_source"] == "render"  # no picture at 3.1 s
    for _ in range(9):
        drawn, _, _, _, info = env.step(np.array([-1.0, 0.0]))
    assert env.sim_state.frame == 40
    assert info["picture_source"] == "render"  # braked, so no more on the log
    assert np.ptp(drawn["cam_f0"]) > 50


def test_others_off_their_log_are_not_shown_where_they_were_recorded(make):
    env = make(perturb=True, traffic="idm")
    _, info = env.reset(seed=1)
    assert info["picture_source"] == ("render" if info["reset"]["perturbed"] else "log")
    assert info["reset"]["perturbed"]


def test_drawn_pictures_say_so(make, town_scene):
    _, info = make(town_scene, camera_source="render").reset(seed=0)
    assert info["picture_source"] == "render"


def test_what_cannot_be_is_named(make, town_scene):
    with pytest.raises(ArgumentError, match=r"camera_source: 'film', expected 'render' or 'log'"):
        make(camera_source="film")
    with pytest.raises(ArgumentError, match="recorded pictures have their own"):
        make(camera_effects={"exposure": 0.3})
    with pytest.raises(SceneError, match="none of cam_f0"):
        make(town_scene).reset(seed=0)
