"""Checks of assets: what is right passes, and each thing that can be wrong fails its own check."""

from dataclasses import replace

import asset_street
import numpy as np
import pytest
from asset_street import street, street_asset, wide_asset
from PIL import Image

from simscale_gym.geometry import se3
from simscale_gym.rendering.asset_check import pixel_check, scene_checks, value_checks
from simscale_gym.rendering.asset_picture import draw_check_picture
from simscale_gym.rendering.trained import AssetRenderer
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.assets.scene_asset import renamed
from simscale_gym.splats.assets.track_matching import match_tracks, track_offsets


def failed(checks):
    return [check.name for check in checks if not check.passed]


def changed(asset, **arrays):
    return replace(asset, background=replace(asset.background, **arrays))


def test_a_right_asset_passes():
    assert failed(value_checks(street_asset())) == []
    checks = scene_checks(street_asset(1.2), street())
    assert failed(checks) == [] and len(checks) == 6
    found = {check.name: check.found for check in checks}
    assert found["nodes with a track in the scene"] == "1 of 1"
    assert found["nodes where their tracks are"] == "0.00 m, 0.0 degrees at the median"
    assert failed(scene_checks(street_asset(nodes=()), street())) == []


def half(values, value):
    """The array with every second row replaced."""
    out = values.copy()
    out[::2] = value
    return out


BACKGROUND = street_asset().background


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        (
            {"opacities": np.where(np.arange(len(BACKGROUND)) % 3, 1e-3, 0.9).astype(np.float32)},
            "opacities: never seen",
        ),
        ({"scales": half(BACKGROUND.scales, 30.0)}, "scales: giants beyond 20 m"),
        ({"scales": half(BACKGROUND.scales, [5.0, 0.01, 0.01])}, "scales: needles"),
        ({"sh": half(BACKGROUND.sh, 20.0)}, "colors far outside 0..1"),
    ],
)
def test_wrong_values_fail(arrays, name):
    assert failed(value_checks(changed(street_asset(), **arrays))) == [name]


def test_an_asset_that_lies_on_its_side_fails():
    side = street_asset().background.transformed(se3.rigid(asset_street.CAMERA_AXES, np.zeros(3)))
    lying = replace(street_asset(), background=side)
    assert failed(value_checks(lying)) == ["axes: wider than high"]
    up = se3.rigid(np.asarray(asset_street.CAMERA_AXES).T, np.zeros(3))
    assert failed(value_checks(replace(lying, asset_to_world=up))) == []  # its transform sets it upright


def moved(asset, by, turn=0.0):
    """The asset elsewhere in the world."""
    extra = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, turn), np.zeros(3))
    placed = asset.asset_to_world @ extra
    placed[:3, 3] += by
    return replace(asset, asset_to_world=placed)


def test_an_asset_too_low_fails():
    names = failed(scene_checks(moved(street_asset(), [0, 0, -1.5]), street()))
    assert names == ["road under the ego's path", "up: above the road", "route covered within 2 m"]


def test_an_asset_elsewhere_fails():
    names = failed(scene_checks(moved(street_asset(), [500.0, 0, 0]), street()))
    assert set(names) > {
        "road under the ego's path",
        "route covered within 2 m",
        "nodes where their tracks are",
    }


def test_nodes_off_their_tracks_fail():
    scene = street()
    checks = {check.name: check for check in scene_checks(moved(street_asset(), [0.0, 0.9, 0]), scene)}
    assert failed(checks.values()) == ["nodes where their tracks are"]
    assert checks["nodes where their tracks are"].found.startswith("0.90 m, 0.0 degrees")


def test_nodes_that_face_another_way_fail():
    node = street_asset().nodes[0]
    quats = se3.quat_multiply(node.poses.quats, se3.matrix_to_quat(se3.rpy_to_matrix(0.0, 0.0, np.pi)))
    back = replace(node, poses=replace(node.poses, quats=quats))
    (check,) = [check for check in scene_checks(street_asset(nodes=(back,)), street()) if not check.passed]
    assert check.found == "0.00 m, 180.0 degrees at the median"


def test_an_ego_that_stands_has_a_path_of_one_point():
    scene = street()
    ego = replace(scene.ego, states=np.repeat(scene.ego.states[:1], scene.num_frames, 0))
    ego = replace(ego, z=np.full(scene.num_frames, scene.ego.z[0]))
    assert failed(scene_checks(street_asset(), replace(scene, ego=ego))) == []


def test_scale_is_held_against_boxes():
    node = street_asset().nodes[0]
    small = replace(node, gaussians=replace(node.gaussians, means=node.gaussians.means * np.float32(0.3)))
    assert failed(scene_checks(street_asset(nodes=(small,)), street())) == ["nodes as large as their boxes"]


def test_nodes_that_no_track_has_fail():
    assert failed(scene_checks(renamed(street_asset(), {"cafe": "other"}), street())) == [
        "nodes with a track in the scene"
    ]


def test_nodes_of_another_time_are_not_compared():
    scene = street()
    later = replace(scene, timestamps_us=scene.timestamps_us + 60_000_000)
    apart, turned = track_offsets(street_asset().nodes[0], later, 0, np.eye(4))
    assert len(apart) == len(turned) == 0
    found = {check.name: check for check in scene_checks(street_asset(), later)}[
        "nodes where their tracks are"
    ]
    assert found.passed and found.found == "never there at the same time"


def test_holes_in_the_pictures_fail():
    scene = street()
    cameras = ("cam_f0", "cam_l0", "cam_r0")
    whole = pixel_check(AssetRenderer(scene, wide_asset(), threads=1), cameras)
    assert whole.passed and whole.found == "100.0%"
    ahead = street_asset().background.means[:, 0] > np.median(street_asset().background.means[:, 0])
    part = replace(street_asset(), background=street_asset().background.subset(ahead))
    assert not pixel_check(AssetRenderer(scene, part, threads=1), cameras).passed


@pytest.mark.parametrize("name", ["hugsim", "drivestudio"])
def test_numbered_nodes_find_their_tracks(name, tmp_path):
    """Both number their nodes; HUGSIM's times count from the start, drivestudio has none."""
    path, frame, ids = asset_street.WRITERS[name](tmp_path)
    asset = import_asset(path, asset_to_world=frame)
    (node,) = asset.nodes
    assert match_tracks(asset, street()) == {node.name: "cafe"} and ids is not None
    assert match_tracks(moved(asset, [0.0, 3.0, 0.0]), street()) == {}
    assert match_tracks(renamed(asset, {node.name: "cafe"}), street()) == {}


def test_the_picture_shows_cameras_and_route(tmp_path):
    scene = street()
    draw_check_picture(
        tmp_path / "a.png", AssetRenderer(scene, street_asset(0.3), threads=1), ("cam_l0", "cam_f0")
    )
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    assert picture.shape[1] == 2 * 384 and picture.shape[0] > 216 + 200
    views, above = picture[:216], picture[236:]
    assert views.std() > 10
    route, node, bare = ((np.abs(above - color).max(-1) < 8).sum() for color in COLORS)
    assert route > 20 and node > 20 and bare > 20
    gray = (np.abs(above - 102).max(-1) < 20).sum()
    assert gray > 2000  # the road


COLORS = [(255, 214, 0), (0, 220, 255), (255, 70, 70)]
