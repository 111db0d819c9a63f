"""The drivable area of maps whose source states lanes and edges of the road: whole, and no wider than it is."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.metrics.areas import off_road
from simscale_gym.scene import BoundaryType
from simscale_gym.scoring import map_layers
from simscale_gym.sources.inferred.features import LaneFeature, MapFeatures, centerline_of
from simscale_gym.sources.inferred.paved_area import closed_pieces
from simscale_gym.sources.inferred.roads import build_map

STREET = {"west": [(-60, 0), (-10, 0)], "straight": [(-10, 0), (10, 0)], "east": [(10, 0), (60, 0)]}
EXITS = {"west": ("straight",), "straight": ("east",)}


def features(lines, exits, edges=()):
    found = MapFeatures(edges=[np.array(edge, float) for edge in edges])
    for key, line in lines.items():
        found.lanes.append(LaneFeature(key, centerline_of(np.array(line, float)), exits=exits.get(key, ())))
    found.lines = [(edge, BoundaryType.SOLID_WHITE) for edge in found.edges]
    return found


def road(lines, exits, edges=()):
    return build_map("made", features(lines, exits, edges), [])[0]


def off(road_map, *places, size=(0.2, 0.2)):
    boxes = np.array([(x, y, 0.0, *size) for x, y in places], float)
    return off_road(boxes, map_layers(road_map).road).tolist()


def drawn(road_map, *places):
    return [bool(road_map.drivable_region.contains(shapely.Point(place))) for place in places]


def test_the_road_reaches_to_its_recorded_edges_and_no_further():
    edges = [[(-60, -4.5), (60, -4.5)], [(-60, 2.2), (60, 2.2)]]
    road_map = road(STREET, EXITS, edges)
    places = (0.0, -4.2), (0.0, 2.0), (0.0, -4.8), (0.0, 2.5)
    assert off(road_map, *places) == [False, False, True, True]
    assert drawn(road_map, *places) == [True, True, False, False]


def test_where_no_edge_is_recorded_the_road_ends_with_its_lanes():
    assert off(road(STREET, EXITS), (0.0, 1.5), (0.0, -4.2)) == [False, True]


def test_guessed_widths_stop_at_an_edge():
    """A median of 1 m between two lanes of guessed width is nobody's road."""
    lines = STREET | {"back": [(60, 3.5), (-60, 3.5)]}
    median = [(-50, 1.25), (50, 1.25), (50, 2.25), (-50, 2.25), (-50, 1.25)]
    road_map = road(lines, EXITS, [median])
    assert off(road_map, (0.0, 1.75), (0.0, 1.0), (0.0, 2.5)) == [True, False, False]
    assert drawn(road_map, (0.0, 1.75)) == [False]


def test_a_closed_edge_around_lanes_is_paved_and_one_beside_them_is_an_island():
    outer = [(-70, -20), (70, -20), (70, 20), (-70, 20), (-70, -20)]
    hole = [(-30, 8), (30, 8), (30, 14), (-30, 14), (-30, 8)]
    assert off(road(STREET, EXITS, [outer, hole]), (0.0, -15.0), (0.0, 11.0)) == [False, True]
    assert off(road(STREET, EXITS, [hole]), (0.0, 11.0)) == [True]


@pytest.mark.parametrize("gap", [0.02, 0.5])
def test_seams_between_lanes_are_road_and_belong_to_a_lane(gap):
    lines = {
        "a": [(-60, 0), (0, 0)],
        "b": [(gap, 0), (60, 0)],
        "beside": [(-60, -3.5 - gap), (60, -3.5 - gap)],
    }
    road_map = road(lines, {"a": ("b",)})
    assert off(road_map, (gap / 2, 0.0), (-20.0, -1.75 - gap / 2), size=(1e-3, 1e-3)) == [False, False]
    assert road_map.lanes_at(np.array([gap / 2, 0.0])) == ["a"]


def test_a_painted_strip_between_lanes_is_road_where_edges_are_recorded():
    lines = STREET | {"back": [(60, 6.0), (-60, 6.0)]}
    edges = [[(-60, -3.0), (60, -3.0)], [(60, 9.0), (-60, 9.0)]]
    assert off(road(lines, EXITS, edges), (0.0, 3.0)) == [False]
    assert off(road(lines, EXITS), (0.0, 3.0)) == [True]


def test_an_intersection_holds_all_its_connectors_and_leaves_its_island_out():
    """Two pairs of crossing connectors that meet in a corner, and a roundabout around an island."""
    squares = [shapely.box(0, 0, 10, 10), shapely.box(9.9, 9.9, 20, 20)]
    pieces = closed_pieces(squares, 3.0, [])
    whole = shapely.unary_union([shapely.Polygon(piece) for piece in pieces])
    assert whole.buffer(1e-6).contains(shapely.unary_union(squares))
    ring = shapely.Point(0, 0).buffer(20).difference(shapely.Point(0, 0).buffer(12))
    kerb = np.asarray(shapely.Point(0, 0).buffer(11).exterior.coords)
    for edges, island in (([kerb], True), ([], False)):
        pieces = [shapely.Polygon(piece) for piece in closed_pieces([ring], 3.0, edges)]
        assert any(piece.contains(shapely.Point(0, 0)) for piece in pieces) != island
        assert shapely.unary_union(pieces).buffer(1e-6).contains(ring)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_lane_is_road_wherever_lanes_lie(seed):
    rng = np.random.default_rng(seed)
    lines = {}
    for key in "abcdef":
        start, heading, bend = rng.uniform(-30, 30, 2), rng.uniform(0, 7), rng.uniform(-0.05, 0.05)
        turns = heading + bend * np.arange(20)
        lines[key] = start + np.cumsum(2.0 * np.column_stack([np.cos(turns), np.sin(turns)]), axis=0)
    found = features(lines, {})
    road_map = build_map("made", found, [])[0]
    layers = map_layers(road_map)
    for lane in found.lanes:
        boxes = np.column_stack([lane.centerline, np.full((len(lane.centerline), 2), 0.5)])[1:-1]
        assert not off_road(boxes, layers.road).any()
