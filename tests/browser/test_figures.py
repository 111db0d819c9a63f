"""Figures fill a box of one by one by one, so that boxes of road users are theirs."""

import numpy as np
import pytest

from simscale_gym.browser.figures import figure, figure_of
from simscale_gym.scene import TrackType

NAMES = [figure_of(kind, np.array([1.0, 1.0, 1.0])) for kind in TrackType] + ["lorry"]


@pytest.mark.parametrize("name", NAMES)
def test_within_the_box_and_up_to_its_faces(name):
    vertices = np.concatenate([part.vertices for part in figure(name)])
    assert np.abs(vertices).max() <= 0.5011
    assert (np.ptp(vertices, axis=0)[[0, 2]] > 0.9).all() or name in ("pedestrian", "czone_sign")
    for part in figure(name):
        assert part.faces.max() < len(part.vertices)


def test_long_and_tall_vehicles_are_lorries():
    assert figure_of(TrackType.VEHICLE, np.array([4.6, 1.9, 1.5])) == "car"
    assert figure_of(TrackType.VEHICLE, np.array([11.0, 2.5, 3.4])) == "lorry"
