"""For every scene of every source: route, path, lights, planner and EPDMS lead the same way."""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from forked_roads import forked

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.geometry import polyline
from simscale_gym.scene import EgoLog, Tracks, TrafficLights
from simscale_gym.scene.lane_sequence import blocks_of, lanes_of_block, linked
from simscale_gym.scoring.route_ahead import RouteSearch, route_ahead
from simscale_gym.scoring.scene_ground import segment_ground
from simscale_gym.sim import SimState
from simscale_gym.sources.nuplan.dataset import load_log_scene, scene_names
from simscale_gym.sources.nuplan.log_writer import write_log
from simscale_gym.sources.nuplan.map_writer import write_map, write_map_folder
from simscale_gym.sources.nuplan.recording import Part, Recording
from simscale_gym.sources.nuplan.schema import LOCATIONS
from simscale_gym.sources.scenario_description.reader import read_scenario_description
from simscale_gym.town.town import SPLIT_SEEDS, build_town, simulate_log, town_scenes

LANE_WIDTH = 3.7
LOCATION, ORIGIN = "us-pa-pittsburgh-hazelwood", np.array([586_123.0, 4_475_456.0, 217.0])
REAL = Path(__file__).parents[3] / "shared" / "data" / "scenarios"
REAL_NAMES = (
    "sd_nuscenes_v1.0-mini_scene-0103.pkl",
    "sd_waymo_49c341dce1f65cdb.pkl",
    "sd_waymo_53e9adfdac0eb822.pkl",
)


def onward(scene):
    """Poses of the path from the log's end on, 1 m apart."""
    path, lengths = scene.route_path, scene.route_lengths
    end = polyline.project(path, scene.ego.poses[-1:, :2], lengths)[0][0]
    return polyline.at_arc_length(path, np.arange(end, lengths[-1], 1.0), lengths)


def from_lanes(scene, lanes, points):
    """Distance ``[M]`` of each of ``points [M, 2+]`` from the nearest of ``lanes``."""
    lines = [scene.map.lanes[lane].centerline for lane in lanes]
    return np.min([np.abs(polyline.project(line, points[:, :2])[1]) for line in lines], axis=0)


def check_there_is_a_path(scene):
    assert np.isfinite(scene.route_path).all() and scene.route_lengths[-1] > 10.0
    assert np.diff(scene.route_lengths).min() > 0.1


def check_path_lies_on_the_route(scene):
    points, way = onward(scene), scene.way
    check_there_is_a_path(scene)
    assert from_lanes(scene, way.lanes, points).max() < LANE_WIDTH
    turns = np.abs(np.diff(np.unwrap(scene.route_path[:, 2])))
    assert turns.max() < 0.8


def check_roadblocks_come_in_order(scene):
    way, route = scene.way, linked(scene.map, scene.route)
    visited = blocks_of(scene.map, way.lanes)
    assert visited == way.blocks[: len(visited)]
    expected = route[route.index(visited[0]) :]
    assert way.blocks[: len(expected)] == expected
    arcs = []
    for lane in way.lanes[1:-1]:
        line = scene.map.lanes[lane].centerline
        s, d = polyline.project(scene.route_path, line[len(line) // 2, None, :2], scene.route_lengths)
        assert abs(d[0]) < 4.0 * LANE_WIDTH
        arcs.append(s[0])
    assert all(a < b + LANE_WIDTH for a, b in pairwise(arcs))


def check_planner_and_score_follow_the_path(scene, frame):
    path, lengths, ego = scene.route_path, scene.route_lengths, scene.ego.states[frame]
    ahead = route_ahead(scene, ego, RouteSearch.off_route())
    state = SimState(frame, ego, LogReplay().start(scene, frame, ego))
    assert np.array_equal(segment_ground(scene, state).centerline, ahead.centerline)
    here = polyline.project(path, ego[None, :2], lengths)[0][0]
    there = polyline.project(ahead.centerline, ego[None, :2])[0][0]
    common = min(lengths[-1] - here, polyline.arc_lengths(ahead.centerline)[-1] - there)
    points = polyline.at_arc_length(path, here + np.arange(0.0, common - 1.0, 1.0), lengths)
    if not len(points):
        return
    away = np.abs(polyline.project(ahead.centerline, points[:, :2])[1])
    lanes = max(len(lanes_of_block(scene.map, block)) for block in scene.way.blocks)
    assert away.max() < LANE_WIDTH * max(1, lanes - 1)
    assert {scene.map.lanes[lane].roadblock_id for lane in ahead.path_lane_ids} <= set(scene.way.blocks)


def check_lights_are_the_same(scene, frame):
    """What the observation tells of are the lights that count for TLC on the roadblocks that the path runs through."""
    ahead = set(route_ahead(scene, scene.ego.states[frame], RouteSearch.off_route()).lane_ids)
    passed = set(blocks_of(scene.map, scene.way.lanes))
    count = {k for k in scene.lights.lane_ids if k in ahead and scene.map.lanes[k].roadblock_id in passed}
    rows, places = scene.lights_on_route
    assert {scene.lights.lane_ids[row] for row in rows} == count
    for row, place in zip(rows, places, strict=True):
        begin = scene.map.lanes[scene.lights.lane_ids[row]].centerline[0, :2]
        at = polyline.at_arc_length(scene.route_path, place, scene.route_lengths)
        if 1.0 < place < scene.route_lengths[-1] - 1.0:
            assert np.hypot(*(at[:2] - begin)) < 4.0 * LANE_WIDTH


def check(scene):
    check_path_lies_on_the_route(scene)
    check_roadblocks_come_in_order(scene)
    for frame in range(0, scene.num_frames, 40):
        check_planner_and_score_follow_the_path(scene, frame)
        check_lights_are_the_same(scene, frame)


def described(folder, seed):
    path = folder / f"sd_{seed}.pkl"
    path.write_bytes(pickle.dumps(forked(seed)))
    return read_scenario_description(path)


def through_nuplan(folder, scene, route):
    """The scene written as a nuPlan log that names ``route``, and read again."""
    fids = write_map(folder / "map.gpkg", scene.map, LOCATIONS[LOCATION].epsg, ORIGIN)
    (folder / "maps").mkdir()
    write_map_folder(folder / "maps", LOCATION, folder / "map.gpkg")
    count = 2 * scene.num_frames
    ego = EgoLog(np.repeat(scene.ego.states, 2, axis=0), *np.zeros((3, count)))
    nobody = Tracks((), np.zeros(0, np.uint8), np.zeros((0, count, 3)), np.zeros((0, count, 2)),
                    np.zeros((0, count)), np.zeros((0, 3)), np.zeros((0, count), bool))  # fmt: skip
    lights = TrafficLights(scene.lights.lane_ids, np.repeat(scene.lights.status, 2, axis=1))
    log = Recording(1_650_000_000_000_000, ORIGIN, ego, nobody, lights, (Part(0, count, route),))
    write_log(folder / "log.db", log, fids, LOCATION)
    return load_log_scene(folder / "log.db", folder / "maps", scene_names(folder / "log.db")[0])


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_roads_that_fork(tmp_path, first):
    found = [described(tmp_path, seed) for seed in range(first, first + 25)]
    assert sum(bool(scene.route) for scene in found) > 20
    for scene in found:
        check(scene) if scene.route else check_there_is_a_path(scene)


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_the_same_through_nuplan(tmp_path, seed):
    scene = described(tmp_path, seed)
    read = through_nuplan(tmp_path, scene, scene.route)
    assert not any("Route" in said for said in read.inferred)
    check(read)
    arcs = np.arange(0.0, min(scene.route_lengths[-1], read.route_lengths[-1]), 5.0)
    direct, written = (polyline.at_arc_length(s.route_path, arcs)[:, :2] for s in (scene, read))
    np.testing.assert_allclose(written + read.origin[:2], direct + ORIGIN[:2], atol=0.5)


def test_town_logs(town_log):
    for scene in town_log:
        check(scene)


@pytest.mark.parametrize("split", sorted(SPLIT_SEEDS))
def test_towns(split):
    town = build_town(SPLIT_SEEDS[split][-1])
    for scene in town_scenes(town, simulate_log(town, 0, duration=40.0)):
        check(scene)


@pytest.mark.parametrize("name", REAL_NAMES)
def test_real_scenes(name):
    if not (REAL / name).is_file():
        pytest.skip(f"{REAL / name} is not there")
    check(read_scenario_description(REAL / name))
