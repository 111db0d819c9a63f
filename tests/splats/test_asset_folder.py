"""Folders of assets: what is written is read, and damage is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from asset_street import street, street_asset
from damage import check_damage

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.splats.assets import asset_folder
from simscale_gym.splats.assets.asset_folder import (
    asset_of,
    attach_asset,
    damaged_files,
    open_asset,
    save_asset,
)
from simscale_gym.splats.assets.node_asset import NodeShapes
from simscale_gym.splats.assets.scene_asset import Provenance, TrainingViews


def full_asset():
    """An asset that has everything."""
    plain = street_asset(0.4)
    (node,) = plain.nodes
    parked = replace(node, name="parked", kind="mirrored", size=None)
    parked = replace(parked, poses=replace(node.poses, timestamps_us=None, is_static=False))
    bare = replace(node, name="bare", kind="deformable", poses=None)
    count, rng = len(node.gaussians), np.random.default_rng(3)
    quats = rng.normal(size=(2, count, 4))
    shapes = NodeShapes(
        np.array([1, 4]),
        rng.normal(size=(2, count, 3)).astype(np.float32),
        (quats / np.linalg.norm(quats, axis=2, keepdims=True)).astype(np.float32),
        rng.uniform(0.01, 0.1, (2, count, 3)).astype(np.float32),
    )
    walker = replace(node, name="walker", kind="deformable", shapes=shapes, fixed_colors=True)
    views = TrainingViews(np.tile(np.eye(4), (3, 1, 1)), np.tile(np.eye(3) * 500.0, (3, 1, 1)))
    return replace(
        plain,
        nodes=(node, parked, bare, walker),
        near=0.1,
        far=500.0,
        brightest=1.0,
        sky=plain.background.subset(slice(0, 7)),
        cube_map=np.random.default_rng(0).uniform(size=(6, 4, 4, 3)).astype(np.float32),
        appearance={"cam_f0": np.arange(12.0).reshape(3, 4)},
        views=views,
        antialiased=True,
        provenance=Provenance("test", "a.ckpt", "ab" * 32, "a note"),
    )


def assert_same(made, asset, rtol):
    parts = [(made.background, asset.background), (made.sky, asset.sky)]
    parts += [(a.gaussians, b.gaussians) for a, b in zip(made.nodes, asset.nodes, strict=True)]
    for a, b in parts:
        for name, value in vars(b).items():
            np.testing.assert_allclose(getattr(a, name), value, rtol=rtol, atol=rtol, err_msg=name)
    for a, b in zip(made.nodes, asset.nodes, strict=True):
        assert (a.name, a.kind) == (b.name, b.kind)
        np.testing.assert_array_equal(a.size, b.size) if b.size is not None else None
        assert (a.size is None, a.poses is None) == (b.size is None, b.poses is None)
        for name, value in {} if b.poses is None else vars(b.poses).items():
            np.testing.assert_array_equal(getattr(a.poses, name), value)
        assert (a.fixed_colors, a.shapes is None) == (b.fixed_colors, b.shapes is None)
        for name, value in {} if b.shapes is None else vars(b.shapes).items():
            halves = 0.0 if rtol == 0.0 else 1e-3  # float16
            np.testing.assert_allclose(getattr(a.shapes, name), value, rtol=halves, atol=halves / 2)
        if b.shapes is not None:
            assert a.shapes.means.dtype == (np.float32 if rtol == 0.0 else np.float16)
            halves = a.shapes.shaped(a.gaussians, 1).validate()
            np.testing.assert_allclose(np.linalg.norm(halves.quats, axis=1), 1.0, atol=1e-6)
    assert (made.near, made.far, made.brightest) == (asset.near, asset.far, asset.brightest)
    np.testing.assert_array_equal(made.asset_to_world, asset.asset_to_world)
    np.testing.assert_array_equal(made.cube_map, asset.cube_map)
    np.testing.assert_array_equal(made.appearance["cam_f0"], asset.appearance["cam_f0"])
    for name, value in vars(asset.views).items():
        np.testing.assert_array_equal(getattr(made.views, name), value)
    assert (made.antialiased, made.provenance) == (asset.antialiased, asset.provenance)


@pytest.mark.parametrize(("encoding", "rtol"), [("npz", 0.0), ("ply", 2e-6)])
def test_what_is_written_is_read(tmp_path, encoding, rtol):
    folder = save_asset(tmp_path / "deep" / "asset", full_asset(), encoding=encoding)
    assert_same(open_asset(folder), full_asset(), rtol)
    assert damaged_files(folder) == [] and [path.name for path in folder.parent.iterdir()] == ["asset"]
    assert len(list((folder / "nodes").glob(f"*.{encoding}"))) == (8 if encoding == "npz" else 4)


def test_spz_is_small(tmp_path):
    sizes = {}
    for encoding in ("ply", "spz"):
        folder = save_asset(tmp_path / encoding, full_asset(), encoding=encoding)
        sizes[encoding] = (folder / f"background.{encoding}").stat().st_size
        made = open_asset(folder)
    assert sizes["spz"] * 5 < sizes["ply"]
    np.testing.assert_allclose(made.background.means, full_asset().background.means, atol=2e-3)


def test_an_asset_without_anything_else(tmp_path):
    asset = street_asset(nodes=())
    made = open_asset(save_asset(tmp_path / "a", asset))
    assert made.nodes == () and made.sky is None and made.cube_map is None and made.views is None
    assert made.appearance == {} and made.provenance == Provenance() and not made.antialiased


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(asset_folder, "save_arrays", fail)
    with pytest.raises(DataError, match=r"asset: found a place that cannot be written \(no space left\)"):
        save_asset(tmp_path / "asset", full_asset())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    save_asset(tmp_path / "asset", street_asset())
    with pytest.raises(DataError, match="found something already"):
        save_asset(tmp_path / "asset", street_asset())
    (tmp_path / "empty").mkdir()
    save_asset(tmp_path / "empty", street_asset())
    with pytest.raises(ArgumentError, match="encoding is 'obj', expected one of ply, spz, npz"):
        save_asset(tmp_path / "b", street_asset(), encoding="obj")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return save_asset(tmp_path_factory.mktemp("assets") / "asset", full_asset())


def edited(folder, tmp_path, edit):
    """A copy of the folder whose manifest was edited; the files are links."""
    copy = tmp_path / "copy"
    (copy / "nodes").mkdir(parents=True)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "asset.json":
            (copy / path.relative_to(folder)).symlink_to(path)
    manifest = json.loads((folder / "asset.json").read_text())
    edit(manifest)
    (copy / "asset.json").write_text(json.dumps(manifest))
    return copy


def at(*keys):
    """Sets the value at some keys of the manifest."""

    def edit(value):
        def change(manifest):
            for key in keys[:-1]:
                manifest = manifest[key]
            manifest.pop(keys[-1]) if value is KeyError else manifest.update({keys[-1]: value})

        return change

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (at("format")("zip"), "format: found 'zip'"),
        (at("version")(2), "version: found 2, expected 1. Update"),
        (at("version")(True), "version: found True"),
        (at("asset_to_world")([[1, 0], [0, 1]]), "asset_to_world: found"),
        (at("asset_to_world")((np.eye(4) * 2).tolist()), "asset_to_world: .*rigid transform"),
        (at("asset_to_world")(None), "asset_to_world"),
        (at("antialiased")(1), "antialiased: found 1, expected true or false"),
        (at("background", "count")(3), r"background\.ply: found \d+ Gaussians, expected 3, as asset"),
        (at("background", "count")(-1), r"background\.count: found -1"),
        (at("background", "file")("../copy/background.ply"), "inside the folder"),
        (at("background", "file")("/etc/passwd"), "inside the folder"),
        (at("background", "file")("gone.ply"), "'gone.ply', which is no file"),
        (at("background", "file")("a" * 300 + ".ply"), "which is no file"),
        (at("asset_to_world")((np.eye(4) * 1e200).tolist()), "asset_to_world: .*rigid transform"),
        (at("background")(None), "background: found None, expected a value"),
        (at("nodes")(KeyError), "nodes: found no such key"),
        (at("nodes", 0, "kind")("background"), r"nodes\[0\]\.kind: found 'background'"),
        (at("nodes", 1, "track")(7), r"nodes\[1\]\.track: found 7, expected text"),
        (at("nodes", 1, "track")("cafe"), "two are called 'cafe'"),
        (at("nodes", 1, "file")("nodes/0000.ply"), "nodes: found 'nodes/0000.ply' twice"),
        (at("nodes", 0, "size")([1, 2]), r"nodes\[0\]\.size"),
        (at("nodes", 0, "size")([1, 2, 1e999]), r"nodes\[0\]\.size: .*finite numbers"),
        (at("nodes", 0, "poses")("views.npz"), "views.npz, quats: found no such array"),
        (at("nodes", 0, "static")("yes"), r"nodes\[0\]\.static"),
        (at("appearance", "cam_f0")([1, 2]), r"appearance\.cam_f0"),
        (at("sky", "cube_map")("views.npz"), "cube_map: found no such array"),
        (at("views")("sky.npz"), "cam_to_asset: found no such array"),
        (at("provenance", "note")(None), r"provenance\.note"),
        (at("near")([1]), r"near: found list \[1\], expected finite numbers"),
        (at("far")(0.05), "near, far, brightest are"),
        (at("nodes", 3, "fixed_colors")(1), r"nodes\[3\]\.fixed_colors: found 1"),
        (at("nodes", 3, "shapes")("views.npz"), "views.npz, frames: found no such array"),
        (at("nodes", 3, "poses")(None), "frames: found others, expected poses that rise, below 0"),
    ],
)
def test_wrong_fields_are_named(written, tmp_path, edit, message):
    with pytest.raises(DataError, match=message):
        open_asset(edited(written, tmp_path, edit))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("quats", np.ones((20, 4)), r"quats\[0\]: found .* unit length"),
        ("quats", np.ones((20, 4), np.float32), "quats: found float32"),
        ("quats", np.full((20, 4), 1e200), r"quats\[0\]: found .* unit length"),
        ("quats", np.ones((20, 3)), r"expected <f8 of shape \('N', 4\)"),
        ("translations", np.full((20, 3), np.nan), r"translations\[0\]"),
        ("translations", np.zeros((19, 3)), "lengths"),
        ("timestamps_us", np.zeros(20, np.int64), "times that rise"),
        ("timestamps_us", np.array([2**63 - 1, -(2**63)] * 10), "times that rise"),
        ("valid", np.array([object()]), "valid: found"),
    ],
)
def test_wrong_poses_are_named(tmp_path, name, value, message):
    folder = save_asset(tmp_path / "a", street_asset())
    with np.load(folder / "nodes" / "0000.poses.npz") as file:
        arrays = dict(file)
    with open(folder / "nodes" / "0000.poses.npz", "wb") as file:
        np.savez(file, **(arrays | {name: value}))
    with pytest.raises(DataError, match=message):
        open_asset(folder)


def test_damage(tmp_path):
    """Any change of the manifest or the poses gives an asset or an error that names the file."""
    folder = save_asset(tmp_path / "a", street_asset())
    for name in ("asset.json", "nodes/0000.poses.npz"):
        whole = (folder / name).read_bytes()
        check_damage(lambda _: open_asset(folder), folder / name, whole, rounds=60)
        (folder / name).write_bytes(whole)
    open_asset(folder)


def test_changed_files_are_found(tmp_path):
    folder = save_asset(tmp_path / "a", full_asset())
    (folder / "background.ply").write_bytes(b"ply\n")
    (folder / "sky.npz").unlink()
    (folder / "more.txt").write_text("a")
    assert damaged_files(folder) == ["background.ply", "more.txt", "sky.npz"]


def test_assets_by_scene_and_log(tmp_path):
    scene = replace(street(), id="log/scene-1", log_id="log")
    with pytest.raises(
        DataError, match=r"no asset of this scene, expected asset\.json, or a folder log/scene-1"
    ):
        attach_asset(scene, tmp_path)
    assert asset_of(tmp_path, scene) is None
    save_asset(tmp_path / "by-log" / "log", street_asset())
    assert attach_asset(scene, tmp_path / "by-log").asset == tmp_path / "by-log" / "log"
    save_asset(tmp_path / "by-id" / "log" / "scene-1", street_asset())
    assert attach_asset(scene, tmp_path / "by-id").asset == tmp_path / "by-id" / "log" / "scene-1"
    assert attach_asset(scene, tmp_path / "by-log" / "log").asset == tmp_path / "by-log" / "log"
    save_asset(tmp_path / "outside", street_asset())
    (tmp_path / "inside").mkdir()
    assert asset_of(tmp_path / "inside", replace(scene, id="../outside")) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("frames", np.array([4, 1]), "frames: found others"),
        ("frames", np.array([1, 20]), "frames: found others"),
        ("frames", np.array([1]), "lengths"),
        ("means", np.full((2, 650, 3), np.nan, np.float16), "means: found other numbers"),
        ("means", np.zeros((2, 650, 3), np.float32), "means: found float32"),
        ("means", np.zeros((2, 3, 3), np.float16), "means: found float16 of shape"),
        ("quats", np.zeros((2, 650, 4), np.float16), "quats: found other numbers"),
        ("scales", np.full((2, 650, 3), -1, np.float16), "scales: found other numbers"),
    ],
)
def test_wrong_shapes_are_named(written, tmp_path, name, value, message):
    folder = edited(written, tmp_path, lambda manifest: None)
    path = folder / "nodes" / "0003.shapes.npz"
    arrays = dict(np.load(path))
    path.unlink()
    np.savez(path, **(arrays | {name: value}))
    with pytest.raises(DataError, match=message):
        open_asset(folder)
