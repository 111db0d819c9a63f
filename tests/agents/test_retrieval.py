"""Searching the bank."""

import numpy as np
from straight_humans import straight_humans

from simscale_gym.agents.retrieval import WEIGHTS, Retrieval

BANK = straight_humans()
RETRIEVAL = Retrieval(BANK)


def test_nearest_as_by_looking_at_all():
    targets = np.array([[20.0, 0.4, 0.02], [5.0, -0.5, 0.0]])
    rows = RETRIEVAL.nearest(np.array([6.2, 0.0]), targets, 5)
    for target, found in zip(targets, rows, strict=True):
        gap = np.concatenate([BANK.velocities - [6.2, 0.0], BANK.poses[:, -1] - target], 1)
        cost = np.abs(gap) @ np.array(WEIGHTS)
        np.testing.assert_allclose(cost[found], np.sort(cost)[:5], atol=1e-9)


def test_one_target_of_one():
    assert RETRIEVAL.nearest(np.zeros(2), np.zeros((1, 3)), 1).shape == (1, 1)


def test_a_human_is_no_distance_from_humans():
    np.testing.assert_allclose(RETRIEVAL.distances(BANK.poses[::50]), 0.0, atol=1e-12)


def test_distance_is_the_mean_over_the_sampled_poses():
    poses = BANK.poses[-1:].copy()
    poses[..., 1] += 40.0  # so far that no other human is nearer
    expected = np.abs(poses[0, 4::5, :2] - BANK.poses[:, 4::5, :2]).sum(-1).mean(1).min()
    np.testing.assert_allclose(RETRIEVAL.distances(poses), expected)


def test_batched_as_looped():
    poses = BANK.poses[::97] + np.array([0.3, 0.2, 0.0])
    looped = [RETRIEVAL.distances(pose[None])[0] for pose in poses]
    np.testing.assert_array_equal(RETRIEVAL.distances(poses), looped)
