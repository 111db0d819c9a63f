"""The commands on trained scenes as a user types them."""

import json
from dataclasses import replace

import asset_street
import numpy as np
import pytest
from asset_street import street, street_asset, wide_asset
from PIL import Image

from simscale_gym.commands import splats as splat_commands
from simscale_gym.splats.assets.asset_folder import open_asset, save_asset
from simscale_gym.splats.gaussians import Gaussians


@pytest.fixture
def command(console):
    """Runs ``simscale-gym splats ..`` in this process; what it printed and its exit code."""

    def run(*arguments):
        return console("splats", *arguments)

    return run


@pytest.fixture
def one_scene(monkeypatch):
    """The command finds the test's street under any name."""
    monkeypatch.setattr(
        splat_commands, "named_scene", lambda told: street() if told.scenes or told.scene else None
    )


def test_help(command):
    code, out, _ = command("--help")
    assert code == 0 and all(name in out for name in ("inspect", "convert", "validate"))
    code, out, _ = command("validate", "--help")
    assert code == 0 and "--scene" in out and "--out" in out and "exit code 1" in " ".join(out.split())


KNOW_TIMES = ("worldengine", "hugsim")


@pytest.mark.parametrize("name", asset_street.WRITERS)
def test_inspect_and_convert(command, tmp_path, name):
    (tmp_path / "in").mkdir()
    path, frame, ids = asset_street.WRITERS[name](tmp_path / "in")
    code, out, _ = command("inspect", path)
    count = len(asset_street.background()) + len(asset_street.car())
    assert code == 0 and f": {name}, {count:,} Gaussians" in out
    assert "1 nodes" in out and ("cafe" in out or ids is not None) and "17/20" in out
    assert (" 1.6 " if name in KNOW_TIMES else "unknown") in out
    more = []
    if frame is not None:
        np.save(tmp_path / "frame.npy", frame)
        more += ["--transform", tmp_path / "frame.npy"]
    if ids is not None:
        (tmp_path / "ids.json").write_text(json.dumps(ids))
        more += ["--tracks", tmp_path / "ids.json"]
    code, out, _ = command("convert", path, tmp_path / "out", *more)
    assert code == 0 and f"{count:,} Gaussians, 1 nodes" in out
    asset = open_asset(tmp_path / "out")
    assert [node.name for node in asset.nodes] == ["cafe"] and asset.provenance.format == name
    if frame is not None:
        np.testing.assert_array_equal(asset.asset_to_world, frame)
    code, out, _ = command("inspect", tmp_path / "out")
    assert code == 0 and f"asset, made of {name} " in out and "cafe" in out


def test_tracks_are_found_by_place(command, tmp_path, one_scene):
    path, frame, _ = asset_street.write_drivestudio(tmp_path)
    (tmp_path / "frame.json").write_text(json.dumps(frame.tolist()))
    code, out, _ = command(
        "convert",
        path,
        tmp_path / "out",
        "--transform",
        tmp_path / "frame.json",
        "--scenes",
        "x",
        "--encoding",
        "spz",
    )
    assert code == 0 and "1 of 1 nodes are tracks of street" in out
    assert (
        open_asset(tmp_path / "out").nodes[0].name == "cafe"
        and (tmp_path / "out" / "background.spz").is_file()
    )


def test_a_scale_is_taken_into_the_asset(command, tmp_path):
    asset_street.background().save(tmp_path / "a.ply")
    frame = np.diag([2.0, 2.0, 2.0, 1.0])
    frame[:3, 3] = [10.0, 20.0, 3.0]
    np.save(tmp_path / "frame.npy", frame)
    code, _, _ = command(
        "convert", tmp_path / "a.ply", tmp_path / "out", "--transform", tmp_path / "frame.npy"
    )
    asset = open_asset(tmp_path / "out")
    frame[:3, :3] = np.eye(3)
    np.testing.assert_allclose(asset.asset_to_world, frame, atol=1e-12)
    assert code == 0
    np.testing.assert_allclose(asset.background.means, 2 * asset_street.background().means, rtol=1e-6)


def test_single_files_are_converted_by_suffix(command, tmp_path):
    asset_street.background().save(tmp_path / "a.npz")
    for suffix in (".ply", ".splat", ".spz"):
        code, out, _ = command("convert", tmp_path / "a.npz", tmp_path / "deep" / f"b{suffix}")
        assert code == 0 and f"b{suffix}" in out
        made = Gaussians.load(tmp_path / "deep" / f"b{suffix}")
        assert len(made) == len(asset_street.background())
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"b.ply", "b.splat", "b.spz"}


def test_validate_a_right_asset(command, tmp_path, one_scene):
    folder = save_asset(tmp_path / "a", wide_asset())
    code, out, _ = command("validate", folder, "--scene", "street", "--out", tmp_path / "pictures" / "a.png")
    assert code == 0 and "failed" not in out and out.count("passed") == 13
    assert "1 of the scene's 2 tracks have a node" in out and "a.png" in out
    assert np.asarray(Image.open(tmp_path / "pictures" / "a.png")).std() > 10


def test_validate_a_wrong_one(command, tmp_path, one_scene):
    low = street_asset()
    placed = low.asset_to_world.copy()
    placed[2, 3] -= 4.0
    folder = save_asset(tmp_path / "a", replace(low, asset_to_world=placed))
    code, out, _ = command("validate", folder, "--scenes", "x")
    assert code == 1 and out.count("failed") >= 3
    code, out, _ = command("validate", folder)
    assert code == 0 and "no scene was named" in " ".join(out.split())
    (folder / "background.ply").write_bytes((folder / "background.ply").read_bytes()[:-4] + b"\0\0\0\0")
    code, out, _ = command("validate", folder)
    assert code == 1 and "background.ply" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "GONE"), "found nothing"),
        (("inspect", "TMP"), "none of the known formats"),
        (("convert", "ASSET", "GONE.ply"), "a scene of several parts"),
        (("convert", "ASSET", "ASSET"), "found something already"),
        (("convert", "FILE", "GONE", "--encoding", "zip"), "encoding is 'zip'"),
        (
            ("convert", "FILE", "GONE", "--transform", "FILE"),
            "expected a transform that turns, shifts and scales",
        ),
        (("convert", "FILE", "GONE", "--tracks", "FILE"), "expected ids of tracks"),
        (("convert", "FILE", "GONE.ply", "--tracks", "FILE"), "is one file"),
        (("validate", "ASSET", "--scenes", "GONE"), "found nothing"),
        (("validate", "ASSET", "--scenes", "town"), "has 200 scenes; name one"),
    ],
)
def test_mistakes_are_answered_in_one_line(command, tmp_path, arguments, message):
    save_asset(tmp_path / "asset", street_asset())
    asset_street.background().save(tmp_path / "file.npz")
    places = {"GONE": "gone", "GONE.ply": "gone.ply", "TMP": ".", "ASSET": "asset", "FILE": "file.npz"}
    code, _, err = command(*(str(tmp_path / places[a]) if a in places else a for a in arguments))
    assert code == 1 and err.startswith("simscale-gym: ") and message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "gone").exists() and not (tmp_path / "gone.ply").exists()
