"""Scores of pictures in the town: high where one drives, low where the picture breaks, and what ends an episode."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
import shapely.ops

from simscale_gym.envs import SimScaleEnv
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.episode import Start
from simscale_gym.errors import ArgumentError
from simscale_gym.rendering import make_renderer
from simscale_gym.scene import Moment
from simscale_gym.sim import SimState
from simscale_gym.splats.render_validity import LEAST_SCORE

CAMERAS = ("cam_f0", "cam_l0", "cam_r0")
SIZE = (72, 128)


@pytest.fixture(scope="module")
def renderer(town_scene, one_renderer_per_scene, town_cache):
    return make_renderer(town_scene, cache=town_cache / "looks")


def quality(renderer, scene, pose, frame=60):
    return renderer.render([replace(Moment.of_log(scene, frame), ego=pose)], CAMERAS, SIZE).qualities[0]


def beside(pose, metres, turn=0.0):
    x, y, heading = pose
    return np.array([x - metres * np.sin(heading), y + metres * np.cos(heading), heading + turn])


def wall_poses(scene, count=6):
    """The ego's poses across house fronts near the path: the front half inside the house."""
    path, poses = shapely.LineString(scene.ego.poses[:, :2]), []
    for building in scene.shapes.buildings:
        outline = shapely.Polygon(building.footprint)
        if 4.0 < outline.distance(path) < 15.0:
            near = shapely.ops.nearest_points(outline, path)
            (x, y), (px, py) = near[0].coords[0], near[1].coords[0]
            poses.append(np.array([x, y, np.arctan2(y - py, x - px)]))
    return poses[:: max(1, len(poses) // count)][:count]


def test_high_on_the_log(renderer, town_scene):
    for frame in range(0, town_scene.num_frames, 30):
        pose = town_scene.ego.poses[frame]
        assert quality(renderer, town_scene, pose, frame).score > 0.7, frame


@pytest.mark.parametrize("metres", [-3.0, 3.0])
@pytest.mark.parametrize("turn", [0.0, 0.5, np.pi])
def test_high_beside_the_log_whichever_way_one_looks(renderer, town_scene, metres, turn):
    pose = beside(town_scene.ego.poses[60], metres, turn)
    assert quality(renderer, town_scene, pose).score > 0.6


def test_nothing_in_walls_is_trusted(renderer, town_scene):
    poses = wall_poses(town_scene)
    assert len(poses) >= 3
    for pose in poses:
        found = quality(renderer, town_scene, pose)
        assert found.score < LEAST_SCORE and found.blocked > 3.0


@pytest.mark.parametrize("metres", [-22.0, -15.0, 15.0, 22.0])
def test_nothing_in_the_houses_is_trusted(renderer, town_scene, metres):
    """So far beside the log there are houses, and open yards, where a picture of the town may well be right."""
    houses = shapely.union_all([shapely.Polygon(b.footprint) for b in town_scene.shapes.buildings])
    poses = [beside(pose, metres) for pose in town_scene.ego.poses[::5]]
    inside = [pose for pose in poses if houses.contains(shapely.Point(pose[:2]).buffer(1.5))][::2]
    assert inside
    assert all(quality(renderer, town_scene, pose).score < LEAST_SCORE for pose in inside)


def test_far_beyond_the_map_nothing_is_trusted(renderer, town_scene):
    assert quality(renderer, town_scene, beside(town_scene.ego.poses[60], 500.0)).score == 0.0


def test_distances_are_those_of_the_log(renderer, town_scene):
    on, off = (quality(renderer, town_scene, beside(town_scene.ego.poses[60], d)) for d in (0.0, 2.0))
    assert on.extrapolation < 0.05 and on.view_distance.max() < 0.6 and on.view_angle.max() < 0.05
    assert off.extrapolation == pytest.approx(2.0, abs=0.2)
    np.testing.assert_allclose(off.view_distance, 2.0, atol=0.3)


def snapshot_at(env, pose):
    """What ``get_state`` would give if the episode had begun at ``pose``."""
    env.reset(seed=0, options={"perturb": False})
    state = env.sim_state
    ego = state.ego.copy()
    ego[:3], ego[3:] = pose, 0.0
    moved = SimState(state.frame, ego, state.traffic)
    drive = Drive.begin(env.scene, Start((moved,), perturbed=False), env.traffic, ())
    return drive.snapshot(env.np_random.bit_generator.state)


@pytest.fixture
def make(town_scene, one_renderer_per_scene):
    def made(**settings):
        return SimScaleEnv([town_scene], **{"experts": (), "image_size": SIZE, "perturb": False, **settings})

    return made


def test_info_has_scores_where_pictures_are_observed(make):
    _, info = make().reset(seed=1)
    assert set(info["render_quality"]) == {*CAMERAS, "score"}
    assert info["render_quality"]["score"] == min(info["render_quality"][name] for name in CAMERAS) > 0.7
    assert info["dropped_frames"] == dict.fromkeys(CAMERAS, False)


def test_states_alone_have_no_scores(make):
    _, info = make(observation="state", render_mode="rgb_array").reset(seed=1)
    assert "render_quality" not in info and "dropped_frames" not in info


def test_in_a_wall_the_episode_is_cut(make, town_scene):
    env = make()
    env.reset(options={"state": snapshot_at(env, wall_poses(town_scene)[0])})
    _, _, _, truncated, info = env.step(np.zeros(2))
    assert truncated and info["truncation"] == "out_of_reconstruction"
    assert info["render_quality"]["score"] < LEAST_SCORE


def test_it_is_not_where_that_is_switched_off(make, town_scene):
    env = make(min_render_quality=0.0)
    env.reset(options={"state": snapshot_at(env, wall_poses(town_scene)[0])})
    _, _, _, truncated, info = env.step(np.zeros(2))
    assert not truncated and info["truncation"] == ""


def test_on_the_log_it_is_where_much_is_asked(make):
    env = make(min_render_quality=1.0)
    env.reset(seed=3)
    scores, truncations = [], []
    for _ in range(8):
        _, _, _, truncated, info = env.step(np.zeros(2))
        scores.append(info["render_quality"]["score"])
        truncations.append(truncated)
    assert truncations == [score < 1.0 for score in scores]


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "high"])
def test_scores_beyond_0_to_1_are_refused(make, value):
    with pytest.raises(ArgumentError, match="min_render_quality"):
        make(min_render_quality=value)
