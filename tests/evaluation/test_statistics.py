"""Intervals over scenes and seeds."""

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import Measured, difference
from simscale_gym.evaluation.statistics import resampled_means


def measured(values, seed=0):
    return Measured.of([(seed, f"scene {n}", value) for n, value in enumerate(values)])


def test_the_mean_is_of_items_not_of_scenes():
    found = Measured.of([(0, "a", 1.0), (0, "a", 1.0), (0, "a", 1.0), (0, "b", 0.0)])
    assert found.mean == 0.75


def test_equal_scenes_leave_nothing_open():
    found = measured([0.4] * 10).interval()
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, 0.4, 0.4))


def test_the_interval_is_that_of_the_normal_law_where_scenes_are_many():
    values = np.random.default_rng(1).normal(0.5, 0.2, 400)
    found = measured(values).interval()
    width = 1.96 * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(found.mean - width, abs=0.1 * width)
    assert found.high == pytest.approx(found.mean + width, abs=0.1 * width)


def test_items_of_one_scene_count_as_one():
    few = Measured.of([(0, scene, value) for scene, value in zip("abcd", (0, 1, 0, 1), strict=True)])
    many = Measured.of([(0, s, v) for s, v in zip("abcd", (0, 1, 0, 1), strict=True) for _ in range(50)])
    assert many.interval() == few.interval()


def test_pairing_removes_what_scenes_have_in_common():
    rng = np.random.default_rng(2)
    hard = rng.random(60)
    first, second = measured(hard + 0.05 + 0.01 * rng.normal(size=60)), measured(hard)
    apart = difference(first, second)
    assert 0.04 < apart.low < apart.mean < apart.high < 0.06
    assert first.interval().low < second.interval().high


def test_seeds_that_differ_widen_the_interval():
    one = Measured.of([(seed, scene, 0.5) for seed in range(3) for scene in range(20)])
    other = Measured.of([(seed, scene, 0.3 + 0.2 * seed) for seed in range(3) for scene in range(20)])
    assert one.mean == pytest.approx(other.mean)
    assert other.interval().high - other.interval().low > 0.1 > one.interval().high - one.interval().low


def test_others_are_not_compared():
    with pytest.raises(ArgumentError, match="expected the same"):
        difference(measured([0.1, 0.2]), measured([0.1, 0.2, 0.3]))
    with pytest.raises(ArgumentError, match="at least one"):
        Measured.of([])
    with pytest.raises(ArgumentError, match="finite"):
        measured([0.1, np.nan])


def test_resamples_have_the_same_scenes_and_where_they_can_the_same_seeds():
    rng = np.random.default_rng(3)
    values = rng.random((2, 30))
    items = [(seed, scene, values[seed, scene]) for seed in range(2) for scene in range(30)]
    same, raised = Measured.of(items), Measured.of([(k, scene, value + 0.1) for k, scene, value in items])
    ours, others = resampled_means([same, raised])
    assert ours.std() > 0.01 and others - ours == pytest.approx(0.1)
    three = Measured.of([(seed, scene, values[0, scene]) for seed in range(3) for scene in range(30)])
    alone, with_three = resampled_means([three]), resampled_means([same, three])
    assert with_three.shape == (2, len(ours)) and alone.std() == pytest.approx(with_three[1].std(), rel=0.2)
