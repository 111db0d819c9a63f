import os
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from crossing_scenario import FRAMES, OFFSET, crossing

from simscale_gym.dressing.ground.markings import lane_lines
from simscale_gym.dressing.ground.terrain import Surface
from simscale_gym.errors import DataError
from simscale_gym.geometry.polygon_set import PolygonSet
from simscale_gym.scene import (
    BoundaryType,
    IntersectionType,
    LightStatus,
    StateIndex,
    StopLineType,
    TrackType,
    Turn,
)
from simscale_gym.sources.scenario_description.reader import (
    list_scenario_descriptions,
    read_scenario_description,
)

ROOT = Path(os.environ.get("SIMSCALE_GYM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = ROOT / "scenarios" / "sd_nuscenes_v1.0-mini_scene-0103.pkl"


def write(folder, scenario, name="sd_crossing.pkl"):
    path = folder / name
    path.write_bytes(pickle.dumps(scenario))
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["stated_graph", "inferred_graph"])
def scene(request, tmp_path_factory):
    return read_scenario_description(write(tmp_path_factory.mktemp("sd"), crossing(request.param)))


@pytest.fixture(scope="module")
def real():
    if not REAL.is_file():
        pytest.skip(f"{REAL} is absent")
    return read_scenario_description(REAL)


def test_graph(scene):
    lanes = scene.map.lanes
    assert set(lanes["10"].successors) == {"20", "22"} and lanes["42"].predecessors == ("22", "41")
    assert {key for key, lane in lanes.items() if lane.connector} == {"20", "21", "22", "41"}
    assert lanes["22"].turn == Turn.LEFT and lanes["20"].turn == Turn.STRAIGHT
    assert len(scene.map.intersections) == 1
    assert {lanes[i].intersection_id for i in ("20", "21", "22", "41")} == set(scene.map.intersections)


def test_roadblocks_hold_parallel_lanes_left_to_right(scene):
    lanes, blocks = scene.map.lanes, scene.map.roadblocks
    assert blocks[lanes["10"].roadblock_id].lane_ids == ("10", "11")
    assert lanes["10"].right_neighbor == "11" and lanes["11"].left_neighbor == "10"
    assert lanes["10"].left_neighbor is None and lanes["11"].right_neighbor is None
    assert blocks[lanes["20"].roadblock_id].lane_ids == ("20", "21")
    assert blocks[lanes["10"].roadblock_id].successors == (lanes["20"].roadblock_id, lanes["22"].roadblock_id)


def test_boundaries_lie_on_the_paint_and_have_its_type(scene):
    lane = scene.map.lanes["10"]
    offset = OFFSET - scene.origin[:2]
    assert np.allclose(lane.left_boundary[:, 1] - offset[1], 0.25, atol=0.05)
    assert np.allclose(lane.right_boundary[:, 1] - offset[1], -3.5, atol=0.05)
    assert (lane.left_type, lane.right_type) == (BoundaryType.SOLID_YELLOW, BoundaryType.DASHED_WHITE)
    assert scene.map.lanes["30"].left_type == BoundaryType.VIRTUAL
    assert lane.speed_limit == pytest.approx(30 * 0.44704)


def test_lights_rule_connectors(scene):
    assert set(scene.lights.lane_ids) == {"20", "21"}
    assert scene.lights.at(0) == {"20": LightStatus.RED, "21": LightStatus.YELLOW}
    assert (
        scene.lights.at(25)["20"] == LightStatus.GREEN and scene.lights.at(55)["20"] == LightStatus.GREEN
    )  # held
    stops = scene.map.stop_lines
    kinds = {key: stop.type for stop in stops.values() for key in stop.lane_ids}
    assert kinds == {
        "20": StopLineType.TRAFFIC_LIGHT,
        "21": StopLineType.TRAFFIC_LIGHT,
        "41": StopLineType.STOP_SIGN,
    }
    assert [stops[i].lane_ids for i in scene.map.lanes["20"].stop_line_ids] == [("20",)]
    assert next(iter(scene.map.intersections.values())).type == IntersectionType.TRAFFIC_LIGHT


def test_ego_moves_from_box_center_to_rear_axle(scene):
    vehicle = scene.vehicle
    assert (vehicle.length, vehicle.width, vehicle.height) == pytest.approx((5.0, 2.0, 1.6))
    center = scene.ego.poses[:, :2] + scene.origin[:2] - OFFSET + [vehicle.rear_axle_to_center, 0.0]
    assert np.allclose(center[:, 0], -45 + np.arange(FRAMES), atol=1e-3) and np.allclose(center[:, 1], -1.75)
    assert np.allclose(scene.ego.states[:, StateIndex.VX], 10.0, atol=1e-3)
    assert np.abs(scene.ego.states[:, [StateIndex.AX, StateIndex.STEERING]]).max() < 1e-2
    assert scene.origin[2] == pytest.approx(7.0) and np.allclose(scene.ego.z, 0.0)


def test_tracks(scene):
    tracks = scene.tracks
    assert tracks.ids == ("8", "9", "10", "11")
    assert list(tracks.types) == [
        TrackType.VEHICLE, TrackType.PEDESTRIAN, TrackType.BICYCLE, TrackType.TRAFFIC_CONE
    ]  # fmt: skip
    assert tracks.valid[1].sum() == 30 and tracks.valid[0].all()
    assert np.allclose(tracks.z, tracks.sizes[:, 2:] / 2)
    assert np.allclose(
        tracks.poses[0, :, :2] + scene.origin[:2] - OFFSET - [-30, -5.25], np.outer(np.arange(61), [0.8, 0])
    )


def test_route_follows_the_log_and_goes_on(scene):
    lanes = scene.map.lanes
    assert scene.route == tuple(lanes[i].roadblock_id for i in ("10", "20", "30"))
    assert all(scene.map.nearest_lane(pose)[0] in ("10", "20", "30") for pose in scene.ego.poses)
    assert PolygonSet.build(scene.map.drivable_rings).contains_any(scene.ego.poses[:, :2]).all()


def test_inference_is_said(scene):
    said = " ".join(scene.inferred)
    assert "lanes that cross, fork or merge" in said and "box centre, 1.50 m ahead" in said


def test_slower_clock_is_resampled_to_ten_hertz(tmp_path):
    fast = crossing()
    slow = crossing()
    slow["metadata"]["ts"] = slow["metadata"]["ts"] * 2.5
    a, b = (read_scenario_description(write(tmp_path, s)) for s in (fast, slow))
    assert b.num_frames == 151 and np.allclose(np.diff(b.timestamps_us), 100_000)
    assert np.allclose(b.ego.states[:, StateIndex.VX], 4.0, atol=1e-3)
    assert np.allclose(a.ego.poses[10], b.ego.poses[25], atol=1e-3)
    assert b.tracks.valid[1].sum() == 73  # 2.5 * 29 steps, both ends seen


def test_ego_record_with_a_jump_is_mended(tmp_path):
    scenario = crossing()
    scenario["tracks"]["7"]["state"]["position"][55:, 0] -= 0.5
    scene = read_scenario_description(write(tmp_path, scenario))
    assert np.allclose(scene.ego.states[:, StateIndex.VX], 10.0, atol=1e-2)
    assert any("1 jumps" in sentence for sentence in scene.inferred)


def test_flat_record_stands_on_the_ground(tmp_path):
    scenario = crossing()
    for track in scenario["tracks"].values():
        track["state"]["position"][:, 2] = 0.0
    scene = read_scenario_description(write(tmp_path, scenario))
    assert scene.origin[2] == 0.0 and np.allclose(scene.tracks.z, scene.tracks.sizes[:, 2:] / 2)


def change(*keys, to=None, drop=False):
    def apply(scenario):
        place = scenario
        for key in keys[:-1]:
            place = place[key]
        if drop:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to

    return apply


def with_nan(scenario):
    scenario["tracks"]["8"]["state"]["position"][3] = np.nan


def without_lanes(scenario):
    features = scenario["map_features"]
    scenario["map_features"] = {k: v for k, v in features.items() if not v["type"].startswith("LANE")}


def seen_half_a_second(scenario):
    scenario["tracks"]["7"]["state"]["valid"] = np.arange(FRAMES) < 6


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (change("metadata", drop=True), "metadata"),
        (change("tracks", to=[]), "tracks"),
        (change("map_features", drop=True), "map_features"),
        (change("length", to="61"), "length"),
        (change("length", to=60), "tracks.7.state.valid"),
        (change("metadata", "sdc_id", to="nobody"), "metadata.sdc_id"),
        (change("metadata", "ts", to=np.zeros(FRAMES)), "metadata.ts"),
        (change("metadata", "ts", to=np.arange(5.0)), "metadata.ts"),
        (change("metadata", "ts", to=np.arange(FRAMES) * 1e5), "metadata.ts"),
        (change("metadata", "ts", to=1e14 + 0.1 * np.arange(FRAMES)), "metadata.ts"),
        (change("metadata", "ts", to=np.arange(FRAMES) * 1e300), "metadata.ts"),
        (seen_half_a_second, "metadata.ts"),
        (change("tracks", "8", "state", "heading", drop=True), "tracks.8.state.heading"),
        (change("tracks", "8", "state", "heading", to=np.zeros(5)), "tracks.8.state.heading"),
        (change("tracks", "8", "state", "position", to=np.zeros((FRAMES, 1))), "tracks.8.state.position"),
        (change("tracks", "8", "state", "length", to=["long"] * FRAMES), "tracks.8.state.length"),
        (change("tracks", "8", "type", to=3), "tracks.8.type"),
        (with_nan, "tracks.8.state.position"),
        (without_lanes, "map_features.LANE_*"),
        (change("map_features", "10", "polyline", to=np.full((9, 2), np.nan)), "map_features.10.polyline"),
        (change("map_features", "10", "polyline", to=np.zeros(9)), "map_features.10.polyline"),
        (change("map_features", "60", "polygon", drop=True), "map_features.60.polygon"),
        (change("map_features", "70", "position", drop=True), "map_features.70.position"),
        (change("dynamic_map_states", "20", "state", to={}), "dynamic_map_states.20.state.object_state"),
        (
            change("dynamic_map_states", "20", "state", "object_state", to=3),
            "dynamic_map_states.20.state.object_state",
        ),
        (change("id", to=[["7"]]), "id"),
        (change("id", to=1 << 100_000), "id"),
        (change("length", to=1 << 100_000), "length"),
        (change("metadata", "sdc_id", to=["7"]), "metadata.sdc_id"),
        (change("metadata", "dataset", to={"waymo": 1}), "metadata.dataset"),
        (change("metadata", "map", to=("a", "b")), "metadata.map"),
        (change("tracks", 1 << 100_000, to={}), "tracks"),
        (change("map_features", "10", "exit_lanes", to=20), "map_features.10.exit_lanes"),
        (change("map_features", "10", "exit_lanes", to=[[20]]), "map_features.10.exit_lanes"),
        (change("map_features", "10", "left_neighbor", to=20), "map_features.10.left_neighbor"),
        (
            change("map_features", "10", "left_neighbor", to=[{"self_end_index": np.inf, "feature_id": 2}]),
            "map_features.10.left_neighbor.self_end_index",
        ),
    ],
)
def test_bad_fields_are_named(tmp_path, spoil, field):
    scenario = crossing()
    spoil(scenario)
    path = write(tmp_path, scenario)
    with pytest.raises(DataError) as error:
        read_scenario_description(path)
    assert error.value.field == field and str(path) in str(error.value)


class Hostile:
    def __reduce__(self):
        return (os.mkdir, ("pwned",))


def test_hostile_pickle_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="names"):
        read_scenario_description(write(tmp_path, crossing() | {"extra": Hostile()}))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("data", [b"", b"no pickle at all", pickle.dumps(crossing())[:-500]])
def test_torn_files(tmp_path, data):
    path = tmp_path / "sd_torn.pkl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"sd_torn\.pkl"):
        read_scenario_description(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="expected a dictionary"):
        read_scenario_description(path)


def test_listing(tmp_path):
    with pytest.raises(DataError, match=r"no sd_\*\.pkl"):
        list_scenario_descriptions(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        list_scenario_descriptions(tmp_path / "nowhere")
    (tmp_path / "part").mkdir()
    first, second = (write(tmp_path / "part", {}, f"sd_{i}.pkl") for i in (1, 2))
    assert list_scenario_descriptions(tmp_path) == [first, second]
    assert list_scenario_descriptions(first) == [first]
    write(tmp_path, {"sd_2.pkl": {}}, "dataset_summary.pkl")
    write(tmp_path, {"sd_2.pkl": "part"}, "dataset_mapping.pkl")
    assert list_scenario_descriptions(tmp_path) == [second]
    second.unlink()
    with pytest.raises(DataError, match=r"sd_2\.pkl"):
        list_scenario_descriptions(tmp_path)


def test_real_scene_drives_on_its_map(real):
    road = real.map
    assert real.num_frames == 196 and len(real.tracks) == 121 and len(road.lanes) == 703
    assert PolygonSet.build(road.drivable_rings).contains_any(real.ego.poses[:, :2]).all()
    nearest = [road.nearest_lane(pose) for pose in real.ego.poses]
    assert max(abs(offset) for _, _, offset in nearest) < 1.0
    own = [road.roadblocks[block].lane_ids for block in real.route]
    inside = [any(i in ids for ids in own for i in road.lanes_at(pose)) for pose in real.ego.poses]
    assert np.mean(inside) > 0.98
    route = [road.roadblocks[block] for block in real.route]
    assert all(b.id in a.successors for a, b in pairwise(route))
    assert np.abs(real.ego.states[:, StateIndex.AX]).max() < 4.0


def test_real_scene_links_and_groups(real):
    lanes = real.map.lanes.values()
    connectors = [lane for lane in lanes if lane.connector]
    assert len(connectors) == 381
    assert (
        np.mean([bool(c.predecessors) and bool(c.successors) for c in connectors]) > 0.97
    )  # cut at the map edge
    for lane in lanes:
        for other in lane.successors:
            assert lane.id in real.map.lanes[other].predecessors
    groups = [len(b.lane_ids) for b in real.map.roadblocks.values() if not b.connector]
    assert len(groups) == 226 and sorted(groups)[-1] == 4
    assert real.vehicle.length > real.vehicle.width and any("swapped" in x for x in real.inferred)


def test_yellow_lines_are_yellow(scene):
    lane = scene.map.lanes["10"]
    assert lane.left_type == BoundaryType.SOLID_YELLOW and lane.left_type.white == BoundaryType.SOLID_WHITE
    assert lane.right_type == BoundaryType.DASHED_WHITE
    painted = {item.paint for item in lane_lines(scene.map)}
    assert painted == {Surface.PAINT, Surface.YELLOW_PAINT}
