import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simscale_gym.geometry import polyline

CORNER = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]])
walks = arrays(float, (6, 2), elements=st.floats(-5, 5)).map(
    lambda d: np.cumsum(d + np.sign(d + 0.1) * 0.1, axis=0)
)
points = arrays(float, (3, 2), elements=st.floats(-30, 30))


def test_arc_lengths_and_headings():
    assert polyline.arc_lengths(CORNER) == pytest.approx([0, 4, 7])
    assert polyline.headings(CORNER) == pytest.approx([0, np.pi / 2, np.pi / 2])
    assert polyline.with_headings(CORNER)[1, 2] == pytest.approx(np.arctan2(1.5, 2.0))


def test_repeats_are_dropped():
    doubled = np.repeat(CORNER, 2, axis=0)
    assert polyline.without_repeats(doubled) == pytest.approx(CORNER)


def test_at_arc_length_clips_to_the_ends():
    poses = polyline.at_arc_length(CORNER, np.array([-1.0, 1.0, 5.0, 99.0]))
    expected = [[0, 0, 0], [1, 0, 0], [4, 1, np.pi / 2], [4, 3, np.pi / 2]]
    assert poses == pytest.approx(np.array(expected))
    assert polyline.at_arc_length(CORNER, 2.0).shape == (3,)


def test_resample_keeps_ends_and_spacing():
    poses = polyline.resample(CORNER, 0.6)
    assert poses[[0, -1], :2] == pytest.approx(CORNER[[0, -1]])
    assert np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=1).max() <= 0.6


def test_projection_is_signed_left():
    s, d = polyline.project(CORNER, np.array([[1.0, 2.0], [1.0, -2.0], [6.0, 1.0], [-3.0, 0.0], [4.0, 9.0]]))
    assert s == pytest.approx([1, 1, 5, 0, 7]) and d[:4] == pytest.approx([2, -2, -2, 3])
    assert abs(d[4]) == pytest.approx(6)


@given(walks, points)
def test_projection_agrees_with_shapely(line, queries):
    s, d = polyline.project(line, queries)
    string = shapely.LineString(line)
    assert np.allclose(np.abs(d), shapely.distance(string, shapely.points(queries)), atol=1e-9)
    at = polyline.at_arc_length(line, s)[:, :2]
    assert np.allclose(np.linalg.norm(at - queries, axis=1), np.abs(d), atol=1e-6)


@given(walks, st.floats(0, 1))
def test_arc_length_inverts_projection(line, share):
    s = share * polyline.arc_lengths(line)[-1]
    point = polyline.at_arc_length(line, s)[None, :2]
    assert abs(polyline.project(line, point)[1][0]) < 1e-6


def test_offset_left_of_a_circle_is_a_smaller_circle():
    angle = np.linspace(0.0, 2.0, 100)
    circle = 10.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    inner = polyline.offset_left(circle, 2.0)
    assert np.linalg.norm(inner[1:-1], axis=1) == pytest.approx(np.full(98, 8.0), abs=1e-2)
    assert polyline.curvature(circle) == pytest.approx(np.full(100, 0.1), abs=1e-3)
    assert polyline.curvature(circle[::-1]) == pytest.approx(np.full(100, -0.1), abs=1e-3)


def test_two_points_have_no_curvature():
    assert polyline.curvature(CORNER[:2]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(6))
def test_nearest_points_are_those_of_a_search_over_all_segments(seed):
    """Wandering lines that come back to themselves, asked with and without their lengths."""
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal(0.2, 0.6, (150, 2)), axis=0)
    queries = rng.uniform(-10.0, 50.0, (40, 2))
    s, d = polyline.project(line, queries)
    again = polyline.project(line, queries, polyline.arc_lengths(line))
    np.testing.assert_array_equal(np.stack(again), np.stack([s, d]))
    shape = shapely.LineString(line)
    np.testing.assert_allclose(np.abs(d), shapely.distance(shape, shapely.points(queries)), atol=1e-9)
    np.testing.assert_allclose(s, shapely.line_locate_point(shape, shapely.points(queries)), atol=1e-9)
