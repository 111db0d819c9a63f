"""NAVSIM's files: towns written as its logs and second-stage scenes, and read back."""

import copy
import pickle

import navsim_files as files
import numpy as np
import pytest

from simscale_gym.errors import DataError, SimScaleError
from simscale_gym.geometry import polyline
from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.sources import NavsimSource, list_scenes, load_scene
from simscale_gym.sources.navsim.cameras import read_rig, recorded_pictures
from simscale_gym.sources.navsim.log_file import _pieces, read_frames, read_piece
from simscale_gym.sources.navsim.pickle_kind import pickle_kind
from simscale_gym.sources.town.dataset import LOCATION, cached_town_log
from simscale_gym.town.config import SPLIT_SEEDS

LOG = "2024.01.01.08.00.00_veh-00_00000_00100"


@pytest.fixture(scope="module")
def frames(town_log):
    return files.log_frames(town_log[2:4], LOG, LOCATION)


@pytest.fixture(scope="module")
def root(tmp_path_factory, frames, town_log):
    """A data set of one log and its maps."""
    root = tmp_path_factory.mktemp("navsim")
    (root / "maps").symlink_to(cached_town_log(SPLIT_SEEDS["train"].start, 0).maps)
    files.write_pickle(root / "navsim_logs" / "mini" / f"{LOG}.pkl", frames)
    return root


@pytest.fixture
def one_log(tmp_path, root, frames):
    """``one_log(change)`` writes the log after ``change`` did something to its frames, and names the file."""
    (tmp_path / "maps").symlink_to(root / "maps")

    def write(change):
        changed = copy.deepcopy(frames[:12])
        changed = change(changed) or changed
        return files.write_pickle(tmp_path / "logs" / f"{LOG}.pkl", changed)

    return write


@pytest.fixture(scope="module")
def scenes(root):
    return [load_scene(ref) for ref in list_scenes(root)]


def test_a_log_is_cut_where_scenes_of_nuplan_end(root, scenes, town_log):
    assert [scene.id for scene in scenes] == [f"{LOG}/{0xABC0 + k:016x}" for k in range(2)]
    assert {scene.source for scene in scenes} == {"navsim"}
    assert scenes[0].num_frames == 1 + 5 * ((town_log[2].num_frames - 1) // 5)
    assert list_scenes(root / "navsim_logs" / "mini" / f"{LOG}.pkl")[0].id == scenes[0].id


def test_the_ego_of_2_hz_drives_as_the_log_did_at_10_hz(scenes, town_log):
    for scene, original in zip(scenes, town_log[2:4], strict=True):
        states = original.ego.states[: scene.num_frames]
        off = scene.ego.states - states
        places = scene.ego.poses[:, :2] + scene.origin[:2] - states[:, :2] - original.origin[:2]
        assert np.linalg.norm(places, axis=1).max() < 0.005
        assert np.linalg.norm(places[::5], axis=1).max() < 0.001
        assert np.abs(np.angle(np.exp(1j * off[:, StateIndex.HEADING]))).max() < 0.002
        assert np.abs(off[:, StateIndex.VX]).max() < 0.05
        assert np.abs(off[:, StateIndex.AX]).max() < 0.4
        assert np.abs(np.diff(scene.ego.states[:, StateIndex.AX])).max() < 0.4  # jerk of 4 m/s^3


def test_tracks_lights_route_and_cameras_are_the_logs(scenes, town_log):
    scene, original = scenes[0], town_log[2]
    shift = (original.origin - scene.origin)[:2]
    tracks, known = scene.tracks, original.tracks
    rows = [known.ids.index(token) for token in tracks.ids]
    keys = np.arange(0, scene.num_frames, 5)
    assert (tracks.valid[:, keys] == known.valid[rows][:, keys]).all()
    assert not known.valid[[row for row in range(len(known)) if row not in rows]][:, keys].any()
    seen = tracks.valid & known.valid[rows][:, : scene.num_frames]
    off = np.linalg.norm(
        tracks.poses[..., :2] - known.poses[rows][:, : scene.num_frames, :2] - shift, axis=-1
    )
    assert off[:, keys][seen[:, keys]].max() < 1e-6
    assert off[seen].max() < 0.35
    assert np.allclose(tracks.sizes, known.sizes[rows])
    assert (tracks.types == known.types[rows]).all()
    assert np.allclose(tracks.z[:, keys][seen[:, keys]], known.z[rows][:, keys][seen[:, keys]])
    assert np.allclose(
        tracks.velocities[:, keys][seen[:, keys]], known.velocities[rows][:, keys][seen[:, keys]]
    )
    assert scene.route == original.route
    for frame in keys:
        ours, theirs = scene.lights.at(frame), original.lights.at(frame)
        assert {lane for lane, status in ours.items() if status == LightStatus.RED} == {
            lane for lane, status in theirs.items() if status == LightStatus.RED and lane in scene.map.lanes
        }
    for name, camera in original.rig.cameras.items():
        assert np.allclose(scene.rig.cameras[name].cam_to_ego, camera.cam_to_ego)
        assert np.allclose(scene.rig.cameras[name].K, camera.K)


def test_boxes_leave_the_frame_of_an_ego_that_rolls_pitches_and_turns():
    from simscale_gym.files.fields import Fields
    from simscale_gym.geometry import se3
    from simscale_gym.sources.navsim.keyframes import read_boxes

    turn = se3.rpy_to_matrix(0.1, -0.2, 2.0)
    place, center, velocity = (
        np.array([1e6, 2e6, 30.0]),
        np.array([1e6 + 5, 2e6 - 3, 31.5]),
        np.array([3, 4, 0]),
    )
    box = [*((center - place) @ turn), 4.0, 2.0, 1.5, 0.5 - 2.0]
    values = {
        "b": np.array([box]), "n": np.array(["bicycle"]), "v": np.array([velocity @ turn]), "t": ["track"],
    }  # fmt: skip
    found = read_boxes(Fields.of("file", "anns", values), "bnvt", place, turn, turn)
    assert np.allclose(found.places, center)
    assert np.allclose(found.velocities, velocity[:2])
    assert np.allclose(found.headings, 0.5)


def test_a_track_is_there_between_frames_that_saw_it_and_at_each_of_them(one_log, root):
    def change(frames):
        for number, frame in enumerate(frames):
            anns = frame["anns"]
            keep = [k for k in range(len(anns["track_tokens"])) if k == 0]
            for key in ("gt_boxes", "gt_names", "gt_velocity_3d"):
                anns[key] = anns[key][keep] if number in (3, 4, 7) else anns[key][:0]
            anns["track_tokens"] = ["it"] if number in (3, 4, 7) else []
            anns["instance_tokens"] = list(anns["track_tokens"])

    scene = load_scene(list_scenes(one_log(change))[0])
    assert scene.tracks.ids == ("it",)
    assert np.flatnonzero(scene.tracks.valid[0]).tolist() == [15, 16, 17, 18, 19, 20, 35]


def test_a_gap_ends_a_piece(one_log):
    def change(frames):
        again = copy.deepcopy(frames)
        for number, frame in enumerate(again):
            frame["timestamp"] += 7_000_000
            frame["token"] = f"again{number}"
        return frames + again

    refs = list_scenes(one_log(change))
    assert [ref.place.name for ref in refs] == [f"{0xABC0:016x}", f"{0xABC0:016x}_2"]
    assert load_scene(refs[1]).timestamps_us[0] - load_scene(refs[0]).timestamps_us[0] == 7_000_000


def test_a_log_of_simscale_is_a_scene_for_a_log_sample(one_log):
    scene = load_scene(list_scenes(one_log(lambda frames: None))[0])
    assert scene.num_frames == 56  # 1.5 s of history, the present, 4 s of label


def test_pictures_are_found_where_they_lie(tmp_path, one_log, frames):
    file = one_log(lambda frames: None)
    blobs = tmp_path / "sensor_blobs" / "logs"
    files.write_pictures(blobs, frames[2:4], ("cam_f0", "cam_l0"), (64, 36))
    scene = load_scene(list_scenes(file)[0])
    assert scene.recorded.file("cam_f0", 10) == blobs / frames[2]["cams"]["CAM_F0"]["data_path"]
    assert scene.recorded.file("cam_f0", 11) is None
    assert scene.recorded.file("cam_f0", 0) is None
    assert len(scene.recorded.files(("cam_f0", "cam_l0"), 15)) == 2
    assert scene.recorded.files(("cam_f0", "cam_r0"), 15) == ()


@pytest.fixture(params=["attributes", "calls"])
def stage_two(tmp_path, monkeypatch, root, town_log, request):
    """The pickle of a scene of the second stage, written with classes of the devkit's names, which are gone by now.

    Objects of the devkit bring their attributes; whoever writes them without it has its constructors called.
    """
    (tmp_path / "maps").symlink_to(root / "maps")
    with monkeypatch.context() as patch:
        classes = files.devkit_classes(patch)
        if request.param == "calls":
            files.write_as_calls(classes)
        value = files.second_stage(classes, town_log[2], range(0, 20, 5), range(20, 61, 5), LOCATION)
        path = files.write_pickle(tmp_path / "synthetic_scene_pickles" / "0123456789abcdef0.pkl", value)
    return path


def test_a_second_stage_scene_goes_on_after_its_history(stage_two, town_log):
    (ref,) = list_scenes(stage_two.parent)
    scene, original = load_scene(ref), town_log[2]
    assert (ref.id, scene.num_frames) == ("0123456789abcdef0", 61)
    shift = (original.origin - scene.origin)[:2]
    rows = [original.tracks.ids.index(token) for token in scene.tracks.ids]
    keys = np.arange(0, 61, 5)
    seen = scene.tracks.valid[:, keys]
    assert (seen == original.tracks.valid[rows][:, keys]).all()
    off = scene.tracks.poses[:, keys, :2] - original.tracks.poses[rows][:, keys, :2] - shift
    assert np.abs(off[seen]).max() < 1e-6
    assert (scene.tracks.types == original.tracks.types[rows]).all()
    assert np.abs(scene.ego.poses[:16, :2] - original.ego.poses[:16, :2] - shift).max() < 0.005
    later = scene.ego.states[16:]
    speed = scene.ego.states[15, StateIndex.VX]
    assert np.abs(later[:, StateIndex.VX] - speed).max() < 0.3
    assert (
        np.abs(np.linalg.norm(np.diff(scene.ego.poses[15:, :2], axis=0), axis=1) - 0.1 * speed).max() < 0.03
    )
    assert np.abs(later[:, StateIndex.YAW_RATE]).max() < 0.4
    assert np.abs(np.diff(scene.ego.states[:, StateIndex.YAW_RATE])).max() < 0.1  # no jerk of the wheel
    places = polyline.project(scene.route_path, later[:, :2], scene.route_lengths)[1]
    assert np.abs(places).max() < 0.3
    assert any("1.5 s" in sentence for sentence in scene.inferred)


def test_other_classes_in_a_second_stage_pickle_run_nothing(stage_two):
    class Harmful:
        def __reduce__(self):
            return (exec, ("raise SystemExit",))

    value = {"scene_metadata": {"log_name": Harmful()}, "frames": []}
    stage_two.write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match=r"names builtins\.exec"):
        load_scene(list_scenes(stage_two)[0])


def test_pickles_are_told_apart_by_what_they_hold(tmp_path, root, stage_two):
    assert pickle_kind(root / "navsim_logs" / "mini" / f"{LOG}.pkl") == "log"
    assert pickle_kind(stage_two) == "second stage"
    for protocol in range(5):
        assert (
            pickle_kind(files.write_pickle(tmp_path / "a.pkl", pickle.loads(pickle.dumps([{}], protocol))))
            == "log"
        )
    assert pickle_kind(files.write_pickle(tmp_path / "b.pkl", {"metadata": {}, "tracks": {}})) == ""
    (tmp_path / "c.pkl").write_bytes(b"no pickle")
    assert pickle_kind(tmp_path / "c.pkl") == ""
    assert not NavsimSource().matches(tmp_path / "b.pkl")


def dropped(key):
    def change(frames):
        del frames[3][key]

    return change


def put(key, value, part=None):
    def change(frames):
        (frames[3] if part is None else frames[3][part])[key] = value

    return change


BAD = {
    "no anns": (dropped("anns"), "frame 3.*anns.*private test"),
    "no pose": (dropped("ego2global_translation"), "frame 3.*ego2global_translation"),
    "no map": (dropped("map_location"), "map_location"),
    "other place": (lambda frames: [{**f, "map_location": "nowhere"} for f in frames], "nowhere.*us-nv-las-vegas"),
    "nan": (put("ego_dynamic_state", [np.nan] * 4), "ego_dynamic_state.*NaN"),
    "quaternion": (put("ego2global_rotation", [0.0] * 4), "length 1"),
    "boxes of six": (put("gt_boxes", np.zeros((2, 6)), "anns"), r"frame 3.anns.gt_boxes.*shape \(2, 6\)"),
    "no sides": (put("anns", {
        "gt_boxes": np.zeros((1, 7)), "gt_names": ["vehicle"], "gt_velocity_3d": np.zeros((1, 3)),
        "track_tokens": ["a"],
    }), "sides"),
    "kind": (lambda frames: frames[3]["anns"]["gt_names"].__setitem__(0, "tram"), "'tram'.*vehicle"),
    "fewer names": (lambda frames: frames[3]["anns"].update(gt_names=["vehicle"]), "1 entries"),
    "twice one track": (
        lambda frames: frames[3]["anns"].update(track_tokens=["a"] * len(frames[3]["anns"]["gt_boxes"])),
        "two boxes of track 'a'",
    ),
    "twice one token": (lambda frames: frames[3].update(token=frames[4]["token"]), "2 frames called"),
    "time back": (put("timestamp", 5), "timestamp.*later"),
    "lights": (put("traffic_lights", [(1, True, "x")]), "traffic_lights.*pairs"),
    "camera out": (
        lambda frames: frames[3]["cams"]["CAM_F0"].update(data_path="../../etc/passwd"), "data_path.*sensor_blobs",
    ),
    "mirrored camera": (
        lambda frames: frames[3]["cams"]["CAM_F0"].update(sensor2lidar_rotation=-np.eye(3)), "a rotation",
    ),
    "single frame": (lambda frames: frames[:1], "no scene lasts"),
    "empty": (lambda frames: [[]], "frame 0.*dictionary"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_logs_are_one_error_that_names_the_file_and_the_field(one_log, name):
    change, expected = BAD[name]
    path = one_log(change)
    with pytest.raises(SimScaleError, match=f"(?s){LOG}.*{expected}" if name != "single frame" else expected):
        for ref in list_scenes(path):
            load_scene(ref)


def test_nobody_around_is_no_error(one_log):
    def change(frames):
        for frame in frames:
            frame["anns"] = {
                "gt_boxes": np.zeros((0, 7)), "gt_names": np.array([]), "gt_velocity_3d": np.zeros((0, 3)),
                "instance_tokens": [], "track_tokens": [],
            }  # fmt: skip
            frame["traffic_lights"] = []

    scene = load_scene(list_scenes(one_log(change))[0])
    assert len(scene.tracks) == 0
    assert scene.lights.lane_ids == ()


def test_half_a_log_is_said_to_be_one(one_log):
    path = one_log(lambda frames: None)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match="truncated"):
        list_scenes(path)


def test_without_maps_the_error_says_how_to_name_them(tmp_path, frames, root):
    path = files.write_pickle(tmp_path / "alone" / f"{LOG}.pkl", frames)
    with pytest.raises(DataError, match=r"NUPLAN_MAPS_ROOT.*NavsimSource\(maps="):
        list_scenes(path)
    source = NavsimSource(maps=str(root / "maps"))
    assert source.load(source.list(path, "train")[0]).source == "navsim"


def test_short_logs_among_others_are_passed_over(tmp_path, root, frames, caplog):
    (tmp_path / "maps").symlink_to(root / "maps")
    files.write_pickle(tmp_path / "a.pkl", frames[:12])
    files.write_pickle(tmp_path / "b.pkl", frames[:2])
    assert len(list_scenes(tmp_path)) == 1
    assert "1 of 2 logs" in caplog.text


def test_two_scenes_of_one_name_are_refused(tmp_path, root, frames):
    (tmp_path / "maps").symlink_to(root / "maps")
    for split in ("mini", "test"):
        files.write_pickle(tmp_path / "navsim_logs" / split / f"{LOG}.pkl", frames[:12])
    with pytest.raises(DataError, match="Name one of the folders"):
        list_scenes(tmp_path)
    assert len(list_scenes(tmp_path, "test")) == 1


JUNK = [
    None,
    -1.5,
    2**200,
    "x",
    b"x",
    [1, "a"],
    {},
    {"a": 1},
    np.zeros(3),
    np.full((2, 7), np.nan),
    set(),
    True,
]


@pytest.mark.parametrize("part", [None, "anns", "cams", "CAM_F0"])
def test_whatever_stands_in_a_field_only_our_errors_come(tmp_path, frames, part):
    """Fields that nobody reads may hold anything; every other is read or refused."""

    def place(log):
        return log[3] if part is None else log[3]["cams"]["CAM_F0"] if part == "CAM_F0" else log[3][part]

    refused = set()
    for number, key in enumerate(place(frames)):
        for junk in JUNK:
            log = copy.deepcopy(frames[:6])
            place(log)[key] = junk
            path = files.write_pickle(tmp_path / f"{number}.pkl", log)
            try:
                for piece in _pieces(read_frames(path)):
                    keyframes = read_piece(path, piece)
                    read_rig(keyframes, np.eye(4))
                    recorded_pictures(keyframes, keyframes.times_us)
            except SimScaleError as error:
                assert str(path) in str(error)
                refused.add(key)
    assert len(refused) >= {None: 9, "anns": 4, "cams": 8, "CAM_F0": 4}[part]
