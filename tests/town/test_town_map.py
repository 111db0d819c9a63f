import numpy as np
import pytest
import shapely

from simscale_gym.agents.pdm.planner_expert import map_layers
from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.metrics.areas import DRIVABLE
from simscale_gym.scene import IntersectionType, Turn
from simscale_gym.town.junctions import ISLAND_RADIUS, SLIT
from simscale_gym.town.town import build_town


@pytest.fixture(scope="module", params=[0, 1, 5, 120_000])
def town(request):
    return build_town(request.param)


def test_ids_are_unique_integers(town):
    m = town.map
    layers = (
        m.lanes,
        m.roadblocks,
        m.intersections,
        m.stop_lines,
        m.crosswalks,
        m.walkways,
        m.carparks,
        m.generic_drivable,
    )
    ids = [key for layer in layers for key in layer]
    assert len(ids) == len(set(ids))
    assert all(str(int(i)) == i for i in ids)


def test_lanes_and_connectors_alternate(town):
    lanes = town.map.lanes
    for lane in lanes.values():
        for other in lane.successors:
            assert lanes[other].connector != lane.connector
            assert lane.id in lanes[other].predecessors
        for other in lane.predecessors:
            assert lane.id in lanes[other].successors
        assert lane.successors and lane.predecessors
        if lane.connector:
            assert len(lane.successors) == len(lane.predecessors) == 1
            assert lane.intersection_id in town.map.intersections


def test_roadblocks_agree_with_their_lanes(town):
    blocks, lanes = town.map.roadblocks, town.map.lanes
    for block in blocks.values():
        for index, lane_id in enumerate(block.lane_ids):
            lane = lanes[lane_id]
            assert lane.roadblock_id == block.id and lane.connector == block.connector
            if not block.connector:
                assert lane.left_neighbor == (block.lane_ids[index - 1] if index else None)
                offset = polyline.project(lane.centerline, lanes[block.lane_ids[0]].centerline[:1, :2])[1][0]
                assert offset == pytest.approx(3.3 * index, abs=0.05)  # the first is the leftmost
        for other in block.successors:
            assert block.id in blocks[other].predecessors and blocks[other].connector != block.connector
    assert {i for b in blocks.values() for i in b.lane_ids} == set(lanes)


def test_lanes_meet_smoothly(town):
    lanes = town.map.lanes
    for lane in lanes.values():
        for other in lane.successors:
            gap = lane.centerline[-1] - lanes[other].centerline[0]
            assert np.hypot(*gap[:2]) < 1e-6 and abs(wrap_angle(gap[2])) < 1e-6


def test_lane_geometry(town):
    for lane in town.map.lanes.values():
        line = polyline.resample(lane.centerline, 1.0)
        assert np.abs(polyline.curvature(line)).max() < 0.2
        left = np.abs(polyline.project(lane.left_boundary, line[1:-1, :2])[1])
        right = np.abs(polyline.project(lane.right_boundary, line[1:-1, :2])[1])
        assert left == pytest.approx(1.65, abs=0.06) and right == pytest.approx(1.65, abs=0.06)
        assert shapely.Polygon(lane.polygon).buffer(0).contains(shapely.Point(line[len(line) // 2, :2]))


def polygon(ring):
    return shapely.make_valid(shapely.Polygon(ring))


def test_connectors_lie_in_their_intersection(town):
    slit = 15.0 * SLIT
    for item in (*town.map.lanes.values(), *town.map.roadblocks.values()):
        if item.connector:
            area = polygon(town.map.intersections[item.intersection_id].polygon)
            assert polygon(item.polygon).difference(area).area < slit


@pytest.mark.parametrize("seed", [0, 3, 7, 11, 100_002, 110_001, 120_000, 120_004])
def test_scores_and_endings_agree_on_what_is_road(seed):
    """DAC asks the map's layers, the end of an episode asks ``drivable``."""
    road = build_town(seed).map
    layers = map_layers(road)
    counts = [ring for ring, flag in zip(layers.rings, layers.flags, strict=True) if flag & DRIVABLE]
    scored = shapely.unary_union([polygon(ring) for ring in counts])
    ends = shapely.unary_union([polygon(ring) for ring in road.drivable_rings])
    assert shapely.symmetric_difference(scored, ends).area < 40.0 * SLIT


def test_islands_of_roundabouts_are_no_road(town):
    for junction in town.draft.junctions:
        if junction.round:
            island = shapely.Point(junction.center).buffer(ISLAND_RADIUS - 0.2)
            assert not town.map.drivable_region.intersects(island)


def test_signalled_connectors_have_a_stop_line_that_meets_them(town):
    signalled = {i for i, x in town.map.intersections.items() if x.type == IntersectionType.TRAFFIC_LIGHT}
    for lane in town.map.lanes.values():
        assert bool(lane.stop_line_ids) == (lane.intersection_id in signalled)
        for stop in lane.stop_line_ids:
            polygon = shapely.Polygon(town.map.stop_lines[stop].polygon)
            assert polygon.intersects(shapely.LineString(lane.centerline[:, :2]))


def test_greens_do_not_conflict(town):
    """Paths with green at the same time cross only where one of them turns left, or merge where one turns."""
    plan, lanes = town.signals, town.map.lanes
    green = plan.status(np.arange(0.0, 400.0, 0.5)) == 0
    yellow_or_green = plan.status(np.arange(0.0, 400.0, 0.5)) < 2
    lines = [shapely.LineString(lanes[i].centerline[:, :2]) for i in plan.lane_ids]
    assert green.any(1).all()
    for a, first in enumerate(plan.lane_ids):
        for b, second in enumerate(plan.lane_ids[:a]):
            straight = lanes[first].turn == lanes[second].turn == Turn.STRAIGHT
            if (
                straight
                and lanes[first].intersection_id == lanes[second].intersection_id
                and lines[a].crosses(lines[b])
            ):
                assert not (yellow_or_green[a] & yellow_or_green[b]).any()


def test_shapes_stand_clear_of_the_road(town):
    region = town.map.drivable_region
    for building in town.shapes.buildings:
        footprint = shapely.Polygon(building.footprint)
        assert footprint.exterior.is_ccw and footprint.distance(region) > 3.0
        assert 2.0 < building.height < 25.0
    for item in (*town.shapes.trees, *town.shapes.fixtures):
        assert not region.contains(shapely.Point(item.x, item.y))


def test_buildings_do_not_overlap(town):
    footprints = [shapely.Polygon(b.footprint).buffer(-0.05) for b in town.shapes.buildings]
    tree = shapely.STRtree(footprints)
    first, second = tree.query(footprints, predicate="intersects")
    assert (first == second).all()


def test_signals_show_every_signalled_connector(town):
    shown = {i for f in town.shapes.fixtures if f.kind == "signal" for i in f.lane_ids}
    assert shown == set(town.signals.lane_ids)


def test_towns_differ_and_have_what_a_town_has():
    towns = [build_town(seed) for seed in range(3)]
    assert len({len(t.map.lanes) for t in towns}) > 1
    for t in towns:
        assert any(len(b.lane_ids) == 2 for b in t.map.roadblocks.values() if not b.connector)
        assert t.map.crosswalks and t.map.carparks
        assert {round(x.speed_limit * 3.6) for x in t.map.lanes.values()} == {30, 50}
        assert "roundabout" in t.draft.layout.controls
