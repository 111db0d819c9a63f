"""The data engine: perturbed clips, labelled by pseudo-experts, filtered, counted."""

from simscale_gym.datagen.advice import explain
from simscale_gym.datagen.collection import Recipe, collect, make_recipe, search_scene
from simscale_gym.datagen.yield_table import stage_table, summary, yield_table

__all__ = [
    "Recipe",
    "collect",
    "explain",
    "make_recipe",
    "search_scene",
    "stage_table",
    "summary",
    "yield_table",
]
