import numpy as np
import pytest
from straight_road import drive, rectangle, road_map, situation

from simscale_gym.geometry import box
from simscale_gym.metrics import Agents, EgoArea, MapLayers, score
from simscale_gym.metrics.areas import off_road
from simscale_gym.scene import Vehicle

HALF_WIDTH = 1.1485


def with_polygon(ring, layer, token="x"):
    layers = road_map()
    return MapLayers((*layers.rings, ring), (*layers.layers, layer), (*layers.tokens, token))


def dac(states, **changes):
    return score(situation(**changes), states).dac[0]


def test_the_edge_of_the_road_is_off_the_road():
    assert dac(drive(y=-1.75 + HALF_WIDTH + 1e-6)) == 1.0
    assert dac(drive(y=-1.75 + HALF_WIDTH)) == 0.0
    assert dac(drive(y=-1.75 + HALF_WIDTH - 0.01)) == 0.0


def test_the_first_step_counts():
    states = drive()
    states[0, 0, 1] = -1.0
    assert dac(states) == 0.0


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("ROADBLOCK", 1.0), ("INTERSECTION", 1.0), ("CARPARK_AREA", 1.0), ("DRIVABLE_AREA", 1.0),
     ("LANE", 0.0), ("ROADBLOCK_CONNECTOR", 0.0), ("WALKWAYS", 0.0)],
)  # fmt: skip
def test_which_layers_are_road(layer, expected):
    # Overlaps the road, so that no corner falls on a seam.
    assert dac(drive(y=-2.0), map=with_polygon(rectangle(-60, -6, 150, 0), layer)) == expected


def test_a_corner_on_the_seam_of_two_polygons_is_in_neither():
    halves = MapLayers(
        (rectangle(-50, -5, 0, 5), rectangle(0, -5, 150, 5)), ("ROADBLOCK", "ROADBLOCK"), ("a", "b")
    )
    corner_on_seam = drive(x=-4.049, speed=0.0)
    corners = box.corners(Vehicle().boxes(corner_on_seam))
    assert corners[0, 0, 0, 0] == 0.0
    assert dac(corner_on_seam, map=halves) == 0.0
    assert dac(drive(x=-4.0, speed=0.0), map=halves) == 1.0


def test_an_empty_map_is_off_road_everywhere():
    result = score(situation(map=MapLayers((), (), ()), route_lane_ids=()), drive())
    assert result.dac == 0.0
    assert result.total == 0.0
    np.testing.assert_array_equal(result.areas, EgoArea.NON_DRIVABLE | EgoArea.ONCOMING)


def multiple_lanes(states, **changes):
    return bool(score(situation(**changes), states).areas[0, 0] & EgoArea.MULTIPLE_LANES)


def test_between_two_lanes():
    assert not multiple_lanes(drive(y=0.0))
    assert multiple_lanes(drive(y=1.0))
    assert not multiple_lanes(drive(y=3.5))


def test_not_between_lanes_where_one_holds_the_whole_box():
    over = with_polygon(rectangle(-50, -2, 150, 5.25), "LANE_CONNECTOR")
    assert not multiple_lanes(drive(y=1.0), map=over)


def test_lanes_of_which_none_holds_all_corners():
    # Two lanes of two corners each would be "multiple"; corners on the line between them are in neither.
    assert not multiple_lanes(drive(y=1.75 + HALF_WIDTH))


def ddc(states, **changes):
    return score(situation(**({"route_lane_ids": ("right",)} | changes)), states).ddc[0]


def test_driving_direction_by_the_way_within_a_second():
    # 11 step lengths count, so 2 m take 2 / 1.1 m/s and 6 m take 6 / 1.1 m/s.
    assert ddc(drive(y=0.0)) == 1.0
    assert ddc(drive(y=3.5, speed=1.81)) == 1.0
    assert ddc(drive(y=3.5, speed=1.82)) == 0.5
    assert ddc(drive(y=3.5, speed=5.45)) == 0.5
    assert ddc(drive(y=3.5, speed=5.46)) == 0.0
    assert ddc(drive(y=3.5, speed=-5.46)) == 0.0  # the way, not the direction


def test_direction_does_not_count_in_intersections():
    crossing = with_polygon(rectangle(-50, -5, 150, 6), "INTERSECTION")
    assert ddc(drive(y=3.5), map=crossing) == 1.0


def test_the_way_against_the_route_need_not_be_at_once():
    # 5 steps of 0.8 m off the route, one back on it, 5 off again: 8 m within 11 steps less the one.
    states = drive(y=3.5)
    assert ddc(states) == 0.0
    states = drive(y=0.0)
    states[0, 10:12, 1] = states[0, 14:16, 1] = 3.5
    assert ddc(states) == 0.0  # jumps sideways count as way, too
    states[0, 10:16, 1] = 0.0
    assert ddc(states) == 1.0


def test_many_lanes_over_one_place():
    fan = [rectangle(-50 - i, -1.2 - i / 100, 150, 0.2) for i in range(20)]
    for last, expected in ((rectangle(-50, -1.3, 150, 0.3), True), (rectangle(-50, -1.3, 150, 1.3), False)):
        rings = (*fan, last)
        layers = MapLayers(rings, ("LANE",) * len(rings), tuple(str(i) for i in range(len(rings))))
        assert multiple_lanes(drive(), map=layers) == expected


def test_off_road_is_what_the_scorer_counts():
    """Of boxes anywhere on the map: a corner in none of the drivable polygons, NAVSIM's bit."""
    rng = np.random.default_rng(0)
    states = np.zeros((400, 1, 11))
    states[:, 0, :3] = rng.uniform([-60, -8, -np.pi], [160, 8, np.pi], (400, 3))
    layers = with_polygon(rectangle(20, -9, 40, 0), "CARPARK_AREA")
    nobody = situation(Agents.none(1), map=layers)
    expected = (score(nobody, states, history=False).areas[:, 0] & EgoArea.NON_DRIVABLE) != 0
    found = off_road(Vehicle().boxes(states), layers.road)
    np.testing.assert_array_equal(found[:, 0], expected)
    assert 0 < expected.sum() < 400


def test_lanes_alone_are_no_road():
    layers = MapLayers((rectangle(-50, -5, 150, 5),), ("LANE",), ("lane",))
    assert off_road(Vehicle().boxes(np.zeros(3)), layers.road)
    assert not off_road(Vehicle().boxes(np.zeros(3)), road_map().road)
