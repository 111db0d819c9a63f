"""What stands in the scene of the window, and what its controls do."""

import time

import numpy as np
import pytest

from simscale_gym.agents import make_expert
from simscale_gym.browser.colors import linear
from simscale_gym.browser.fates import COLORS
from simscale_gym.browser.view import view
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.geometry import se3
from simscale_gym.scene import Moment


def node(window, name):
    return window.server.scene.get_handle_by_name(name)


def test_gaussians_are_as_many_as_were_asked_for(window):
    sent = len(node(window, "/gaussians").buffer)
    assert 3000 < sent <= 4000
    assert f"{sent:,} Gaussians of the dressed scene" in window.panel.shown.content


@pytest.mark.parametrize("step", [0, 57])
def test_everybody_stands_where_the_state_says(window, town_scene, step):
    window.go(step)
    tracks, there = town_scene.tracks, town_scene.tracks.valid[:, step]
    batches = {tuple(batch.rows): batch.handles for batch in window.stage._users._batches}
    rows = np.concatenate([np.array(rows) for rows in batches])
    assert sorted(rows) == list(range(len(tracks)))
    for rows, handles in batches.items():
        rows = np.array(rows)
        places, seen = handles[0].batched_positions, there[rows]
        np.testing.assert_allclose(places[seen, :2], tracks.poses[rows, step, :2][seen], atol=1e-3)
        np.testing.assert_allclose(places[seen, 2], tracks.z[rows, step][seen], atol=1e-3)
        assert (places[~seen, 2] < -1e3).all()
        np.testing.assert_allclose(handles[0].batched_scales, tracks.sizes[rows], rtol=1e-6)
    pose = town_scene.ego_to_world(town_scene.ego.poses[step]) @ town_scene.rig.cameras["cam_f0"].cam_to_ego
    frustum = node(window, "/cameras/cam_f0")
    np.testing.assert_allclose(frustum.position, pose[:3, 3], atol=1e-6)
    np.testing.assert_allclose(se3.quat_to_matrix(frustum.wxyz), pose[:3, :3], atol=1e-6)


def test_the_cameras_show_what_the_renderer_draws(window, town_scene):
    from simscale_gym.files.cache import cache_root
    from simscale_gym.rendering import make_renderer

    window.go(40)
    assert window.settle(600.0)
    renderer = make_renderer(town_scene, cache=cache_root() / "looks")
    drawn = renderer.render([Moment.of_log(town_scene, 40)], ("cam_f0",), (18, 32)).images[0, 0]
    shown = node(window, "/cameras/cam_f0").image
    assert np.abs(shown.astype(int) - drawn).mean() < 2.0  # brake lamps


def test_layers_are_switched(window):
    for layer in ("lanes", "route", "road users", "ego", "cameras", "Gaussians"):
        for on in (False, True):
            window.panel.layers[layer].value = on
            names = {"Gaussians": "/gaussians", "lanes": "/map/lanes", "route": "/map/route"}
            assert node(window, names.get(layer, f"/{layer}")).visible is on


def test_lights_have_the_color_of_their_status(make_window, red_light):
    scene, frame = red_light
    window = make_window(scene, gaussians=0, cameras=())
    window.go(frame)
    bars = node(window, "/map/lights/bars")
    red = scene.lights.column(frame) == 2
    colors = bars.colors[:, 0]
    assert red.any() and len(colors) == len(red)
    shown = (colors == linear((245, 60, 60))).all(1)
    assert shown[red].all() and not shown[~red].any()


def test_playing_goes_on_to_the_end(make_window, town_scene, monkeypatch):
    window = make_window(town_scene, gaussians=0, cameras=())
    window.go(len(window.subject) - 3)
    window.panel.speed.value = "4x"
    window._play(True)
    deadline = time.monotonic() + 10.0
    while window._player.playing and time.monotonic() < deadline:
        time.sleep(0.02)
    assert window.step == len(window.subject) - 1 and window.panel.play.label == "Play"


def test_every_trajectory_has_a_fate_in_its_color(window, vocabulary, monkeypatch):
    window.questions.vocabulary = vocabulary
    window.go(60)
    fates = window.search()
    for stage, color in COLORS.items():
        count = int((fates.stages == stage).sum())
        lines = node(window, f"/perturbations/{stage or 'kept'}")
        assert (0 if lines is None else len(lines.points)) == 20 * count
        if count:
            assert (lines.colors == linear(color)).all() and window.panel.stages[stage].visible
    assert "kept" in window.panel.fates.content and "bounds" in window.panel.fates.content
    window.questions.pick(1)
    assert "kept: EPDMS" in window.panel.fate.content
    window.questions.pick(len(fates.stages))
    assert "dropped" in window.panel.fate.content


def test_a_search_too_near_the_end_says_so_in_the_window(window, vocabulary):
    window.questions.vocabulary = vocabulary
    window.go(len(window.subject) - 1)
    with pytest.raises(SceneError, match="a clip at frame"):
        window.search()
    assert "a clip at frame" in window.panel.status.content


def test_experts_plan_and_are_judged(window, town_scene):
    window.go(30)
    plans = window.ask()
    assert [plan.expert for plan in plans] == ["planner", "log"]
    expected = make_expert("log").plan(town_scene, window.subject.states[30], None)
    np.testing.assert_allclose(plans[1].plan.poses, expected.poses)
    assert plans[0].subscores()["NC"] == 1.0 and 0.0 <= plans[0].subscores()["EPDMS"] <= 1.0
    assert "planner" in window.panel.plans.content and "EPDMS" in window.panel.plans.content
    assert len(node(window, "/plans/planner/planned").points) == 40


def test_arguments_are_checked_before_the_work(town_scene):
    with pytest.raises(ArgumentError, match="gaussians: -1"):
        view(town_scene, gaussians=-1)
