import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simscale_gym.geometry import se2

coordinates = st.floats(-1e3, 1e3)
poses = arrays(float, (3,), elements=coordinates)


@pytest.mark.parametrize(
    ("angle", "wrapped"), [(0.0, 0.0), (np.pi, -np.pi), (-np.pi, -np.pi), (7.0, 7.0 - 2 * np.pi)]
)
def test_wrap_angle(angle, wrapped):
    assert se2.wrap_angle(angle) == pytest.approx(wrapped)


@given(st.floats(-1e4, 1e4))
def test_wrapped_angles_point_the_same_way(angle):
    wrapped = se2.wrap_angle(angle)
    assert -np.pi <= wrapped < np.pi
    assert np.cos(wrapped - angle) == pytest.approx(1.0)


def test_point_ahead_and_to_the_left():
    pose = np.array([10.0, 5.0, np.pi / 2])
    assert se2.points_to_world(pose, np.array([[2.0, 1.0]])) == pytest.approx(np.array([[9.0, 7.0]]))
    assert se2.points_to_local(pose, np.array([[9.0, 7.0]])) == pytest.approx(np.array([[2.0, 1.0]]))


@given(poses, arrays(float, (4, 3), elements=coordinates))
def test_world_and_local_are_inverse(pose, local):
    back = se2.poses_to_local(pose, se2.poses_to_world(pose, local))
    assert np.allclose(back[:, :2], local[:, :2], atol=1e-6)
    assert np.allclose(np.cos(back[:, 2] - local[:, 2]), 1.0)


@given(poses, poses, arrays(float, (2, 2), elements=coordinates))
def test_frames_compose(a, b, points):
    through = se2.points_to_world(a, se2.points_to_world(b, points))
    assert np.allclose(through, se2.points_to_world(se2.poses_to_world(a, b[None])[0], points), atol=1e-6)


def test_leading_dimensions_broadcast():
    rng = np.random.default_rng(0)
    pose, points = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 4, 7, 2))
    batched = se2.points_to_local(pose, points)
    assert batched.shape == (5, 4, 7, 2)
    assert np.allclose(batched[2, 3], se2.points_to_local(pose[2, 3], points[2, 3]))


def test_interpolation_takes_the_shorter_turn_and_holds_the_ends():
    times = np.array([0.0, 1.0])
    turning = np.array([[0.0, 0.0, 3.0], [2.0, 4.0, -3.0]])
    out = se2.interpolate_poses(times, turning, np.array([-1.0, 0.5, 9.0]))
    assert out[:, :2] == pytest.approx(np.array([[0, 0], [1, 2], [2, 4]]))
    assert np.cos(out[1, 2] - np.pi) == pytest.approx(1.0)
    assert out[[0, 2], 2] == pytest.approx([3.0, -3.0])
