"""The paths that proposals follow."""

from dataclasses import replace

import numpy as np
import pytest
from crossroads import SIDE, crossroads_map, with_roadblocks

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.route import find_route

NAVSIM, EXPERT = PDMConfig.navsim(), PDMConfig.expert()
MAP = with_roadblocks(crossroads_map())
EAST_TO_WEST = ("in_0", "0>2", "out_2")
ON_EAST_ARM = np.array([50.0, SIDE, np.pi])  # arm 0 is the east one; its way in leads west


def test_paths_beside_the_centreline():
    route = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM, NAVSIM)
    assert route.ahead.path_lane_ids == EAST_TO_WEST
    assert route.speed_limit == 10.0
    assert len(route.paths) == 3
    assert route.paths[1].points[0, :2] == pytest.approx(
        [92.0, SIDE + 1.0]
    )  # 1 m to the right of driving west


def test_paths_are_kept_by_start_lane_and_settings():
    first = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM, EXPERT)
    again = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM + np.array([-5.0, 0.3, 0.1]), EXPERT)
    wide = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM, replace(EXPERT, lateral_offsets=(2.0,)))
    assert first is again
    assert len(wide.paths) == 2 and wide.ahead is first.ahead


def test_off_the_map_there_is_none():
    assert find_route(MAP, (), ON_EAST_ARM, NAVSIM) is None
