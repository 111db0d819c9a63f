"""People of drivestudio: Gaussians that follow the joints of SMPL's body by weights that the checkpoint holds.

Linear blend skinning of Loper et al., "SMPL: A Skinned Multi-Person Linear Model", 2015, as ziyc/drivestudio has it in
`models/nodes/smpl.py` and `models/human_body.py`; the checkpoint repeats what it takes of the body: joints of the rest
pose, the tree that they form, and the weights. No file of SMPL is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import matrix_to_quat, quat_multiply, quat_to_matrix
from simscale_gym.splats.assets.node_asset import NodeAsset, NodeShapes
from simscale_gym.splats.assets.node_frame import reframed
from simscale_gym.splats.checkpoints.state_fields import below

BODY_TO_NODE = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rotation from SMPL's frame, x left, y up, z forward, to a node's."""


MOST_JOINTS = 256
"""More joints than any body of SMPL's family has (24, 52 and 55)."""


@dataclass(frozen=True, eq=False)
class Body:
    """One person.

    Attributes:
        joints: Places of the joints in the rest pose, `[J, 3]` [m]; the first is the pelvis.
        parents: The joint that each one hangs on, `[J]`; the first hangs on none.
        rest_inverse: Transforms from the rest pose back to each joint's own frame, `[J, 4, 4]`.
        weights: Share of each joint in the motion of each Gaussian, `[N, J]`.
    """

    joints: np.ndarray
    parents: np.ndarray
    rest_inverse: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, template: Fields, number: int, means: np.ndarray) -> Body:
        """Reads person `number` from the fields of `template`, with Gaussians at `means` `[N, 3]`.

        Raises:
            DataError: Fields are missing, misshapen or not finite.
        """
        joints = template.array("J_canonical", (None, None, 3))
        people, count = joints.shape[:2]
        if number >= people or count > MOST_JOINTS:
            found = f"{people} people, {count} joints"
            expected = f"one each, {MOST_JOINTS} joints at most"
            raise DataError(template.path, field=template.at("J_canonical"), found=found, expected=expected)
        inverse = template.array("A0_inv", (people, count, 4, 4))[number]
        parents = template.array("_template_layer.parents", (count,), dtype=np.int64)
        if count < 1 or (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, count)).any():
            field = template.at("_template_layer.parents")
            raise DataError(
                template.path, field=field, found=f"{parents}", expected="parents before children"
            )
        if "voxel_deformer.lbs_voxel_base" in template:
            weights = _weights_of_voxels(below(template, "voxel_deformer."), number, (people, count), means)
        else:
            weights = template.array("W", (people, len(means), count))[number]
        body = cls(joints[number], parents, inverse, weights)
        if not all(np.isfinite(value).all() for value in vars(body).values()):
            expected = "finite numbers"
            raise DataError(template.path, field=template.place, found="infinite ones", expected=expected)
        return body

    def transforms(self, rotations: np.ndarray) -> np.ndarray:
        """Transform of every Gaussian, `[N, 4, 4]`, from rest into the pose of the joints' `rotations` `[J, 3, 3]`."""
        placed = np.zeros((len(self.joints), 4, 4))
        placed[:, 3, 3] = 1.0
        for joint, parent in enumerate(self.parents):
            own = np.eye(4)
            own[:3, :3] = rotations[joint]
            own[:3, 3] = self.joints[joint] - (self.joints[parent] if joint else 0.0)
            placed[joint] = placed[parent] @ own if joint else own
        placed[:, :3, 3] -= np.einsum("jab,jb->ja", placed[:, :3, :3], self.joints)
        bones = placed @ self.rest_inverse
        return (self.weights @ bones.reshape(len(bones), 16)).reshape(-1, 4, 4)


def dressed(node: NodeAsset, body: Body, joint_quats: np.ndarray) -> NodeAsset:
    """The person with a shape for every frame in which it is there, in a frame with x forward and the pelvis as origin.

    Args:
        node: The person, with Gaussians in the body's rest pose; its poses are those of the body's root: the rotation
            about the pelvis, and the shift of the whole body.
        body: The person's body.
        joint_quats: Rotations of the joints but the pelvis, `[F, J - 1, 4]` wxyz of any length.
    """
    frames = np.flatnonzero(node.poses.valid)
    if not len(frames):
        return node
    pelvis, rest = body.joints[0], node.gaussians
    roots = quat_to_matrix(node.poses.quats)
    means, quats = np.empty((2, len(frames), len(rest), 4), np.float32)
    for row, frame in enumerate(frames):
        rotations = quat_to_matrix(np.concatenate([[[1.0, 0.0, 0.0, 0.0]], joint_quats[frame]]))
        moved = body.transforms(rotations)
        places = np.einsum("nab,nb->na", moved[:, :3, :3], rest.means.astype(np.float64)) + moved[:, :3, 3]
        # Of the weights: where it is not 1, the trainer turns less than all of the pelvis's shift.
        total = moved[:, 3, 3:]
        means[row, :, :3] = places - pelvis * total + (pelvis @ roots[frame]) * (total - 1.0)
        # Blended matrices are no rotations, so the frame in which they become quaternions matters: the scene's.
        turns = matrix_to_quat(roots[frame] @ moved[:, :3, :3])
        turns = quat_multiply(node.poses.quats[frame] * [1.0, -1.0, -1.0, -1.0], turns)
        quats[row] = quat_multiply(turns, rest.quats.astype(np.float64))
    places = np.where(node.poses.valid[:, None], node.poses.translations + pelvis, 0.0)
    shapes = NodeShapes(frames, np.ascontiguousarray(means[:, :, :3]), quats)
    gaussians = replace(rest, means=shapes.means[0], quats=shapes.quats[0])
    poses = replace(node.poses, translations=places)
    return reframed(replace(node, gaussians=gaussians, poses=poses, shapes=shapes), BODY_TO_NODE)


def _weights_of_voxels(fields: Fields, number: int, counts: tuple[int, int], means: np.ndarray) -> np.ndarray:
    """Weights `[N, J]` at `means` in a grid around the body, trilinear; beyond it, those of its rim."""
    people, joints = counts
    grid = fields.array("lbs_voxel_base", (people, joints, None, None, None), dtype=np.float32)[number]
    if "voxel_w_correction" in fields:
        grid = grid + fields.array("voxel_w_correction", (people, *grid.shape), dtype=np.float32)[number]
    scale = fields.array("scale", (people, 1, 1))[number]
    offset = fields.array("offset", (people, 1, 3))[number]
    ratio = fields.array("ratio", (), (1,)).reshape(())
    finite = all(np.isfinite(value).all() for value in (scale, offset, ratio))
    if min(grid.shape) < 1 or not finite or not (np.abs(scale) > 1e-6).all():
        found = f"a grid of {grid.shape}, scale {scale}, offset {offset}, ratio {ratio}"
        raise DataError(fields.path, field=fields.place, found=found, expected="a grid around a body")
    sizes = np.array(grid.shape[:0:-1])  # along x, y, z
    with np.errstate(over="ignore"):  # far away is the rim
        unit = (means.astype(np.float64) - offset) / scale * [1.0, 1.0, np.clip(ratio, 1e-6, 1e6)]
        at = np.clip((unit + 1.0) / 2.0 * (sizes - 1), 0.0, sizes - 1)
    low = np.minimum(at.astype(np.int64), np.maximum(sizes - 2, 0))
    part, weights = at - low, np.zeros((len(means), joints))
    for corner in np.ndindex(2, 2, 2):
        x, y, z = np.minimum(low + corner, sizes - 1).T
        share = np.where(corner, part, 1.0 - part).prod(1)
        with np.errstate(all="ignore"):  # what is not finite is named by who uses it
            weights += share[:, None] * grid[:, z, y, x].T
    return weights
