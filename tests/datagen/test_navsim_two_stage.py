"""Two-stage evaluation: logs, and perturbed starts where their four seconds end, as navhard's files are."""

import pickle
import sys
import types

import numpy as np
import pytest
import yaml

from simscale_gym.datagen import DataSet
from simscale_gym.datagen.navsim import export_two_stage
from simscale_gym.datagen.navsim.nuplan_objects import NUMBERS
from simscale_gym.datagen.navsim.two_stage import SPLIT
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se2
from simscale_gym.scene import TrackType
from simscale_gym.sources import list_scenes, load_scene

METADATA = {
    "log_name", "scene_token", "map_name", "initial_token", "num_history_frames", "num_future_frames",
    "corresponding_original_scene", "corresponding_original_initial_token",
}  # fmt: skip
FRAME = {
    "token", "timestamp", "roadblock_ids", "traffic_lights", "annotations", "ego_status", "lidar_path", "camera_dict",
}  # fmt: skip


class Made:
    """Stands for any of nuPlan's objects; members of enumerations keep what they are called with."""

    def __init__(self, *args):
        self.args = args


class Modules(types.ModuleType):
    """A module that has every name."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Made,), {})


@pytest.fixture(scope="module")
def nuplan():
    """A nuplan-devkit in which every class keeps what it is made of."""
    with pytest.MonkeyPatch.context() as patch:
        actors = (
            "agent",
            "static_object",
            "oriented_box",
            "state_representation",
            "scene_object",
            "tracked_objects",
        )
        names = [
            "nuplan", "nuplan.common", "nuplan.common.actor_state", "nuplan.common.maps",
            "nuplan.common.maps.maps_datatypes", "nuplan.common.actor_state.tracked_objects_types", "nuplan.planning",
            "nuplan.planning.simulation", "nuplan.planning.simulation.observation",
            "nuplan.planning.simulation.observation.observation_type",
            *(f"nuplan.common.actor_state.{name}" for name in actors),
        ]  # fmt: skip
        for name in names:
            patch.setitem(sys.modules, name, Modules(name))
        yield


@pytest.fixture(scope="module")
def export(perturbed, logged, tmp_path_factory):
    out = tmp_path_factory.mktemp("two_stage") / "x"
    return out, [pair for pairs in export_two_stage(perturbed, logged, out, workers=1) for pair in pairs]


@pytest.fixture(scope="module")
def scenes(export, nuplan):
    """Second-stage scenes by file name."""
    folder = export[0] / "navhard_two_stage" / "synthetic_scene_pickles"
    return {path.stem: pickle.loads(path.read_bytes()) for path in folder.iterdir()}


def test_pairs_join_what_left_the_log_at_one_time(export, perturbed, logged):
    rows = DataSet(perturbed).rows.to_pylist()
    starts = {(row["scene"], row["frame"]) for row in rows}
    early = {(scene, frame) for scene, frame in starts if frame < 20}  # the log begins 1.5 s before
    pairs = [pair for pair in export[1] if not pair.skipped]
    assert len(pairs) == len(starts - early) > 0
    reasons = {pair.skipped for pair in export[1]}
    assert reasons <= {"", "no perturbed start", "less than 2 s before its present"}
    different = {(row["scene"], row["frame"], row["vocabulary_index"]) for row in rows}
    kept = {item for item in different if item[:2] not in early}
    assert sum(len(pair.followers) for pair in pairs) == len(kept)  # experts share perturbations


def test_first_stage_logs_hold_now_and_half_a_second_before(export):
    for pair in export[1]:
        path = export[0] / "navsim_logs" / SPLIT / f"{pair.log_name}.pkl"
        assert path.exists() == (not pair.skipped)
        if pair.skipped:
            continue
        frames = pickle.loads(path.read_bytes())
        assert len(frames) == 13  # two windows of twelve, one frame apart
        assert (frames[3]["token"], frames[4]["token"]) == (pair.previous, pair.now)
        assert frames[4]["timestamp"] - frames[3]["timestamp"] == 500_000
        assert {frame["log_name"] for frame in frames} == {pair.log_name}


def test_second_stage_scenes_have_exactly_navhards_keys(scenes):
    assert scenes
    for stem, scene in scenes.items():
        assert set(scene) == {
            "scene_metadata", "frames", "extended_traffic_light_data", "extended_detections_tracks",
        }  # fmt: skip
        told = scene["scene_metadata"]
        assert (
            set(told) == METADATA and told["initial_token"] == told["scene_token"] == stem and len(stem) == 17
        )
        assert (told["num_history_frames"], told["num_future_frames"]) == (4, 0) and len(scene["frames"]) == 4
        assert all(set(frame) == FRAME for frame in scene["frames"])
        assert scene["frames"][3]["token"] == stem
        assert len(scene["extended_detections_tracks"]) == len(scene["extended_traffic_light_data"]) == 8
        frame = scene["frames"][3]
        assert set(frame["annotations"]) == {
            "boxes",
            "names",
            "velocity_3d",
            "instance_tokens",
            "track_tokens",
        }
        assert set(frame["ego_status"]) == {
            "ego_pose", "ego_velocity", "ego_acceleration", "driving_command", "in_global_frame",
        }  # fmt: skip
        assert frame["ego_status"]["in_global_frame"] is True
        assert set(frame["camera_dict"]) == {
            f"cam_{name}" for name in ("f0", "l0", "l1", "l2", "r0", "r1", "r2", "b0")
        }


def test_second_stage_scenes_belong_to_the_log_where_it_ends(export, scenes):
    for pair in export[1]:
        for followers in pair.followers:
            frames = pickle.loads((export[0] / "navsim_logs" / SPLIT / f"{pair.log_name}.pkl").read_bytes())
            ends = {"now": frames[12], "previous": frames[11]}
            for token, end, first in zip(followers, ends.values(), (pair.now, pair.previous), strict=True):
                told = scenes[token]["scene_metadata"]
                assert told["log_name"] == pair.log_name and told["map_name"] == frames[0]["map_location"]
                assert told["corresponding_original_scene"] == end["token"]  # the last frame of a window
                assert told["corresponding_original_initial_token"] == first
                assert scenes[token]["frames"][3]["timestamp"] == end["timestamp"]
                off = (
                    scenes[token]["frames"][3]["ego_status"]["ego_pose"][:2]
                    - end["ego2global_translation"][:2]
                )
                assert np.hypot(*off) < 25.0


def test_the_mapping_and_the_filter_name_all_of_them(export, scenes):
    common = export[0] / "config" / "common" / "train_test_split"
    told = yaml.safe_load((common / "scene_filter" / f"{SPLIT}.yaml").read_text())
    split = yaml.safe_load((common / f"{SPLIT}.yaml").read_text())
    pairs = [pair for pair in export[1] if not pair.skipped]
    assert told["include_synthetic_scenes"] is True and told["frame_interval"] == 1
    assert sorted(told["reactive_synthetic_initial_tokens"]) == sorted(scenes)
    assert sorted(told["tokens"]) == sorted(token for pair in pairs for token in (pair.now, pair.previous))
    assert split["reactive_all_mapping"] == [
        [pair.now, pair.previous, [list(both) for both in pair.followers]] for pair in pairs
    ]
    assert "reactive_all_mapping" not in told and split["data_split"] == SPLIT


def test_what_comes_after_are_nuplans_objects(scenes):
    """In the global frame, numbered as nuPlan numbers kinds, with the attributes that its own pickles have."""
    for scene in scenes.values():
        last, (first, *_) = scene["frames"][3], scene["extended_detections_tracks"]
        assert type(first).__name__ == "DetectionsTracks"
        objects = first.tracked_objects.tracked_objects
        kinds = [item._tracked_object_type.args[0] for item in objects]
        assert kinds == sorted(kinds)  # as TrackedObjects keeps them
        found = {item._metadata.track_token: item for item in objects}
        ego, seen = last["ego_status"]["ego_pose"], last["annotations"]
        for box, name, track in zip(seen["boxes"], seen["names"], seen["track_tokens"], strict=True):
            if track not in found:
                continue
            item, pose = found[track], se2.poses_to_world(ego, box[None, [0, 1, 6]])[0]
            kind, there = item._tracked_object_type.args[0], item._box
            assert kind == NUMBERS[TrackType[str(name).upper()]]
            assert type(item).__name__ == ("Agent" if kind < 3 else "StaticObject")
            assert np.hypot(there._center.x - pose[0], there._center.y - pose[1]) < 15.0
            assert (there._length, there._width, there._height) == tuple(box[3:6])
        assert found
        lights = scene["extended_traffic_light_data"][0].traffic_lights
        assert {light.status.args[0] for light in lights} <= {0, 2} and lights
        assert {light.lane_connector_id for light in lights} == {lane for lane, _ in last["traffic_lights"]}


def test_our_own_reader_of_navhard_opens_them(export, perturbed):
    """Where the drive had ego and others, half a second and more after the present."""
    refs = {ref.id: ref for ref in list_scenes(export[0] / "navhard_two_stage" / "synthetic_scene_pickles")}
    rows = {(row["scene"], row["timestamp_us"]): row for row in DataSet(perturbed).rows.to_pylist()}
    pair = next(pair for pair in export[1] if pair.followers)
    scene = load_scene(refs[pair.followers[0][0]])
    at = {int(time): row for (_, time), row in rows.items()}
    moments = next(
        DataSet(perturbed).read(row).moments
        for time, row in at.items()
        if time == scene.timestamps_us[15] and scene.tracks.valid[:, 15].any()
    )
    shift = scene.origin[:2] + scene.ego.poses[15, :2] - moments.present[:2]
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-6)
    for step in (0, 2, 8):
        frame, m = 15 + 5 * step, moments.row(step)
        world = se2.poses_to_world(moments.present, moments.poses[:, m])[:, :2] + shift
        for track, name in enumerate(scene.tracks.ids):
            if scene.tracks.valid[track, frame] and name in moments.ids:
                n = moments.ids.tolist().index(name)
                there = scene.tracks.poses[track, frame, :2] + scene.origin[:2]
                assert not moments.valid[n, m] or np.hypot(*(there - world[n])) < 0.05


def test_pictures_of_the_pair_are_shared(export, scenes):
    blobs = export[0] / "navhard_two_stage" / "sensor_blobs"
    for pair in export[1]:
        for now, previous in pair.followers:
            one, other = (scenes[token]["frames"] for token in (now, previous))
            assert one[3]["camera_dict"]["cam_f0"]["data_path"]
            same = [frames[k]["camera_dict"]["cam_f0"]["data_path"] for frames, k in ((one, 2), (other, 3))]
            assert same[0] == same[1]
            assert (blobs / one[3]["camera_dict"]["cam_f0"]["data_path"]).is_file()
            assert one[3]["camera_dict"]["cam_b0"] == {} and one[0]["camera_dict"]["cam_f0"] == {}


def test_data_sets_that_do_not_fit_are_named(perturbed, logged, written, tmp_path):
    for told, named in (
        ((logged, perturbed), "log: a data set of kind perturbed, expected one of kind log"),
        ((logged, logged), "perturbed: a data set of kind log"),
        ((written, logged), "stride is 2.0 in the log's data set and 9.0 in the other"),
    ):
        with pytest.raises(ArgumentError, match=named):
            next(export_two_stage(*told, tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_kinds_are_numbered_as_nuplan_does():
    assert {kind.name.lower(): number for kind, number in NUMBERS.items()} == {
        "vehicle": 0, "pedestrian": 1, "bicycle": 2, "traffic_cone": 3, "barrier": 4, "czone_sign": 5,
        "generic_object": 6,
    }  # fmt: skip
    assert set(NUMBERS) == set(TrackType)
