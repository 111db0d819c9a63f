"""Sources of scenes: the town, nuPlan, NAVSIM, Argoverse 2, ScenarioDescription, memory, and what users register."""

from simscale_gym.files.cache import cache_root
from simscale_gym.lazy_names import lazy_names
from simscale_gym.sources.catalog import find_scene, list_scenes, load_scene, register_source
from simscale_gym.sources.navsim.source import NavsimSource
from simscale_gym.sources.scenario_description.reader import read_scenario_description
from simscale_gym.sources.source import BankScenes, SceneRef, Source
from simscale_gym.town.config import TOWN_VERSION

__all__ = [
    "TOWN_VERSION",
    "BankScenes",
    "NavsimSource",
    "SceneRef",
    "Source",
    "cache_root",
    "find_scene",
    "list_scenes",
    "load_scene",
    "read_scenario_description",
    "register_source",
    "write_town_dataset",
]

__getattr__, __dir__ = lazy_names(__name__, {"write_town_dataset": "town.dataset"})
