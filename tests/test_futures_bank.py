import numpy as np
import pytest
from scipy.spatial import cKDTree

from simscale_gym import futures_bank
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.errors import DataError
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.futures_bank import (
    bank_of,
    town_futures,
    town_futures_path,
    town_vocabulary_path,
    vocabulary_for,
    vocabulary_of,
)
from simscale_gym.sources import list_scenes
from simscale_gym.sources.town import source as town_source
from simscale_gym.sources.town.source import TownSource


@pytest.fixture
def small_town(town_log, monkeypatch, tmp_path):
    """An empty cache folder, and a town of two scenes that are counted when they are loaded."""
    refs, loaded = list_scenes("town")[2:4], []

    def load(ref):
        loaded.append(ref.id)
        return next(scene for scene in town_log if scene.id == ref.id)

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(TownSource, "list", lambda self, scenes, split: refs)
    monkeypatch.setattr(futures_bank, "load_scene", load)
    return loaded


def test_the_towns_futures_are_everybodys_and_are_kept(small_town, town_log, tmp_path):
    futures = town_futures()
    expected = HumanFutures.from_scenes(town_log[2:4], stride=0.2, others=True)
    np.testing.assert_allclose(futures.poses, expected.poses, atol=1e-5)
    assert len(small_town) == 2 and town_futures_path().is_relative_to(tmp_path)
    assert len(town_futures()) == len(futures) and len(small_town) == 2
    assert [path.name for path in town_futures_path().parent.iterdir()] == [town_futures_path().name]


def test_the_kept_futures_name_what_they_are_made_from(small_town, monkeypatch):
    before = town_futures_path()
    monkeypatch.setattr(town_source, "TOWN_VERSION", "another")
    assert town_futures_path() != before


def test_a_torn_file_of_futures_is_made_again(small_town, caplog):
    futures, path = town_futures(), town_futures_path()
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(town_futures().poses, futures.poses)
    (line,) = caplog.messages
    assert line.startswith(f"{path} is damaged (no readable archive") and len(small_town) == 4


def test_a_cache_without_room_names_its_folder_and_the_variable(small_town, monkeypatch):
    def full(file, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match=r"bank-.*\.npz: .*No space left on device.*SIMSCALE_GYM_CACHE"):
        town_futures()
    assert list(town_futures_path().parent.iterdir()) == []


def test_other_scenes_use_their_own_futures_and_where_few_the_towns(
    town_scene, town_cache, bank, monkeypatch
):
    own, refs = HumanFutures.from_scenes([town_scene], stride=0.2), list_scenes([town_scene])
    both = bank_of(refs)
    assert len(both) == len(own) + len(bank)
    np.testing.assert_array_equal(both.poses[: len(own)], own.poses)
    monkeypatch.setattr(futures_bank, "ENOUGH_FUTURES", len(own))
    assert len(bank_of(refs)) == len(own)


def test_the_vocabulary_is_the_same_every_time_and_never_larger_than_the_bank(bank, monkeypatch, tmp_path):
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 64)
    made, make = [], futures_bank.cluster_futures
    monkeypatch.setattr(
        futures_bank, "cluster_futures", lambda *args, **settings: made.append(1) or make(*args, **settings)
    )
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    one, two = vocabulary_of(bank), vocabulary_of(bank)
    assert 32 <= len(one) <= 64 and made == [1]
    np.testing.assert_array_equal(one.poses, two.poses)
    expected = make(bank, 64, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(one.poses, expected.poses)
    np.testing.assert_array_equal(one.velocities, expected.velocities)
    half = HumanFutures(bank.poses[::2], bank.velocities[::2])
    assert not np.array_equal(vocabulary_of(half).poses, one.poses) and len(made) == 2
    few = HumanFutures(bank.poses[:10], bank.velocities[:10])
    assert len(vocabulary_of(few)) <= 10


def test_the_towns_vocabulary_is_in_the_package_and_simulates_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    vocabulary = vocabulary_for(list_scenes("town", "hard"))
    assert len(vocabulary) > 500 and list(tmp_path.iterdir()) == []


def test_the_towns_vocabulary_is_of_its_drives(bank):
    """A quarter of it should come from the first of four drives: a town that changed has none of them."""
    shipped = HumanFutures.load(town_vocabulary_path())
    gaps = cKDTree(bank.poses.reshape(len(bank), -1)).query(shipped.poses.reshape(len(shipped), -1))[0]
    assert (gaps < 1e-2).sum() > 100


def test_another_town_makes_its_own_vocabulary(small_town, monkeypatch):
    monkeypatch.setattr(town_source, "TOWN_VERSION", "another")
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 16)
    assert not town_vocabulary_path().exists()
    assert len(vocabulary_for(list_scenes("town"))) <= 16 and len(small_town) == 2


def test_other_scenes_have_a_vocabulary_of_their_own(town_scene, town_cache, monkeypatch):
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 16)
    refs = list_scenes([town_scene])
    np.testing.assert_array_equal(vocabulary_for(refs).poses, vocabulary_of(bank_of(refs)).poses)
