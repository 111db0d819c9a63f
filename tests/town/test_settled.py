"""A town is the same on all processors, whose sines differ in their last bit."""

import numpy as np
import pytest

from simscale_gym.evaluation.scene_digest import same_sums, scene_digest, scene_sums
from simscale_gym.town import build_town, simulate_log
from simscale_gym.town.settled import settled
from simscale_gym.town.town import town_scenes


def other_processor(monkeypatch):
    """Has numpy's functions answer a bit more or less, as another processor's do."""
    rng = np.random.default_rng(0)

    def another(function):
        def answer(*values, **settings):
            exact = function(*values, **settings)
            if np.asarray(exact).dtype != np.float64:
                return exact
            return np.nextafter(exact, np.where(rng.random(np.shape(exact)) < 0.5, np.inf, -np.inf))[()]

        return answer

    for name in ("sin", "cos", "tan", "arctan2", "hypot", "exp"):
        monkeypatch.setattr(np, name, another(getattr(np, name)))


@pytest.mark.parametrize("seed", [0, 110_003, 120_001])
def test_traffic_does_not_hang_on_the_last_bit(seed, monkeypatch):
    drive = simulate_log(build_town(seed), 0, duration=60.0)
    other_processor(monkeypatch)
    town = build_town(seed)
    again = simulate_log(town, 0, duration=60.0)
    assert not np.array_equal(town.network.points, settled(town.network).points)
    assert np.array_equal(again.states[:, :2], drive.states[:, :2])
    assert again.tracks.ids == drive.tracks.ids
    apart = np.abs(again.tracks.poses - drive.tracks.poses)
    assert apart[..., :2].max() < 1e-9 and np.minimum(apart[..., 2], 2 * np.pi - apart[..., 2]).max() < 1e-9


@pytest.mark.parametrize("seed", [0, 110_003, 120_001])
def test_areas_have_the_same_corners(seed, monkeypatch):
    """Those of a union of areas that touch hang on last bits; a suite's digest of a scene counts them."""

    def scene():
        town = build_town(seed)
        return town_scenes(town, simulate_log(town, 0, duration=20.0))[0]

    here = scene()
    other_processor(monkeypatch)
    there = scene()
    assert scene_digest(there) == scene_digest(here)
    assert same_sums(scene_sums(there), scene_sums(here))
