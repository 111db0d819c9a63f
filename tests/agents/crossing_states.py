"""States of an ego that drives west toward a crossroads, for the experts' tests."""

from dataclasses import replace

import numpy as np
from crossroads import GREEN, SIDE, crossroads_map, scene_of, with_roadblocks

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.scene import Intersection
from simscale_gym.sim import start

KEEPS_ON = ConstantVelocity()
START = (40.0, SIDE, np.pi, 8.0)  # on the east arm, driving west; the junction begins at x = 12


def with_blocks(road_map):
    """The map with a roadblock for each lane and the crossing as an intersection."""
    square = np.array([[-12, -12], [12, -12], [12, 12], [-12, 12]], float)
    return replace(with_roadblocks(road_map), intersections={"x": Intersection("x", square)})


def state_of(
    tracks=(), *, ego=START, light=GREEN, route=("in_0", "0>2", "out_2"), road_map=None, traffic=None
):
    """Scene and state, with the ego at ``ego`` = x, y, heading, speed; ``traffic`` is ``KEEPS_ON`` if None."""
    road_map = with_blocks(crossroads_map()) if road_map is None else road_map
    scene = replace(scene_of(road_map, tracks, 60, ego, {"0>2": light}), route=route)
    return scene, start(scene, traffic or KEEPS_ON)


def world_of(*args, traffic=KEEPS_ON, **kwargs):
    """As :func:`state_of`, and the traffic."""
    return *state_of(*args, traffic=traffic, **kwargs), traffic
