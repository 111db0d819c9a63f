import pickle

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.geometry.polygon_set import PolygonSet


def stars(seed, count):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
        radius = rng.uniform(1, 12, len(angle))
        yield rng.uniform(-40, 40, 2) + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([1.0, 8.0, 100.0]))
def test_membership_agrees_with_shapely(seed, count, cell):
    rings = list(stars(seed, count))
    points = np.random.default_rng(seed).uniform(-55, 55, (200, 2))
    polygons = PolygonSet.build(rings, cell)
    areas = [shapely.Polygon(ring) for ring in rings]
    expected = np.column_stack([shapely.contains_xy(area, points) for area in areas])
    distances = [shapely.distance(area.exterior, shapely.points(points)) for area in areas]
    near_edge = np.column_stack(distances) < 1e-9
    assert ((polygons.contains(points) == expected) | near_edge).all()
    assert (polygons.contains_any(points) == polygons.contains(points).any(1)).all()
    assert len(polygons) == count


def test_rings_may_be_closed_and_have_heights():
    ring = np.array([[0, 0, 9], [4, 0, 9], [4, 4, 9], [0, 4, 9], [0, 0, 9]], float)
    polygons = PolygonSet.build([ring, ring[:-1]])
    assert polygons.contains(np.array([[1.0, 1.0], [5.0, 1.0]])).tolist() == [[True, True], [False, False]]


def test_shape_of_the_query_is_kept():
    polygons = PolygonSet.build([np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)])
    points = np.array([[[1.0, 1.0], [9.0, 1.0]], [[1.0, 3.9], [-1.0, 1.0]]])
    assert polygons.contains_any(points).tolist() == [[True, False], [True, False]]
    assert bool(polygons.contains_any(np.array([2.0, 2.0])))


def test_nothing_contains_nothing():
    empty = PolygonSet.build([])
    assert len(empty) == 0 and not empty.contains_any(np.zeros((3, 2))).any()
    assert empty.contains(np.zeros((3, 2))).shape == (3, 0)


def test_rings_without_vertices_hold_nothing_wherever_the_others_are():
    square = np.array([[100, 100], [200, 100], [200, 200], [100, 200]], float)
    polygons = PolygonSet.build([np.zeros((0, 2)), square])
    assert polygons.contains(np.array([[150.0, 150.0], [0.0, 0.0]])).tolist() == [
        [False, True],
        [False, False],
    ]


def test_far_flung_polygons_do_not_blow_up_the_grid():
    squares = [np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float) + offset for offset in (0.0, 1e6)]
    polygons = PolygonSet.build(squares)
    assert polygons.shape[0] * polygons.shape[1] <= 1025**2
    assert polygons.contains(np.array([[0.5, 0.5], [1e6 + 0.5, 1e6 + 0.5]])).tolist() == [
        [True, False],
        [False, True],
    ]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_point_on_the_edge_between_two_is_in_one_of_them(turn):
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)[::turn]
    polygons = PolygonSet.build([square + np.array([10.0 * x, 10.0 * y]) for x in range(3) for y in range(3)])
    seam = np.linspace(0.3, 29.7, 50)
    points = np.concatenate([np.column_stack([np.full(50, at), seam]) for at in (10.0, 20.0)])
    assert polygons.contains_any(points).all() and polygons.contains_any(points[:, ::-1]).all()


def test_copies_leave_out_what_was_derived():
    polygons = PolygonSet.build(list(stars(3, 4)))
    points = np.random.default_rng(0).uniform(-40, 40, (50, 2))
    inside = polygons.contains_any(points)
    data = pickle.dumps(polygons)
    assert len(data) < 10_000
    assert (pickle.loads(data).contains_any(points) == inside).all()
