"""Recordings and configurations beside WorldEngine's assets."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
from damage import check_cuts, check_damage

from simscale_gym.errors import DataError
from simscale_gym.splats.checkpoints.worldengine_recording import read_asset_config, read_video_scene


@pytest.fixture
def quaternion(monkeypatch):
    """pyquaternion's class as far as pickles see it: a module, a name and the attribute q."""

    class Quaternion:
        def __init__(self, *numbers):
            self.q = np.array(numbers, np.float64)

    Quaternion.__module__, Quaternion.__qualname__ = "pyquaternion.quaternion", "Quaternion"
    module = types.ModuleType("pyquaternion.quaternion")
    module.Quaternion = Quaternion
    monkeypatch.setitem(sys.modules, "pyquaternion", types.ModuleType("pyquaternion"))
    monkeypatch.setitem(sys.modules, "pyquaternion.quaternion", module)
    return Quaternion


def scene(quaternion, frames=3):
    infos = []
    for index in range(frames):
        ego = np.eye(4)
        ego[:3, 3] = [index, 2 * index, 0.5]
        camera = {
            "data_path": f"CAM_F0/{index}.jpg",
            "timestamp": 1_630_000_000_000_000 + index * 100_000,
            "sensor2ego_rotation": quaternion(0.5, -0.5, 0.5, -0.5),
            "sensor2ego_translation": np.array([1.5, 0, 1.6]),
            "cam_intrinsic": np.diag([1545.0, 1545.0, 1.0]),
            "distortion": np.array([-0.35, 0.1, 0, 0, -0.02]),
        }
        refined = {**camera, "colmap_param": {"cam_intrinsic": np.eye(3) * 2, "distortion": np.arange(5.0)}}
        infos.append(
            {
                "token": f"frame{index}",
                "timestamp": 1_630_000_000_000_000 + index * 100_000,
                "skipped": index == 1,
                "ego2global": ego,
                "gt_boxes": np.zeros((2, 7)),
                "gt_names": np.array(["vehicle", "pedestrian"]),
                "cams": {"CAM_F0": camera, "CAM_L0": refined},
            }
        )
    return {
        "log-token": {
            "video_token": "log-token",
            "log_name": "2021.08.17",
            "map_location": "us-nv-las-vegas-strip",
            "global2world_translation": np.array([664000.0, 3998000.0, 10.0]),
            "frame_infos": infos,
        }
    }


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_recording_by_value(tmp_path, quaternion, protocol):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(scene(quaternion), protocol))
    made = read_video_scene(tmp_path / "a.pkl")
    assert (made.token, made.log_name, made.map_location) == (
        "log-token",
        "2021.08.17",
        "us-nv-las-vegas-strip",
    )
    assert made.timestamps_us.tolist() == [1_630_000_000_000_000 + index * 100_000 for index in range(3)]
    assert made.valid.tolist() == [True, False, True]
    np.testing.assert_array_equal(made.ego_to_recon[2, :3, 3], [2, 4, 0.5])
    np.testing.assert_array_equal(made.recon_to_world, [664000, 3998000, 10])
    camera = made.cameras["CAM_F0"]
    wanted = [[0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.6], [0, 0, 0, 1]]  # looks ahead, x to the right
    np.testing.assert_allclose(camera.camera_to_ego, [wanted] * 3, atol=1e-12)
    np.testing.assert_array_equal(camera.K, np.diag([1545, 1545, 1]))
    assert camera.images == ("CAM_F0/0.jpg", "CAM_F0/1.jpg", "CAM_F0/2.jpg")
    np.testing.assert_array_equal(made.cameras["CAM_L0"].K, np.eye(3) * 2)
    np.testing.assert_array_equal(made.cameras["CAM_L0"].distortion, np.arange(5))
    assert made.frames[0]["gt_names"].tolist() == ["vehicle", "pedestrian"]


def test_no_code_runs(tmp_path, quaternion):
    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    tree = scene(quaternion)
    tree["log-token"]["frame_infos"][2]["can_bus"] = Bomb()
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(tree))
    with pytest.raises(DataError, match=r"a pickle that names (posix|nt)\.system"):
        read_video_scene(tmp_path / "a.pkl")
    assert not (tmp_path / "ran").exists()


def frame(**values):
    return lambda tree: tree["log-token"]["frame_infos"][1].update(values)


def camera(**values):
    return lambda tree: tree["log-token"]["frame_infos"][1]["cams"]["CAM_F0"].update(values)


def doubled(levels):
    """A list that holds one list twice, and so on."""
    made = [1.0] * 4
    for _ in range(levels):
        made = [made] * 4
    return made


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tree: tree.clear(), "no recording"),
        (lambda tree: tree["log-token"].pop("frame_infos"), r"log-token\.frame_infos: found no such key"),
        (lambda tree: tree["log-token"].update(frame_infos=[]), r"frame_infos: found list"),
        (lambda tree: tree["log-token"].update(log_name=3), "log_name: found 3, expected text"),
        (frame(ego2global=np.eye(3)), r"frame_infos\[1\]\.ego2global"),
        (frame(ego2global=[[1, 2], [3]]), r"frame_infos\[1\]\.ego2global"),
        (frame(timestamp=-4), r"frame_infos\[1\]\.timestamp: found -4"),
        (frame(cams={}), r"frame_infos\[1\]\.cams\.CAM_F0"),
        (camera(sensor2ego_rotation=np.zeros(4)), "sensor2ego_rotation: found .*unit quaternion"),
        (
            camera(sensor2ego_rotation=np.full(4, 1e200)),
            "sensor2ego_rotation: found .*expected numbers up to 1e",
        ),
        (camera(sensor2ego_rotation="up"), "sensor2ego_rotation"),
        (
            camera(sensor2ego_translation=np.ones(3) * 1j),
            r"sensor2ego_translation: found shape \(3,\) of complex128",
        ),
        (camera(sensor2ego_translation=[1, 2, 10**5000]), "sensor2ego_translation: found .*16610 bits"),
        (camera(timestamp=10**5000), "timestamp: found a whole number of 16610 bits"),
        (camera(timestamp=np.complex128(1)), "timestamp"),
        (frame(skipped=np.array([1, 2])), "skipped: found array"),
        (frame(ego2global=doubled(4)), r"ego2global: found list \[\["),
        (frame(ego2global=doubled(64)), "containers that hold one another"),
        (lambda tree: tree["log-token"]["frame_infos"][0].update(cams={}), "no camera"),
    ],
)
def test_other_contents_are_named(tmp_path, quaternion, edit, message):
    tree = scene(quaternion)
    edit(tree)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(tree))
    with pytest.raises(DataError, match=message):
        read_video_scene(tmp_path / "a.pkl")


def test_cut_and_damage_of_a_recording(tmp_path, quaternion):
    whole = pickle.dumps(scene(quaternion, frames=1))
    check_cuts(read_video_scene, tmp_path / "a.pkl", whole, step=11)
    check_damage(read_video_scene, tmp_path / "a.pkl", whole)


CONFIG = """!!python/object:nuplan_scripts.utils.config.CentralConfig
road_block_name: road_block-365000_144000_365100_144080
road_block: !!python/tuple
- 664396.0
- 3997613.5
- 664430.0
- 3997747.0
city: us-na-las-vegas-strip
interval: 1
selected_videos: !!python/tuple []
central_tokens:
- 6cb57dba22ae5f7b
- 0b5e2d7b5d5d54c1
exclude_bad_registration: true
central_log: 2021.06.09.17.23.18_veh-38_00773_01140
"""


def test_a_configuration_by_value(tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG)
    made = read_asset_config(tmp_path / "a.yaml")
    assert type(made) is dict and made["road_block"] == [664396.0, 3997613.5, 664430.0, 3997747.0]
    assert made["selected_videos"] == [] and made["exclude_bad_registration"] is True
    assert made["central_tokens"] == ["6cb57dba22ae5f7b", "0b5e2d7b5d5d54c1"]


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['touch ran']",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "a: [1, 2",
        "[1, 2]",
        "? [a, b]\n: 1",
        "a: 2021-99-99",
        "[" * 1200,
        "a: !!python/object:x.Y [1]",
        "a: !!int x",
        "a: &x [*x]\nb: *y",
        "\x00",
        "",
    ],
)
def test_other_yaml_is_refused_and_never_run(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(DataError, match=r"a\.yaml"):
        read_asset_config(tmp_path / "a.yaml")
    assert not (tmp_path / "ran").exists()


def test_damage_of_a_configuration(tmp_path):
    check_damage(read_asset_config, tmp_path / "a.yaml", CONFIG.encode())


def test_mappings_that_double_in_each_line_are_refused_in_time(tmp_path):
    lines = ["a0: &a0 {k: v}"] + [f"a{k + 1}: &a{k + 1} {{<<: [*a{k}, *a{k}]}}" for k in range(60)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(DataError, match="a merged mapping"):
        read_asset_config(tmp_path / "a.yaml")
