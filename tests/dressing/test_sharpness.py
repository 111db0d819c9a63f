"""What large pictures show: surfaces cut finely along their borders, and only as finely as somebody looks."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.dressing.furniture.signal_head import LENS_RADIUS, lens_centers, signal_lamp_surfels
from simscale_gym.dressing.ground.cell_cutting import cut_finer
from simscale_gym.dressing.ground.cells import Cells
from simscale_gym.dressing.ground.road_patterns import Pattern, _cut_pattern
from simscale_gym.dressing.ground.terrain import Surface
from simscale_gym.dressing.surfels.grading import graded_edges
from simscale_gym.dressing.surfels.lettering import cut_bars, text_bars
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.scene import Fixture, LightStatus
from simscale_gym.splats import Gaussians
from simscale_gym.splats.rasterize import rasterize

X, Y, Z = np.eye(3)
FOCAL = 1545.0


def builder(sharpness: Sharpness) -> SheetBuilder:
    return SheetBuilder(np.random.default_rng(0), sharpness=sharpness)


def wall(sharpness: Sharpness, **options):
    """White, 4 m long and 2 m high, as a façade lays its parts."""
    b = builder(sharpness)
    b.rect((0, 0, 0), X, Z, (-4.0, 0.0), (-1.0, 1.0), 0.5, (1, 1, 1), noise=0.0, normal=-Y, **options)
    return b.build()


def edge_width(surfels, distance: float) -> float:
    """Pixels from 90 to 10 % across the wall's right end, seen from straight ahead on black."""
    ends = np.linalg.norm(np.stack([surfels.u, surfels.v], 1), axis=-1)
    assert ends == pytest.approx(1.0, abs=1e-5)
    quats = np.tile([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0], (len(surfels), 1))  # x to x, y to z
    gaussians = Gaussians.from_rgb(surfels.centers, quats, surfels.sigmas, surfels.opacity, surfels.albedo)
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [0, 0, distance]
    K = np.array([[FOCAL, 0.0, 200.0], [0.0, FOCAL, 8.0], [0.0, 0.0, 1.0]])
    drawn = rasterize(gaussians, view[None], K[None], 400, 16, backend="cpu", antialiased=True)
    row = drawn.rgb[0, 8, :, 0]
    assert row[20] > 0.9 and row[390] < 0.02
    falling = np.maximum.accumulate(row[::-1])[::-1]
    return float(np.interp(-0.1, -falling, np.arange(400.0)) - np.interp(-0.9, -falling, np.arange(400.0)))


def test_a_wall_ends_within_a_few_pixels_where_it_was_cut_for_the_camera():
    """The blur that every splat gets makes 1.4 pixels of a perfect edge."""
    sharp = edge_width(wall(Sharpness.at(10.0, FOCAL)), 10.0)
    coarse = edge_width(wall(AS_ASKED, sharp="lrbt"), 10.0)
    assert sharp < 3.6 < 2.0 * sharp < coarse


@given(st.floats(1.0, 150.0), st.floats(1.0, 2000.0))
def test_limits_grow_with_the_distance_and_fall_with_the_pixels(distance, focal):
    near, far = Sharpness.at(distance, focal), Sharpness.at(2.0 * distance, focal)
    finer = Sharpness.at(distance, 2.0 * focal)
    assert near.distance == pytest.approx(distance, rel=0.1)
    for name in ("border", "texture", "longest"):
        assert getattr(near, name) <= getattr(far, name) < np.inf
        assert getattr(finer, name) <= getattr(near, name)
    assert near.border < near.texture and near.above(30.0).distance >= near.distance
    assert Sharpness.at(distance, 0.0) is Sharpness.at(distance, 0.0).above(9.0) is AS_ASKED
    assert AS_ASKED.border == np.inf


def test_all_sides_of_a_sheet_are_sharp_but_its_seams():
    sharpness = Sharpness.at(10.0, FOCAL)
    s = wall(sharpness, seams="bt")
    width, height = (s.sigmas[:, axis] / 0.62 for axis in (0, 1))
    assert (width * height).sum() == pytest.approx(8.0, rel=1e-4)
    assert width[np.isclose(s.centers[:, 0], s.centers[:, 0].max())] == pytest.approx(
        sharpness.border, rel=1e-4
    )
    assert width.max() < sharpness.longest + 1e-6 and height.min() > 0.1


def test_cells_in_the_middle_grow_no_faster_than_beside_the_border():
    """A wide one would reach over the border with a third of its opacity."""
    steps = np.diff(graded_edges(0.0, 0.2, 0.5, True, True, 0.007, 2.0, steady=True))
    assert steps.sum() == pytest.approx(0.2) and (steps[1:] / steps[:-1]).max() < 2.0 + 1e-9
    assert np.diff(graded_edges(0.0, 0.2, 0.5, True, True, 0.007, 2.0)).max() > 0.09


def test_what_nobody_looks_at_keeps_its_cells_and_what_lies_behind_is_cut_as_asked():
    sharpness = Sharpness.at(10.0, FOCAL)
    tiles = builder(sharpness)
    tiles.rect((0, 0, 0), X, Z, (0, 4), (0, 4), 1.0, lambda x, z, dx, dz, p: np.ones((len(x), 3)), plain=True)
    assert 0.5 < tiles.build().sigmas[:, :2].max() / 0.62 <= 1.0
    assert len(wall(sharpness, seams="lrbt")) == len(wall(AS_ASKED)) == 32


def test_round_things_are_as_round_as_they_are_seen():
    rough, fine = builder(AS_ASKED), builder(Sharpness.at(4.0, FOCAL))
    for b in (rough, fine):
        b.tube((0, 0, 0), (0, 0, 1), 0.1, 0.1, 0.25, 8, (1, 1, 1))
    pole, post = fine.build(), rough.build()
    # how far it reaches aside, as seen from x
    reach, rough_reach = (
        (np.abs(x.centers[:, 1]) + 2.0 * x.sigmas[:, 1] * np.abs(x.v[:, 1])).max() for x in (pole, post)
    )
    assert reach < 0.116 < 0.124 < rough_reach
    for b in (rough, fine):
        b.disc((0, 0, 0), X, Y, 0.3, 2, (1, 1, 1), noise=0.0)
        b.ball((0, 0, 5), 0.06, 10, (1, 1, 1))
    round_, square = fine.build(), rough.build()
    assert len(round_) - len(pole) > 4 * (len(square) - len(post))


@given(st.floats(-3.0, 3.0), st.floats(0.04, 0.5), st.floats(0.04, 0.5), st.floats(0.0, 40.0), st.booleans())
def test_ground_cut_finer_covers_the_same_ground(heading, length, width, distance, graded):
    cells = Cells.of(np.array([[2.0, -1.0, heading, length, width]]), 5, 0.15)
    cut = cut_finer(cells, np.array([distance]), FOCAL, graded=graded)
    x, y, turn, long, wide = cut.boxes.T
    assert (
        (long * wide).sum() == pytest.approx(length * width)
        and (turn == heading).all()
        and (cut.z == 0.15).all()
    )
    back = np.stack([x - 2.0, y + 1.0], 1) @ np.array(
        [[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]]
    )
    assert (np.abs(back) + np.stack([long, wide], 1) / 2 <= np.array([length, width]) / 2 + 1e-9).all()
    assert len(np.unique(np.round(back, 9), axis=0)) == len(cut)


def test_ground_beside_a_border_is_cut_to_pixels_and_plain_ground_is_not():
    edge = Cells.of(np.array([[0.0, 0.0, 0.0, 0.3, 0.05]]), 5)
    assert cut_finer(edge, np.zeros(1), FOCAL, graded=True).boxes[:, 4].max() < 0.008
    assert len(cut_finer(edge, np.zeros(1), FOCAL, graded=False)) == 4
    assert cut_finer(edge, np.full(1, 90.0), FOCAL, graded=True).boxes[:, 4] == pytest.approx(0.05)


def test_slanted_paint_is_cut_along_its_border():
    """A triangle in cells of 0.1 m: each of the finer cells carries paint or not by itself."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0.05, 1.0, 0.1), np.arange(0.05, 1.0, 0.1)))

    def painted(x, y):
        return x + 2.0 * y < 1.0

    pose = np.array([3.0, 1.0, 0.7])
    turn = np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    boxes = np.column_stack(
        [np.stack([x, y], 1) @ turn + pose[:2], np.full(100, 0.7), np.full((100, 2), 0.1)]
    )
    cells = Cells.of(boxes, np.where(painted(x, y), Surface.PAINT, Surface.ROAD))
    road = SimpleNamespace(distance=lambda points: np.zeros(len(points)))
    cut = _cut_pattern(Pattern(pose, None, painted, None), cells, road, FOCAL)
    points = np.random.default_rng(0).uniform(0.0, 1.0, (4000, 2))

    def wrong(cells):
        """Share of places whose cell carries paint where there is none, or none where there is."""
        size = cells.boxes[0, 3:5]
        inside = np.floor(((cells.boxes[:, :2] - pose[:2]) @ turn.T) / size).astype(int)
        paint = np.zeros(np.round(1.0 / size).astype(int), bool)
        paint[tuple(inside.T)] = cells.surface == Surface.PAINT
        return (paint[tuple(np.floor(points / size).astype(int).T)] != painted(*points.T)).mean()

    assert wrong(cut) < 0.009 < 0.018 < wrong(cells)


def test_signals_have_sharp_lenses_well_before_their_housing():
    """Pieces of a lens are small, and a housing's large ones would be sorted before some of them."""
    signal, limits = Fixture("signal", 0.0, 0.0, 0.0, 3.55), Sharpness.at(4.0, FOCAL)
    coarse, fine = (signal_lamp_surfels(signal, LightStatus.UNKNOWN, s) for s in (AS_ASKED, limits))
    assert len(fine) > 3 * len(coarse) and fine.centers[:, 0].min() > coarse.centers[:, 0].max() + 0.025
    middles = lens_centers(3.55, 0.0)[0]
    away = np.linalg.norm(fine.centers[:, None, 1:] - middles[None, :, 1:], axis=2).min(1)
    assert LENS_RADIUS - 2.0 * limits.border < away.max() < LENS_RADIUS


def test_letters_are_cut_into_pieces_of_the_same_ink():
    bars, inked, _ = text_bars("CAFE", 0.34)
    cut, ink = cut_bars(bars, inked, 0.02)

    def area(bars):
        return (bars[:, 1] - bars[:, 0]) * (bars[:, 3] - bars[:, 2])

    assert area(cut[ink]).sum() == pytest.approx(area(bars[inked]).sum())
    assert area(cut[~ink]).sum() == pytest.approx(area(bars[~inked]).sum())
    assert max((cut[:, 1] - cut[:, 0]).max(), (cut[:, 3] - cut[:, 2]).max()) <= 0.02 + 1e-9
