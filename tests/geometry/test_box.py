import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simscale_gym.geometry import box
from simscale_gym.geometry.predicates import boxes_meet

boxes = st.tuples(
    st.floats(-5, 5), st.floats(-5, 5), st.floats(-4, 4), st.floats(0.2, 6), st.floats(0.2, 3)
).map(np.array)  # fmt: skip


def test_corners_in_navsim_order():
    corners = box.corners(np.array([1.0, 2.0, np.pi / 2, 4.0, 2.0]))
    assert corners == pytest.approx(np.array([[0, 4], [0, 0], [2, 0], [2, 4]]))


@settings(deadline=None)  # compiles
@given(boxes, boxes)
def test_overlap_agrees_with_shapely(a, b):
    areas = [shapely.Polygon(box.corners(x)) for x in (a, b)]
    gap, shared = areas[0].distance(areas[1]), areas[0].intersection(areas[1]).area
    assume(gap > 1e-6 or shared > 1e-6)  # what only touches is rounding
    assert bool(box.overlap(a, b)) == (shared > 1e-6)
    assert box.overlap(a, b) == box.overlap(b, a)


def test_overlap_broadcasts():
    rng = np.random.default_rng(0)
    many = rng.uniform(0.5, 4.0, (5, 1, 5)), rng.uniform(0.5, 4.0, (3, 5))
    hit = box.overlap(*many)
    assert hit.shape == (5, 3) and hit[2, 1] == box.overlap(many[0][2, 0], many[1][1])


def test_touching_counts():
    assert box.overlap(np.array([0.0, 0, 0, 2, 2]), np.array([2.0, 0, 0, 2, 2]))
    assert not box.overlap(np.array([0.0, 0, 0, 2, 2]), np.array([2.001, 0, 0, 2, 2]))


def test_boxes_around_a_pose_lie_ahead_of_it():
    found = box.around(np.array([[1.0, 2.0, np.pi / 2, 9.0]]), 1.5, 5.0, 2.0)
    assert found == pytest.approx(np.array([[1.0, 3.5, np.pi / 2, 5.0, 2.0]]))


@settings(deadline=None)  # compiles
@given(boxes, boxes)
def test_touching_agrees_with_the_exact_predicate(a, b):
    grown, shrunk = (a + margin * np.array([0, 0, 0, 1, 1]) for margin in (1e-6, -1e-6))
    meets = [boxes_meet(box.corners(x), box.corners(b)) for x in (grown, a, shrunk)]
    assume(meets[0] == meets[2])  # what only touches is rounding
    assert box.boxes_touch(a, b) == meets[1]
