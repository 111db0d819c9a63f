"""Frames of nodes: turned with the reconstruction, and made to have x forward and z up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.spherical_harmonics import rotate_sh

_MOVED = 2.0
"""A node that travels less says nothing of where its front is [m]."""


def turned(node: NodeAsset, rotation: np.ndarray) -> NodeAsset:
    """The node of a reconstruction whose frame is turned: its poses and fixed colours follow, its own frame stays.

    Args:
        node: The node.
        rotation: Rotation from the present frame of the reconstruction to the new one, `[3, 3]`.
    """
    if node.fixed_colors and node.gaussians is not None:
        sh = rotate_sh(node.gaussians.sh, rotation)
        node = replace(node, gaussians=replace(node.gaussians, sh=sh))
    if node.poses is None:
        return node
    quats = se3.quat_multiply(se3.matrix_to_quat(rotation), node.poses.quats)
    places = node.poses.translations @ np.asarray(rotation, np.float64).T
    valid = node.poses.valid[:, None]
    quats = np.where(valid, quats, [1.0, 0.0, 0.0, 0.0])
    return replace(node, poses=replace(node.poses, quats=quats, translations=places))


def upright(node: NodeAsset) -> NodeAsset:
    """The node in a frame with x forward and z up, whatever axes it had; where it is in space stays.

    Up is the axis that points most nearly up in the reconstruction, whose frame has z up. Forward is the axis along
    which the node moves; one that hardly moves has its front at either end of its longer side.
    """
    if node.poses is None or node.gaussians is None or not node.poses.valid.any():
        return node
    rotations = se3.quat_to_matrix(node.poses.quats[node.poses.valid])
    up = _nearest_axis(rotations[:, 2].sum(0))
    forward = _forward(node, rotations, up)
    turn = np.stack([forward, np.cross(up, forward), up])
    return node if np.array_equal(turn, np.eye(3)) else reframed(node, turn)


def reframed(node: NodeAsset, turn: np.ndarray) -> NodeAsset:
    """The node in a frame that `turn` `[3, 3]` leads to from its own; where it is in space stays."""
    back = se3.matrix_to_quat(np.asarray(turn, np.float64).T)
    gaussians, poses = node.gaussians.transformed(se3.rigid(turn, np.zeros(3))), node.poses
    if node.fixed_colors:
        gaussians = replace(gaussians, sh=node.gaussians.sh)
    if poses is not None:
        quats = np.where(poses.valid[:, None], se3.quat_multiply(poses.quats, back), [1.0, 0.0, 0.0, 0.0])
        poses = replace(poses, quats=quats)
    shapes = None if node.shapes is None else node.shapes.rotated(turn)
    return replace(node, gaussians=gaussians, poses=poses, shapes=shapes)


def _forward(node: NodeAsset, rotations: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Axis of the node's frame that leads forward, `[3]`."""
    places = node.poses.translations[node.poses.valid]
    steps = np.diff(places, axis=0)
    level = 1.0 - np.abs(up)
    if np.linalg.norm(steps, axis=1).sum() > _MOVED:
        along = np.einsum("fji,fj->i", rotations[:-1], steps)
        return _nearest_axis(along * level)
    low, high = np.percentile(node.gaussians.means, [2.0, 98.0], axis=0) if len(node.gaussians) else (0.0, up)
    return np.abs(_nearest_axis((high - low) * level))


def _nearest_axis(direction: np.ndarray) -> np.ndarray:
    axis = int(np.argmax(np.abs(direction)))
    return np.eye(3)[axis] * (-1.0 if direction[axis] < 0.0 else 1.0)
