import numpy as np
import pytest

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import cluster_futures


@pytest.fixture(scope="module")
def fans():
    """Four sorts of futures, 25 of each, that nobody could mix up."""
    rng = np.random.default_rng(0)
    t = np.arange(1, 41) / 10.0
    sorts = []
    for speed, bend in ((10.0, 0.0), (10.0, 0.6), (3.0, 0.0), (0.0, 0.0)):
        for _ in range(25):
            v = speed + rng.normal(0.0, 0.05)
            sorts.append(np.stack([v * t, bend * t**2, np.full(40, 0.1 * bend)], axis=1))
    poses = np.array(sorts)
    return HumanFutures(poses, np.column_stack([poses[:, 0, 0] / 0.1, np.zeros(100)]))


def test_every_sort_has_one_that_stands_for_it(fans):
    chosen = cluster_futures(fans, 12, rng=np.random.default_rng(1))
    ends = chosen.poses[:, -1, :2]
    for sort in range(4):
        middle = fans.poses[25 * sort : 25 * sort + 25, -1, :2].mean(0)
        assert np.hypot(*(ends - middle).T).min() < 0.3


def test_members_are_futures_that_were_driven(bank):
    chosen = cluster_futures(bank, 64, rng=np.random.default_rng(2))
    known = {pose.tobytes(): velocity for pose, velocity in zip(bank.poses, bank.velocities, strict=True)}
    assert 32 < len(chosen) <= 64
    for pose, velocity in zip(chosen.poses, chosen.velocities, strict=True):
        np.testing.assert_array_equal(known[pose.tobytes()], velocity)
    assert len({pose.tobytes() for pose in chosen.poses}) == len(chosen)


def test_more_members_lie_nearer(bank):
    def miss(size):
        ends = cluster_futures(bank, size, rng=np.random.default_rng(0)).poses[:, -1, :2]
        gaps = np.hypot(*np.moveaxis(bank.poses[:, None, -1, :2] - ends, -1, 0))
        return gaps.min(1).mean()

    assert miss(128) < 0.6 * miss(16)


def test_same_seed_same_vocabulary(bank):
    one, two, other = (cluster_futures(bank, 32, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.poses, two.poses)
    assert one.poses.shape != other.poses.shape or (one.poses != other.poses).any()


def test_turns_count_beside_places(fans):
    """Two futures that end in one place but look apart are two."""
    turned = fans.poses[:2].copy()
    turned[0], turned[1] = fans.poses[0], fans.poses[0]
    turned[1, :, 2] += 0.3
    chosen = cluster_futures(HumanFutures(turned, fans.velocities[:2]), 2, rng=np.random.default_rng(0))
    assert len(chosen) == 2


def test_all_of_them_may_be_asked_for(fans):
    few = HumanFutures(fans.poses[::10], fans.velocities[::10])
    assert len(cluster_futures(few, len(few), rng=np.random.default_rng(0))) == len(few)


@pytest.mark.parametrize("size", [0, -1, 101])
def test_sizes_that_do_not_fit_are_named(fans, size):
    with pytest.raises(ArgumentError, match=f"vocabulary size: {size}, expected 1 to 100"):
        cluster_futures(fans, size, rng=np.random.default_rng(0))
