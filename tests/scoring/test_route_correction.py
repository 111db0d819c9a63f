"""The route mended around the ego."""

import numpy as np
from crossroads import SIDE, crossroads_map, with_roadblocks

from simscale_gym.scoring.route_correction import corrected_route

MAP = with_roadblocks(crossroads_map())
ON_EAST_ARM = np.array([50.0, SIDE, np.pi])  # arm 0 is the east one; its way in leads west


def test_route_is_joined_backwards_and_forwards():
    assert corrected_route(MAP, ("0>2", "out_2"), ON_EAST_ARM) == ["in_0", "0>2", "out_2"]
    assert corrected_route(MAP, ("out_2", "gone"), ON_EAST_ARM) == ["in_0", "0>2", "out_2"]
    assert corrected_route(MAP, (), ON_EAST_ARM) == []


def test_missing_links_are_filled_in():
    assert corrected_route(MAP, ("in_0", "out_3"), ON_EAST_ARM) == ["in_0", "0>3", "out_3"]


def test_loops_are_cut():
    looped = ("in_0", "0>2", "out_2", "in_1", "1>3", "out_3")  # 1>3 crosses 0>2
    assert corrected_route(MAP, looped, ON_EAST_ARM) == ["in_0", "0>2", "out_2", "in_1"]
