"""The built-in town: a procedural, seeded place with a map, side shapes, and drives through it."""

from simscale_gym.town.config import SPLIT_SEEDS, TOWN_VERSION, TownConfig
from simscale_gym.town.town import Town, TownLog, build_town, simulate_log, town_scenes

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
