"""The path along the route: on the log while that is on the route, else on its lanes; and never on another way."""

import numpy as np
import pytest

from simscale_gym.geometry import polyline
from simscale_gym.scene import Lane, Roadblock, RoadMap
from simscale_gym.scene.lane_sequence import lane_line, lanes_through, linked, straight_on
from simscale_gym.scene.way import FADE, make_way


def lane(key, points, block, *successors):
    line = polyline.with_headings(polyline.resample(np.array(points, float), 1.0)[:, :2])
    left, right = polyline.offset_left(line, 1.75), polyline.offset_left(line, -1.75)
    ring = np.concatenate([left, right[::-1]])
    return Lane(key, len(block) > 2, block, line, ring, left, right, successors=successors)


def bent(y, side):
    """A quarter turn to the right (-1) or left (1) that begins at (100, ``y``)."""
    turn, radius = np.linspace(0.0, np.pi / 2, 20), 15.0
    return np.column_stack([100 + radius * np.sin(turn), y + side * radius * (1 - np.cos(turn))])


LANES = [
    lane("left", [(0, 0), (100, 0)], "in", "over", "turn"),
    lane("right", [(0, -3.5), (100, -3.5)], "in", "over-right"),
    lane("over", [(100, 0), (120, 0)], "straight", "on"),
    lane("over-right", [(100, -3.5), (120, -3.5)], "straight", "on-right"),
    lane("turn", bent(0, 1), "leftwards", "north"),
    lane("on", [(120, 0), (300, 0)], "on"),
    lane("on-right", [(120, -3.5), (300, -3.5)], "on"),
    lane("north", [(115, 15), (115, 200)], "up"),
]
BLOCKS = {item.roadblock_id: [x.id for x in LANES if x.roadblock_id == item.roadblock_id] for item in LANES}
MAP = RoadMap(
    "fork",
    {item.id: item for item in LANES},
    {key: Roadblock(key, len(key) > 2, np.zeros((3, 2)), tuple(ids)) for key, ids in BLOCKS.items()},
)
AHEAD, LEFTWARDS = ("in", "straight", "on"), ("in", "leftwards", "up")


def drive(*points, step=0.5):
    return polyline.resample(np.array(points, float), step)


def offsets(way, *points):
    return polyline.project(way.points, np.array(points, float), way.lengths)[1]


def test_on_the_log_then_on_the_lane():
    way = make_way(MAP, drive((10, 0.8), (60, 0.8)), AHEAD)
    assert np.abs(offsets(way, (20, 0.8), (60, 0.8), (60 + FADE, 0), (200, 0))).max() < 0.05
    assert way.lanes == ("left", "over", "on") and way.blocks == AHEAD
    assert way.points[0] == pytest.approx([10, 0.8, 0]) and way.points[-1, 0] == pytest.approx(300, abs=0.6)


@pytest.mark.parametrize(("route", "end"), [(AHEAD, (300, 0)), (LEFTWARDS, (115, 200))])
def test_a_log_that_ends_in_the_mouth_of_a_fork_goes_on_along_its_route(route, end):
    for y in (-0.6, 0.0, 0.6):
        way = make_way(MAP, drive((60, 0), (95, 0), (103, y)), route)
        assert way.blocks == route and np.abs(way.points[-1, :2] - end).max() < 1.0


def test_a_standing_log_has_the_whole_route_ahead():
    way = make_way(MAP, np.tile([50.0, 1.0, 0.0], (100, 1)), LEFTWARDS)
    assert way.lanes == ("left", "turn", "north") and way.lengths[-1] > 220


def test_the_lane_is_changed_where_the_log_does_it_and_else_as_late_as_it_can_be():
    changed = make_way(MAP, drive((10, -3.5), (40, -3.5), (60, 0), (70, 0)), LEFTWARDS)
    assert np.abs(offsets(changed, (30, -3.5), (50, -1.75), (65, 0))).max() < 0.1
    waiting = make_way(MAP, drive((10, -3.5), (40, -3.5)), LEFTWARDS)
    assert waiting.lanes == ("right", "left", "turn", "north")
    assert np.abs(offsets(waiting, (60, -3.5), (80, -1.75), (96, 0))).max() < 0.1
    turns = np.abs(np.diff(waiting.points[:, 2]))
    assert turns.max() < 0.1


def test_what_leaves_the_route_does_not_take_the_path_along():
    overtaking = make_way(MAP, drive((10, 0), (20, 0), (30, 5), (60, 5), (70, 0), (80, 0)), AHEAD)
    assert np.abs(offsets(overtaking, (15, 0), (45, 0), (75, 0))).max() < 0.05
    parked = make_way(MAP, np.tile([40.0, 6.0, 0.0], (20, 1)), AHEAD)
    assert parked.points[0, :2] == pytest.approx([40, 0], abs=0.1)
    pulling_in = make_way(MAP, drive((10, 0), (40, 0), (55, 5.5), (65, 5.5)), AHEAD)
    assert np.abs(offsets(pulling_in, (80, 0), (150, 0))).max() < 0.05


@pytest.mark.parametrize("route", [(), ("gone",), ("gone", "in", "nowhere")])
def test_without_a_usable_route_it_is_the_one_that_the_log_drove(route):
    assert make_way(MAP, drive((10, 0), (60, 0)), route).blocks == AHEAD


def test_off_all_lanes_it_runs_straight_ahead():
    for poses in (drive((0, 500), (20, 500)), np.tile([0.0, 500.0, 0.0], (5, 1))):
        way = make_way(MAP, poses, ())
        assert way.lanes == () and way.lengths[-1] >= 300 and np.abs(way.points[:, 1] - 500).max() < 1e-9


def test_at_the_end_of_the_map_there_is_a_path_left():
    way = make_way(MAP, np.tile([299.9, 0.0, 0.0], (5, 1)), ("on",))
    assert np.isfinite(way.points).all() and way.lengths[-1] >= 10.0


def test_links_that_are_missing_are_filled_in_and_strangers_left_out():
    assert linked(MAP, ("in", "up")) == LEFTWARDS
    assert linked(MAP, ("in", "gone", "in", "straight")) == ("in", "straight")
    assert linked(MAP, ("in", "straight", "in", "on")) == AHEAD
    assert linked(MAP, ("straight", "up")) == ("straight", "up")  # 16 m apart, a gap in the map


def test_straight_on_takes_what_bends_least_and_nothing_twice():
    assert straight_on(MAP, "left", 100.0) == ["over", "on"]
    assert straight_on(MAP, "left", 10.0) == ["over"]


def test_lanes_through_change_as_seldom_and_as_late_as_they_can():
    assert lanes_through(MAP, "right", AHEAD) == ["right", "over-right", "on-right"]
    assert lanes_through(MAP, "right", LEFTWARDS) == ["right", "left", "turn", "north"]
    assert lanes_through(MAP, "left", AHEAD, "on-right") == ["left", "over", "on", "on-right"]


def test_a_line_along_lanes_has_their_vertices():
    line = lane_line(MAP, ["left", "turn", "north"])
    np.testing.assert_array_equal(
        line, np.concatenate([MAP.lanes[k].centerline for k in ("left", "turn", "north")])
    )
    part = lane_line(MAP, ["left", "over"], 30.5, 4.0)
    assert part[0, 0] == pytest.approx(30.5) and part[-1, 0] == pytest.approx(104.0)
