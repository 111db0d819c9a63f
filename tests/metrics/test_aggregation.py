import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics import (
    StageGroup,
    gaussian_weights,
    one_stage_score,
    preceding_frames,
    two_stage_score,
)
from simscale_gym.metrics.comfort import LONGEST_INTERVAL


def test_weights_fall_off_like_a_gaussian():
    weights = gaussian_weights(np.zeros(2), np.array([[0.0, 0.0], [0.0, np.sqrt(0.2)], [5.0, 0.0]]))
    np.testing.assert_allclose(weights[1] / weights[0], np.exp(-1.0))
    np.testing.assert_allclose(weights.sum(), 1.0)
    assert weights[2] < 1e-50


def test_far_from_all_scenes_they_count_alike():
    np.testing.assert_array_equal(gaussian_weights(np.zeros(2), np.full((4, 2), 3.0)), 0.25)


def test_wrong_weights_are_named():
    for starts in (np.zeros((0, 2)), np.zeros(2), np.full((1, 2), np.nan)):
        with pytest.raises(ArgumentError, match="gaussian_weights"):
            gaussian_weights(np.zeros(2), starts)


def test_combined_score_is_the_mean_of_products():
    groups = [
        StageGroup([0.5, 1.0], [[1.0, 0.2], [0.0, 0.4]], [[0.75, 0.5], [0.25, 0.5]]),
        StageGroup([0.0, 1.0], [[1.0, 1.0]], [[1.0, 1.0]]),
    ]
    result = two_stage_score(groups)
    np.testing.assert_allclose(result.combined, np.mean([0.5 * 0.75, 1.0 * 0.3, 0.0, 1.0]))
    np.testing.assert_allclose(result.first_stage, 2.5 / 4)
    np.testing.assert_allclose(result.second_stage, (0.75 + 0.3 + 1.0 + 1.0) / 4)


def test_wrong_groups_are_named():
    with pytest.raises(ArgumentError, match="no groups"):
        two_stage_score([])
    with pytest.raises(ArgumentError, match="StageGroup"):
        StageGroup([0.5, 1.0], [[1.0, 0.2]], [[0.75]])
    with pytest.raises(ArgumentError, match="second is not finite"):
        StageGroup([0.5, 1.0], [[1.0, np.nan]], [[1.0, 1.0]])
    with pytest.raises(ArgumentError, match="add up to 0"):
        StageGroup([0.5, 1.0], [[1.0, 1.0]], [[1.0, 0.0]])


def test_one_stage_is_the_mean_of_the_frames_that_ran():
    assert one_stage_score(np.array([0.5, 1.0, 0.0]), np.array([True, True, False])) == 0.75
    assert one_stage_score(np.array([0.5, 0.25])) == 0.375
    with pytest.raises(ArgumentError, match="0 valid"):
        one_stage_score(np.array([0.5]), np.array([False]))
    with pytest.raises(ArgumentError, match="finite"):
        one_stage_score(np.array([0.5, np.nan]))
    with pytest.raises(ArgumentError, match=r"valid \(2,\)"):
        one_stage_score(np.ones(3), np.ones(2, bool))
    with pytest.raises(ArgumentError, match=r"scores \(3, 2\)"):
        one_stage_score(np.ones((3, 2)))


def test_frames_are_compared_with_the_one_before_in_their_log():
    logs, times = ["a", "b", "a", "a", "b"], np.array([0.5, 9.0, 0.0, 1.04, 9.56])
    before, found = preceding_frames(logs, times)
    np.testing.assert_array_equal(found, [True, False, False, True, False])
    np.testing.assert_array_equal(before[found], [2, 0])


def test_frames_too_far_apart_for_extended_comfort_are_not_compared():
    """NAVSIM takes up to 0.55 s for neighbours, and then fails on 0.55 s itself (scene_aggregator.py)."""
    assert not preceding_frames(["a", "a"], np.array([0.0, LONGEST_INTERVAL]))[1].any()
    assert preceding_frames(["a", "a"], np.array([0.0, 0.549]))[1].tolist() == [False, True]


def test_frames_that_cannot_be_told_apart_are_named():
    with pytest.raises(ArgumentError, match="'a' has two frames"):
        preceding_frames(["a", "b", "a"], np.array([1.0, 1.0, 1.0]))
    with pytest.raises(ArgumentError, match=r"2 logs, times \(1,\)"):
        preceding_frames(["a", "a"], np.array([1.0]))
    with pytest.raises(ArgumentError, match="not finite"):
        preceding_frames(["a", "a"], np.array([1.0, np.nan]))
