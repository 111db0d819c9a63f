"""An asset laid where a transform leads, made larger or smaller where that has a scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses, NodeShapes
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.gaussians import Gaussians

_ROUNDING = 2e-5
"""How far the scale of a rigid transform may be from 1, written with few digits."""


def placed(asset: SceneAsset, asset_to_world: np.ndarray) -> SceneAsset:
    """The asset in the world, in metres.

    Args:
        asset: The asset, in any unit of length.
        asset_to_world: Transform from its frame to the log's global frame, `[4, 4]`: a rotation times a scale, and a
            shift [m]. Reconstructions from pictures alone have a scale of their own.

    Raises:
        ArgumentError: The transform is none of these.
    """
    scale, rigid = scale_of("asset_to_world", asset_to_world), np.array(asset_to_world, np.float64)
    if abs(scale - 1.0) > _ROUNDING:
        rigid[:3, :3] /= scale
        asset = scaled(asset, scale)
    return replace(asset, asset_to_world=rigid)


def scale_of(name: str, transform: np.ndarray) -> float:
    """Scale of a transform `[4, 4]` that turns, shifts and scales alike in all directions.

    Raises:
        ArgumentError: It does something else.
    """
    value = np.asarray(transform, np.float64)
    fits = value.shape == (4, 4) and np.isfinite(value).all() and (value[3] == [0, 0, 0, 1]).all()
    with np.errstate(over="ignore"):  # an infinite determinant is refused
        cubed = float(np.linalg.det(value[:3, :3])) if fits else 0.0
    scale = float(np.cbrt(cubed)) if np.isfinite(cubed) else 0.0
    turn = value[:3, :3] / scale if scale > 0.0 else np.zeros((3, 3))
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4):
        raise ArgumentError(
            f"{name} is {transform!r}, expected a transform [4, 4] that turns, shifts and scales alike everywhere."
        )
    return scale


def scaled(asset: SceneAsset, factor: float) -> SceneAsset:
    """The asset `factor` times as large, about the origin of its frame."""
    views = asset.views
    if views is not None:
        cameras = views.cam_to_asset.copy()
        cameras[:, :3, 3] *= factor
        views = replace(views, cam_to_asset=cameras)
    return replace(
        asset,
        background=_larger(asset.background, factor),
        sky=None if asset.sky is None else _larger(asset.sky, factor),
        nodes=tuple(_larger_node(node, factor) for node in asset.nodes),
        views=views,
        near=asset.near * factor,
        far=asset.far * factor,
    )


def _larger(part: Gaussians | NodeShapes, factor: float) -> Gaussians | NodeShapes:
    factor = np.float32(factor)
    scales = None if part.scales is None else part.scales * factor
    return replace(part, means=part.means * factor, scales=scales)


def _larger_poses(poses: NodePoses, factor: float) -> NodePoses:
    return replace(poses, translations=poses.translations * factor)


def _larger_node(node: NodeAsset, factor: float) -> NodeAsset:
    return replace(
        node,
        gaussians=None if node.gaussians is None else _larger(node.gaussians, factor),
        poses=None if node.poses is None else _larger_poses(node.poses, factor),
        size=None if node.size is None else np.asarray(node.size) * factor,
        shapes=None if node.shapes is None else _larger(node.shapes, factor),
    )
