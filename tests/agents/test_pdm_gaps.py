"""Boxes against polygons: the same answers as shapely."""

import numpy as np
import pytest
import shapely

from simscale_gym.agents.pdm.gaps import box_gap, outlines, polygon_gap, polygon_meets_box
from simscale_gym.geometry import box


def random_boxes(rng, count, spread=12.0):
    return box.corners(
        np.column_stack(
            [
                rng.uniform(-spread, spread, (count, 2)),
                rng.uniform(-np.pi, np.pi, count),
                rng.uniform(0.5, 8.0, count),
                rng.uniform(0.5, 3.0, count),
            ]
        )
    )


def test_box_gap_equals_shapely():
    a, b = random_boxes(np.random.default_rng(0), 300, 6.0), random_boxes(np.random.default_rng(1), 300, 6.0)
    theirs = shapely.distance(shapely.polygons(a), shapely.polygons(b))
    assert (theirs == 0.0).sum() > 20
    np.testing.assert_allclose([box_gap(x, y) for x, y in zip(a, b, strict=True)], theirs, atol=1e-12)


def shapes():
    bend = shapely.LineString([(-10, -6), (-2, -5), (3, 0), (2, 8)]).buffer(1.15, cap_style="square")
    loop = shapely.Point(0, 0).buffer(9.0).difference(shapely.Point(0.5, 0).buffer(6.0))
    return [bend, loop, shapely.Polygon([(0, 0), (8, 0), (8, 8), (4, 1), (0, 8)])]


@pytest.mark.parametrize("which", range(3))
def test_polygons_equal_shapely(which):
    group, corners = outlines(shapes()), random_boxes(np.random.default_rng(2), 400)
    boxes = shapely.polygons(corners)
    meets = shapely.intersects(shapes()[which], boxes)
    assert 20 < meets.sum() < 380
    assert [polygon_meets_box(group, which, c) for c in corners] == meets.tolist()
    ours = [polygon_gap(group, which, c) for c in corners]
    np.testing.assert_allclose(ours, shapely.distance(shapes()[which], boxes), atol=1e-12)


def test_a_box_in_a_hole_is_apart_and_a_shared_edge_touches():
    ring = shapely.box(-10, -10, 10, 10).difference(shapely.box(-5, -5, 5, 5))
    group = outlines([ring])
    inside, touching = (
        box.corners(np.array([0.0, 0, 0, 4, 4])), box.corners(np.array([3.0, 0, 0, 4, 4]))
    )  # fmt: skip
    assert not polygon_meets_box(group, 0, inside)
    assert polygon_gap(group, 0, inside) == pytest.approx(3.0)
    assert polygon_meets_box(group, 0, touching)
    assert outlines([]).vertices.shape == (0, 2)
