import numpy as np
import pytest

from simscale_gym.dressing.light.sky import make_sky
from simscale_gym.dressing.light.skyline import LOW, TOWER, with_skyline


@pytest.fixture(scope="module")
def skies():
    sky = make_sky((0.5, 0.2, 0.6), np.random.default_rng(3))
    return sky, with_skyline(sky, np.random.default_rng(4))


def ring(elevation):
    azimuth = np.linspace(0.0, 2 * np.pi, 400, endpoint=False)
    level = np.cos(elevation)
    return np.column_stack(
        [level * np.cos(azimuth), level * np.sin(azimuth), np.full(400, np.sin(elevation))]
    )


def test_the_horizon_is_closed_all_around_and_the_sky_above_is_untouched(skies):
    bare, closed = skies
    darker = bare.radiance(ring(0.25 * LOW)).mean(1) - closed.radiance(ring(0.25 * LOW)).mean(1)
    assert (darker > 0.04).all()
    assert np.array_equal(closed.radiance(ring(1.6 * TOWER)), bare.radiance(ring(1.6 * TOWER)))


def test_roofs_reach_to_different_heights(skies):
    bare, closed = skies
    changed = [
        np.abs(bare.radiance(ring(e)) - closed.radiance(ring(e))).max(1) > 0.04
        for e in (LOW, 2.0 * LOW, TOWER)
    ]
    shares = [float(c.mean()) for c in changed]
    assert shares[0] > 0.8 and 0.1 < shares[1] < 0.9 and shares[2] < 0.2
