"""Pictures of assets against plain rasterisation of the same things in the frame of the scene."""

from dataclasses import replace

import asset_street
import numpy as np
import pytest
from asset_street import along, car, car_to_scene, street, street_asset, wide_asset

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer
from simscale_gym.scene import Moment
from simscale_gym.splats.assets.asset_folder import save_asset
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import TrainingViews
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import rasterize

SIZE = (54, 96)
CAMERAS = ("cam_f0", "cam_l0", "cam_r0")


def wanted(scene, parts, ego, antialiased=False, cameras=CAMERAS):
    """The parts, given in the frame of the scene, through the cameras of an ego."""
    rig = scene.rig.select(cameras)
    ego_to_scene = scene.ego_to_world(ego)
    viewmats = np.stack([se3.invert_rigid(ego_to_scene @ camera.cam_to_ego) for camera in rig])
    Ks = np.stack([camera.scaled_intrinsics(*SIZE) for camera in rig])
    raster = rasterize(
        Gaussians.concatenate(parts), viewmats, Ks, SIZE[1], SIZE[0], near=0.01, antialiased=antialiased
    )
    return np.floor(np.clip(raster.rgb, 0, 1) * 255 + 0.5).astype(int)


def drawn(scene, asset, frame=0, ego=None, poses=None, valid=None, cameras=CAMERAS):
    changes = {"ego": ego, "poses": poses, "valid": valid}
    changes = {name: value for name, value in changes.items() if value is not None}
    moment = replace(Moment.of_log(scene, frame), **changes)
    return AssetRenderer(scene, asset, threads=1).render([moment], cameras, SIZE).images[0].astype(int)


def assert_alike(made, reference, mean=0.25, most=14):
    assert made.shape == reference.shape
    difference = np.abs(made - reference)
    assert difference.mean() < mean and np.percentile(difference, 99.9) <= most, (
        difference.mean(),
        difference.max(),
    )


def redness(picture):
    return (picture[..., 0] > 120) & (picture[..., 2] < 80)


def blueness(picture):
    return (picture[..., 2] > 120) & (picture[..., 0] < 80)


@pytest.mark.parametrize("turn", [0.0, 1.9])
@pytest.mark.parametrize("frame", [0, 8])
def test_logged_poses(turn, frame):
    scene = street()
    parts = [asset_street.background(), car().transformed(car_to_scene(frame=frame))]
    made = drawn(scene, street_asset(turn), frame)
    assert made.dtype == int and (made.reshape(3, -1).std(1) > 5).all()
    assert_alike(made, wanted(scene, parts, scene.ego.poses[frame]))
    front, left, right = made
    assert blueness(front).sum() > 10 and redness(left).sum() > 10  # each in the camera where it stands
    assert not blueness(left).any() and not redness(right).any()


def test_antialiasing_is_as_the_asset_says():
    scene = street()
    parts = [asset_street.background(), car().transformed(car_to_scene())]
    made = drawn(scene, street_asset(antialiased=True))
    assert_alike(made, wanted(scene, parts, scene.ego.poses[0], antialiased=True))
    assert np.abs(made - drawn(scene, street_asset())).max() > 10


def test_off_the_log_height_and_tilt_come_from_the_nearest_logged_pose():
    scene = street()
    pose = np.array([*along(18.1, -1.0)[:2], asset_street.HEADING + 0.5])
    placed = car_to_scene(frame=8)  # 18.0 m along the street
    turn = se3.rpy_to_matrix(0.0, 0.0, 0.5)
    expected = se3.rigid(turn @ placed[:3, :3], np.array([*pose[:2], placed[2, 3]]))
    ego = scene.ego.poses[3] + np.array([0.1, 0.3, -0.1])
    poses = np.stack([pose, scene.tracks.poses[1, 0]])
    made = drawn(scene, street_asset(0.7), ego=ego, poses=poses, valid=np.array([True, True]))
    reference = wanted(scene, [asset_street.background(), car().transformed(expected)], ego)
    assert_alike(made, reference)
    elsewhere = np.abs(drawn(scene, street_asset(0.7), ego=ego) - reference)
    assert elsewhere.mean() > 1  # the pose is seen in the picture


def test_an_absent_track_is_not_drawn():
    scene = street()
    made = drawn(scene, street_asset(), valid=np.array([False, True]))
    assert_alike(made, wanted(scene, [asset_street.background()], scene.ego.poses[0]))
    assert not blueness(made).any()


def test_tracks_without_nodes_and_nodes_without_tracks_are_named():
    asset = street_asset()
    stranger = NodeAsset("stranger", "rigid", car(), asset.nodes[0].poses)
    renderer = AssetRenderer(street(), street_asset(nodes=(*asset.nodes, stranger)), threads=1)
    assert renderer.missing_tracks == ("bare",) and renderer.unused_nodes == ("stranger",)


def test_a_node_without_poses_stands_level_at_the_height_of_its_track():
    scene = street()
    asset = street_asset(nodes=(NodeAsset("cafe", "rigid", car()),))
    pose = scene.tracks.poses[0, 5]
    expected = se3.planar_to_rigid(pose, scene.tracks.z[0, 5])
    made = drawn(scene, asset, 5)
    reference = wanted(scene, [asset_street.background(), car().transformed(expected)], scene.ego.poses[5])
    assert_alike(made, reference)


def test_gaussians_of_the_sky_stand_in_the_same_picture():
    scene = street()
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(3000, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    directions *= 900.0 / np.linalg.norm(directions, axis=1, keepdims=True)
    sky = Gaussians.from_rgb(
        directions, np.tile([1.0, 0, 0, 0], (3000, 1)), np.full((3000, 3), 30.0), np.full(3000, 0.9),
        np.tile([0.5, 0.7, 0.9], (3000, 1)),
    )  # fmt: skip
    asset = street_asset(sky=sky)
    moved = sky.transformed(se3.rigid(np.eye(3), asset.asset_to_world[:3, 3] - asset_street.ORIGIN))
    parts = [asset_street.background(), moved, car().transformed(car_to_scene())]
    made = drawn(scene, asset)
    assert_alike(made, wanted(scene, parts, scene.ego.poses[0]))
    assert made[0, 0].mean() > 100 > drawn(scene, street_asset())[0, 0].mean()


def test_the_cube_map_is_seen_where_nothing_covers_it():
    """Each face in a color of its own: the camera that looks along an axis of the asset's frame sees that face."""
    scene = street()
    colors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], np.float32)
    cube = np.broadcast_to(colors[:, None, None], (6, 8, 8, 3)).copy()
    asset = street_asset(
        0.6, cube_map=cube, background=asset_street.background().subset(slice(0, 0)), nodes=()
    )
    towards = {0.0: 0, np.pi: 1, np.pi / 2: 5, -np.pi / 2: 4}  # +x, -x, +y (OpenGL's -z), -y (its +z)
    for heading, face in towards.items():
        ego = np.array([0.0, 0.0, heading + 0.6])  # the frame of the asset is turned by 0.6
        made = drawn(scene, asset, ego=ego, cameras=("cam_f0",))[0]
        np.testing.assert_array_equal(made[30, 48], colors[face] * 255)
    covered = drawn(scene, street_asset(cube_map=cube))
    plain = drawn(scene, street_asset())
    lower = slice(40, None)
    assert np.abs(covered - plain)[0, lower].mean() < 6 < np.abs(covered - plain)[0, :10].mean()


def test_appearance_of_a_camera():
    scene = street()
    affine = np.array([[0.0, 1.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0]])
    plain, made = drawn(scene, street_asset()), drawn(scene, street_asset(appearance={"cam_l0": affine}))
    np.testing.assert_array_equal(made[[0, 2]], plain[[0, 2]])
    expected = np.clip(plain[1] / 255 @ affine[:, :3].T + affine[:, 3], 0, 1) * 255
    assert np.abs(made[1] - expected).max() < 2


def test_the_same_whatever_the_number_of_threads():
    scene, asset = street(), street_asset(cube_map=np.ones((6, 4, 4, 3), np.float32) * 0.3)
    arguments = ([Moment.of_log(scene, 0)], CAMERAS, SIZE)
    one, two = (AssetRenderer(scene, asset, threads=n).render(*arguments).images for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("known", [False, True])
def test_pictures_are_judged_by_the_views_that_were_trained_on(known):
    scene, asset = street(), wide_asset()
    placed = np.stack([scene.ego_to_world(pose) for pose in scene.ego.poses])
    views = (
        placed[:, None] @ np.stack([camera.cam_to_ego for camera in scene.rig.cameras.values()])
    ).reshape(-1, 4, 4)
    to_scene = asset.asset_to_world.copy()
    to_scene[:3, 3] -= scene.origin
    in_asset = se3.invert_rigid(to_scene) @ views
    if known:
        asset = replace(asset, views=TrainingViews(in_asset, np.tile(np.eye(3), (len(views), 1, 1))))
    alone = replace(Moment.of_log(scene, 4), valid=np.array([False, False]))
    moments = [alone, replace(alone, ego=np.array([*along(2.0, 20.0)[:2], 1.5]))]
    on_log, off_road = AssetRenderer(scene, asset, threads=1).render(moments, CAMERAS, SIZE).qualities
    assert on_log.score > 0.2 and on_log.view_distance.max() < 0.6  # the ground of this test is coarse
    assert on_log.coverage.min() > 0.99 and on_log.extrapolation < 0.1
    assert off_road.score == 0 and off_road.view_distance.min() > 15


@pytest.mark.parametrize("name", asset_street.WRITERS)
def test_every_format_gives_the_same_picture(name, tmp_path):
    """Written as its trainer writes it, imported, kept in our folder, opened, drawn: at the log and off it."""
    path, frame, ids = asset_street.WRITERS[name](tmp_path)
    asset = import_asset(path, asset_to_world=frame, track_ids=ids)
    assert asset.provenance.format == name and len(asset.provenance.sha256) == 64
    assert asset.antialiased == (name in ("mtgs", "worldengine"))
    scene = street()
    made = drawn(scene, save_asset(tmp_path / "made", asset), 8)
    parts = [asset_street.background(), car().transformed(car_to_scene(frame=8))]
    assert_alike(made, wanted(scene, parts, scene.ego.poses[8], antialiased=asset.antialiased))
    pose = np.array([*along(18.1, -1.0)[:2], asset_street.HEADING - 0.6])
    moved = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, -0.6), np.zeros(3)) @ car_to_scene(frame=8)
    moved[:2, 3] = pose[:2]
    made = drawn(scene, asset, 8, poses=np.stack([pose, pose]))
    parts = [asset_street.background(), car().transformed(moved)]
    assert_alike(made, wanted(scene, parts, scene.ego.poses[8], antialiased=asset.antialiased))


def test_a_scene_without_an_asset_is_told_so():
    with pytest.raises(ArgumentError, match="scene 'street' has no asset"):
        AssetRenderer(street())
