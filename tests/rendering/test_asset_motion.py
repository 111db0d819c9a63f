"""Nodes whose colours stay while they turn, and nodes that change their shape, in the renderer's pictures."""

from __future__ import annotations

from dataclasses import replace

import asset_street
import numpy as np
import pytest
from asset_street import car, car_to_scene, street, street_asset
from test_asset_renderer import assert_alike, drawn, wanted

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer
from simscale_gym.scene import Moment
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses, NodeShapes
from simscale_gym.splats.assets.node_frame import reframed, turned
from simscale_gym.splats.assets.scene_asset import CAMERA_TO_Z_UP, SceneAsset
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import rotate_sh, sh_basis


def colorful(gaussians, degree=3):
    """The Gaussians with colours that depend much on where they are seen from."""
    sh = gaussians.sh.copy()
    sh[:, 1 : (degree + 1) ** 2] = np.random.default_rng(8).normal(0, 0.4, (1, (degree + 1) ** 2 - 1, 3))
    return replace(gaussians, sh=sh)


@pytest.mark.parametrize("turn", [0.0, 1.9])
def test_fixed_colours_are_those_of_the_frame_of_the_asset(turn):
    scene = street()
    plain = street_asset(turn)
    node = replace(plain.nodes[0], gaussians=colorful(car()), fixed_colors=True)
    placed = colorful(car()).transformed(car_to_scene(frame=3))
    to_scene = plain.asset_to_world[:3, :3]
    seen = replace(placed, sh=rotate_sh(colorful(car()).sh, to_scene))
    made = drawn(scene, replace(plain, nodes=(node,)), 3)
    assert_alike(made, wanted(scene, [asset_street.background(), seen], scene.ego.poses[3]))
    own = drawn(scene, replace(plain, nodes=(replace(node, fixed_colors=False),)), 3)
    assert_alike(own, wanted(scene, [asset_street.background(), placed], scene.ego.poses[3]))
    assert np.abs(made - own).max() > 30


def bobbing():
    """A car that stands `k` decimetres higher in shape k, of frames 0, 4 and 9."""
    rest = car()
    shifts = np.array([0.0, 0.4, 0.9], np.float32)
    means = np.stack([rest.means + np.float32([0, 0, shift]) for shift in shifts])
    quats = np.stack([rest.quats] * 3)
    return NodeShapes(np.array([0, 4, 9]), means, quats)


@pytest.mark.parametrize(("frame", "shift"), [(0, 0.0), (4, 0.4), (5, 0.4), (9, 0.9), (12, 0.9)])
def test_the_shape_is_that_of_the_nearest_logged_pose(frame, shift):
    scene = street()
    node = replace(street_asset().nodes[0], shapes=bobbing(), kind="deformable")
    lifted = car().transformed(car_to_scene(frame=frame) @ se3.rigid(np.eye(3), np.array([0.0, 0.0, shift])))
    made = drawn(scene, street_asset(nodes=(node,)), frame)
    assert_alike(made, wanted(scene, [asset_street.background(), lifted], scene.ego.poses[frame]))


def test_shapes_follow_the_way_back_and_forth():
    scene = street()
    node = replace(street_asset().nodes[0], shapes=bobbing(), kind="deformable")
    renderer = AssetRenderer(scene, street_asset(nodes=(node,)), threads=1, levels=3)

    def picture(frame):
        moment = replace(Moment.of_log(scene, frame), ego=scene.ego.poses[0])
        return renderer.render([moment], ("cam_f0",), (54, 96)).images

    first = picture(0)
    assert (picture(9) != first).any()
    np.testing.assert_array_equal(picture(0), first)


def test_limits_of_the_trainer_are_kept():
    scene, plain = street(), street_asset()
    bright = replace(plain.background, sh=plain.background.sh * np.float32(6.0))
    asset = replace(plain, background=bright, nodes=())
    cut = drawn(scene, replace(asset, brightest=0.6))
    assert cut.max() <= round(0.6 * 255) < drawn(scene, asset).max()
    assert not drawn(scene, replace(asset, far=2.0)).any()
    near = replace(asset, near=25.0)
    assert 0 < (drawn(scene, near) > 0).sum() < (drawn(scene, asset) > 0).sum()


def test_frames_turn_and_fixed_colours_with_them():
    """A reconstruction that is turned keeps its pictures: colours towards turned directions are the same."""
    rng = np.random.default_rng(4)
    gaussians = Gaussians(
        rng.normal(size=(5, 3)).astype(np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (5, 1)),
        np.full((5, 3), 0.1, np.float32),
        np.full(5, 0.5, np.float32),
        rng.normal(size=(5, 16, 3)).astype(np.float32),
    )
    poses = NodePoses(np.tile([0.8, 0.0, 0.6, 0.0], (2, 1)), rng.normal(size=(2, 3)), np.ones(2, bool))
    node = NodeAsset("a", "rigid", gaussians, poses, fixed_colors=True)
    made = reframed(turned(node, CAMERA_TO_Z_UP), se3.rpy_to_matrix(0.1, 0.2, 0.3))
    towards = rng.normal(size=(7, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    before = np.einsum("dk,nkc->dnc", sh_basis(towards, 16), gaussians.sh)
    after = np.einsum("dk,nkc->dnc", sh_basis(towards @ CAMERA_TO_Z_UP.T, 16), made.gaussians.sh)
    np.testing.assert_allclose(after, before, atol=1e-5)
    places = made.gaussians.means @ se3.quat_to_matrix(made.poses.quats[0]).T + made.poses.translations[0]
    wanted_places = gaussians.means @ se3.quat_to_matrix(poses.quats[0]).T + poses.translations[0]
    np.testing.assert_allclose(places, wanted_places @ CAMERA_TO_Z_UP.T, atol=1e-5)


def test_wrong_limits_are_named():
    with pytest.raises(ArgumentError, match=r"near, far, brightest are 1\.0, 0\.5, inf"):
        replace(street_asset(), near=1.0, far=0.5)
    assert isinstance(replace(street_asset(), brightest=1.0), SceneAsset)
