import numpy as np
import pytest
import shapely
from shapely import Polygon

from simscale_gym.metrics.area_index import build_area_index, flags_at
from simscale_gym.metrics.rings import build_rings, holds


def random_rings(rng, count, offset):
    """Stars, mostly not convex, some of hundreds of vertices, some with edges along the axes."""
    rings = []
    for i in range(count):
        vertices = int(rng.choice([3, 4, 7, 40, 300]))
        angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
        ring = rng.uniform(-15, 15, 2) + rng.uniform(1, 12, (vertices, 1)) * np.column_stack(
            [np.cos(angle), np.sin(angle)]
        )
        if i % 3 == 0:
            x, y, w, h = *rng.integers(-15, 10, 2), *rng.integers(1, 12, 2)
            ring = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)
        rings.append(ring + offset)
    return [ring for ring in rings if Polygon(ring).is_valid]


def points_about(rng, rings, offset):
    """Anywhere, on vertices, on edges, and at round coordinates."""
    vertices = np.concatenate(rings)
    middles = np.concatenate([(ring + np.roll(ring, 1, 0)) / 2 for ring in rings])
    round_ones = rng.integers(-20, 20, (200, 2)) / 2 + offset
    return np.concatenate([rng.uniform(-25, 25, (500, 2)) + offset, vertices, middles, round_ones])


@pytest.mark.parametrize("offset", [0.0, 4_000_000.0])
@pytest.mark.parametrize("tile", [0.5, 3.0])
def test_the_polygons_at_a_point_are_shapelys(offset, tile):
    rng = np.random.default_rng(7)
    rings = random_rings(rng, 14, offset)
    flat = build_rings(rings)
    index = build_area_index(flat, tile)
    points = points_about(rng, rings, offset)
    flags = (1 << np.arange(len(rings))).astype(np.int64)
    expected = np.stack([shapely.contains_xy(Polygon(ring), points) for ring in rings], 1)
    for point, row in zip(points, expected, strict=True):
        assert flags_at(*index, flags, *flat[:4], *point) == (row * flags).sum()
        for ring in range(len(rings)):
            assert holds(*flat[:4], ring, *point) == row[ring]


def test_most_tiles_need_no_look_at_a_polygon():
    ring = np.array([[0.0, 0.0], [40.0, 5.0], [50.0, 40.0], [5.0, 45.0]])
    index = build_area_index(build_rings([ring]), 0.5)
    assert (index.entries & 1).mean() > 0.9
    assert abs((index.entries & 1).sum() * 0.25 - Polygon(ring).area) < 100


def test_a_far_flung_map_gets_larger_tiles():
    rings = [
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        np.array([[9e5, 9e5], [9e5 + 9, 9e5], [9e5, 9e5 + 9]]),
    ]
    flat = build_rings(rings)
    index = build_area_index(flat)
    assert len(index.starts) <= 2_000_000
    assert flags_at(*index, np.array([1, 2]), *flat[:4], 9e5 + 1, 9e5 + 1) == 2


def test_no_polygons():
    flat = build_rings([])
    assert flags_at(*build_area_index(flat), np.zeros(0, np.uint8), *flat[:4], 0.0, 0.0) == 0
