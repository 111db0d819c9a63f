"""Paths addressed by arc length: shapely's projection, scipy's interpolation."""

import numpy as np
import pytest
import shapely
from scipy.interpolate import interp1d

from simscale_gym.agents.pdm.path import beside, build_path, cap_at, joined, pose_at, project
from simscale_gym.geometry.se2 import wrap_angle

T = np.linspace(0.0, 6.0, 150)
SPIRAL = np.column_stack([10 * T * np.cos(T), 10 * T * np.sin(T), T + np.arctan2(T, 1.0)])


def at(path, s):
    out = np.empty(3)
    pose_at(path, s, out)
    return out


def test_project_equals_shapely():
    path = build_path(SPIRAL)
    points = np.random.default_rng(0).uniform(-60, 60, (300, 2))
    line = shapely.LineString(SPIRAL[:, :2])
    theirs = shapely.line_locate_point(line, shapely.points(points))
    np.testing.assert_allclose([project(path, *p) for p in points], theirs, atol=1e-9)


def test_poses_equal_scipy_with_a_repeated_point():
    points = np.concatenate([SPIRAL[:80], SPIRAL[79:]])
    path = build_path(points)
    s = np.linspace(-5.0, path.length + 5.0, 400)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    theirs = interp1d(lengths, np.column_stack([points[:, :2], np.unwrap(points[:, 2])]), axis=0)(
        np.clip(s, 1e-5, path.length)
    )
    ours = np.array([at(path, v) for v in s])
    np.testing.assert_allclose(ours[:, :2], theirs[:, :2], atol=1e-9)
    assert np.abs(wrap_angle(ours[:, 2] - theirs[:, 2])).max() < 1e-9
    assert np.abs(ours[:, 2]).max() <= np.pi


def test_beside_is_to_the_left():
    line = np.array([[0.0, 0.0, np.pi / 2], [0.0, 5.0, np.pi / 2]])
    np.testing.assert_allclose(beside(line, 1.0)[:, 0], -1.0)


def test_caps_by_hand():
    straight = np.column_stack([np.linspace(-40, 0, 41), np.zeros(41), np.zeros(41)])
    angle = np.linspace(0, np.pi / 2, 60)[1:]
    curve = np.column_stack([20 * np.sin(angle), 20 * (1 - np.cos(angle)), angle])
    path = build_path(np.concatenate([straight, curve]), 2.0, 1.5)
    inside = np.sqrt(2.0 * 20.0)
    assert cap_at(path, 55.0) == pytest.approx(inside, rel=0.02)
    bend = path.lengths[np.isclose(path.caps, inside, rtol=0.02)][0]
    assert cap_at(path, 10.0) == pytest.approx(np.sqrt(inside**2 + 2 * 1.5 * (bend - 10.0)), rel=0.02)
    assert np.isinf(build_path(straight).caps).all()
    assert np.isinf(build_path(straight, 2.0).caps).all()


def test_joined_leaves_with_the_pose_and_meets_the_path():
    path = build_path(np.column_stack([np.linspace(0, 50, 51), np.zeros(51), np.zeros(51)]))
    curve = joined(path, np.array([5.0, 2.0, 0.3]), 12.0)
    assert curve.points[0] == pytest.approx([5.0, 2.0, 0.3])
    assert at(curve, curve.length) == pytest.approx([50.0, 0.0, 0.0])
    beyond = curve.points[curve.points[:, 0] > 17.0]
    assert np.abs(beyond[:, 1:]).max() < 1e-9
    turn = np.arctan2(np.diff(curve.points[:, 1]), np.diff(curve.points[:, 0]))
    middle = (curve.points[1:, 2] + curve.points[:-1, 2]) / 2
    assert np.abs(wrap_angle(turn - middle)).max() < 0.01


def test_joined_minds_where_the_ego_is_on_a_path_that_comes_back():
    out = np.column_stack([np.linspace(0, 50, 51), np.zeros(51), np.zeros(51)])
    back = np.column_stack([np.linspace(50, 0, 51), np.full(51, 3.0), np.full(51, np.pi)])
    path = build_path(np.concatenate([out, back]))
    pose = np.array([10.0, 2.0, 0.0])
    assert joined(path, pose, 8.0).length < 40.0  # nearer to the way back
    assert joined(path, pose, 8.0, within=50.0).length > 80.0


def test_joined_at_the_end_of_the_path():
    path = build_path(np.column_stack([np.linspace(0, 5, 6), np.zeros(6), np.zeros(6)]))
    assert joined(path, np.array([4.0, 0.5, 0.0]), 10.0).points[-1, :2] == pytest.approx([5.0, 0.0])
