import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.forecast import constant_velocity_boxes, first_conflict, followers
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.geometry import box
from simscale_gym.scene import TrackType


def boxes(x, y=0.0, heading=0.0, length=4.0, width=2.0):
    """``[K, 5]`` along ``x``."""
    x = np.asarray(x, float)
    one = np.ones_like(x)
    return np.stack([x, y * one, heading * one, length * one, width * one], -1)


def test_an_oncoming_car_is_met_halfway():
    times = np.arange(11)
    ego = boxes(2.0 * times)  # front bumper at 2 + 2 t
    other = boxes(34.0 - 3.0 * times)  # front bumper at 32 - 3 t: they touch at t = 6
    assert first_conflict(ego, other[:, None]) == 6


def test_a_car_beside_is_never_met():
    ego = boxes(2.0 * np.arange(11))
    assert first_conflict(ego, boxes(np.arange(11.0), y=2.01)[:, None]) == 11
    assert first_conflict(ego, boxes(2.0 * np.arange(11.0), y=1.99)[1:, None].repeat(1, 1)[:10]) < 11


def test_the_first_of_several_counts():
    ego = boxes(2.0 * np.arange(11))
    others = np.stack([boxes(np.full(11, d)) for d in (40.0, 14.0, 18.0)], axis=1)
    assert first_conflict(ego, others) == 5


def test_leaving_a_contact_is_no_conflict():
    ego = boxes(2.0 * np.arange(11))
    touching = boxes(np.full(11, -3.0))  # overlaps the ego's tail at first
    assert first_conflict(ego, touching[:, None]) == 11
    wall = boxes(np.full(11, 13.0))
    assert first_conflict(ego, np.stack([touching, wall], axis=1)) == 5


def test_who_comes_from_behind():
    ego = boxes([0.0])[0]
    others = np.concatenate(
        [
            boxes([-4.1, -3.9, -30.0, 30.0]),  # behind, beside by a hair, far behind, in front
            boxes([-10.0], heading=0.7),
            boxes([-10.0], heading=0.9),
            boxes([-10.0], heading=np.pi),
            boxes([-10.0], y=8.0),
        ]
    )
    assert followers(ego, others).tolist() == [True, False, True, False, True, False, False, True]
    turn = np.array([0.0, 0.0, 2.5, 0.0, 0.0])
    cos, sin = np.cos(2.5), np.sin(2.5)
    turned = others @ np.array([[cos, sin, 0, 0, 0], [-sin, cos, 0, 0, 0], *np.eye(5)[2:]]) + turn
    assert followers(ego + turn, turned).tolist() == followers(ego, others).tolist()


def test_nobody_there():
    assert first_conflict(boxes(np.arange(5.0)), np.zeros((5, 0, 5))) == 5


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_like_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    k, n = 9, 4
    start = np.concatenate([rng.uniform(-15, 15, (n + 1, 2)), rng.uniform(-np.pi, np.pi, (n + 1, 1))], 1)
    size = rng.uniform(1.0, 5.0, (n + 1, 2))
    speed = rng.uniform(-4, 4, (n + 1, 3)) * np.array([1.0, 1.0, 0.2])
    every = np.concatenate([start, size], 1) + np.arange(k)[:, None, None] * np.pad(speed, ((0, 0), (0, 2)))
    ego, others = every[:, 0], every[:, 1:]
    hits = np.array([[box.overlap(ego[t], others[t, i]) for i in range(n)] for t in range(k)])
    hits[:, hits[0]] = False
    expected = int(np.flatnonzero(hits.any(1))[0]) if hits.any() else k
    assert first_conflict(ego, others) == expected


def test_forecasts_hold_speed_and_heading(town_scene):
    pose = ahead_of(town_scene, 50, 20.0)
    scene = with_tracks(town_scene, (pose, 5.0, TrackType.VEHICLE), (pose, 0.0, TrackType.PEDESTRIAN))
    traffic = LogReplay().start(scene, 50, scene.ego.states[50])
    there = constant_velocity_boxes(scene, traffic, np.array([0.0, 1.0, 2.5]))
    assert there.shape == (3, 2, 5)
    ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
    for k, time in enumerate((0.0, 1.0, 2.5)):
        np.testing.assert_allclose(there[k, 0, :2], traffic.poses[0, :2] + 5.0 * time * ahead)
        np.testing.assert_allclose(there[k, 1, :2], pose[:2])
    np.testing.assert_allclose(there[:, :, 2], pose[2])
    np.testing.assert_allclose(there[0, :, 3:], scene.tracks.sizes[:, :2])


def test_who_is_gone_has_no_forecast(town_scene):
    pose = ahead_of(town_scene, 50, 20.0)
    scene = with_tracks(town_scene, (pose, 5.0, TrackType.VEHICLE), (pose, 1.0, TrackType.PEDESTRIAN))
    scene.tracks.valid[0, 50] = False
    traffic = LogReplay().start(scene, 50, scene.ego.states[50])
    there = constant_velocity_boxes(scene, traffic, np.arange(3.0))
    assert there.shape == (3, 1, 5) and there[0, 0, 3] == scene.tracks.sizes[1, 0]
