"""Films of episodes, and the pace of their pictures."""

import imageio.v2 as imageio
import numpy as np
import pytest


@pytest.mark.parametrize(("action", "fps"), [("control", 10), ("trajectory", 2), ("anchor", 2)])
def test_pictures_of_steps_play_at_the_pace_of_the_steps(make_env, action, fps):
    env = make_env(action=action, anchors=16, experts=())
    assert env.metadata["render_fps"] == fps and env.metadata["render_modes"] == ["rgb_array", "human"]


def test_an_episode_is_a_film(make_env, tmp_path):
    env = make_env(action="trajectory")
    _, info = env.reset(seed=3)
    for _ in range(3):
        _, _, _, _, info = env.step(info["expert_action"])
    unwrapped = env.unwrapped
    film = unwrapped.film()
    assert len(film) == len(unwrapped.history) and film.fps == 10  # 0.1 s each, whatever an action lasts
    assert len({frame.shape for frame in film.frames}) == 1
    assert (film.frames[0] != film.frames[-1]).any()
    path = film.save(tmp_path / "drive.mp4")
    with imageio.get_reader(path) as reader:
        assert sum(1 for _ in reader) == len(film)
    assert film._repr_html_().startswith("<video") and "base64" in film._repr_html_()
    assert repr(film) == f"Film({len(film)} frames, {len(film) / 10:.1f} s)"


def test_a_film_shows_the_cameras_that_are_observed(make_env, town_cache, one_renderer_per_scene):
    env = make_env(observation="camera", cameras=("cam_f0",), perturb=False, experts=())
    env.reset(seed=0)
    env.step(np.zeros(2))
    first, last = env.unwrapped.film().frames[0], env.unwrapped.film().frames[-1]
    assert first.shape[0] > 420 and first[:200].std() > 10 and last[:200].std() > 10
