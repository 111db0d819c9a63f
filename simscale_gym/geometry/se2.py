"""Planar poses ``[..., 3]`` = x [m], y [m], heading [rad], and the frames that they define."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def wrap_angle(angle: Array | float) -> Array:
    """Bring angles [rad] into [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2.0 * np.pi) - np.pi


def points_to_world(pose: Array, points: Array) -> Array:
    """Move points ``[..., M, 2]`` from the frame of ``pose [..., 3]`` into the frame that the pose is given in."""
    pose, points = np.asarray(pose, float), np.asarray(points, float)
    cos, sin = np.cos(pose[..., None, 2]), np.sin(pose[..., None, 2])
    x, y = points[..., 0], points[..., 1]
    world_x = pose[..., None, 0] + cos * x - sin * y
    out = np.empty((*world_x.shape, 2))
    out[..., 0], out[..., 1] = world_x, pose[..., None, 1] + sin * x + cos * y
    return out


def points_to_local(pose: Array, points: Array) -> Array:
    """Inverse of :func:`points_to_world`."""
    pose, points = np.asarray(pose, float), np.asarray(points, float)
    cos, sin = np.cos(pose[..., None, 2]), np.sin(pose[..., None, 2])
    dx, dy = points[..., 0] - pose[..., None, 0], points[..., 1] - pose[..., None, 1]
    out = np.empty((*dx.shape, 2))
    out[..., 0], out[..., 1] = cos * dx + sin * dy, -sin * dx + cos * dy
    return out


def poses_to_world(pose: Array, poses: Array) -> Array:
    """Move poses ``[..., M, 3]`` from the frame of ``pose [..., 3]`` into its parent frame; headings wrapped."""
    poses = np.asarray(poses, float)
    heading = wrap_angle(poses[..., 2] + np.asarray(pose, float)[..., None, 2])
    return np.concatenate([points_to_world(pose, poses[..., :2]), heading[..., None]], axis=-1)


def poses_to_local(pose: Array, poses: Array) -> Array:
    """Inverse of :func:`poses_to_world`."""
    poses = np.asarray(poses, float)
    heading = wrap_angle(poses[..., 2] - np.asarray(pose, float)[..., None, 2])
    return np.concatenate([points_to_local(pose, poses[..., :2]), heading[..., None]], axis=-1)


def interpolate_poses(times: Array, poses: Array, at: Array) -> Array:
    """Interpolate poses ``[T, 3]`` given at ``times [T]`` (ascending) linearly; held beyond both ends.

    Returns:
        ``[len(at), 3]``, headings wrapped (interpolated along the shorter turn).
    """
    poses = np.asarray(poses, float)
    heading = np.interp(at, times, np.unwrap(poses[:, 2]))
    return np.stack(
        [np.interp(at, times, poses[:, 0]), np.interp(at, times, poses[:, 1]), wrap_angle(heading)], -1
    )
