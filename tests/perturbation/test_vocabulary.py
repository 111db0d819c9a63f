import numpy as np
import pytest

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.perturbation import cluster_futures, load_vocabulary, spread_rows


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


def test_a_file_of_trajectories_is_a_vocabulary(fans, tmp_path):
    path = tmp_path / "trajectories.npy"
    np.save(path, fans.poses.astype(np.float32))
    loaded = load_vocabulary(path)
    np.testing.assert_allclose(loaded.poses, fans.poses, atol=1e-5)
    np.testing.assert_allclose(loaded.velocities, fans.poses[:, 0, :2] / 0.1, atol=1e-4)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 41, 3)), r"found shape \(5, 41, 3\), expected a .npy array \[V, 40, 3\]"),
        (np.zeros((0, 40, 3)), r"found shape \(0, 40, 3\)"),
        (np.zeros((5, 40, 3), int), "found int64 numbers"),
        (np.full((5, 40, 3), np.nan), "row 0: found NaN or infinity"),
        (np.full((5, 40, 3), 30.0), "heading: found 30.0, expected radians"),
        (np.full((5, 40, 3), [5e5, 4e6, 0.0]), "x, y: found 4000000 m from the start"),
        (np.array([[{}]], object), "Python objects"),
    ],
)
def test_another_file_is_named_with_what_is_wrong(array, message, tmp_path):
    path = tmp_path / "wrong.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(DataError, match=f"{path}.*{message}"):
        load_vocabulary(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04junk", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'"])
def test_a_torn_file_is_named(content, tmp_path):
    path = tmp_path / "torn.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        load_vocabulary(path)


def test_an_archive_or_no_file_is_named(tmp_path):
    np.savez(tmp_path / "several.npz", poses=np.zeros((5, 40, 3)))
    for name in ("several.npz", "absent.npy"):
        with pytest.raises(DataError, match=name):
            load_vocabulary(tmp_path / name)


def test_a_file_that_claims_to_be_huge_is_not_read(tmp_path):
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 40, 3)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DataError, match=str(path)):
        load_vocabulary(path)


def test_fewer_trajectories_are_some_of_more(bank):
    some = bank.take(np.arange(0, len(bank), max(1, len(bank) // 200)))
    rows = [set(spread_rows(some, count).tolist()) for count in (1, 8, 40, len(some))]
    assert [len(chosen) for chosen in rows] == [1, 8, 40, len(some)]
    assert rows[0] < rows[1] < rows[2] < rows[3]


def test_few_trajectories_are_spread_over_all(bank):
    """Closer to all others than as many at random."""
    some = bank.take(np.arange(0, len(bank), max(1, len(bank) // 300)))
    ends = some.poses[:, -1, :2]

    def farthest(rows):
        return np.linalg.norm(ends[:, None] - ends[rows], axis=-1).min(1).max()

    rng = np.random.default_rng(0)
    chance = [farthest(rng.choice(len(some), 20, replace=False)) for _ in range(20)]
    assert farthest(spread_rows(some, 20)) < np.median(chance)


def test_doubles_are_chosen_once_each():
    twice = HumanFutures(np.zeros((4, 40, 3)), np.zeros((4, 2)))
    assert spread_rows(twice, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 5])
def test_counts_that_cannot_be_spread_are_named(count):
    four = HumanFutures(np.zeros((4, 40, 3)), np.zeros((4, 2)))
    with pytest.raises(ArgumentError, match=f"{count} trajectories of a vocabulary of 4"):
        spread_rows(four, count)
