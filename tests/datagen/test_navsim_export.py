"""What an export must be for NAVSIM and SimScale's training code to open it: every trap of theirs has a test."""

import json
import pickle
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import shapely
import yaml
from PIL import Image

from simscale_gym.datagen import DataSet
from simscale_gym.datagen.moments import Moments
from simscale_gym.datagen.navsim import camera_note, export_navsim
from simscale_gym.datagen.navsim import export as export_module
from simscale_gym.datagen.navsim.configs import as_yaml, log_split
from simscale_gym.datagen.navsim.frames import steady
from simscale_gym.datagen.navsim.names import SampleNames, log_base, set_name, synthetic_token
from simscale_gym.datagen.navsim.places import SharedMap
from simscale_gym.datagen.navsim.rewards import REWARDS
from simscale_gym.datagen.navsim.work import Samples
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.geometry import se2, se3
from simscale_gym.scene import CAMERA_NAMES, LightStatus, StateIndex
from simscale_gym.scoring.driving_command import driving_command
from simscale_gym.sources.nuplan.map_reader import read_map
from simscale_gym.sources.nuplan.schema import LOCATIONS

YES = (
    "token", "timestamp", "log_name", "scene_token", "map_location", "roadblock_ids", "lidar_path",
    "ego2global_translation", "ego2global_rotation", "ego_dynamic_state", "traffic_lights", "driving_command",
    "cams", "anns",
)  # fmt: skip
"""Keys that NAVSIM reads."""
NAMES = {"vehicle", "pedestrian", "bicycle", "traffic_cone", "barrier", "czone_sign", "generic_object"}


def exported(folder, out, **settings):
    return [item for items in export_navsim(folder, out, workers=1, **settings) for item in items]


@pytest.fixture(scope="module")
def export(written, tmp_path_factory):
    """An export of the perturbed data set, and what was exported."""
    out = tmp_path_factory.mktemp("navsim") / "x"
    return out, exported(written, out)


@pytest.fixture(scope="module")
def logs(export):
    """All log pickles by set and stem."""
    return {
        (path.parent.name, path.stem): pickle.loads(path.read_bytes())
        for path in sorted((export[0] / "navsim_logs").glob("*/*"))
    }


@pytest.fixture(scope="module")
def one(written, export):
    """A sample, its scene, and its frames."""
    samples, item = Samples.of(written), export[1][-1]
    row = next(r for rows in samples.rows.values() for r in rows if r["key"] == item.key)
    path = export[0] / "navsim_logs" / item.set_name / f"{item.log_name}.pkl"
    return samples.data_set.read(row), samples.scene(row["scene"]), pickle.loads(path.read_bytes())


def test_every_sample_is_one_log_of_twelve_frames(export, logs, written):
    assert len(logs) == len(export[1]) == len(DataSet(written)) and not any(i.skipped for i in export[1])
    assert all(len(frames) == 12 and set(YES) <= set(frames[0]) for frames in logs.values())
    assert all([f["frame_idx"] for f in frames] == list(range(12)) for frames in logs.values())


def test_the_log_name_in_every_frame_is_that_of_the_file(logs):
    for (_, stem), frames in logs.items():
        assert {frame["log_name"] for frame in frames} == {stem}


def test_a_folder_of_logs_holds_nothing_but_pickles(export):
    for folder in (export[0] / "navsim_logs").iterdir():
        assert all(item.is_file() and item.suffix == ".pkl" for item in folder.iterdir())


def test_names_are_simscales(export):
    """``<log>-<A>-00k`` and ``<B>-00k``; one hyphen in the recorded log's name, and rounds of a clip share A."""
    for item in export[1]:
        assert re.fullmatch(r"navtrain_reaction_pdm_v1\.0-[01]", item.set_name)
        k = int(item.set_name[-1])
        assert re.fullmatch(rf"[^-]+-[^-]+-[0-9a-f]{{16}}-{k:03d}", item.log_name)
        assert "-".join(item.log_name.split("-")[:2]) == item.base and item.base.count("-") == 1
        assert re.fullmatch(rf"[0-9a-f]{{16}}-{k:03d}", item.token) and len(item.token) == 20


@pytest.mark.parametrize(
    ("log_id", "base"),
    [
        ("2021.05.12.19.36.12_veh-35_00005_00204", "2021.05.12.19.36.12_veh-35_00005_00204"),
        ("town-train-000000/log-00", "town_train_000000_log_00_veh-00"),
        ("plain", "plain_veh-00"),
        ("../etc-x", ".._etc_x_veh-00"),
    ],
)
def test_recorded_logs_have_exactly_one_hyphen(log_id, base):
    assert log_base(log_id) == base and "/" not in base and base.count("-") == 1


def test_tokens_are_unique_over_experts_rounds_and_frames(logs):
    row = {
        "kind": "perturbed", "log": "a-b", "scene": "s", "timestamp_us": 10**15, "present": 55, "frame": 15,
        "round": 0, "expert": "planner",
    }  # fmt: skip
    others = [
        row, row | {"expert": "recovery"}, row | {"round": 1}, row | {"present": 56, "timestamp_us": 10**15 + 1},
    ]  # fmt: skip
    named = [SampleNames.of(r, "d") for r in others] + [SampleNames.of(row, "another data set")]
    tokens = [token for names in named for token in names.tokens.values()]
    assert len(set(tokens)) == len(tokens)
    assert named[0].log == named[1].log != named[2].log  # experts have folders of their own
    assert set_name(others[0]) != set_name(others[1]) and set_name(row | {"kind": "log"}) == "navtrain_log"
    found = [frame["token"] for frames in logs.values() for frame in frames]
    assert len(set(found)) == len(found) and not any(len(token) == 17 for token in found)
    assert len(synthetic_token("x")) == 17 != len(named[0].tokens[0])


def test_logs_of_the_log_have_tokens_without_a_hyphen(log_written, tmp_path):
    """Rewards-only training takes every token with a hyphen for a simulated one."""
    found = exported(log_written, tmp_path / "x")
    assert {item.set_name for item in found} == {"navtrain_log"}
    assert all(re.fullmatch("[0-9a-f]{16}", item.token) for item in found)
    split = tmp_path / "x" / "config" / "training" / "default_train_val_test_log_split.yaml"
    assert sorted(yaml.safe_load(split.read_text())["train_logs"]) == sorted(i.log_name for i in found)
    frames = pickle.loads(
        (tmp_path / "x" / "navsim_logs" / "navtrain_log" / f"{found[0].log_name}.pkl").read_bytes()
    )
    assert (
        frames[3]["token"] == found[0].token
        and frames[3]["cams"]["CAM_F0"]
        and not frames[3]["cams"]["CAM_B0"]
    )


def test_times_are_half_a_second_apart(one):
    sample, _, frames = one
    times = [frame["timestamp"] for frame in frames]
    assert set(np.diff(times)) == {500_000} and times[3] == sample.row["timestamp_us"]
    assert all(type(time) is int for time in times)


def test_egos_are_global_and_their_motion_is_in_their_own_frame(one):
    sample, _, frames = one
    moments, first = sample.moments, sample.moments.row(-3)
    states = moments.ego[first : first + 12]
    places = np.array([frame["ego2global_translation"] for frame in frames])
    shift = places[:, :2] - states[:, :2]
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-6)
    assert (shift == shift[0]).all() and (shift[0] > 1e5).all()
    for frame, state in zip(frames, states, strict=True):
        w, x, y, z = frame["ego2global_rotation"]
        assert np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)) == pytest.approx(state[2], abs=1e-9)
        assert (
            frame["ego_dynamic_state"]
            == state[[StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]].tolist()
        )
        matrix = frame["ego2global"]
        np.testing.assert_allclose(matrix[:3, :3], se3.quat_to_matrix(np.array([w, x, y, z])), atol=1e-12)
        np.testing.assert_array_equal(matrix, frame["lidar2global"])
        assert frame["can_bus"].shape == (18,) and frame["can_bus"][10] == state[StateIndex.VX]
        assert frame["lidar_path"] == ""


def test_tracks_are_in_the_ego_frame_of_their_own_frame(one):
    """Brought back to the world as NAVSIM does, they are where the drive had them."""
    sample, _, frames = one
    moments = sample.moments
    for index, frame in enumerate(frames):
        at, anns = moments.row(index - 3), frame["anns"]
        rows = [moments.ids.tolist().index(name) for name in anns["track_tokens"]]
        ego = moments.ego[at, :3]
        back = se2.poses_to_world(ego, anns["gt_boxes"][:, [0, 1, 6]])
        there = se2.poses_to_world(moments.present, moments.poses[rows, at])
        np.testing.assert_allclose(back[:, :2], there[:, :2], atol=1e-9)
        np.testing.assert_allclose(se2.wrap_angle(back[:, 2] - there[:, 2]), 0.0, atol=1e-9)
        turned = se2.points_to_world(np.array([0, 0, ego[2]]), anns["gt_velocity_3d"][:, :2])
        world = se2.points_to_world(np.array([0, 0, moments.present[2]]), moments.velocities[rows, at])
        np.testing.assert_allclose(turned, world, atol=1e-9)
        np.testing.assert_allclose(anns["gt_boxes"][:, 3:6], moments.sizes[rows])
        assert len({len(value) for value in anns.values()}) == 1 and set(anns["gt_names"]) <= NAMES
        assert np.abs(anns["gt_boxes"][:, 2]).max() < 3.0  # centres stand over the ground
    assert len(rows) > 3 and np.hypot(*(moments.ego[-1, :2] - moments.ego[0, :2])) > 5.0


def make_moments(valid):
    """Moments in which nothing counts but who is there."""
    valid = np.array(valid, bool)
    n, m = valid.shape
    blank = np.zeros((n, m, 3), np.float32)
    return Moments(
        np.arange(-4, m - 4).astype(np.int8), np.zeros((m, 11)), np.array([f"t{k}" for k in range(n)]),
        np.zeros(n, np.uint8), np.ones((n, 3), np.float32), blank, blank[..., 0], blank[..., :2], valid,
        np.zeros(0, np.str_), np.zeros((0, m), np.uint8),
    )  # fmt: skip


def test_who_is_seen_once_in_the_frames_that_are_scored_is_left_out():
    """NAVSIM would leave it standing there for four seconds."""
    seen = [
        "1111100000000",
        "0000100000000",
        "0000110000000",
        "0000000010100",
        "0000000000001",
        "1111000000000",
    ]
    moments = make_moments([[c == "1" for c in row] for row in seen])
    kept = ["".join("01"[int(v)] for v in row) for row in steady(moments, [0])]
    assert kept == ["1111000000000", "0" * 13, "0000110000000", "0000000010100", "0" * 13, "1111000000000"]
    assert (moments.valid[1].any(), moments.valid[4].any()) == (True, True)  # the sample itself is as it was
    both = ["".join("01"[int(v)] for v in row) for row in steady(moments, [0, -1])]
    assert both[0] == "1111000000000"[:3] + "0" * 10  # seen once from half a second earlier on
    for row in steady(moments, [0, -1]):
        assert row[4:13].sum() != 1 and row[3:12].sum() != 1


def test_no_exported_track_is_seen_once(logs):
    for frames in logs.values():
        counts: dict = {}
        for frame in frames[3:]:
            for name in frame["anns"]["track_tokens"]:
                counts[name] = counts.get(name, 0) + 1
        assert counts and min(counts.values()) >= 2


def test_lights_are_pairs_of_a_connector_of_the_map_and_whether_it_is_red(export, one):
    sample, _, frames = one
    lanes = set(map_of(export[0]).layers["lane_connectors"].table["fid"])
    for index, frame in enumerate(frames):
        assert all(
            len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is bool
            for pair in frame["traffic_lights"]
        )
        assert {lane for lane, _ in frame["traffic_lights"]} <= lanes
        status = sample.moments.lights[:, sample.moments.row(index - 3)]
        assert sum(red for _, red in frame["traffic_lights"]) == (status == LightStatus.RED).sum()
    assert len(frames[3]["traffic_lights"]) == (status != LightStatus.UNKNOWN).sum() > 0


def map_of(out):
    return read_map(
        out / "maps" / "us-nv-las-vegas-strip" / "9.15.1915" / "map.gpkg", "us-nv-las-vegas-strip"
    )


def test_the_map_has_a_borrowed_name_and_all_that_frames_name(export, logs):
    layers = map_of(export[0]).layers
    blocks = {
        str(i)
        for name in ("lane_groups_polygons", "lane_group_connectors")
        for i in layers[name].table["fid"]
    }
    for frames in logs.values():
        for frame in frames:
            assert frame["map_location"] in LOCATIONS
            assert frame["roadblock_ids"] and set(frame["roadblock_ids"]) <= blocks
    index = json.loads((export[0] / "maps" / "nuplan-maps-v1.0.json").read_text())
    assert set(index) == set(LOCATIONS)


def test_egos_are_on_their_lanes_of_the_map(export, one):
    """The shared map is where the frames say: rear axles lie within a lane of the route."""
    layers, (_, _, frames) = map_of(export[0]).layers, one
    table, shapes = layers["lane_groups_polygons"].table, layers["lane_groups_polygons"].geometries
    joints, joined = layers["lane_group_connectors"].table, layers["lane_group_connectors"].geometries
    polygons = {
        str(i): s for t, g in ((table, shapes), (joints, joined)) for i, s in zip(t["fid"], g, strict=True)
    }
    inside = 0
    for frame in frames:
        point = shapely.Point(frame["ego2global_translation"][:2])
        inside += any(polygons[i].intersects(point) for i in frame["roadblock_ids"])
    assert inside >= 10


def test_commands_are_openscenes(one):
    sample, scene, frames = one
    for index, frame in enumerate(frames):
        command = frame["driving_command"]
        assert command.shape == (4,) and command.sum() == 1 and command.dtype.kind == "i"
        pose = sample.moments.ego[sample.moments.row(index - 3), :3]
        assert command.argmax() == driving_command(scene.map, scene.route, pose)


def test_pictures_are_jpegs_of_nuplans_size_and_all_cameras_are_named(export, one):
    sample, scene, frames = one
    item = export[1][-1]
    blobs = export[0] / "sensor_blobs" / item.set_name
    for index, frame in enumerate(frames):
        assert set(frame["cams"]) == {name.upper() for name in CAMERA_NAMES}
        assert frame["cams"]["CAM_L1"] == {}
        camera = frame["cams"]["CAM_F0"]
        assert bool(camera) == (index in (2, 3, 4))  # history 1, future 1
        if not camera:
            continue
        path = blobs / camera["data_path"]
        assert not camera["data_path"].startswith("/") and path.is_file()
        with Image.open(path) as image:
            assert image.format == "JPEG" and image.size == (1920, 1080)
            small = np.asarray(image.resize((32, 18), Image.Resampling.BOX), float)
        name = {2: "cam_f0.1", 3: "cam_f0", 4: "cam_f0.plus1"}[index]
        assert np.abs(small - sample.pictures[name]).mean() < 12.0
    rig, camera = scene.rig.cameras["cam_f0"], frames[3]["cams"]["CAM_F0"]
    np.testing.assert_array_equal(camera["cam_intrinsic"], rig.scaled_intrinsics(1080, 1920))
    np.testing.assert_array_equal(camera["sensor2lidar_translation"], rig.cam_to_ego[:3, 3])
    assert camera["distortion"].shape == (5,)


def test_what_is_missing_is_said(export, data_spec):
    guide = (export[0] / "README.md").read_text()
    assert (
        "no pictures of CAM_L1, CAM_R1, CAM_L2, CAM_R2, CAM_B0" in guide and "KeyError 'data_path'" in guide
    )
    assert "2 of 4 frames" in guide and "human_penalty_filter=False" in guide
    assert camera_note({"cameras": CAMERA_NAMES, "history": 3}) == ""


def test_a_black_picture_is_left_out(written, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "is_black", lambda sample: sample.row["round"] == 0)
    found = exported(written, tmp_path / "x")
    left_out = [item for item in found if item.skipped]
    assert {item.skipped for item in left_out} == {"a black picture"} and 0 < len(left_out) < len(found)
    assert not (tmp_path / "x" / "navsim_logs" / "navtrain_reaction_pdm_v1.0-0").exists()


def test_scenes_without_a_route_are_left_out(log_written, tmp_path, monkeypatch):
    """NAVSIM would drop them without a word."""
    scene = Samples.scene
    monkeypatch.setattr(Samples, "scene", lambda self, i: replace(scene(self, i), route=("nowhere",)))
    assert {item.skipped for item in exported(log_written, tmp_path / "x")} == {"no route on the map"}


def test_logs_whose_map_cannot_be_said_are_left_out(log_written, tmp_path, monkeypatch):
    monkeypatch.setattr(SharedMap, "add", lambda *_: "its map is none")
    assert {item.skipped for item in exported(log_written, tmp_path / "x")} == {"its map is none"}
    assert not (tmp_path / "x" / "navsim_logs").exists()


def test_five_seconds_on_request(written, log_written, tmp_path):
    found = exported(written, tmp_path / "a", ahead=10)
    frames = pickle.loads(next((tmp_path / "a" / "navsim_logs").glob("*/*.pkl")).read_bytes())
    assert len(frames) == 14 and not any(item.skipped for item in found)
    filters = list((tmp_path / "a" / "config").rglob("scene_filter/*.yaml"))
    assert {yaml.safe_load(path.read_text())["num_future_frames"] for path in filters} == {10}
    left_out = exported(log_written, tmp_path / "b", ahead=10)  # collected with 8
    assert {item.skipped for item in left_out} == {"less than 5.0 s after its present"}
    with pytest.raises(ArgumentError, match="ahead: 11, expected 8 to 10"):
        exported(written, tmp_path / "c", ahead=11)


def test_filters_and_splits_name_what_is_there(export, logs):
    common = export[0] / "config" / "common" / "train_test_split"
    training = export[0] / "config" / "training"
    for name in {item.set_name for item in export[1]}:
        told = yaml.safe_load((common / "scene_filter" / f"{name}.yaml").read_text())
        members = [item for item in export[1] if item.set_name == name]
        assert (
            told.pop("_target_") == "navsim.common.dataclasses.SceneFilter" and told.pop("_convert_") == "all"
        )
        assert sorted(told["tokens"]) == sorted(item.token for item in members)
        assert sorted(told["log_names"]) == sorted(stem for found, stem in logs if found == name)
        assert (told["num_history_frames"], told["num_future_frames"], told["frame_interval"]) == (4, 8, 1)
        split = yaml.safe_load((common / f"{name}.yaml").read_text())
        assert split == {"defaults": [{"scene_filter": name}], "data_split": name}
        file = (
            training / f"default_log_split_synthetic_reation_{name.removeprefix('navtrain_reaction_')}.yaml"
        )
        listed = yaml.safe_load(file.read_text())
        assert sorted(listed["train_logs"] + listed["val_logs"]) == sorted(told["log_names"])


def test_tokens_that_look_like_numbers_stay_text():
    assert as_yaml({"tokens": ["12345e6789012345", "1234567890123456"]}) == (
        b"tokens:\n- '12345e6789012345'\n- '1234567890123456'\n"
    )


def test_clips_of_one_recorded_log_are_all_for_training_or_all_for_validation():
    bases = {f"log{k}-{clip}": f"log{k}" for k in range(12) for clip in range(3)}
    split = log_split(bases)
    trained, validated = ({bases[log] for log in split[name]} for name in ("train_logs", "val_logs"))
    assert not trained & validated and len(validated) == 2 and len(trained) == 10
    assert log_split({"a-0": "a"}) == {"train_logs": ["a-0"], "val_logs": []}


def test_pickles_name_numpy_as_every_version_knows_it(export):
    """NAVSIM's numpy 1.23 has no ``numpy._core``."""
    for path in (export[0] / "navsim_logs").glob("*/*"):
        assert b"numpy._core" not in path.read_bytes()


def test_an_export_that_was_broken_off_goes_on(written, export, tmp_path):
    out = tmp_path / "x"
    shutil.copytree(export[0], out)
    (lost, *kept) = sorted((out / "navsim_logs").glob("*/*"))
    before = {path: path.stat().st_mtime_ns for path in kept}
    was = lost.read_bytes()
    lost.unlink()
    found = exported(written, out)
    assert lost.read_bytes() == was and found == export[1]
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert not (out / ".unfinished").exists()


def test_workers_write_the_same(written, export, tmp_path):
    for _ in export_navsim(written, tmp_path / "x", workers=2):
        pass
    names = sorted(
        p.relative_to(export[0]) for p in export[0].rglob("*") if p.suffix in (".pkl", ".yaml", ".jpg")
    )
    assert names == sorted(
        p.relative_to(tmp_path / "x")
        for p in (tmp_path / "x").rglob("*")
        if p.suffix in (".pkl", ".yaml", ".jpg")
    )
    assert all((tmp_path / "x" / name).read_bytes() == (export[0] / name).read_bytes() for name in names)


def test_folders_of_others_are_left_alone(written, log_written, export, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="found other files"):
        exported(written, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ArgumentError, match="another export lies there"):
        exported(log_written, export[0])


def test_there_are_no_rewards_without_scores(export):
    assert not (export[0] / REWARDS).exists()
