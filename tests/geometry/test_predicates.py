import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon

from simscale_gym.geometry import box
from simscale_gym.geometry.predicates import boxes_meet, segment_meets_box, side

SMALL = st.integers(-6, 6).map(lambda n: n / 4)
HEADINGS = st.sampled_from([0.0, np.pi / 2, -np.pi / 2, np.pi, 0.3, 1.1, -2.0])


def corners(x, y, heading, length, width):
    return box.corners(np.array([x, y, heading, length, width]))


@settings(max_examples=300, deadline=None)
@given(SMALL, SMALL, HEADINGS, HEADINGS, st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.5, 1.5]))
def test_boxes_meet_as_in_shapely(x, y, heading_a, heading_b, length, width):
    a, b = corners(0.0, 0.0, heading_a, 2.0, 1.0), corners(x, y, heading_b, length, width)
    assert boxes_meet(a, b) == Polygon(a).intersects(Polygon(b))


@settings(max_examples=300, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, HEADINGS)
def test_segments_meet_boxes_as_in_shapely(ax, ay, bx, by, heading):
    rectangle = corners(0.25, 0.0, heading, 2.0, 1.0)
    if (ax, ay) != (bx, by):
        expected = LineString([(ax, ay), (bx, by)]).intersects(Polygon(rectangle))
        assert segment_meets_box(ax, ay, bx, by, rectangle) == expected


@pytest.mark.parametrize("offset", [0.0, 4e6])
def test_touching_counts_and_a_hair_apart_does_not(offset):
    a = corners(offset, 0.0, 0.0, 4.0, 2.0)
    b = corners(offset + 3.0, 0.5, 0.0, 2.0, 1.0)
    assert boxes_meet(a, b)
    b[1:3, 0] = np.nextafter(a[0, 0], np.inf)
    assert not boxes_meet(a, b)


def test_side_is_exact_where_doubles_are_not():
    # Shewchuk's classic: points within a few units of the last place of a line through (12, 12) and (24, 24).
    ulp = 2.0**-53
    for i in range(16):
        for j in range(16):
            found = side(12.0, 12.0, 24.0, 24.0, 0.5 + i * ulp, 0.5 + j * ulp)
            x, y = 0.5 + i * ulp, 0.5 + j * ulp
            assert found == np.sign(y - x)
