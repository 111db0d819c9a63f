"""The suites that are part of the package."""

import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import RECIPES, open_suite, suite_names
from simscale_gym.sources import list_scenes


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_suites_of_the_package_open_and_are_those_of_their_recipes(name):
    suite, recipe = open_suite(name), RECIPES[name]
    assert (suite.name, suite.split, suite.traffic, suite.source) == (
        recipe.name,
        recipe.split,
        recipe.traffic,
        recipe.source,
    )
    for scene in suite.scenes:
        assert len(scene.groups) <= recipe.groups and len(scene.digest) == 16
        assert all(recipe.least_starts <= len(group.starts) <= recipe.starts for group in scene.groups)
    assert suite.groups and suite.drives


def test_the_hard_suite_is_large_and_drives_begin_off_the_log():
    suite = open_suite("town-hard")
    assert (
        2 * suite.groups >= 100 and suite.starts >= 600
    )  # moments on the log as navhard counts them: two of each group
    assert all(drive.start is not None for scene in suite.scenes for drive in scene.drives)


def test_an_unknown_suite_is_told_which_are_near():
    with pytest.raises(ArgumentError, match=r"'town-hrad' is neither.* Nearest: town-hard"):
        open_suite("town-hrad")
    assert "town-hard" in suite_names()


def test_all_suites_of_the_town_name_scenes_that_it_has():
    for name in ("town-test", "town-val", "town-hard"):
        suite = open_suite(name)
        known = {ref.id for ref in list_scenes("town", suite.split)}
        assert {scene.id for scene in suite.scenes} <= known
