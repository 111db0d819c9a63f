"""HUGSIM folders by value."""

import json

import numpy as np
import pytest
import torch_zip
from damage import check_damage
from node_scenes import assert_same, meaning, raw_node
from test_hugsim_motion import unicycle

from simscale_gym.errors import DataError
from simscale_gym.splats.assets.asset_import import import_asset
from simscale_gym.splats.assets.scene_asset import CAMERA_TO_Z_UP
from simscale_gym.splats.checkpoints.hugsim_motion import read_unicycle
from simscale_gym.splats.checkpoints.hugsim_scene import read_hugsim, read_hugsim_vehicle


def captured(raw, degree=3, *more, scales=None):
    """The tuple that HUGSIM's models give of themselves."""
    count = len(raw["means"])
    scores = np.arange(count * 20, dtype=np.float32).reshape(count, 20)
    scales = raw["scales"] if scales is None else scales
    values = [raw["means"], raw["features_dc"][:, None], raw["features_rest"], scores, scales]
    return (degree, *values, raw["quats"], raw["opacities"], *more)


TURN = [[0.0, 0.0, 1.0, 2.0], [0.0, 1.0, 0.0, 3.0], [-1.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 1.0]]
FRAMES = [
    {"rgb_path": "./images/a/0.jpg", "timestamp": 0.0, "dynamics": {"car": np.eye(4).tolist()}},
    {"rgb_path": "./images/b/0.jpg", "timestamp": 0.0, "dynamics": {"car": np.eye(4).tolist()}},
    {"rgb_path": "./images/a/1.jpg", "timestamp": 0.5, "dynamics": {}},
    {"rgb_path": "./images/a/2.jpg", "timestamp": 1.0, "dynamics": {"car": TURN, "other": TURN}},
]


def scene(folder, frames=FRAMES, degree=3, edit=lambda values: values):
    rng = np.random.default_rng(5)
    raw = {
        "background": raw_node(rng, 6),
        "ground": raw_node(rng, 4),
        "car": raw_node(rng, 3),
        "bus": raw_node(rng, 2),
    }
    ground = captured(raw["ground"], scales=raw["ground"]["scales"][:, :2])
    look = {"params": np.ones(7, np.float32)}
    values = edit(list(captured(raw["background"], degree, 1.5, look, ground)))
    torch_zip.checkpoint(folder / "scene.pth", (tuple(values), 30000))
    for name in ("car", "bus"):
        torch_zip.checkpoint(folder / f"dynamic_{name}.pth", (captured(raw[name], 3, 1.0), 30000))
    (folder / "meta_data.json").write_text(json.dumps({"frames": frames, "verts": {}}))
    return raw


def test_every_node_by_value(tmp_path):
    raw = scene(tmp_path)
    nodes = {node.name: node for node in read_hugsim(tmp_path)}
    assert list(nodes) == ["background", "ground", "bus", "car"]
    assert [node.kind for node in nodes.values()] == ["background", "background", "rigid", "rigid"]
    for name in ("background", "bus", "car"):
        assert_same(nodes[name].gaussians, meaning(raw[name]))
    flat = nodes["ground"].gaussians
    assert_same(flat.subset(slice(0, 0)), meaning(raw["ground"]).subset(slice(0, 0)))
    first, second = np.exp(raw["ground"]["scales"][:, :2]).T
    np.testing.assert_allclose(flat.scales, np.stack([first, np.full(4, 0.001), second], 1), rtol=1e-5)
    np.testing.assert_array_equal(nodes["car"].semantics[1], np.arange(20, 40))
    np.testing.assert_array_equal(nodes["background"].parameters["appearance.params"], np.ones(7))
    poses = nodes["car"].poses
    assert poses.timestamps_us.tolist() == [0, 500_000, 1_000_000]
    assert poses.valid.tolist() == [True, False, True]
    np.testing.assert_allclose(poses.quats[2], [np.sqrt(0.5), 0, np.sqrt(0.5), 0], atol=1e-9)
    np.testing.assert_array_equal(poses.translations, [[0, 0, 0], [0, 0, 0], [2, 3, 4]])
    assert nodes["bus"].poses is None and nodes["background"].poses is None


def test_smoothed_motion_replaces_the_boxes(tmp_path):
    scene(tmp_path)
    torch_zip.checkpoint(tmp_path / "unicycle_car.pth", unicycle())
    nodes = {node.name: node for node in read_hugsim(tmp_path)}
    poses, motion = nodes["car"].poses, read_unicycle(tmp_path / "unicycle_car.pth")
    assert poses.valid.tolist() == [True, False, True] and nodes["car"].fixed_colors
    for row in (0, 2):
        np.testing.assert_allclose(poses.translations[row], motion.pose(row / 2)[:3, 3], atol=1e-9)
    np.testing.assert_array_equal(poses.translations[1], np.zeros(3))
    torch_zip.checkpoint(tmp_path / "unicycle_car.pth", unicycle()[:7])
    with pytest.raises(DataError, match=r"unicycle_car\.pth: found tuple"):
        read_hugsim(tmp_path)


def test_where_the_reconstruction_lies(tmp_path):
    scene(tmp_path)
    assert read_hugsim(tmp_path)[0].recon_to_world is None
    path = tmp_path / "meta_data.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inv_pose": TURN}))
    np.testing.assert_allclose(read_hugsim(tmp_path)[0].recon_to_world @ TURN, np.eye(4), atol=1e-12)
    placed = import_asset(tmp_path).asset_to_world  # from a frame with z up
    forward = np.array([1.0, 0.0, 0.0]) @ CAMERA_TO_Z_UP
    wanted = np.linalg.inv(TURN) @ [*forward, 1.0]
    np.testing.assert_allclose(placed @ [1, 0, 0, 1], wanted, atol=1e-12)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inv_pose": np.ones((4, 4)).tolist()}))
    with pytest.raises(DataError, match="inv_pose"):
        read_hugsim(tmp_path)


def test_the_active_degree_counts(tmp_path):
    raw = scene(tmp_path, degree=1)
    made = read_hugsim(tmp_path)[0]
    assert made.sh_degree == 1
    assert_same(made.gaussians, meaning(raw["background"], rest=raw["background"]["features_rest"][:, :3]))


def test_no_ground_and_no_vehicles(tmp_path):
    scene(tmp_path, edit=lambda values: [*values[:10], None])
    for file in (*tmp_path.glob("dynamic_*"), tmp_path / "meta_data.json"):
        file.unlink()
    assert [node.name for node in read_hugsim(tmp_path)] == ["background"]


def test_a_vehicle_of_the_garage(tmp_path):
    raw = raw_node(np.random.default_rng(0), 3)
    torch_zip.checkpoint(tmp_path / "gs.pth", (list(captured(raw, 3, 1.0)), 30000))
    (tmp_path / "wlh.json").write_text("[1.8, 4.5, 1.5]")
    made = read_hugsim_vehicle(tmp_path)
    forward_down_left = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    assert_same(made.gaussians, meaning(raw).transformed(forward_down_left))
    assert not made.fixed_colors
    np.testing.assert_array_equal(made.size, [4.5, 1.8, 1.5])
    (tmp_path / "wlh.json").write_text("[1.8, 4.5]")
    with pytest.raises(DataError, match=r"wlh\.json: found \[1\.8, 4\.5\]"):
        read_hugsim_vehicle(tmp_path)


def test_pytorch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    raw = raw_node(np.random.default_rng(0), 3)
    values = [
        torch.nn.Parameter(torch.from_numpy(value)) if isinstance(value, np.ndarray) else value
        for value in captured(raw, 3, 1.0, torch.nn.Linear(2, 2).state_dict(), None)
    ]
    torch.save((tuple(values), 30000), tmp_path / "scene.pth")
    made = read_hugsim(tmp_path)[0]
    assert_same(made.gaussians, meaning(raw))
    assert made.parameters["appearance.weight"].shape == (2, 2)


def test_modules_in_the_file_are_refused(tmp_path):
    scene(tmp_path, edit=lambda values: [*values[:9], torch_zip.Call("tinycudann.modules", "Network"), None])
    with pytest.raises(DataError, match=r"scene\.pth.*names tinycudann\.modules\.Network"):
        read_hugsim(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda values: values[:9], "a tuple of 9"),
        (lambda values: [*values, 1, 2, 3], r"a tuple of 14.*export_scene"),
        (lambda values: [7, *values[1:]], "degree: found 7"),
        (lambda values: [*values[:10], (3,)], "ground: found tuple"),
        (lambda values: [*values[:9], [], None], "appearance: found list"),
        (lambda values: [*values[:5], np.zeros((6, 2)), *values[6:]], r"scales: found shape \(6, 2\)"),
    ],
)
def test_other_tuples_are_named(tmp_path, edit, message):
    scene(tmp_path, edit=edit)
    with pytest.raises(DataError, match=message):
        read_hugsim(tmp_path)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"timestamp": "now"}, r"frames\[0\]\.timestamp: found 'now'"),
        ({"timestamp": float("nan")}, r"frames\[0\]\.timestamp"),
        ({"timestamp": True}, r"frames\[0\]\.timestamp"),
        ({}, r"frames\[0\]\.timestamp: found None"),
        ([], r"frames\[0\]\.timestamp"),
        ({"timestamp": 0, "dynamics": [1]}, r"frames\[0\]\.dynamics: found list"),
        ({"timestamp": 0, "dynamics": {"car": [[1, 2], [3]]}}, r"dynamics\.car"),
        ({"timestamp": 0, "dynamics": {"car": np.zeros((4, 4)).tolist()}}, r"dynamics\.car.*rigid"),
        ({"timestamp": 0, "dynamics": {"car": np.diag([1.0, -1, 1, 1]).tolist()}}, r"dynamics\.car.*rigid"),
    ],
)
def test_wrong_frames_are_named(tmp_path, frame, message):
    scene(tmp_path, frames=[frame])
    with pytest.raises(DataError, match=message):
        read_hugsim(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"scene\.pth: found no file"):
        read_hugsim(tmp_path)
    scene(tmp_path)
    (tmp_path / "meta_data.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        read_hugsim(tmp_path)


@pytest.mark.parametrize("name", ["scene.pth", "dynamic_car.pth", "meta_data.json"])
def test_damage(tmp_path, name):
    scene(tmp_path)
    check_damage(
        lambda path: read_hugsim(path.parent), tmp_path / name, (tmp_path / name).read_bytes(), rounds=40
    )
