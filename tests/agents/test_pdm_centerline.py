"""The start lane, the way along the route, the route mended."""

from dataclasses import replace

import numpy as np
import pytest
from crossroads import SIDE, crossroads_map

from simscale_gym.agents.pdm.centerline import find_route, shortest_way, starting_lane
from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.route import corrected_route
from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Roadblock, Vehicle

NAVSIM, EXPERT = PDMConfig.navsim(), PDMConfig.expert()


def with_roadblocks(road_map):
    """A roadblock for each lane, of the same name."""
    blocks = {
        lane.id: Roadblock(
            lane.id, lane.connector, lane.polygon, (lane.id,), lane.predecessors, lane.successors
        )
        for lane in road_map.lanes.values()
    }
    return replace(road_map, roadblocks=blocks)


MAP = with_roadblocks(crossroads_map())
EAST_TO_WEST = ("in_0", "0>2", "out_2")
ON_EAST_ARM = np.array([50.0, SIDE, np.pi])  # arm 0 is the east one; its way in leads west


def ego(x, y, heading):
    return np.array([x, y, heading, *[0.0] * 8])


def test_follows_the_route():
    route = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM, NAVSIM)
    assert route.path_lane_ids == EAST_TO_WEST == route.lane_ids
    assert route.speed_limit == 10.0
    assert len(route.paths) == 3
    assert route.centerline[0, :2] == pytest.approx([92.0, SIDE])
    assert route.paths[1].points[0, :2] == pytest.approx(
        [92.0, SIDE + 1.0]
    )  # 1 m to the right of driving west


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


def test_route_is_joined_backwards_and_forwards():
    assert corrected_route(MAP, ("0>2", "out_2"), ON_EAST_ARM) == ["in_0", "0>2", "out_2"]
    assert corrected_route(MAP, ("out_2", "gone"), ON_EAST_ARM) == ["in_0", "0>2", "out_2"]
    assert corrected_route(MAP, (), ON_EAST_ARM) == []


def test_missing_links_are_filled_in():
    assert corrected_route(MAP, ("in_0", "out_3"), ON_EAST_ARM) == ["in_0", "0>3", "out_3"]


def test_loops_are_cut():
    looped = ("in_0", "0>2", "out_2", "in_1", "1>3", "out_3")  # 1>3 crosses 0>2
    assert corrected_route(MAP, looped, ON_EAST_ARM) == ["in_0", "0>2", "out_2", "in_1"]


def test_without_a_route_goes_straight_on():
    assert find_route(MAP, (), ON_EAST_ARM, NAVSIM) is None
    route = find_route(MAP, (), ON_EAST_ARM, EXPERT)
    assert route.path_lane_ids == EAST_TO_WEST
    assert set(route.lane_ids) == set(EAST_TO_WEST)


def test_far_off_the_route_follows_the_lane_it_is_on():
    on_north_arm = ego(-SIDE, 60.0, -np.pi / 2)  # driving south, in on arm 1
    route = find_route(MAP, ("out_2",), on_north_arm, replace(EXPERT, correct_route=False))
    assert route.path_lane_ids == ("in_1", "1>3", "out_3")


def test_never_starts_against_the_traffic():
    across = ego(50.0, -SIDE, np.pi)  # on the way out of arm 0, heading in
    route = ("out_0", "in_0", "0>2", "out_2")
    assert find_route(MAP, route, across, replace(NAVSIM, correct_route=False)).path_lane_ids[0] == "out_0"
    assert find_route(MAP, route, across, EXPERT).path_lane_ids[0] == "in_0"


def test_goes_to_the_last_new_roadblock_of_a_route_that_leads_back():
    """Joined, the route is in_0, 0>2, out_2, 0>2: NAVSIM keeps roadblocks in a dict, so out_2 is the last one."""
    plain = {name: replace(block, connector=False) for name, block in MAP.roadblocks.items()}
    route = find_route(replace(MAP, roadblocks=plain), ("out_2", "0>2"), ON_EAST_ARM, NAVSIM)
    assert route.path_lane_ids == EAST_TO_WEST


def test_ends_where_the_route_is_not_connected():
    cut = dict(MAP.lanes, in_0=replace(MAP.lanes["in_0"], successors=()))
    route = find_route(replace(MAP, lanes=cut), EAST_TO_WEST, ON_EAST_ARM, NAVSIM)
    assert route.path_lane_ids == ("in_0",)
    assert route.lane_ids == EAST_TO_WEST


def test_a_route_off_the_map_is_none():
    assert find_route(MAP, (), ON_EAST_ARM, NAVSIM) is None
    assert find_route(MAP, ("elsewhere",), ON_EAST_ARM, NAVSIM) is None
    assert find_route(replace(MAP, lanes={}, roadblocks={}), EAST_TO_WEST, ON_EAST_ARM, NAVSIM) is None


@pytest.mark.parametrize("pose", [np.full(11, np.nan), np.zeros(2), np.zeros((1, 11))])
def test_wrong_ego_is_named(pose):
    with pytest.raises(ArgumentError, match="ego"):
        find_route(MAP, EAST_TO_WEST, pose, NAVSIM)


def test_no_lane_near():
    assert find_route(MAP, EAST_TO_WEST, ego(500.0, 500.0, 0.0), EXPERT) is None


def test_is_kept_by_start_lane():
    first = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM, EXPERT)
    again = find_route(MAP, EAST_TO_WEST, ON_EAST_ARM + np.array([-5.0, 0.3, 0.1]), EXPERT)
    assert first is again
