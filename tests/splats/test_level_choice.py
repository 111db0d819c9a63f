"""Fine where one comes near, coarse elsewhere, and never too many."""

import numpy as np
import pytest

from simscale_gym.splats.cpu.level_choice import choose_levels
from simscale_gym.splats.cpu.pack import LEVELS, pack
from simscale_gym.splats.cpu.unpack import unpack
from simscale_gym.splats.gaussians import Gaussians

HERE = np.array([[0.0, 0.0, 0.0]])


@pytest.fixture(scope="module")
def packed():
    """A street of grey discs."""
    rng, count = np.random.default_rng(0), 40_000
    means = rng.uniform((-5, -5, 0), (200, 5, 0), (count, 3))
    flat, upright, grey = np.array([0.1, 0.1, 0.005]), np.array([1.0, 0.0, 0.0, 0.0]), np.full(3, 0.5)
    rows = (np.tile(values, (count, 1)) for values in (upright, flat))
    return pack(
        Gaussians.from_rgb(means, *rows, np.full(count, 0.9), np.tile(grey, (count, 1))), levels=LEVELS
    )


@pytest.mark.parametrize("most", [10, 500, 3000, 20_000, 100_000])
def test_no_more_than_asked_for_and_not_much_less(packed, most):
    found = unpack(packed, choose_levels(packed, HERE, most)).validate()
    assert len(found) <= most
    if most in (3000, 20_000):
        assert len(found) > 0.5 * most
    if most == 100_000:
        assert len(found) == 40_000


def test_what_is_near_is_finer(packed):
    levels = choose_levels(packed, HERE, 8000)
    distance = np.linalg.norm(packed.spheres[:, :3], axis=1)
    assert levels[distance < 20].mean() + 1 < levels[distance > 150].mean()
    assert (levels >= 0).all()


def test_where_nothing_fits_what_is_far_is_left_out(packed):
    levels = choose_levels(packed, HERE, 60)
    distance = np.linalg.norm(packed.spheres[:, :3], axis=1)
    assert (levels < 0).any() and distance[levels >= 0].max() < distance[levels < 0].max()
