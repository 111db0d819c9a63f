import numpy as np
import pytest
import shapely
from small_town import small_map

from simscale_gym.errors import SceneError
from simscale_gym.geometry.polygon_set import PolygonSet

MAP = small_map()


def test_graph_has_the_lanes_in_the_order_of_the_map():
    graph = MAP.graph
    assert MAP.lane_ids == ("a", "x", "b", "back", "bike") and MAP.lane_index["b"] == 2
    assert graph.lengths == pytest.approx([20, 10, 20, 50, 50])
    assert graph.centerline(1) == pytest.approx(MAP.lanes["x"].centerline)
    assert graph.s[graph.starts[3] : graph.starts[4]] == pytest.approx(np.linspace(0, 50, 11))
    assert graph.connector.tolist() == [False, True, False, False, False]
    assert graph.bike.tolist() == [False, False, False, False, True]
    assert (
        graph.has_speed_limit.tolist() == [True, False, False, False, False] and graph.speed_limits[0] == 10.0
    )


def test_links_to_lanes_off_the_map_are_dropped():
    graph = MAP.graph
    assert [list(graph.successors_of(row)) for row in range(5)] == [[1], [2], [], [], []]
    assert [list(graph.predecessors_of(row)) for row in range(5)] == [[], [0], [1], [], []]


def test_lanes_near_a_point():
    assert MAP.graph.lanes_near(np.array([5.0, 0.0]), 1.0).tolist() == [0]
    assert MAP.graph.lanes_near(np.array([5.0, 2.0]), 3.0).tolist() == [0, 3]
    assert MAP.graph.lanes_near(np.array([500.0, 0.0]), 3.0).tolist() == []


def test_lanes_at_a_point():
    assert MAP.lanes_at(np.array([25.0, 1.0])) == ["x"]
    assert MAP.lanes_at(np.array([25.0, 40.0])) == []


@pytest.mark.parametrize(
    ("pose", "lane", "s", "d"),
    [
        ((5.0, 1.0, 0.0), "a", 5.0, 1.0),
        ((5.0, 3.0, np.pi), "back", 45.0, 1.0),  # inside, running the same way
        ((5.0, 3.0, 0.0), "a", 5.0, 3.0),  # the lane it is in runs against it
        ((25.0, -1.0, 0.3), "x", 5.0, -1.0),
        ((5.0, -4.0, 0.0), "a", 5.0, -4.0),  # bike lanes are not for cars
    ],
)
def test_nearest_lane(pose, lane, s, d):
    found = MAP.nearest_lane(np.array(pose))
    assert found[0] == lane and found[1:] == pytest.approx((s, d))


@pytest.mark.parametrize("pose", [(5.0, 60.0, 0.0), (-30.0, 0.0, 0.0)])
def test_no_lane_near_is_an_error_that_names_the_place(pose):
    with pytest.raises(SceneError, match="map small: no car lane within 10"):
        MAP.nearest_lane(np.array(pose))


def test_drivable_counts_car_parks_and_no_crosswalks():
    places = np.array([[65.0, 5.0], [5.0, 0.0], [25.0, 5.9], [165.0, 105.0], [5.0, 9.0]])
    inside = PolygonSet.build(MAP.drivable_rings).contains_any(places)
    assert inside.tolist() == [True, True, True, False, False]


def test_drivable_region_is_the_union():
    region = MAP.drivable_region
    assert region.is_valid and len(region.geoms) == 2
    assert region.area == pytest.approx(50 * 12 + 100, rel=1e-3)
    assert region.contains(shapely.Point(20.0, 0.0))  # no seam between lanes


def test_lane_length():
    assert MAP.lanes["back"].length == pytest.approx(50.0)
