"""Gaussians and poses of one node from the tensors that nerfstudio's family of trainers keeps.

MTGS, WorldEngine and drivestudio descend from splatfacto and share its names: `means`, `scales` (logarithms), `quats`
(wxyz), `features_dc`, `features_rest`, `opacities` (logits).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import quat_to_matrix
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses, NodeShapes
from simscale_gym.splats.formats.activation import activate, sh_from_rgb
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE, sh_basis

MOST_SHAPED = 2**26
"""Gaussians of one node over all its frames: 2.7 GB; a person of 10,000 could walk for ten minutes."""

PARKED_HEIGHT = 1000.0
"""Frames without the object are parked at z = 100,000 m; WorldEngine takes those below this for real [m]."""


def node_gaussians(fields: Fields, *, degree: int | None = None, traversal: int | None = None) -> Gaussians:
    """Gaussians of a node, activated.

    Scales of one number are spheres, of two are discs. Colours that were learned per traversal are those of the
    chosen one, else their mean; colours as Fourier series over time are those of its start. At degree 0 the first
    coefficient is a logit of the colour, as splatfacto has it.

    Args:
        fields: The tensors.
        degree: Degree of the view-dependent colours; by default what `features_rest` holds.
        traversal: Index of the traversal whose colours are taken.
    """
    means = fields.array("means", (None, 3), dtype=np.float32)
    count = len(means)
    log_scales, quats = _shape(fields, count)
    with np.errstate(all="ignore"):  # numbers that are none give colors that are none; those are named
        dc, rest = _colors(fields, count, traversal)
    terms = 1 + rest.shape[1]
    if terms not in TERMS_BY_DEGREE or (degree is not None and terms < TERMS_BY_DEGREE[degree]):
        found = f"{rest.shape[1]} coefficients"
        expected = "0, 3, 8 or 15" if degree is None else f"{TERMS_BY_DEGREE[degree] - 1} or more"
        raise DataError(fields.path, field=fields.at("features_rest"), found=found, expected=expected)
    terms = terms if degree is None else TERMS_BY_DEGREE[degree]
    if terms == 1:
        with np.errstate(all="ignore"):
            dc = sh_from_rgb(1.0 / (1.0 + np.exp(-dc)))
    return activate(
        fields.path,
        means=means,
        quats=quats,
        log_scales=log_scales,
        opacity_logits=fields.array("opacities", (count, 1), (count,), dtype=np.float32).reshape(count),
        sh=np.concatenate([dc[:, None], rest[:, : terms - 1]], axis=1),
        field=fields.place,
    )


def mirrored(half: Gaussians) -> Gaussians:
    """The Gaussians and their images beyond the plane y = 0 of their frame, which follow them."""
    flip = np.array([1.0, -1.0, 1.0], np.float32)
    direction = np.array([0.48, 0.6, 0.64])  # every basis function differs from zero there
    parity = np.sign(sh_basis(direction * flip, 16) * sh_basis(direction, 16))[: half.sh.shape[1]]
    image = Gaussians(
        half.means * flip,
        half.quats * np.array([1.0, -1.0, 1.0, -1.0], np.float32),
        half.scales,
        half.opacities,
        half.sh * parity[:, None].astype(np.float32),
    )
    return Gaussians.concatenate([half, image])


def node_poses(
    fields: Fields,
    quats: np.ndarray,
    translations: np.ndarray,
    *,
    valid: np.ndarray | None = None,
    timestamps_us: np.ndarray | None = None,
    is_static: bool = False,
) -> NodePoses:
    """Poses of quaternions `[F, 4]` of any length and positions `[F, 3]`, checked where they are valid."""
    valid = np.ones(len(quats), bool) if valid is None else np.asarray(valid, bool)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(np.asarray(quats, np.float64), axis=1)
    good = np.isfinite(norms) & (norms > 0.0) & np.isfinite(translations).all(1)
    if (valid & ~good).any():
        row = int(np.argmax(valid & ~good))
        raise DataError(
            fields.path,
            field=fields.at(f"poses[{row}]"),
            found=f"{quats[row]}, {translations[row]}",
            expected="a rotation (wxyz), not zero, and a finite position",
        )
    unit = np.where(valid[:, None], quats / np.where(good, norms, 1.0)[:, None], [1.0, 0.0, 0.0, 0.0])
    places = np.where(valid[:, None], translations, 0.0)
    return NodePoses(unit, places, valid, timestamps_us, is_static)


def instance_poses(fields: Fields, timestamps_us: np.ndarray | None = None) -> NodePoses | None:
    """Poses `instance_quats` and `instance_trans` of MTGS and WorldEngine; None where the file has none.

    One-dimensional ones are static. Frames parked above `PARKED_HEIGHT` are not valid.
    """
    if "instance_quats" not in fields and "instance_trans" not in fields:
        return None
    quats = fields.array("instance_quats", (4,), (None, 4))
    is_static = quats.ndim == 1
    quats = quats.reshape(-1, 4)
    shape = (3,) if is_static else (len(quats), 3)
    translations = fields.array("instance_trans", shape).reshape(-1, 3)
    if is_static:
        return node_poses(fields, quats, translations, is_static=True)
    if timestamps_us is not None and len(timestamps_us) != len(quats):
        found = f"{len(timestamps_us)} timestamps for {len(quats)} poses"
        raise DataError(fields.path, field=fields.at("instance_quats"), found=found, expected="one each")
    valid = ~(translations[:, 2] >= PARKED_HEIGHT)  # a height that is no number is an error, not an absence
    return node_poses(fields, quats, translations, valid=valid, timestamps_us=timestamps_us)


def as_turned(fields: Fields, gaussians: Gaussians, poses: NodePoses | None) -> Gaussians:
    """The Gaussians of a static node as MTGS places them, for a pose whose quaternion has unit length.

    It turns the means of static nodes by the matrix of `instance_quats` as trained (`rigid_node.py`,
    `get_object_pose`). For a quaternion of length s that is not R but (1 - s^2) I + s^2 R.
    """
    if poses is None or not poses.is_static:
        return gaussians
    squared = float((fields.array("instance_quats") ** 2).sum())
    rotation = quat_to_matrix(poses.quats[0])
    warp = rotation.T @ ((1.0 - squared) * np.eye(3) + squared * rotation)
    with np.errstate(over="ignore", invalid="ignore"):
        means = (gaussians.means.astype(np.float64) @ warp.T).astype(np.float32)
    if not np.isfinite(means).all():
        found, expected = f"quaternions whose squares sum to {squared:g}", "unit length, nearly"
        raise DataError(fields.path, field=fields.at("instance_quats"), found=found, expected=expected)
    return replace(gaussians, means=means)


def check_room(fields: Fields, name: str, frames: int, count: int) -> None:
    """Refuses shapes that would take more memory than any node has: `frames` of `count` Gaussians."""
    if frames * count > MOST_SHAPED:
        found, expected = f"{frames} frames of {count} Gaussians", f"{MOST_SHAPED} together at most"
        raise DataError(fields.path, field=fields.at(name), found=found, expected=expected)


def checked_shapes(fields: Fields, node: NodeAsset, shapes: NodeShapes) -> NodeAsset:
    """The node with shapes whose numbers are finite and whose quaternions have unit length."""
    values = {name: value for name, value in vars(shapes).items() if value is not None}
    bad = next((name for name, value in values.items() if not np.isfinite(value).all()), None)
    if bad is None and (np.abs(np.linalg.norm(shapes.quats, axis=2) - 1.0) > 1e-2).any():
        bad = "quats"
    if bad is not None:
        expected = "finite numbers and rotations"
        raise DataError(fields.path, field=fields.at(f"{node.name}.{bad}"), found="others", expected=expected)
    return replace(node, shapes=shapes)


def _shape(fields: Fields, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the scales, `[N, 3]`, and quaternions, `[N, 4]`."""
    log_scales = fields.array("scales", (count, 3), (count, 2), (count, 1), dtype=np.float32)
    if log_scales.shape[1] == 1:
        identity = np.tile(np.float32([1.0, 0.0, 0.0, 0.0]), (count, 1))
        return np.repeat(log_scales, 3, axis=1), identity
    if log_scales.shape[1] == 2:
        log_scales = np.concatenate([log_scales, np.full((count, 1), -np.inf, np.float32)], axis=1)
    return log_scales, fields.array("quats", (count, 4), dtype=np.float32)


def _colors(fields: Fields, count: int, traversal: int | None) -> tuple[np.ndarray, np.ndarray]:
    """First coefficients `[N, 3]` and the others `[N, K, 3]`."""
    dc = fields.array("features_dc", (count, 3), (count, None, 3), dtype=np.float32)
    if dc.ndim == 3:  # cosines at even places are 1 at the start, sines at odd ones 0
        dc = dc[:, ::2].sum(1)
    if "features_adapters" in fields:
        dc = dc + _of_traversal(
            fields.array("features_adapters", (count, None, 3), dtype=np.float32), traversal
        )
    rest = fields.array("features_rest", (count, None, 3), (count, None, None, 3), dtype=np.float32)
    return dc, rest if rest.ndim == 3 else _of_traversal(rest, traversal)


def _of_traversal(values: np.ndarray, traversal: int | None) -> np.ndarray:
    if traversal is None:
        return values.mean(1) if values.shape[1] else values.sum(1)
    if not 0 <= traversal < values.shape[1]:
        raise ArgumentError(
            f"traversal is {traversal}, expected 0..{values.shape[1] - 1} or None for the mean."
        )
    return values[:, traversal]
