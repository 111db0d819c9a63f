"""Imports of scenes: what lies beside a checkpoint, what is told of the conversion, what is refused."""

import hashlib
import pickle

import asset_street
import numpy as np
import pytest
from asset_street import FRAMES, street, write_drivestudio, write_hugsim, write_mtgs, write_worldengine

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.geometry import se3
from simscale_gym.splats.assets.asset_import import RECORDING, format_of, import_asset


def write_recording(folder, frame_to_world, skipped=()):
    """The recording of the street as MTGS keeps it beside its assets, with two of the rig's cameras."""
    scene = street()
    to_frame = se3.invert_rigid(frame_to_world) @ se3.rigid(np.eye(3), scene.origin)
    infos = []
    for frame in range(FRAMES):
        cams = {
            name.upper(): {
                "data_path": f"{name}/{frame}.jpg",
                "timestamp": int(scene.timestamps_us[frame]),
                "sensor2ego_rotation": camera.cam_to_ego[:3, :3],
                "sensor2ego_translation": camera.cam_to_ego[:3, 3],
                "cam_intrinsic": camera.K,
                "distortion": np.zeros(5),
            }
            for name, camera in list(scene.rig.cameras.items())[:2]
        }
        ego = to_frame @ scene.ego_to_world(scene.ego.poses[frame])
        time = int(scene.timestamps_us[frame])
        infos.append({"timestamp": time, "skipped": frame in skipped, "ego2global": ego, "cams": cams})
    video = {"video_token": "v", "log_name": "l", "map_location": "m", "frame_infos": infos}
    video["global2world_translation"] = frame_to_world[:3, 3]
    (folder / RECORDING).write_bytes(pickle.dumps({"v": video}))


def test_the_recording_says_where_and_when(tmp_path):
    """MTGS's checkpoint knows neither its place nor its times nor its views."""
    path, frame, _ = write_mtgs(tmp_path)
    alone = import_asset(path)
    np.testing.assert_array_equal(alone.asset_to_world, np.eye(4))
    assert alone.nodes[0].poses.timestamps_us is None and alone.views is None
    assert alone.provenance.note == "the file does not say where its frame lies in the world"
    write_recording(tmp_path, frame)
    asset = import_asset(path)
    np.testing.assert_array_equal(asset.asset_to_world, frame)
    np.testing.assert_array_equal(asset.nodes[0].poses.timestamps_us, street().timestamps_us)
    assert asset.views.cam_to_asset.shape == (2 * FRAMES, 4, 4) and asset.provenance.note == ""
    scene = street()
    camera = list(scene.rig.cameras.values())[1]
    placed = asset.asset_to_world @ asset.views.cam_to_asset[FRAMES + 7]
    placed[:3, 3] -= scene.origin
    np.testing.assert_allclose(placed, scene.ego_to_world(scene.ego.poses[7]) @ camera.cam_to_ego, atol=1e-6)
    np.testing.assert_array_equal(asset.views.Ks[FRAMES + 7], camera.K)


def test_skipped_frames_have_no_views(tmp_path):
    path, frame, _ = write_mtgs(tmp_path)
    write_recording(tmp_path, frame, skipped=(0, 3))
    asset = import_asset(path)
    assert len(asset.views.Ks) == 2 * (FRAMES - 2)
    assert len(asset.nodes[0].poses.timestamps_us) == FRAMES  # as many as poses


def test_worldengine_keeps_its_own_times_and_place(tmp_path):
    folder, _, _ = write_worldengine(tmp_path)
    write_recording(folder, asset_street.asset_to_world())
    for path in (folder, folder / "background" / "asset.ckpt"):
        asset = import_asset(path)
        np.testing.assert_array_equal(asset.nodes[0].poses.timestamps_us, street().timestamps_us)
        np.testing.assert_allclose(asset.asset_to_world, asset_street.asset_to_world(), atol=1e-6)
        assert len(asset.views.Ks) == 2 * FRAMES
        digest = hashlib.sha256((folder / "background" / "asset.ckpt").read_bytes()).hexdigest()
        assert (asset.provenance.file, asset.provenance.sha256) == ("asset.ckpt", digest)


def test_what_is_left_out_is_told(tmp_path):
    path, _, _ = write_drivestudio(tmp_path, sky=np.ones((6, 4, 4, 3), np.float32))
    asset = import_asset(path)
    assert asset.cube_map.shape == (6, 4, 4, 3) and asset.sky is None
    assert "where its frame lies" in asset.provenance.note


def test_formats_are_told_apart(tmp_path):
    folders = {name: tmp_path / name for name in asset_street.WRITERS}
    for name, write in asset_street.WRITERS.items():
        folders[name].mkdir()
        assert format_of(write(folders[name])[0]) == name
    asset_street.background().save(tmp_path / "a.ply")
    asset = import_asset(tmp_path / "a.ply")
    assert asset.provenance.format == "gaussians" and asset.provenance.file == "a.ply" and asset.nodes == ()
    assert "where its frame lies" in asset.provenance.note


def test_other_things_are_refused(tmp_path):
    with pytest.raises(DataError, match="found nothing"):
        import_asset(tmp_path / "gone")
    with pytest.raises(DataError, match="none of the known formats"):
        import_asset(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DataError, match=r"a\.txt"):
        import_asset(tmp_path / "a.txt")
    folder, frame, _ = write_hugsim(tmp_path)
    with pytest.raises(DataError, match=r"one model of a scene of HUGSIM.*Name its folder"):
        import_asset(folder / "scene.pth")
    with pytest.raises((DataError, ArgumentError), match="rigid transform"):
        import_asset(folder, asset_to_world=2 * frame)
