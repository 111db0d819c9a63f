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
