"""People who follow their joints, against numbers of the trainer's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_scenes import random_gaussians

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import quat_multiply, quat_to_matrix
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.checkpoints.body_skinning import Body, dressed

# A body of three joints. Weights, means and quaternions come from drivestudio's own code at commit e59bda4
# (`VoxelDeformer`, `batch_rigid_transform` and the lines of `SMPLNodes.transform_means_and_quats`).
REST_INVERSE = np.float32(
    [
        np.eye(4),
        [
            [0.72631568, 0.61052638, -0.31578952, -0.28000000],
            [-0.52631587, 0.78947359, 0.31578952, 0.20000005],
            [0.44210529, -0.06315786, 0.89473677, -0.04000001],
            [0, 0, 0, 1],
        ],
        [
            [0.63325691, 0.56170869, -0.53241801, -0.25681165],
            [-0.71243328, 0.69183826, -0.11746751, 0.24637686],
            [0.30236459, 0.45369944, 0.83829135, -0.14550725],
            [0, 0, 0, 1],
        ],
    ]
)
PERCENT = [
    [
        [[68, 88, 73, 32], [92, 65, 52, 80], [47, 91, 33, 47]],
        [[43, 76, 46, 35], [5, 33, 29, 13], [31, 60, 24, 49]],
    ],
    [
        [[90, 37, 57, 60], [64, 60, 21, 73], [38, 53, 47, 95]],
        [[65, 15, 1, 41], [41, 38, 31, 35], [96, 42, 61, 60]],
    ],
    [
        [[57, 71, 14, 31], [69, 92, 5, 28], [52, 41, 90, 32]],
        [[41, 47, 9, 10], [85, 81, 61, 83], [89, 53, 50, 79]],
    ],
]
FIELDS = {
    "J_canonical": np.float32([[[0, 1, 0.1], [0.2, 0.6, 0.1], [0.2, 0.2, 0]]]),
    "A0_inv": REST_INVERSE[None],
    "_template_layer.parents": np.array([-1, 0, 1]),
    "voxel_deformer.lbs_voxel_base": np.float32([PERCENT]) / np.float32(100),
    "voxel_deformer.voxel_w_correction": np.zeros((1, 3, 2, 3, 4), np.float32),
    "voxel_deformer.scale": np.float32([[[0.9]]]),
    "voxel_deformer.offset": np.float32([[[0.05, 0.65, 0.05]]]),
    "voxel_deformer.ratio": np.array(1.5, np.float32),
}
MEANS, QUATS = (
    np.float32([[0.1, 0.7, 0.05], [0.3, 0.1, -0.1]]),
    np.float32([[0.8, 0.6, 0, 0], [0.5, -0.5, 0.5, 0.5]]),
)
ROOT, JOINTS = [0.5, 0.6, -0.2, 0.4], [[0.7, 0.1, -0.5, 0.2], [0.9, 0.3, 0.1, -0.2]]
SHIFT = [3.0, -2.0, 0.5]
WEIGHTS = [[0.44266206, 0.36456019, 0.55576390], [0.56653941, 0.32130787, 0.22065970]]
WORLD_MEANS = [[3.61141539, -0.56092966, 0.44555020], [3.87975740, -0.34739959, 0.46298885]]
WORLD_QUATS = [
    [-0.46262044, 0.85805631, -0.00385931, 0.22295021],
    [0.60238719, 0.10217462, -0.52322900, 0.59407187],
]


def body(**changes):
    return Body.of(Fields(Path("a.pth"), "template", FIELDS | changes), 0, MEANS)


def person(valid=(True,)):
    gaussians = random_gaussians(
        np.random.default_rng(0), (-1, -1, -1), (1, 1, 1), (0.1, 0.3), count=2, terms=4
    )
    gaussians.means[:], gaussians.quats[:] = MEANS, QUATS
    root = np.array(ROOT) / np.linalg.norm(ROOT)
    count = len(valid)
    poses = NodePoses(np.tile(root, (count, 1)), np.tile(SHIFT, (count, 1)), np.array(valid))
    return NodeAsset("SMPLNodes_0", "deformable", gaussians, poses, fixed_colors=True)


def test_weights_are_the_trainers():
    np.testing.assert_allclose(body().weights, WEIGHTS, atol=1e-6)


def test_gaussians_are_where_the_trainer_has_them():
    node = dressed(person(), body(), np.array([JOINTS]))
    shape = node.shapes.shaped(node.gaussians, 0).validate()
    turn, place = node.poses.quats[0], node.poses.translations[0]
    np.testing.assert_allclose(shape.means @ quat_to_matrix(turn).T + place, WORLD_MEANS, atol=2e-6)
    quats = quat_multiply(turn, shape.quats.astype(float))
    signs = np.sign((quats * WORLD_QUATS).sum(1, keepdims=True))
    np.testing.assert_allclose(quats * signs, WORLD_QUATS, atol=2e-6)
    np.testing.assert_array_equal(node.gaussians.sh, person().gaussians.sh)  # given in the scene's frame


def test_the_pelvis_is_the_origin_and_the_body_faces_along_x():
    fields = {key: value for key, value in FIELDS.items() if not key.startswith("voxel")}
    fields |= {"W": np.float32([[[0.5, 0.25, 0.25], [0, 0, 1]]]), "A0_inv": np.tile(np.eye(4), (1, 3, 1, 1))}
    still = Body.of(Fields(Path("a.pth"), "template", fields), 0, MEANS)
    node = dressed(person(), still, np.tile([1.0, 0.0, 0.0, 0.0], (1, 2, 1)))
    np.testing.assert_allclose(node.poses.translations[0], [3.0, -1.0, 0.6])
    from_pelvis = MEANS - [0, 1, 0.1]
    np.testing.assert_allclose(
        node.shapes.means[0], from_pelvis[:, [2, 0, 1]], atol=1e-6
    )  # forward, left, up
    root = quat_to_matrix(np.array(ROOT))
    np.testing.assert_allclose(quat_to_matrix(node.poses.quats[0]), root[:, [2, 0, 1]], atol=1e-6)


def test_frames_without_the_person_have_no_shape():
    node = dressed(person((True, False, True)), body(), np.tile(JOINTS, (3, 1, 1)))
    assert node.shapes.frames.tolist() == [0, 2] and len(node.shapes) == 2
    np.testing.assert_array_equal(node.shapes.means[0], node.shapes.means[1])
    absent = person((False,))
    assert dressed(absent, body(), np.tile(JOINTS, (1, 1, 1))) is absent


def test_weights_without_a_grid():
    fields = {key: value for key, value in FIELDS.items() if not key.startswith("voxel")}
    fields["W"] = np.float32([WEIGHTS])
    made = Body.of(Fields(Path("a.pth"), "template", fields), 0, MEANS)
    np.testing.assert_allclose(made.weights, WEIGHTS, atol=1e-7)


@pytest.mark.parametrize("name", ["scale", "offset", "ratio"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_grids_at_no_place_are_named(name, number):
    key = f"voxel_deformer.{name}"
    with pytest.raises(DataError, match="expected a grid around a body"):
        body(**{key: np.full_like(FIELDS[key], number)})


def test_far_away_is_the_rim():
    key = "voxel_deformer.offset"
    made = body(**{key: np.full(FIELDS[key].shape, 1e308)})
    assert np.isfinite(made.weights).all()


def test_more_joints_than_a_body_has_are_refused():
    with pytest.raises(DataError, match="found 1 people, 300 joints"):
        body(J_canonical=np.zeros((1, 300, 3), np.float32))
