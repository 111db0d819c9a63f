import numpy as np
from shapely import LineString, Point
from straight_road import drive, situation

from simscale_gym.metrics import score
from simscale_gym.metrics.centerline import build_centerline, ego_progress, lane_keeping, raw_progress


def wiggle(points, seed, repeats=False):
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal([0.8, 0.0], 0.5, (points, 2)), 0)
    return np.repeat(line, 2, 0) if repeats else line


def test_progress_is_shapelys_projection():
    for seed, repeats in ((0, False), (1, True), (2, False)):
        points = wiggle(230, seed, repeats)
        centers = np.random.default_rng(9).uniform([-5, -20], [200, 20], (200, 41, 2))
        line = LineString(points)
        ends = np.array([[line.project(Point(c[0])), line.project(Point(c[-1]))] for c in centers])
        found = raw_progress(build_centerline(points), centers)
        np.testing.assert_allclose(found, np.maximum(ends[:, 1] - ends[:, 0], 0), atol=1e-9)


def test_lane_is_kept_within_half_a_metre_inclusive():
    line = build_centerline(np.array([[0.0, 0.0], [100.0, 0.0]]))
    x = np.linspace(0, 40, 41)
    areas = np.zeros((1, 41), np.uint8)
    for y, expected in ((0.5, 1.0), (0.5000001, 0.0), (-0.6, 0.0)):
        centers = np.stack([x, np.full(41, y)], -1)[None]
        assert lane_keeping(line, centers, areas) == expected


def test_lane_breaks_at_the_twentieth_step_off_it():
    line = build_centerline(np.array([[0.0, 0.0], [100.0, 0.0]]))
    centers = np.zeros((2, 41, 2))
    centers[..., 0] = np.arange(41)
    centers[0, 5:24, 1] = 1.0  # 19 steps
    centers[1, 5:25, 1] = 1.0  # 20 steps
    np.testing.assert_array_equal(lane_keeping(line, centers, np.zeros((2, 41), np.uint8)), [1.0, 0.0])


def test_intersections_freeze_the_count():
    line = build_centerline(np.array([[0.0, 0.0], [100.0, 0.0]]))
    centers = np.zeros((1, 41, 2))
    centers[0, :, 0], centers[0, :, 1] = np.arange(41), 1.0
    areas = np.zeros((1, 41), np.uint8)
    areas[0, 10:32] = 8
    assert lane_keeping(line, centers, areas) == 1.0  # 10 steps before, 9 after
    areas[0, 31] = 0
    assert lane_keeping(line, centers, areas) == 0.0  # 10 and 10: neither reset nor counted inside
    centers[0, 15, 1] = 0.0
    assert lane_keeping(line, centers, areas) == 0.0  # on the line, but inside: no reset either


def test_progress_is_relative_to_the_best_valid_one():
    raw, product = np.array([10.0, 40.0, 20.0, 30.0]), np.array([1.0, 0.0, 1.0, 0.5])
    np.testing.assert_allclose(ego_progress(raw, product), [0.5, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(ego_progress(raw[:1], product[:1]), [1.0])


def test_up_to_five_metres_progress_is_not_judged():
    np.testing.assert_array_equal(ego_progress(np.array([5.0, 0.0]), np.ones(2)), [1.0, 1.0])
    np.testing.assert_allclose(ego_progress(np.array([5.001, 0.0]), np.ones(2)), [1.0, 0.0])


def test_going_back_is_no_progress():
    backwards = drive(x=40.0, speed=-5.0)
    assert score(situation(), backwards).progress == 0.0


def test_a_centerline_with_a_gap_is_bridged():
    gap = situation(centerline=np.array([[-50.0, 0.0], [0.0, 0.0], [30.0, 0.0], [150.0, 0.0]]))
    np.testing.assert_allclose(score(gap, drive()).progress, 32.0)
