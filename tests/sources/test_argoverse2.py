import json
import sys

import argoverse2_files as files
import gymnasium
import numpy as np
import pytest
from argoverse2_files import FRAMES, ID, OFFSET, SPEED, START_NS, feather, pa, write_log, write_scenario

from simscale_gym.errors import DataError, MissingExtraError, SimScaleError
from simscale_gym.scene import BoundaryType, StateIndex, TrackType
from simscale_gym.sources import find_scene, list_scenes
from simscale_gym.sources.argoverse2.scenario import read_scenario
from simscale_gym.sources.argoverse2.sensor_log import read_sensor_log


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write_scenario(tmp_path_factory.mktemp("av2"))


@pytest.fixture(scope="module")
def scenario(scenario_file):
    return read_scenario(scenario_file)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return read_sensor_log(write_log(tmp_path_factory.mktemp("av2")))


def track(scene, key):
    row = scene.tracks.ids.index(key)
    places = scene.tracks.poses[row] + [*scene.origin[:2], 0.0]
    return places, scene.tracks.velocities[row], scene.tracks.valid[row], row


def test_scenario_tracks_are_those_of_the_file(scenario):
    recorded = files.scenario_tracks()
    assert set(scenario.tracks.ids) == set(recorded) - {"AV"}
    for key, (_, frames, line, heading, velocity) in recorded.items():
        if key != "AV":
            places, velocities, valid, _ = track(scenario, key)
            assert list(np.flatnonzero(valid)) == list(frames)
            assert np.allclose(
                places[frames], np.column_stack([line, np.full(len(line), heading)]), atol=1e-9
            )
            assert np.allclose(velocities[frames], velocity)
    kinds = dict(zip(scenario.tracks.ids, scenario.tracks.types, strict=True))
    assert kinds == {
        "138902": TrackType.VEHICLE,
        "138951": TrackType.PEDESTRIAN,
        "139001": TrackType.TRAFFIC_CONE,
    }
    assert np.allclose(scenario.tracks.z, scenario.tracks.sizes[:, 2:] / 2)
    assert any("usual size of their kind" in said for said in scenario.inferred)


def test_scenario_ego_drives_on_where_recorded_positions_are_pulled_inwards(scenario):
    recorded = files.scenario_tracks()["AV"][2]
    assert np.ptp(np.diff(recorded[:, 0])) > 0.4  # the record brakes by half at both ends
    assert np.allclose(scenario.ego.poses[:, :2] + scenario.origin[:2], files.ego_line(), atol=1e-6)
    assert np.allclose(scenario.ego.poses[15:45, :2] + scenario.origin[:2], recorded[15:45], atol=1e-6)
    assert np.allclose(scenario.ego.states[:, StateIndex.VX], SPEED, atol=1e-3)
    assert (
        scenario.timestamps_us[0] == START_NS // 1000 and (np.diff(scenario.timestamps_us) == 100_000).all()
    )


def test_lanes_have_the_graph_edges_and_paint_of_the_map(scenario):
    lanes = scenario.map.lanes
    assert set(lanes["10"].successors) == {"20", "22"} and lanes["42"].predecessors == ("22",)
    assert lanes["30"].successors == ("36",)  # past a lane of 0.3 m
    assert {key for key, lane in lanes.items() if lane.connector} == {"20", "21", "22"}
    assert [key for key, lane in lanes.items() if lane.bike] == ["12"]
    left, _ = files.along(-60, -10, -1.75)
    assert np.allclose(lanes["10"].left_boundary + scenario.origin[:2] - OFFSET, left)
    assert np.allclose(lanes["10"].centerline[:, 1] + scenario.origin[1] - OFFSET[1], -1.75)
    assert (lanes["10"].left_type, lanes["10"].right_type) == (
        BoundaryType.SOLID_YELLOW,
        BoundaryType.DASHED_WHITE,
    )
    assert lanes["20"].left_type == BoundaryType.VIRTUAL
    radius = np.linalg.norm(lanes["22"].centerline[:, :2] + scenario.origin[:2] - OFFSET - [-10, 10], axis=1)
    assert np.allclose(radius, 11.75, atol=0.05)


def test_roadblocks_hold_neighbours_of_one_direction(scenario):
    lanes, blocks = scenario.map.lanes, scenario.map.roadblocks
    assert blocks[lanes["10"].roadblock_id].lane_ids == (
        "10",
        "11",
    )  # neither what comes towards it nor the cycles
    assert blocks[lanes["30"].roadblock_id].lane_ids == ("30", "31")
    assert blocks[lanes["90"].roadblock_id].lane_ids == ("90",)
    assert lanes["10"].left_neighbor is None and lanes["11"].left_neighbor == "10"
    assert len(scenario.map.intersections) == 1
    assert scenario.route[:3] == tuple(lanes[key].roadblock_id for key in ("10", "20", "30"))


def test_areas(scenario):
    (crosswalk,) = scenario.map.crosswalks.values()
    corners = crosswalk.polygon + scenario.origin[:2] - OFFSET
    assert {tuple(np.round(corner, 6)) for corner in corners} == {(-14, -9), (-14, 4), (-11, -9), (-11, 4)}
    assert sum(area.polygon is not None for area in scenario.map.generic_drivable.values()) >= 1
    assert scenario.map.drivable_region.area == pytest.approx(210 * 13 + 64 * 56, rel=0.02)


def test_log_boxes_leave_the_ego_frame(log):
    for key, (_, size, motion) in files.log_boxes().items():
        if key == "rider":
            continue
        places, velocities, valid, row = track(log, key)
        at = [motion((stamp - START_NS) * 1e-9) for stamp in files.stamps()]
        centers = np.array([center for center, _ in at]) + files.IN_CITY
        assert valid.all() and np.allclose(places[:, :2], centers[:, :2], atol=1e-4)
        assert np.allclose(log.tracks.z[row] + log.origin[2], centers[:, 2], atol=1e-4)
        assert np.allclose(places[:, 2], at[0][1], atol=1e-6)
        assert np.allclose(log.tracks.sizes[row], size)
        moved = np.gradient(centers[:, :2], 0.1, axis=0)
        assert np.allclose(velocities, np.round(moved), atol=0.25)


def test_log_ego_is_interpolated_to_ten_hertz(log):
    assert log.num_frames == FRAMES
    assert np.allclose(log.ego.poses[:, :2] + log.origin[:2], files.ego_line(), atol=1e-3)
    assert np.allclose(log.ego.states[:, StateIndex.VX], SPEED, atol=1e-2)
    assert log.origin[2] == pytest.approx(66.0) and np.allclose(log.ego.z, 0.0, atol=1e-9)
    assert np.allclose(log.ego.pitch, -0.02) and np.allclose(log.ego.roll, 0.01)
    assert log.map.name == "PIT" and log.timestamps_us[0] == files.stamps()[0] // 1000


def test_riders_are_part_of_their_cycle(log):
    assert "rider" not in log.tracks.ids and "cycle" in log.tracks.ids
    assert any("1 riders are part" in said for said in log.inferred)


def test_cameras_are_those_of_the_log_from_the_ground_up(log):
    front, rear = log.rig.cameras["cam_f0"], log.rig.cameras["cam_r2"]
    assert (front.width, front.height) == (1550, 2048) and (rear.width, rear.height) == (2048, 1550)
    assert np.allclose(front.K, [[1776, 0, 778], [0, 1777, 1013], [0, 0, 1]])
    assert np.allclose(front.cam_to_ego[:3, 3], [1.63, 0.0, 1.4 + files.AXLE_HEIGHT])
    assert np.allclose(front.cam_to_ego[:3, 2], [1, 0, 0])
    forward = rear.cam_to_ego[:3, 2]
    assert np.degrees(np.arctan2(forward[1], forward[0])) == pytest.approx(-153)
    assert np.allclose(front.distortion, [-0.24, -0.21, 0, 0, 0.32])


def test_log_without_calibration_has_nuplan_cameras(tmp_path):
    folder = write_log(tmp_path)
    for file in (folder / "calibration").iterdir():
        file.unlink()
    (folder / "calibration").rmdir()
    scene = read_sensor_log(folder)
    assert "cam_b0" in scene.rig.cameras and any("no calibration" in said for said in scene.inferred)


def test_scenes_are_listed_by_split(tmp_path):
    for split, names in (("train", ("a", "b")), ("val", ("c",))):
        for name in names:
            write_scenario(tmp_path / "motion-forecasting" / split, name)
    write_log(tmp_path / "sensor" / "val", "d")
    assert [ref.id for ref in list_scenes(tmp_path, "train")] == ["a", "b"]
    assert [ref.id for ref in list_scenes(tmp_path, "val")] == ["c", "d"]
    assert [ref.id for ref in list_scenes(tmp_path, "hard")] == ["a", "b", "c", "d"]
    (ref,) = list_scenes(tmp_path / "motion-forecasting" / "val" / "c" / "scenario_c.parquet")
    assert (ref.id, ref.source.name) == ("c", "argoverse2")
    assert find_scene(list_scenes(tmp_path / "sensor" / "val" / "d"), "d").source.load(ref).id == "c"


def test_two_scenes_of_one_name_are_refused(tmp_path):
    write_scenario(tmp_path / "x")
    write_scenario(tmp_path / "y")
    with pytest.raises(DataError, match="another scene of this name"):
        list_scenes(tmp_path)


@pytest.mark.parametrize("write", [write_scenario, write_log])
def test_scenes_are_driven(tmp_path, write):
    write(tmp_path)
    env = gymnasium.make("SimScale-v0", scenes=tmp_path, observation="state", perturb=False)
    obs, info = env.reset(seed=1)
    assert obs["ego"][0] == pytest.approx(SPEED, abs=0.1)
    for _ in range(10):
        _, _, terminated, _, info = env.step(info["expert_action"])
        assert not terminated
    assert not info["out_of_road"]


def without(table, name):
    return table.drop_columns([name])


def put(table, name, values):
    whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return table.set_column(table.schema.get_field_index(name), name, whole)


BAD_TABLES = {
    "position_x: found 0 of that name": lambda t: without(t, "position_x"),
    "track_id: found 0 of that name": lambda t: without(t, "track_id"),
    "heading: found the type string": lambda t: put(t, "heading", t["track_id"]),
    "timestep: found the type double": lambda t: put(t, "timestep", t["heading"]),
    "an empty table": lambda t: t.slice(0, 0),
    "no 'AV' among 3 tracks": lambda t: t.slice(FRAMES),
    "1 rows NaN": lambda t: put(t, "position_y", [np.nan, *t["position_y"].to_pylist()[1:]]),
    "1 empty rows": lambda t: put(t, "track_id", pa.array([None, *t["track_id"].to_pylist()[1:]])),
    "timestep: found 0..60, expected 0..19": lambda t: put(put(t, "num_timestamps", [20] * len(t)), "end_timestamp",
                                                     pa.array([START_NS + 1.9e9] * len(t))),
    "6.00 s for 200 times": lambda t: put(t, "num_timestamps", [200] * len(t)),
    "two rows of one track": lambda t: pa.concat_tables([t, t.slice(0, 1)]),
    "object_type: found 'ufo'": lambda t: put(t, "object_type", ["ufo"] * len(t)),
    "0.40 s in which the ego is seen": lambda t: pa.concat_tables([t.slice(0, 5), t.slice(FRAMES)]),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_TABLES)
def test_bad_tables_are_named(tmp_path, message):
    file = write_scenario(tmp_path, table=BAD_TABLES[message](files.scenario_table()))
    with pytest.raises(DataError, match=message.replace(".", r"\.")) as caught:
        read_scenario(file)
    assert caught.value.path == str(file)


BAD_MAPS = {
    "lane_segments: found no such key": lambda m: m.pop("lane_segments"),
    "no lane": lambda m: m["lane_segments"].clear(),
    "10.left_lane_boundary": lambda m: m["lane_segments"]["10"].update(left_lane_boundary=[{"x": 1}]),
    "10.right_lane_boundary": lambda m: m["lane_segments"]["10"].update(right_lane_boundary=[]),
    "11.is_intersection": lambda m: m["lane_segments"]["11"].update(is_intersection="no"),
    "11.lane_type: found 'TRAM'": lambda m: m["lane_segments"]["11"].update(lane_type="TRAM"),
    "20.successors": lambda m: m["lane_segments"]["20"].update(successors=[{}]),
    "21.left_neighbor_id": lambda m: m["lane_segments"]["21"].update(left_neighbor_id="10"),
    "3.area_boundary": lambda m: m["drivable_areas"]["3"].update(
        area_boundary=[{"x": float("nan"), "y": 1.0}]
    ),
    "7.edge1": lambda m: m["pedestrian_crossings"]["7"].update(edge1=5),
    "22.left_lane_boundary": lambda m: m["lane_segments"]["22"].update(
        left_lane_boundary=[{"x": "1", "y": "2"}]
    ),
}


@pytest.mark.parametrize("message", BAD_MAPS)
def test_bad_maps_are_named(tmp_path, message):
    archive = files.crossing_map()
    BAD_MAPS[message](archive)
    file = write_scenario(tmp_path, archive=archive)
    with pytest.raises(DataError, match=message) as caught:
        read_scenario(file)
    assert caught.value.path.endswith(".json")


def test_missing_and_broken_files_are_named(tmp_path):
    file = write_scenario(tmp_path)
    archive = file.with_name(f"log_map_archive_{ID}.json")
    archive.write_text(archive.read_text()[:-40])
    with pytest.raises(DataError, match="no JSON"):
        read_scenario(file)
    archive.unlink()
    with pytest.raises(DataError, match="found no such file, expected a JSON map"):
        read_scenario(file)
    folder = write_log(tmp_path / "logs")
    (folder / "annotations.feather").unlink()
    with pytest.raises(DataError, match="Logs of the split test are published without labels"):
        read_sensor_log(folder)


BAD_LOGS = {
    "qw, qx, qy, qz: found a quaternion of length": ("annotations", "qw", lambda c: [5.0] * len(c)),
    "category: found 'UFO'": ("annotations", "category", lambda c: ["UFO"] * len(c)),
    "within those of the ego's poses": (
        "annotations",
        "timestamp_ns",
        lambda c: list(range(len(c))),
    ),
    "two boxes of one track": ("annotations", "track_uuid", lambda c: ["car"] * len(c)),
    "two poses of one time": ("city_SE3_egovehicle", "timestamp_ns", lambda c: [START_NS] * len(c)),
    "0 rows of ring_front_center": ("calibration/intrinsics", "sensor_name", lambda c: ["x"] * len(c)),
    "ring_front_center: found focal lengths 0, 1777": (
        "calibration/intrinsics",
        "fx_px",
        lambda c: [0.0] * len(c),
    ),
}


@pytest.mark.parametrize("message", BAD_LOGS)
def test_bad_logs_are_named(tmp_path, message):
    folder = write_log(tmp_path)
    name, column, change = BAD_LOGS[message]
    file = folder / f"{name}.feather"
    table = feather.read_table(file)
    feather.write_feather(put(table, column, pa.array(change(table[column]))), file)
    with pytest.raises(DataError, match=message) as caught:
        read_sensor_log(folder)
    assert str(folder / name.split("/")[0]) in caught.value.path


@pytest.mark.parametrize("kind", ["scenario", "log"])
def test_damaged_bytes_give_a_scene_or_one_clear_error(tmp_path, kind):
    if kind == "scenario":
        file = write_scenario(tmp_path)
        read = lambda: read_scenario(file)  # noqa: E731
    else:
        file = write_log(tmp_path) / "annotations.feather"
        read = lambda: read_sensor_log(file.parent)  # noqa: E731
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for cut in np.linspace(0, len(whole) - 1, 12).astype(int):
        file.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=file.name):
            read()
    named = 0
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            broken[place] ^= int(rng.integers(1, 256))
        file.write_bytes(broken)
        try:
            read()
        except SimScaleError:
            named += 1
    assert named > 10


def test_lengths_that_a_feather_file_claims_are_checked_before_they_are_taken(tmp_path):
    folder = write_log(tmp_path)
    file = folder / "city_SE3_egovehicle.feather"
    content, count = file.read_bytes(), len(files.pose_table())
    claim = (8 * count).to_bytes(8, "little")
    assert content.count(claim) >= 2  # the unpacked length that each buffer begins with
    file.write_bytes(content.replace(claim, (2**40).to_bytes(8, "little")))
    with pytest.raises(DataError, match="bytes once unpacked, expected at most"):
        read_sensor_log(folder)


def test_files_too_large_are_refused(tmp_path, monkeypatch):
    file, log = write_scenario(tmp_path / "scenarios"), write_log(tmp_path / "logs")
    monkeypatch.setattr("simscale_gym.sources.argoverse2.columns.MAX_ROWS", 50)
    for read, place in ((read_scenario, file), (read_sensor_log, log)):
        with pytest.raises(DataError, match="rows, expected at most 50"):
            read(place)
    monkeypatch.undo()
    monkeypatch.setattr("simscale_gym.sources.argoverse2.map_archive.MAX_MAP_BYTES", 50)
    for read, place in ((read_scenario, file), (read_sensor_log, log)):
        with pytest.raises(DataError, match="bytes, expected at most 50"):
            read(place)


def test_scenes_are_made_again_when_one_of_their_files_changes(tmp_path):
    write_scenario(tmp_path, "a")
    write_log(tmp_path, "b")
    read = {ref.id: [item.name for item in ref.source.made_from(ref)[1:]] for ref in list_scenes(tmp_path)}
    assert read["a"] == ["scenario_a.parquet", "log_map_archive_a.json"]
    assert set(read["b"]) == {
        "annotations.feather", "city_SE3_egovehicle.feather", "egovehicle_SE3_sensor.feather",
        "intrinsics.feather", "log_map_archive_b____PIT_city_47896.json",
    }  # fmt: skip


def test_missing_extra_is_named(scenario_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"install .*\[data\]"):
        read_scenario(scenario_file)


def test_log_without_boxes_is_refused(tmp_path):
    folder = write_log(tmp_path)
    feather.write_feather(files.annotation_table().slice(0, 0), folder / "annotations.feather")
    with pytest.raises(DataError, match=r"annotations\.feather: found an empty table"):
        read_sensor_log(folder)


def test_scenarios_of_one_folder_are_all_listed(tmp_path):
    for name in ("b", "a"):
        write_scenario(tmp_path / "apart", name).rename(tmp_path / f"scenario_{name}.parquet")
    assert [ref.id for ref in list_scenes(tmp_path)] == ["a", "b"]


def test_map_of_a_log_must_be_one(tmp_path):
    folder = write_log(tmp_path)
    (folder / "map" / "log_map_archive_other.json").write_text(json.dumps(files.crossing_map()))
    with pytest.raises(DataError, match="expected one log_map_archive"):
        read_sensor_log(folder)


def test_recorded_pictures_are_named_by_their_times(tmp_path):
    folder = write_log(tmp_path)
    ring = folder / "sensors" / "cameras" / "ring_front_left"
    ring.mkdir(parents=True)
    start = int(files.stamps()[0])
    for shift in (-200_000_000, 12_000_000, 62_000_000, 130_000_000):
        (ring / f"{start + shift}.jpg").write_bytes(b"")
    (ring / "notes.txt").write_text("")
    recorded = read_sensor_log(folder).recorded
    assert recorded.file("cam_l0", 0) == ring / f"{start + 12_000_000}.jpg"
    assert recorded.file("cam_l0", 1) is None  # 30 ms off
    assert recorded.file("cam_f0", 0) is None
    assert read_sensor_log(write_log(tmp_path / "without")).recorded is None


def test_boxes_with_the_ego_among_them(tmp_path, log):
    """As in the scenario-mining challenge: the ego's own box is no other road user."""
    folder = write_log(tmp_path)
    table = feather.read_table(folder / "annotations.feather").to_pydict()
    first = table["track_uuid"].index("car")
    for name, values in table.items():
        values.append({"track_uuid": "ego", "category": "EGO_VEHICLE"}.get(name, values[first]))
    (folder / "annotations.feather").unlink()
    feather.write_feather(pa.table(table), folder / "annotations_with_ego.feather")
    [ref] = list_scenes(str(tmp_path))
    again = ref.source.load(ref)
    assert again.tracks.ids == log.tracks.ids
    np.testing.assert_allclose(again.tracks.poses, log.tracks.poses)


def test_lanes_of_sensor_logs_have_heights_and_those_of_scenarios_none(tmp_path, log, scenario):
    assert all(lane.heights is None for lane in scenario.map.lanes.values())
    for lane in log.map.lanes.values():  # the map lies at 66 m, as the ground does below the ego
        assert np.allclose(lane.heights, 0.0, atol=0.05) and len(lane.heights) == len(lane.centerline)
    folder = write_log(tmp_path)
    file = next((folder / "map").iterdir())
    archive = json.loads(file.read_text())
    over = {
        k: [p | {"z": 74.0} for p in v] if "boundary" in k else v
        for k, v in archive["lane_segments"]["42"].items()
    }
    archive["lane_segments"]["42"] = over | {"predecessors": []}
    archive["lane_segments"]["22"]["successors"] = []
    file.write_text(json.dumps(archive))
    bridge = read_sensor_log(folder).map
    assert "42" not in bridge.lanes and np.allclose(bridge.elsewhere["42"].heights, 8.0, atol=0.05)
