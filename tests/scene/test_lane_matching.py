import pickle

import numpy as np
import pytest
from crossing_scenario import LANES, OFFSET, crossing

from simscale_gym.geometry import polyline
from simscale_gym.scene.lane_matching import find_route, match_lanes, mended_route
from simscale_gym.sources.scenario_description.reader import read_scenario_description


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("sd") / "sd_crossing.pkl"
    path.write_bytes(pickle.dumps(crossing()))
    return read_scenario_description(path)


def drive(scene, *keys, skip=0):
    """Poses every metre along lanes ``keys``, the first and last ``skip`` [m] of each left out."""
    lines = [LANES[key][2 * skip : len(LANES[key]) - 2 * skip, :2] for key in keys]
    points = np.concatenate(lines) - scene.origin[:2]
    return polyline.resample(polyline.without_repeats(points, 0.1), 1.0)


def blocks(scene, *keys):
    return tuple(scene.map.lanes[key].roadblock_id for key in keys)


def test_a_turn_is_matched_to_the_lane_that_turns(scene):
    poses = drive(scene, "10", "22", "42")
    assert match_lanes(scene.map, poses) == ["10", "22", "42"]
    assert find_route(scene.map, poses) == blocks(scene, "10", "22", "42")


def test_noise_does_not_leave_the_lane(scene):
    poses = drive(scene, "11", "21", "31")
    poses[:, 1] += np.random.default_rng(0).normal(0.0, 0.8, len(poses))
    assert match_lanes(scene.map, poses) == ["11", "21", "31"]


def test_lanes_that_the_log_missed_are_filled_in(scene):
    before, after = drive(scene, "10", skip=8), drive(scene, "42", skip=8)
    poses = np.concatenate([before, after])
    assert find_route(scene.map, poses, ahead=0.0) == blocks(scene, "10", "22", "42")


def test_a_lane_change_stays_in_its_roadblock(scene):
    x = np.arange(-55.0, -12.0)
    y = -1.75 - 3.5 / (1 + np.exp(-(x + 35) / 3))
    points = np.column_stack([x, y]) + OFFSET - scene.origin[:2]
    assert match_lanes(scene.map, polyline.with_headings(points)) == ["10", "11"]
    assert find_route(scene.map, polyline.with_headings(points), ahead=0.0) == blocks(scene, "10")


def test_the_route_goes_straight_on(scene):
    poses = drive(scene, "10", skip=8)
    assert find_route(scene.map, poses, ahead=5.0) == blocks(scene, "10", "20")
    assert find_route(scene.map, poses, ahead=30.0) == blocks(scene, "10", "20", "30")


def test_no_lane_near_gives_no_route(scene):
    assert find_route(scene.map, drive(scene, "10") + np.array([0.0, 300.0, 0.0])) == ()


def test_standing_still(scene):
    poses = np.tile(drive(scene, "10")[20], (15, 1))
    assert match_lanes(scene.map, poses) == ["10"]


def test_a_named_route_that_the_drive_follows_stays(scene):
    named = blocks(scene, "10", "22", "42")
    assert mended_route(scene.map, drive(scene, "10", "22"), named) == named
    assert mended_route(scene.map, drive(scene, "10", skip=8), named) == named
    mouth = drive(scene, "10", "20")[:54]  # ends 4 m into the junction, where both ways are near
    assert mended_route(scene.map, mouth, named) == named


def test_a_named_route_is_mended_where_the_drive_leaves_it(scene):
    turned = blocks(scene, "10", "22", "42")
    assert mended_route(scene.map, drive(scene, "10", "22", "42"), blocks(scene, "10", "20", "30")) == turned
    assert mended_route(scene.map, drive(scene, "10", skip=8), blocks(scene, "42")) == turned
    assert mended_route(scene.map, drive(scene, "10", "22"), ("gone",)) == turned
    detour = blocks(scene, "10", "20", "22", "42")
    assert mended_route(scene.map, drive(scene, "10", "22"), detour) == turned
    assert mended_route(scene.map, drive(scene, "10") + np.array([0.0, 300.0, 0.0]), turned) == turned


def test_who_may_go_either_way_goes_straight(scene):
    poses = drive(scene, "10", "20")[:53]
    poses[:, 1] += 0.2
    assert match_lanes(scene.map, poses)[-1] == "20"


def test_who_drifts_between_two_ways_of_a_fork_belongs_where_the_drive_ends(tmp_path):
    """As in nuScenes' scene-0757: it follows the right way, and stops in the lane that the left one leads to."""
    lines = {
        "in": [(0, 0), (40, 0)], "right": [(40, 0), (75, 0)], "left": [(40, 0), (50, 4), (75, 4)],
        "out_right": [(75, 0), (120, 0)], "out_left": [(75, 4), (120, 4)],
    }  # fmt: skip
    exits = {"in": ["right", "left"], "right": ["out_right"], "left": ["out_left"]}
    record = crossing()
    record["map_features"] = {
        key: {
            "type": "LANE_SURFACE_UNSTRUCTURE" if key in ("right", "left") else "LANE_SURFACE_STREET",
            "polyline": np.column_stack([np.array(line, float) + OFFSET, np.full(len(line), 7.0)]),
            "exit_lanes": exits.get(key, []),
            "entry_lanes": [k for k, after in exits.items() if key in after],
        }
        for key, line in lines.items()
    }
    record["dynamic_map_states"] = {}
    path = tmp_path / "sd_fork.pkl"
    path.write_bytes(pickle.dumps(record))
    made = read_scenario_description(path)

    def along(y):
        x = np.arange(5.0, 76.0)
        return polyline.with_headings(np.column_stack([x, y(x)]) + OFFSET - made.origin[:2])

    drifts = along(lambda x: 3.2 * np.clip((x - 66.0) / 9.0, 0.0, 1.0))
    assert match_lanes(made.map, drifts) == ["in", "left"]
    assert find_route(made.map, drifts, ahead=20.0) == blocks(made, "in", "left", "out_left")
    assert match_lanes(made.map, along(lambda x: 0.0 * x)) == ["in", "right"]
