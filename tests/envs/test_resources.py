import numpy as np
import pytest

from simscale_gym.envs import resources
from simscale_gym.envs.resources import Resources
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.sources import list_scenes


@pytest.fixture
def small_town(town_log, monkeypatch, tmp_path):
    """An empty cache folder, and a town of two scenes that are counted when they are loaded."""
    refs, loaded = list_scenes("town")[2:4], []

    def load(ref):
        loaded.append(ref.id)
        return next(scene for scene in town_log if scene.id == ref.id)

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(resources, "list_scenes", lambda scenes, split, unreadable: refs)
    monkeypatch.setattr(resources, "load_scene", load)
    return loaded


def test_every_scene_comes_up(small_town):
    some, rng = Resources("town", "train", (), "auto"), np.random.default_rng(0)
    assert {some.choose_scene(None, rng).id for _ in range(20)} == {ref.id for ref in some.refs}


def test_what_is_unknown_is_named(small_town):
    with pytest.raises(ArgumentError, match="experts: 'wizard' is unknown"):
        Resources("town", "train", ("wizard",), "auto")
    with pytest.raises(ArgumentError, match="renderer: 'pen', expected one of auto, cpu, cpu-merged, gsplat"):
        Resources("town", "train", (), "pen")
    with pytest.raises(SceneError, match="no scene 'nowhere' among 2"):
        Resources("town", "train", (), "auto").choose_scene("nowhere", np.random.default_rng(0))
