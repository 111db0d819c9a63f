import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.scene import LightStatus, TrackType
from simscale_gym.sim import SimState
from simscale_gym.viewer import Overlay, bev, draw_bev

FRAME = 60
WIDTH, HEIGHT, SCALE = 240, 200, 4.0


def state_of(scene, frame=FRAME):
    ego = scene.ego.states[frame]
    return SimState(frame, ego, LogReplay().start(scene, frame, ego))


def nothing():
    return Overlay(log=np.zeros((0, 3)), perturbed=np.zeros((0, 3)), driven=np.zeros((0, 3)))


def draw(scene, overlay=None, frame=FRAME):
    return np.asarray(draw_bev(scene, state_of(scene, frame), overlay or nothing(), WIDTH, HEIGHT, SCALE))


def near(picture, color, tolerance=12):
    """Which pixels ``[H, W]`` have about that colour."""
    return (np.abs(picture.astype(int) - np.array(color[:3])) <= tolerance).all(-1)


def test_the_ego_stands_at_the_anchor_and_looks_up(town_scene):
    picture = draw(with_tracks(town_scene))
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    rows, columns = np.nonzero(near(picture, bev.EGO))
    car = town_scene.vehicle
    axle = 0.7 * HEIGHT  # the rear axle lies at 0.5, 0.7 of the picture
    assert abs(columns.mean() - WIDTH / 2) < 1.0
    assert abs(rows.min() - (axle - SCALE * car.front_length)) < 3.0
    assert abs(rows.max() - (axle + SCALE * car.rear_length)) < 3.0
    assert abs(np.ptp(columns) - SCALE * car.width) < 4.0


def test_roads_look_like_roads(town_scene):
    picture = draw(with_tracks(town_scene))
    assert near(picture, bev.ROAD).mean() > 0.05
    beside_the_ego = picture[int(0.7 * HEIGHT) - 30, WIDTH // 2]
    assert near(beside_the_ego[None, None], bev.ROAD, 40).all()


@pytest.mark.parametrize("kind", [TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN])
def test_others_are_where_they_are(town_scene, kind):
    pose = ahead_of(town_scene, FRAME, 15.0)
    fast = (
        pose - np.array([*(0.1 * FRAME * 5.0 * np.array([np.cos(pose[2]), np.sin(pose[2])])), 0.0]),
        5.0,
        kind,
    )
    seen = near(draw(with_tracks(town_scene, fast)), bev.TRACK_COLORS[kind])
    assert not near(draw(with_tracks(town_scene)), bev.TRACK_COLORS[kind]).any()
    rows, columns = np.nonzero(seen)
    x, y = pose[:2] - town_scene.ego.poses[FRAME, :2]
    heading = town_scene.ego.poses[FRAME, 2]
    forward = np.cos(heading) * x + np.sin(heading) * y
    left = np.cos(heading) * y - np.sin(heading) * x
    assert abs(rows.mean() - (0.7 * HEIGHT - SCALE * forward)) < 4.0
    assert abs(columns.mean() - (0.5 * WIDTH - SCALE * left)) < 4.0


def test_who_stands_is_darker(town_scene):
    pose = ahead_of(town_scene, FRAME, 12.0)
    picture = draw(with_tracks(town_scene, (pose, 0.0, TrackType.VEHICLE)))
    color = bev.TRACK_COLORS[TrackType.VEHICLE]
    assert near(picture, tuple(int(0.6 * c) for c in color)).any() and not near(picture, color).any()


def test_who_is_gone_is_not_drawn(town_scene):
    pose = ahead_of(town_scene, FRAME, 12.0)
    scene = with_tracks(town_scene, (pose, 0.0, TrackType.VEHICLE))
    scene.tracks.valid[:] = False
    np.testing.assert_array_equal(draw(scene), draw(with_tracks(town_scene)))


@pytest.mark.parametrize(
    ("way", "color"), [("log", bev.LOG), ("perturbed", bev.PERTURBED), ("plans", bev.PLAN)]
)
def test_ways_are_drawn_in_their_colors(town_scene, way, color):
    scene = with_tracks(town_scene)
    poses = town_scene.ego.poses[FRAME : FRAME + 60]
    ways = {"log": np.zeros((0, 3)), "perturbed": np.zeros((0, 3)), "driven": np.zeros((0, 3))}
    ways[way] = [poses] if way == "plans" else poses
    before = near(draw(scene), color, 4).sum()
    assert near(draw(scene, Overlay(**ways)), color, 4).sum() > before + 10


def lights_in_view(scene, frame):
    """What the lights show whose lanes begin within 20 m of the picture's middle, 10 m ahead of the ego."""
    x, y, heading = scene.ego.poses[frame]
    middle = np.array([x, y]) + 10.0 * np.array([np.cos(heading), np.sin(heading)])
    away = {lane: scene.map.lanes[lane].centerline[0, :2] - middle for lane in scene.lights.lane_ids}
    return {status for lane, status in scene.lights.at(frame).items() if np.hypot(*away[lane]) < 20.0}


def changing_lights(scenes):
    """A scene and two frames of it with different lights in view, red ones among them both times."""
    for scene in scenes:
        views = [lights_in_view(scene, frame) for frame in range(scene.num_frames)]
        red = [frame for frame, view in enumerate(views) if LightStatus.RED in view]
        changed = [frame for frame in red if views[frame] != views[red[0]]]
        if changed:
            return scene, (red[0], changed[0])
    raise AssertionError("no scene has lights in view that change beside a red one")


def test_lights_are_drawn_as_they_are(town_log):
    """At a junction, while the lights change."""
    scene, frames = changing_lights(town_log)
    seen = []
    for frame in frames:
        on = set(scene.lights.at(frame).values())
        picture = draw(scene, frame=frame)
        drawn = {status for status, color in bev.LIGHT_COLORS.items() if near(picture, color).sum() > 5}
        assert lights_in_view(scene, frame) <= drawn <= on
        seen.append(drawn)
    assert LightStatus.RED in seen[0] & seen[1] and seen[0] != seen[1]


def test_same_state_same_picture(town_scene):
    np.testing.assert_array_equal(draw(town_scene), draw(town_scene))


def test_the_picture_moves_with_the_ego(town_scene):
    assert (draw(town_scene) != draw(town_scene, frame=FRAME + 5)).any()


def test_a_view_beyond_the_map_is_drawn(town_scene):
    """Far away from everything there is ground, and the ego."""
    ego = town_scene.ego.states[FRAME].copy()
    ego[:2] += 5000.0
    state = state_of(town_scene)
    away = SimState(FRAME, ego, state.traffic)
    picture = np.asarray(draw_bev(town_scene, away, nothing(), WIDTH, HEIGHT, SCALE))
    assert near(picture, bev.EGO).sum() > 50 and near(picture, bev.GROUND).mean() > 0.8
