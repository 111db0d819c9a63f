import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simscale_gym.dressing.surfels.grading import graded_edges
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, Surfels

X, Y, Z = np.eye(3)


def builder() -> SurfelBuilder:
    return SurfelBuilder(np.random.default_rng(0))


@given(st.floats(0.05, 30.0), st.floats(0.02, 3.0), st.booleans(), st.booleans())
def test_graded_edges_cover_the_range_with_cells_no_larger_than_asked(length, cell, left, right):
    edges = graded_edges(-1.0, -1.0 + length, cell, left, right, 0.04, 2.0)
    assert edges[0] == -1.0 and edges[-1] == pytest.approx(-1.0 + length)
    assert (np.diff(edges) > 0).all() and np.diff(edges).max() <= cell + 1e-9


def test_cells_shrink_towards_the_sharp_end_only():
    steps = np.diff(graded_edges(0.0, 4.0, 0.5, True, False, 0.04, 2.0))
    assert steps[:4] == pytest.approx([0.04, 0.08, 0.16, 0.32])
    assert steps[-1] > 0.4


def test_rect_tiles_its_area_and_spreads_with_the_cell():
    b = builder()
    b.rect((1.0, 2.0, 3.0), X, Y, (0.0, 2.0), (0.0, 1.0), 0.5, (0.5, 0.5, 0.5), noise=0.0)
    s = b.build()
    assert len(s) == 8
    assert s.centers.min(0) == pytest.approx([1.25, 2.25, 3.0]) and s.centers.max(0) == pytest.approx(
        [2.75, 2.75, 3.0]
    )
    assert np.allclose(s.sigmas[:, :2], 0.56 * 0.5) and np.allclose(s.normals, Z)


def test_rect_color_function_sees_places_and_extents():
    b = builder()
    seen = {}

    def color(u, v, du, dv, points):
        seen.update(area=float((du * dv).sum()), points=points)
        return np.stack([u, v, 0 * u], 1)

    b.rect((0, 0, 0), X, Z, (0, 1), (0, 1), 0.25, color, noise=0.0, sharp="lrbt")
    s = b.build()
    assert seen["area"] == pytest.approx(1.0)
    assert np.allclose(s.albedo[:, 0], s.centers[:, 0]) and np.allclose(s.albedo[:, 1], s.centers[:, 2])


def test_box_faces_look_outward():
    b = builder()
    b.box((0, 0, 0), (2, 1, 1), 0.5, (1, 0, 0))
    s = b.build()
    outward = s.centers - [1.0, 0.5, 0.5]
    assert ((outward * s.normals).sum(1) > 0.4).all()
    b = builder()
    b.box((0, 0, 0), (2, 1, 1), 0.5, (1, 0, 0), faces="Z")
    assert np.allclose(b.build().normals, Z)


def test_tube_and_ball_and_disc_lie_on_their_surfaces():
    b = builder()
    b.tube((0, 0, 0), (0, 0, 2), 0.5, 0.5, 0.2, 8, (0, 0, 0))
    assert np.allclose(np.hypot(*b.build().centers[:, :2].T), 0.5, atol=1e-6)
    b = builder()
    b.ball((1, 0, 0), 2.0, 200, (0, 0, 0))
    s = b.build()
    assert np.allclose(np.linalg.norm(s.centers - [1, 0, 0], axis=1), 2.0, atol=1e-5)
    b = builder()
    b.disc((0, 0, 1), X, Y, 1.0, 5, (0, 0, 0))
    s = b.build()
    area = (s.sigmas[:, 0] * s.sigmas[:, 1]).sum() / 0.56**2
    assert area == pytest.approx(np.pi, rel=0.02) and np.allclose(s.normals, Z)


def test_quads_and_triangles_keep_the_area_and_take_values_per_item():
    b = builder()
    square = np.array([[[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]]] * 2, float)
    b.quads(square, (0.1, 0.1, 0.1), occlusion=np.array([0.2, 0.7]), k=0.5)
    s = b.build()
    assert np.allclose(s.sigmas[:, :2], [1.0, 0.5]) and np.allclose(s.occlusion, [0.2, 0.7])
    b = builder()
    b.triangles([[[0, 0, 0], [1, 0, 0], [0, 1, 0]]], (0.1, 0.1, 0.1), 0.25, k=1.0)
    s = b.build()
    assert len(s) == 36  # the long edge, sqrt(2), cut into 6
    assert (s.sigmas[:, 0] ** 2).sum() == pytest.approx(0.5) and (s.centers[:, :2].sum(1) < 1.0).all()


def test_transformed_turns_centers_tangents_and_normals():
    b = builder()
    b.rect((0, 0, 0), X, Y, (0, 1), (0, 1), 1.0, (0, 0, 0))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [5, 0, 1]
    s = b.build().transformed(pose)
    assert (
        np.allclose(s.centers, [[4.5, 0.5, 1.0]])
        and np.allclose(s.u, [[0, 1, 0]])
        and np.allclose(s.normals, [[0, 0, 1]])
    )


def test_concatenate_and_subset_keep_rows_together():
    b = builder()
    b.ball((0, 0, 0), 1.0, 10, (1, 0, 0))
    s = b.build()
    joined = Surfels.concatenate([s, s.subset(slice(3)), Surfels.empty()])
    assert len(joined) == 13 and np.array_equal(joined.centers[10:], s.centers[:3])
    assert joined.gloss.dtype == np.float32
