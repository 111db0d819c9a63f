import numpy as np
import pytest
import shapely

from simscale_gym.town.shapes import carriageway
from simscale_gym.town.town import build_town


@pytest.fixture(scope="module")
def town():
    return build_town(1)


def union(rings):
    return shapely.unary_union([shapely.Polygon(ring).buffer(0) for ring in rings])


def test_town_fronts_stand_on_pavement_not_on_grass(town):
    grass = union([g.polygon for g in town.shapes.grounds if g.kind == "grass"])
    paved = union([w.polygon for w in town.map.walkways.values()])
    fronts = [b for b in town.shapes.buildings if b.style != "house"]
    checked = 0
    for building in fronts:
        footprint = shapely.Polygon(building.footprint)
        if paved.distance(footprint) < 2.6:
            sight = shapely.shortest_line(footprint, paved).buffer(0.3, cap_style="flat")
            checked += 1
            assert grass.intersection(sight).area < 0.15
    assert checked > 40


def test_a_second_row_closes_the_gaps_of_the_first_around_the_town(town):
    built = union([b.footprint for b in town.shapes.buildings])
    paved = carriageway(town.draft, True).buffer(town.config.sidewalk_width)
    edge = max(getattr(paved, "geoms", [paved]), key=lambda part: part.area).exterior
    middle = np.array(edge.centroid.coords[0])
    starts = [np.array(edge.interpolate(s).coords[0]) for s in np.arange(0.0, edge.length, 5.0)]
    views = [shapely.LineString([start, 2.0 * start - middle]) for start in starts]
    assert np.mean([not view.intersects(built) for view in views]) < 0.03


def test_every_signalled_arm_sees_a_signal_beyond_the_junction(town):
    signals = [f for f in town.shapes.fixtures if f.kind == "signal"]
    road = carriageway(town.draft, False)
    for junction in town.draft.junctions:
        if junction.control not in ("signal", "split_signal"):
            continue
        for arm in junction.arms:
            ahead = [
                f
                for f in signals
                if np.cos(f.heading - arm.angle) > 0.99
                and (np.array([f.x, f.y]) - junction.center) @ arm.u < 0.0
                and np.hypot(f.x - junction.center[0], f.y - junction.center[1]) < 40.0
            ]
            assert ahead
    assert not any(road.contains(shapely.Point(f.x, f.y)) for f in signals)


def test_roundabouts_are_green(town):
    for junction in town.draft.junctions:
        if junction.round:
            middle = shapely.Point(junction.center)
            assert any(
                g.kind == "grass" and shapely.Polygon(g.polygon).contains(middle) for g in town.shapes.grounds
            )
