import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from simscale_gym.geometry import se3

quats = arrays(float, (4,), elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1)


@given(quats)
def test_quat_to_matrix_agrees_with_scipy(q):
    assert np.allclose(se3.quat_to_matrix(q), Rotation.from_quat(q[[1, 2, 3, 0]]).as_matrix())


@given(quats)
def test_matrix_to_quat_is_the_inverse_up_to_sign(q):
    out = se3.matrix_to_quat(se3.quat_to_matrix(q))
    unit = q / np.linalg.norm(q)
    assert (
        abs(out @ unit) == pytest.approx(1.0) and out[0] >= 0.0 and np.linalg.norm(out) == pytest.approx(1.0)
    )


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
def test_half_turns_have_no_singularity(axis):
    q = np.r_[0.0, axis]
    assert np.abs(se3.matrix_to_quat(se3.quat_to_matrix(q))) == pytest.approx(np.abs(q))


@given(quats, quats)
def test_quat_multiply_is_matrix_product(a, b):
    product = se3.quat_to_matrix(se3.quat_multiply(a, b))
    assert np.allclose(product, se3.quat_to_matrix(a) @ se3.quat_to_matrix(b))


@given(st.floats(-1.4, 1.4), st.floats(-1.4, 1.4), st.floats(-3.1, 3.1))
def test_roll_pitch_yaw(roll, pitch, yaw):
    matrix = se3.rpy_to_matrix(roll, pitch, yaw)
    assert np.allclose(matrix, Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix())
    assert np.allclose(se3.matrix_to_rpy(matrix), (roll, pitch, yaw))


@given(quats, arrays(float, (3,), elements=st.floats(-1e3, 1e3)))
def test_inverse_of_a_rigid_transform(q, translation):
    transform = se3.rigid(se3.quat_to_matrix(q), translation)
    assert np.allclose(se3.invert_rigid(transform) @ transform, np.eye(4), atol=1e-9)


def test_planar_poses_become_upright_transforms():
    transform = se3.planar_to_rigid(np.array([[1.0, 2.0, np.pi / 2]]), z=3.0)[0]
    assert transform @ [1.0, 0.0, 0.0, 1.0] == pytest.approx([1.0, 3.0, 3.0, 1.0])


def test_batches_equal_single_calls():
    q = np.random.default_rng(0).normal(size=(6, 5, 4))
    matrices = se3.quat_to_matrix(q)
    assert matrices.shape == (6, 5, 3, 3) and np.allclose(matrices[3, 2], se3.quat_to_matrix(q[3, 2]))
    assert np.allclose(se3.matrix_to_quat(matrices)[4, 1], se3.matrix_to_quat(matrices[4, 1]))
