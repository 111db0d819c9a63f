"""Assets put together from nodes: names, frames, times."""

import numpy as np
import pytest
from asset_street import CAMERA_AXES, car, street, street_asset

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.node_frame import upright
from simscale_gym.splats.assets.scene_asset import CAMERA_TO_Z_UP, SceneAsset, renamed, track_id
from simscale_gym.splats.gaussians import Gaussians

SHIFT = np.array([10.0, 20.0, 3.0])


def nodes():
    parts = [car().subset(slice(i, i + 4)) for i in (0, 10, 20, 30)]
    turns = np.tile([1.0, 0, 0, 0], (3, 1))
    poses = NodePoses(turns, np.arange(9.0).reshape(3, 3), np.array([True, True, False]))
    parked = NodePoses(turns[:1], np.ones((1, 3)), np.array([True]), is_static=True)
    return [
        NodeAsset("background", "background", parts[0], recon_to_world=se3.rigid(np.eye(3), SHIFT)),
        NodeAsset("ground", "background", parts[1]),
        NodeAsset("sky", "sky", None, cube_map=np.ones((6, 2, 2, 3))),
        NodeAsset("skybox", "sky", parts[2]),
        NodeAsset("rigid_object_ab12", "rigid", parts[3], poses, parameters={"w": np.ones(3)}),
        NodeAsset("deformable_node_cd", "deformable", parts[3], parked),
    ]


def test_nodes_find_their_places():
    asset = SceneAsset.from_nodes(nodes(), timestamps_us=np.array([5, 6, 9]))
    np.testing.assert_array_equal(
        asset.background.means, np.concatenate([nodes()[i].gaussians.means for i in (0, 1)])
    )
    np.testing.assert_array_equal(asset.asset_to_world[:3, 3], [10, 20, 3])
    assert asset.cube_map.shape == (6, 2, 2, 3) and len(asset.sky) == 4 and asset.count == 20
    assert [node.name for node in asset.nodes] == ["ab12", "cd"]
    assert asset.nodes[0].poses.timestamps_us.tolist() == [5, 6, 9] and not asset.nodes[0].parameters
    assert asset.nodes[1].poses.timestamps_us is None and asset.nodes[1].poses.is_static


def test_names_of_tracks():
    assert track_id("rigid_object_9a_0c") == "9a_0c" and track_id("RigidNodes_3") == "RigidNodes_3"
    asset = SceneAsset.from_nodes(nodes(), track_ids={"rigid_object_ab12": "x"})
    assert [node.name for node in asset.nodes] == ["x", "deformable_node_cd"]
    assert [node.name for node in renamed(asset, {"x": "y"}).nodes] == ["y", "deformable_node_cd"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SceneAsset.from_nodes(nodes()[2:]), "none is a background"),
        (
            lambda: SceneAsset.from_nodes(nodes(), timestamps_us=np.arange(4)),
            "4 for 3 poses of 'rigid_object_ab12'",
        ),
        (lambda: SceneAsset.from_nodes(nodes(), asset_to_world=np.diag([1, 1, -1, 1])), "asset_to_world"),
        (lambda: SceneAsset.from_nodes(nodes(), asset_to_world=2 * np.eye(4)), "expected a rigid transform"),
        (lambda: SceneAsset.from_nodes([*nodes(), nodes()[4]]), "two are called 'ab12'"),
        (lambda: street_asset(nodes=(nodes()[0],)), "'background' is of kind 'background'"),
        (lambda: street_asset(nodes=(NodeAsset("a", "rigid", None),)), "expected one that moves"),
        (lambda: street_asset(appearance={"cam_f0": np.eye(3)}), r"appearance\['cam_f0'\]"),
        (lambda: street_asset(cube_map=np.ones((6, 2, 3, 3))), r"cube_map has shape \(6, 2, 3, 3\)"),
        (lambda: street_asset(cube_map=np.full((6, 2, 2, 3), np.nan)), "cube_map"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


AXES = [CAMERA_AXES, np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), np.eye(3), np.diag([-1.0, -1.0, 1.0])]


@pytest.mark.parametrize("axes", AXES)
def test_upright_frames_are_found_from_motion(axes):
    """Whatever axes a node's frame has: x forward, z up, and every Gaussian where it was."""
    original = street_asset(0.3).nodes[0]
    rotations = se3.quat_to_matrix(original.poses.quats) @ axes.T
    poses = NodePoses(se3.matrix_to_quat(rotations), original.poses.translations, original.poses.valid)
    node = NodeAsset("a", "rigid", car().transformed(se3.rigid(axes, np.zeros(3))), poses)
    made = upright(node)
    np.testing.assert_allclose(made.gaussians.means, car().means, atol=1e-5)
    for name in ("sh", "scales", "opacities"):
        np.testing.assert_allclose(getattr(made.gaussians, name), getattr(car(), name), atol=1e-4)
    valid = original.poses.valid
    turns = se3.quat_to_matrix(made.poses.quats[valid]) @ se3.quat_to_matrix(
        original.poses.quats[valid]
    ).swapaxes(1, 2)
    np.testing.assert_allclose(turns, np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)


def test_a_standing_node_faces_along_its_longer_side():
    turned = car().transformed(se3.rigid(AXES[1], np.zeros(3)))
    poses = NodePoses(se3.matrix_to_quat(AXES[1].T)[None], np.zeros((1, 3)), np.array([True]), is_static=True)
    made = upright(NodeAsset("a", "rigid", turned, poses)).gaussians.means
    assert np.ptp(made, axis=0).argmax() == 0 and np.ptp(made, axis=0).argmin() == 2


def test_camera_axes_become_z_up():
    """A world with y down and z forward: forward becomes x, down becomes -z."""
    points = np.array([[1.0, 2.0, 3.0]], np.float32)
    one = Gaussians.from_rgb(points, [[1.0, 0, 0, 0]], np.full((1, 3), 0.1), [0.9], [[1.0, 0, 0]])
    made = SceneAsset.from_nodes([NodeAsset("background", "background", one)], camera_axes=True)
    np.testing.assert_allclose(made.background.means, [[3.0, -1.0, -2.0]], atol=1e-6)
    np.testing.assert_allclose(CAMERA_TO_Z_UP @ CAMERA_AXES, np.eye(3), atol=1e-12)
    assert street().tracks.ids[0] == "cafe"
