import numpy as np
import pytest


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def test_a_window_shows_what_it_is_given():
    import pygame

    from simscale_gym.viewer.window import Window

    window = Window(fps=1000)
    for height, width in ((40, 60), (40, 60), (30, 90)):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        window.show(picture)
        shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
        np.testing.assert_array_equal(shown, picture)
    window.close()
    assert not pygame.display.get_init()
    window.close()


def test_human_mode_shows_every_step(make_env, one_renderer_per_scene, monkeypatch):
    from simscale_gym.viewer.window import Window

    shown = []
    monkeypatch.setattr(Window, "show", lambda self, picture: shown.append(picture))
    env = make_env(render_mode="human", cameras=("cam_f0",))
    _, info = env.reset(seed=0)
    assert len(shown) == 1
    for _ in range(3):
        _, _, _, _, info = env.step(info["expert_action"])
        assert env.render() is None
    assert len(shown) == 4 and (shown[0] != shown[3]).any()
    env.close()


def test_human_mode_opens_and_closes_a_window(make_env):
    import pygame

    env = make_env(render_mode="human", cameras=())
    _, info = env.reset(seed=0)
    env.step(info["expert_action"])
    assert pygame.display.get_init() and pygame.display.get_caption()[0] == "simscale_gym"
    env.close()
    assert not pygame.display.get_init()


def test_looking_does_not_steer(make_env):
    """The same drive with and without a window."""
    hashes = []
    for mode in (None, "human"):
        env = make_env(render_mode=mode, cameras=())
        _, info = env.reset(seed=7)
        hashes.append([info["state_hash"], env.step(info["expert_action"])[4]["state_hash"]])
    assert hashes[0] == hashes[1]


def test_rgb_array_without_cameras_is_the_birds_eye_view(make_env):
    env = make_env(render_mode="rgb_array", cameras=())
    env.reset(seed=0)
    assert env.render().shape == (420, 960, 3)
