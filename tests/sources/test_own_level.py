"""What passes over or under the ego's way is told from what leads up to it or lies beside it."""

import numpy as np
import pytest

from simscale_gym.sources.inferred.features import LaneFeature, centerline_of
from simscale_gym.sources.inferred.own_level import OwnLevel

WAY = np.column_stack([np.arange(0.0, 100.0), np.zeros(100), 0.05 * np.arange(100.0)])
"""Along x, climbing by 5 %."""


def lane(key, *ends):
    line = np.linspace(*np.array(ends, float), 50)
    return LaneFeature(key, centerline_of(line[:, :2]), heights=heights(line))


def heights(line):
    count = len(centerline_of(line[:, :2]))
    return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(line)), line[:, 2])


OWN = lane("own", (-10, 0, -0.5), (120, 0, 6))


@pytest.mark.parametrize(
    ("ends", "elsewhere"),
    [
        (((50, -40, 2.5), (50, 40, 2.5)), False),  # a crossing
        (((50, -40, 8.5), (50, 40, 8.5)), True),  # a bridge
        (((50, -40, -3.5), (50, 40, -3.5)), True),  # an underpass
        (((50, -40, 4.0), (50, 40, 4.0)), False),  # its crown is 1.5 m higher: no room for a car
        (((60, 3, 3.0), (100, 40, 12.0)), False),  # a ramp that leaves it
        (((0, 30, 9.0), (100, 30, 9.0)), False),  # a terrace: too far to be a bridge over it
        (((0, 6, 8.0), (100, 6, 13.0)), True),  # a road on stilts above its edge
    ],
)
def test_what_is_elsewhere(ends, elsewhere):
    level = OwnLevel(WAY, [OWN, lane("other", *ends)])
    assert level.elsewhere == ({"other"} if elsewhere else set())


def test_a_bridge_goes_on_where_its_road_does_while_it_is_high():
    pieces = [
        lane("over", (50, -20, 9), (50, 20, 9)),
        lane("on", (50, 20, 9), (50, 45, 8)),
        lane("down", (50, 45, 8), (50, 140, 3)),
        lane("apart", (80, 20, 9), (80, 45, 9)),
    ]
    level = OwnLevel(WAY, [OWN, *pieces])
    assert level.elsewhere == {"over", "on", "down"}
    level = OwnLevel(WAY, [OWN, *pieces[:2], lane("ramp", (50, 45, 8), (110, 2, 5.5))])
    assert level.elsewhere == {"over", "on"}


def test_paint_and_kerbs_go_with_their_road():
    level = OwnLevel(WAY, [OWN, lane("over", (50, -20, 9), (50, 20, 9))])
    assert level.is_elsewhere(np.array([[53.0, -20, 9.1], [53, 20, 9.1]]))
    assert not level.is_elsewhere(np.array([[53.0, -20, 2.6], [53, 20, 2.6]]))
    assert not level.is_elsewhere(np.array([[0.0, 2, 0.0], [100, 2, 5.0]]))


def test_heights_that_do_not_agree_with_the_ego_say_nothing():
    """Some maps have heights above the sea, and an ego at 0."""
    level = OwnLevel(WAY - [0, 0, 30], [OWN, lane("other", (50, -40, 2.5), (50, 40, 2.5))])
    assert not level.elsewhere and not level.is_elsewhere(np.zeros((2, 3)))
