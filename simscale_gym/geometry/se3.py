"""Rotations and rigid transforms in space: quaternions are wxyz, active, and need not be normalised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def quat_to_matrix(quats: Array) -> Array:
    """Rotation matrices ``[..., 3, 3]`` of quaternions ``[..., 4]`` (wxyz)."""
    q = np.asarray(quats, float)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def matrix_to_quat(matrices: Array) -> Array:
    """Quaternions ``[..., 4]`` (wxyz, w >= 0) of rotation matrices ``[..., 3, 3]``, by the largest component."""
    m = np.asarray(matrices, float)
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    squares = np.stack([trace, *(2 * m[..., i, i] - trace for i in range(3))], -1)
    m01, m10, m02, m20 = m[..., 0, 1], m[..., 1, 0], m[..., 0, 2], m[..., 2, 0]
    m12, m21 = m[..., 1, 2], m[..., 2, 1]
    rows = [
        [1 + squares[..., 0], m21 - m12, m02 - m20, m10 - m01],
        [m21 - m12, 1 + squares[..., 1], m10 + m01, m02 + m20],
        [m02 - m20, m10 + m01, 1 + squares[..., 2], m21 + m12],
        [m10 - m01, m02 + m20, m21 + m12, 1 + squares[..., 3]],
    ]
    candidates = np.stack([np.stack(row, -1) for row in rows], -2)
    best = np.argmax(squares, -1)[..., None, None]
    q = np.take_along_axis(candidates, best, axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(q[..., :1] < 0, -q, q)


def quat_multiply(a: Array, b: Array) -> Array:
    """Hamilton product ``a b`` of quaternions ``[..., 4]``: rotate by ``b``, then by ``a``."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, float), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, float), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def rpy_to_matrix(roll: Array | float, pitch: Array | float, yaw: Array | float) -> Array:
    """Rotation ``Rz(yaw) Ry(pitch) Rx(roll)`` ``[..., 3, 3]`` of angles [rad]."""
    half = np.stack(np.broadcast_arrays(*(np.asarray(a, float) / 2 for a in (roll, pitch, yaw))), -1)
    (cr, cp, cy), (sr, sp, sy) = np.moveaxis(np.cos(half), -1, 0), np.moveaxis(np.sin(half), -1, 0)
    return quat_to_matrix(
        np.stack(
            [
                cr * cp * cy + sr * sp * sy,
                sr * cp * cy - cr * sp * sy,
                cr * sp * cy + sr * cp * sy,
                cr * cp * sy - sr * sp * cy,
            ],
            -1,
        )
    )


def matrix_to_rpy(matrices: Array) -> tuple[Array, Array, Array]:
    """Roll, pitch, yaw [rad] of rotations ``[..., 3, 3]`` (inverse of :func:`rpy_to_matrix`)."""
    m = np.asarray(matrices, float)
    roll = np.arctan2(m[..., 2, 1], m[..., 2, 2])
    pitch = -np.arcsin(np.clip(m[..., 2, 0], -1.0, 1.0))
    return roll, pitch, np.arctan2(m[..., 1, 0], m[..., 0, 0])


def rigid(rotation: Array, translation: Array) -> Array:
    """Transforms ``[..., 4, 4]`` of rotations ``[..., 3, 3]`` and translations ``[..., 3]`` [m]."""
    rotation, translation = np.asarray(rotation, float), np.asarray(translation, float)
    out = np.zeros((*np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1]), 4, 4))
    out[..., :3, :3], out[..., :3, 3], out[..., 3, 3] = rotation, translation, 1.0
    return out


def planar_to_rigid(poses: Array, z: Array | float = 0.0) -> Array:
    """Transforms ``[..., 4, 4]`` of planar poses ``[..., 3]`` (x, y, heading) at height ``z`` [m]."""
    poses = np.asarray(poses, float)
    height = np.broadcast_to(np.asarray(z, float), poses.shape[:-1])
    translation = np.concatenate([poses[..., :2], height[..., None]], -1)
    return rigid(rpy_to_matrix(0.0, 0.0, poses[..., 2]), translation)


def invert_rigid(transforms: Array) -> Array:
    """Inverse of rigid transforms ``[..., 4, 4]``."""
    transforms = np.asarray(transforms, float)
    rotation = np.swapaxes(transforms[..., :3, :3], -1, -2)
    return rigid(rotation, -(rotation @ transforms[..., :3, 3:])[..., 0])
