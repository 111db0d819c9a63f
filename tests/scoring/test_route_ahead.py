"""The lanes that an ego may drive on, and the centreline along them."""

from dataclasses import replace

import numpy as np
import pytest
from crossroads import SIDE, crossroads_map, lane, with_roadblocks

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import RoadMap
from simscale_gym.scoring.route_ahead import RouteSearch, find_route_ahead

NAVSIM, FREE = RouteSearch(), RouteSearch.off_route()


MAP = with_roadblocks(crossroads_map())
EAST_TO_WEST = ("in_0", "0>2", "out_2")
ON_EAST_ARM = np.array([50.0, SIDE, np.pi])  # arm 0 is the east one; its way in leads west


def ego(x, y, heading):
    return np.array([x, y, heading, *[0.0] * 8])


def test_follows_the_route():
    ahead = find_route_ahead(MAP, EAST_TO_WEST, ON_EAST_ARM, NAVSIM)
    assert ahead.path_lane_ids == EAST_TO_WEST == ahead.lane_ids
    assert ahead.centerline[0, :2] == pytest.approx([92.0, SIDE])


def test_without_a_route_goes_straight_on():
    assert find_route_ahead(MAP, (), ON_EAST_ARM, NAVSIM) is None
    route = find_route_ahead(MAP, (), ON_EAST_ARM, FREE)
    assert route.path_lane_ids == EAST_TO_WEST
    assert set(route.lane_ids) == set(EAST_TO_WEST)


def test_far_off_the_route_follows_the_lane_it_is_on():
    on_north_arm = ego(-SIDE, 60.0, -np.pi / 2)  # driving south, in on arm 1
    route = find_route_ahead(MAP, ("out_2",), on_north_arm, replace(FREE, correct_route=False))
    assert route.path_lane_ids == ("in_1", "1>3", "out_3")


def test_never_starts_against_the_traffic():
    across = ego(50.0, -SIDE, np.pi)  # on the way out of arm 0, heading in
    route = ("out_0", "in_0", "0>2", "out_2")
    assert (
        find_route_ahead(MAP, route, across, replace(NAVSIM, correct_route=False)).path_lane_ids[0] == "out_0"
    )
    assert find_route_ahead(MAP, route, across, FREE).path_lane_ids[0] == "in_0"


def test_goes_to_the_last_new_roadblock_of_a_route_that_leads_back():
    """Joined, the route is in_0, 0>2, out_2, 0>2: NAVSIM keeps roadblocks in a dict, so out_2 is the last one."""
    plain = {name: replace(block, connector=False) for name, block in MAP.roadblocks.items()}
    route = find_route_ahead(replace(MAP, roadblocks=plain), ("out_2", "0>2"), ON_EAST_ARM, NAVSIM)
    assert route.path_lane_ids == EAST_TO_WEST


@pytest.mark.parametrize(("x", "path"), [(10.0, ("first", "link", "second", "on")), (70.0, ("second", "on"))])
def test_goes_on_from_the_visit_of_a_roadblock_that_lies_ahead(x, path):
    """Two short lanes in a row beside a long one are one roadblock, to which the route comes twice."""

    def straight(name, begin, end, y=0.0, **links):
        return lane(name, [[begin, y], [(begin + end) / 2, y], [end, y]], **links)

    lanes = [
        straight("first", 0.0, 40.0, successors=("link",)),
        straight("link", 40.0, 60.0, connector=True, predecessors=("first",), successors=("second",)),
        straight("second", 60.0, 100.0, predecessors=("link",), successors=("on",)),
        straight("beside", 0.0, 100.0, 3.5),
        straight("on", 100.0, 400.0, predecessors=("second",)),
    ]
    blocks = {"first": "road", "second": "road", "beside": "road"}
    lanes = {one.id: replace(one, roadblock_id=blocks.get(one.id, one.id)) for one in lanes}
    road_map = with_roadblocks(RoadMap("row", lanes))
    ahead = find_route_ahead(road_map, ("road", "link", "road", "on"), ego(x, 0.0, 0.0), FREE)
    assert ahead.path_lane_ids == path
    assert (np.diff(ahead.centerline[:, 0]) >= 0.0).all()


def test_ends_where_the_route_is_not_connected():
    cut = dict(MAP.lanes, in_0=replace(MAP.lanes["in_0"], successors=()))
    route = find_route_ahead(replace(MAP, lanes=cut), EAST_TO_WEST, ON_EAST_ARM, NAVSIM)
    assert route.path_lane_ids == ("in_0",)
    assert route.lane_ids == EAST_TO_WEST


def test_a_route_off_the_map_is_none():
    assert find_route_ahead(MAP, (), ON_EAST_ARM, NAVSIM) is None
    assert find_route_ahead(MAP, ("elsewhere",), ON_EAST_ARM, NAVSIM) is None
    assert find_route_ahead(replace(MAP, lanes={}, roadblocks={}), EAST_TO_WEST, ON_EAST_ARM, NAVSIM) is None


@pytest.mark.parametrize("pose", [np.full(11, np.nan), np.zeros(2), np.zeros((1, 11))])
def test_wrong_ego_is_named(pose):
    with pytest.raises(ArgumentError, match="ego"):
        find_route_ahead(MAP, EAST_TO_WEST, pose, NAVSIM)


def test_no_lane_near():
    assert find_route_ahead(MAP, EAST_TO_WEST, ego(500.0, 500.0, 0.0), FREE) is None


def test_is_kept_by_start_lane():
    first = find_route_ahead(MAP, EAST_TO_WEST, ON_EAST_ARM, FREE)
    again = find_route_ahead(MAP, EAST_TO_WEST, ON_EAST_ARM + np.array([-5.0, 0.3, 0.1]), FREE)
    assert first is again
