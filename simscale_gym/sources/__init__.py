"""Where scenes come from: the built-in town, nuPlan, ScenarioDescription; one catalog over all."""

from simscale_gym.files.cache import build_folder, cache_root, publish
from simscale_gym.sources.catalog import SceneRef, filter_scenes, find_scene, list_scenes, load_scene
from simscale_gym.sources.scenario_description.reader import read_scenario_description
from simscale_gym.sources.town.dataset import write_town_dataset
from simscale_gym.town.config import TOWN_VERSION

__all__ = [
    "TOWN_VERSION",
    "SceneRef",
    "build_folder",
    "cache_root",
    "filter_scenes",
    "find_scene",
    "list_scenes",
    "load_scene",
    "publish",
    "read_scenario_description",
    "write_town_dataset",
]
