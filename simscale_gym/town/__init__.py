"""The built-in town: a procedural, seeded place with a map, side shapes, and drives through it."""

from simscale_gym.lazy_names import lazy_names
from simscale_gym.town.config import SPLIT_SEEDS, TOWN_VERSION, TownConfig

_BUILDING = dict.fromkeys(("Town", "TownLog", "build_town", "simulate_log", "town_scenes"), "town")

__all__ = [
    "SPLIT_SEEDS",
    "TOWN_VERSION",
    "Town",
    "TownConfig",
    "TownLog",
    "build_town",
    "simulate_log",
    "town_scenes",
]

__getattr__, __dir__ = lazy_names(__name__, _BUILDING)
