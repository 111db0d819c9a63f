import numpy as np
import pytest

from simscale_gym.agents.futures import HumanFutures
from simscale_gym.envs import resources
from simscale_gym.envs.resources import Resources, town_futures, town_futures_path
from simscale_gym.errors import ArgumentError, DataError, SceneError
from simscale_gym.sources import list_scenes
from simscale_gym.sources.cache import CACHE_VARIABLE


@pytest.fixture
def small_town(town_log, monkeypatch, tmp_path):
    """An empty cache folder, and a town of two scenes that are counted when they are loaded."""
    refs, loaded = list_scenes("town")[2:4], []

    def load(ref):
        loaded.append(ref.id)
        return next(scene for scene in town_log if scene.id == ref.id)

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(resources, "list_scenes", lambda scenes, split: refs)
    monkeypatch.setattr(resources, "load_scene", load)
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
    monkeypatch.setattr(resources, "TOWN_VERSION", "another")
    assert town_futures_path() != before


def test_a_torn_file_of_futures_is_named(small_town):
    town_futures()
    path = town_futures_path()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=f"{path}.*Delete it: it is made anew"):
        town_futures()


def test_other_scenes_use_their_own_futures_and_where_few_the_towns(
    town_scene, town_cache, bank, monkeypatch
):
    own = HumanFutures.from_scenes([town_scene], stride=0.2)
    both = Resources([town_scene], "train", (), "auto").bank
    assert len(both) == len(own) + len(bank)
    np.testing.assert_array_equal(both.poses[: len(own)], own.poses)
    monkeypatch.setattr(resources, "_ENOUGH_FUTURES", len(own))
    assert len(Resources([town_scene], "train", (), "auto").bank) == len(own)


def test_scenes_are_kept_and_the_oldest_dropped(small_town, monkeypatch):
    monkeypatch.setattr(resources, "_KEPT_SCENES", 1)
    some, rng = Resources("town", "train", (), "auto"), np.random.default_rng(0)
    first, second = (ref.id for ref in some.refs)
    for scene_id in (first, first, second, first):
        assert some.choose_scene(scene_id, rng).id == scene_id
    assert small_town == [first, second, first]


def test_every_scene_comes_up(small_town):
    some, rng = Resources("town", "train", (), "auto"), np.random.default_rng(0)
    assert {some.choose_scene(None, rng).id for _ in range(20)} == {ref.id for ref in some.refs}


def test_what_is_unknown_is_named(small_town):
    with pytest.raises(ArgumentError, match="experts: 'wizard' is unknown"):
        Resources("town", "train", ("wizard",), "auto")
    with pytest.raises(ArgumentError, match="renderer: 'pen', expected one of auto, cpu"):
        Resources("town", "train", (), "pen")
    with pytest.raises(SceneError, match="no scene 'nowhere' among 2"):
        Resources("town", "train", (), "auto").choose_scene("nowhere", np.random.default_rng(0))
