"""A small suite of one scene of the town's first log, and planners to judge on it."""

from dataclasses import replace

import pytest

from simscale_gym.evaluation import RECIPES, make_suite


@pytest.fixture(scope="session")
def small_recipe():
    """One moment, three starts off the log and one drive in closed loop."""
    fewer = {"groups": 1, "starts": 3, "least_starts": 2, "drives": 1}
    return replace(RECIPES["town-test"], name="small", most_constant=1.0, seconds=3.0, **fewer)


@pytest.fixture(scope="session")
def small_suite(town_scene, small_recipe):
    """The suite of the recipe."""
    return make_suite(small_recipe, [town_scene])
