import numpy as np
import pytest
import shapely
from shapely.geometry import Point, box

from simscale_gym.dressing.surfels.drawing import Fineness, fill, flatten, lay

FINE = Fineness(cell=0.1, edge=0.02, along=0.12, stroke=0.004)
COARSE = Fineness(cell=0.1, edge=0.0, along=0.12, stroke=0.004)
LINES = (np.linspace(-1.0, 1.0, 21), np.linspace(-1.0, 1.0, 21))


def test_a_flattened_drawing_is_a_partition_where_later_paint_wins():
    layers = [
        ("body", box(-1, -1, 1, 1)),
        ("window", Point(0, 0).buffer(0.5)),
        ("pillar", box(-0.05, -1, 0.05, 1)),
    ]
    pieces = flatten(layers, box(-1, -1, 1, 1), 0.0)
    assert sum(p.area for _, p in pieces) == pytest.approx(4.0)
    assert shapely.union_all([p for _, p in pieces]).area == pytest.approx(4.0)
    at = {name: sum(p.contains(Point(x, 0.3)) for n, p in pieces if n == name) for name, x in
          (("pillar", 0.0), ("window", 0.2), ("body", 0.9))}  # fmt: skip
    assert at == {"pillar": 1, "window": 1, "body": 1}


def test_strokes_thinner_than_asked_show_what_lies_below():
    layers = [("body", box(-1, -1, 1, 1)), ("seam", box(-0.005, -1, 0.005, 1))]
    assert {name for name, _ in flatten(layers, box(-1, -1, 1, 1), 0.02)} == {"body"}
    assert {name for name, _ in flatten(layers, box(-1, -1, 1, 1), 0.004)} == {"body", "seam"}


def test_cells_of_a_grid_become_squares_of_their_size():
    patches = fill(box(-0.5, -0.3, 0.5, 0.3), *LINES, COARSE)
    inner = np.abs(patches.centers).max(1) < 0.25
    np.testing.assert_allclose(np.linalg.norm(patches.first[inner], axis=1), 0.1, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(patches.second[inner], axis=1), 0.1, rtol=1e-9)


def test_a_clipped_cell_keeps_centre_and_axes_of_its_area():
    sliver = box(0.02, 0.01, 0.08, 0.03)  # inside one cell
    patches = fill(sliver, *LINES, COARSE)
    np.testing.assert_allclose(patches.centers, [[0.05, 0.02]], atol=1e-9)
    assert abs(patches.first[0, 1]) < 1e-9 and 0.03 < abs(patches.first[0, 0]) < 0.06
    assert abs(patches.second[0, 0]) < 1e-9 and 0.015 < abs(patches.second[0, 1]) < 0.02


@pytest.mark.parametrize("fine", [FINE, COARSE])
def test_patches_leave_no_hole_and_do_not_reach_far_out(fine):
    area = Point(0, 0).buffer(0.7, quad_segs=12) - box(-0.2, -0.1, 0.25, 0.15)
    patches = fill(area, *LINES, fine)
    grid = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 91), np.linspace(-0.9, 0.9, 91)), -1).reshape(-1, 2)
    leak = np.ones(len(grid))
    for c, a, b in zip(patches.centers, patches.first, patches.second, strict=True):
        d = grid - c
        u, v = d @ a / (a @ a), d @ b / (b @ b)
        leak *= 1.0 - 0.97 * np.exp(-0.5 * (u * u + v * v) / 0.68**2)
    gap = shapely.distance(shapely.points(grid), area.boundary)
    inside = shapely.contains(area, shapely.points(grid))
    assert leak[inside & (gap > 0.03)].max() < 0.10
    assert leak[inside & (gap > 0.03)].mean() < 0.03
    assert (1.0 - leak[~inside & (gap > (0.06 if fine is FINE else 0.16))]).max() < 0.15


def test_lay_groups_by_material():
    layers = [
        ("body", box(-1, -1, 1, 1)),
        ("window", box(-0.5, 0, -0.1, 0.5)),
        ("window", box(0.1, 0, 0.5, 0.5)),
    ]
    laid = lay(layers, box(-1, -1, 1, 1), LINES, FINE)
    assert set(laid) == {"body", "window"} and len(laid["window"][1]) == 2
    places = laid["window"][0].centers
    assert ((np.abs(places[:, 0]) > 0.1) & (np.abs(places[:, 0]) < 0.5)).all()
