import numpy as np
import pytest
import shapely

from simscale_gym.geometry.simple_rings import closed_gaps, polygons_of, simple_rings

RING = shapely.Point(0, 0).buffer(50, quad_segs=32).difference(shapely.Point(10, 0).buffer(20, quad_segs=32))


def test_pieces_cover_the_area_without_holes_or_overlap():
    rings = simple_rings(RING, max_edge=30.0, max_vertices=20)
    pieces = [shapely.Polygon(ring) for ring in rings]
    assert all(p.is_valid and len(r) < 20 for p, r in zip(pieces, rings, strict=True))
    assert all(max(p.bounds[2] - p.bounds[0], p.bounds[3] - p.bounds[1]) <= 30.0 for p in pieces)
    assert sum(p.area for p in pieces) == pytest.approx(RING.area)
    assert shapely.unary_union(pieces).symmetric_difference(RING).area < 1e-6


def test_a_small_simple_polygon_stays_whole():
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]], float)
    assert len(simple_rings(shapely.Polygon(square))) == 1


def test_only_areas_count():
    mixed = shapely.GeometryCollection(
        [shapely.Point(0, 0), shapely.LineString([[0, 0], [1, 1]]), shapely.box(0, 0, 2, 2)]
    )
    assert [p.area for p in polygons_of(mixed)] == [4.0]
    assert simple_rings(shapely.Polygon()) == []


def test_a_dense_speck_ends_the_cutting():
    dense = shapely.Point(0, 0).buffer(0.4, quad_segs=64)
    assert len(simple_rings(dense, max_vertices=10)) == 1


def test_narrow_gaps_are_closed_and_slivers_stay_areas():
    pair = shapely.union(shapely.box(0, 0, 10, 10), shapely.box(14, 0, 24, 10))
    assert closed_gaps(pair, 5.0).contains(shapely.Point(12, 5))
    assert not closed_gaps(pair, 3.0).intersects(shapely.Point(12, 5))
    start, end = (0.746344533041139, 101.10741533619532), (3.8247367373076453, 101.48279071129036)
    sliver = shapely.Polygon([start, end, (np.nextafter(end[0], 9.0), end[1])])
    assert not sliver.buffer(2.5).buffer(-2.5).is_valid
    assert closed_gaps(sliver, 5.0).is_valid
