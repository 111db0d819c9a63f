"""Map, centreline and route that drives are scored on."""

from dataclasses import replace

import numpy as np
from crossroads import RED, SIDE, crossroads_map, scene_of, with_roadblocks

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.scene import TrafficLights
from simscale_gym.scoring.scene_ground import closed_lanes, map_layers, segment_ground
from simscale_gym.sim import start

ROUTE = ("in_0", "0>2", "out_2")


def test_lanes_without_roadblocks_are_road():
    bare = crossroads_map()
    assert map_layers(bare).layers.count("DRIVABLE_AREA") == len(bare.lanes)
    covered = [lane.id for lane in bare.lanes.values() if not lane.connector]
    tokens = map_layers(with_roadblocks(bare)).tokens
    assert not {f"lane {name}" for name in covered} & set(tokens)


def test_the_route_ahead_is_followed_and_kept():
    scene = replace(
        scene_of(with_roadblocks(crossroads_map()), (), 60, (40.0, SIDE, np.pi, 8.0)), route=ROUTE
    )
    ground = segment_ground(scene, start(scene, ConstantVelocity()))
    assert ground.route_lane_ids[:3] == ROUTE
    assert ground is segment_ground(scene, start(scene, ConstantVelocity(), 5))


def test_without_a_lane_the_route_path_stands_in():
    scene = replace(
        scene_of(with_roadblocks(crossroads_map()), (), 60, (500.0, 500.0, 0.0, 8.0)), route=ROUTE
    )
    ground = segment_ground(scene, start(scene, ConstantVelocity()))
    np.testing.assert_array_equal(ground.centerline, scene.route_path)


def at_the_light(lane_ids=("0>2",)):
    scene = scene_of(with_roadblocks(crossroads_map()), (), 60, (40.0, SIDE, np.pi, 8.0))
    return replace(scene, lights=TrafficLights(lane_ids, np.full((len(lane_ids), 60), RED, np.uint8)))


def test_closed_lanes_are_the_red_ones_of_the_route():
    assert closed_lanes(at_the_light(), ROUTE, 0, 3) == [("0>2",)] * 3
    assert closed_lanes(at_the_light(("0>2", "1>3")), ROUTE, 0, 2) == [("0>2",)] * 2
    assert closed_lanes(at_the_light(()), ROUTE, 0, 2) == [(), ()]


def test_past_the_logs_end_lights_stay():
    assert closed_lanes(at_the_light(), ROUTE, 58, 4) == [("0>2",)] * 4


def test_lights_at_which_no_lane_of_the_map_ends_close_nothing():
    assert closed_lanes(at_the_light(("gone", "0>2")), ("gone", *ROUTE), 0, 1) == [("0>2",)]
