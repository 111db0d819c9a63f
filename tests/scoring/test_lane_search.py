"""The start lane and the shortest way."""

import numpy as np
import pytest
from crossroads import SIDE, crossroads_map, with_roadblocks

from simscale_gym.scene import Vehicle
from simscale_gym.scoring.lane_search import shortest_way, starting_lane

MAP = with_roadblocks(crossroads_map())
EAST_TO_WEST = ("in_0", "0>2", "out_2")


def ego(x, y, heading):
    return np.array([x, y, heading, *[0.0] * 8])


def test_starts_on_the_best_aligned_of_overlapping_lanes():
    lanes = ("0>1", "0>2", "0>3")
    assert starting_lane(MAP, lanes, ego(5.0, SIDE, np.pi), Vehicle())[0] == "0>2"
    assert starting_lane(MAP, lanes, ego(8.0, SIDE + 0.5, np.pi / 2 + 0.6), Vehicle())[0] == "0>1"


def test_starts_on_the_nearest_lane_beside_the_route():
    lane, distance = starting_lane(MAP, EAST_TO_WEST, ego(50.0, SIDE + 8.0, np.pi), Vehicle())
    assert lane == "in_0"
    assert distance == pytest.approx(8.0 - 1.75 - 2.297 / 2)
    assert starting_lane(MAP, (), ego(50.0, SIDE, np.pi), Vehicle()) == (None, np.inf)


def test_dijkstra_takes_the_shorter_way_and_stops_at_the_deepest_lane():
    def bend(k):
        return sum(MAP.lanes[i].length for i in (f"0>{k}",))

    both = {"0>1", "0>3", "out_1", "out_3"}
    assert shortest_way(MAP, "in_0", "out_3", both) == ["in_0", "0>3", "out_3"]
    nearer = min((1, 3), key=bend)
    assert shortest_way(MAP, "in_0", "nowhere", both) == ["in_0", f"0>{nearer}", f"out_{nearer}"]
    assert shortest_way(MAP, "in_0", "out_2", set()) == ["in_0"]
