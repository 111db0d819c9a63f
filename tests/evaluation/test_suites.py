"""Suites as files: what they pin, and what is said where something is not as it was."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.errors import DataError, SceneError
from simscale_gym.evaluation import RECIPES, make_suite, open_suite, write_suite
from simscale_gym.evaluation.queries import checked_scene, query_pairs, suite_refs
from simscale_gym.evaluation.scene_digest import same_sums, scene_digest, scene_sums
from simscale_gym.geometry import se2
from simscale_gym.perturbation import Bounds
from simscale_gym.perturbation.grid import CELL
from simscale_gym.scene import EgoLog


def test_a_suite_comes_back_from_its_file(small_suite, tmp_path):
    write_suite(small_suite, tmp_path / "mine.json")
    again = open_suite(tmp_path / "mine.json")
    assert again == small_suite and again.digest == small_suite.digest
    assert open_suite(str(tmp_path / "mine.json")) == again and open_suite(again) is again


def test_the_digest_is_of_what_is_judged_and_not_of_what_is_said(small_suite):
    assert replace(small_suite, name="other", about="other").digest == small_suite.digest
    assert replace(small_suite, traffic="log").digest != small_suite.digest
    assert replace(small_suite, scenes=()).digest != small_suite.digest


@pytest.mark.parametrize(
    "damage, named",
    [
        (lambda text: text[:200], "a suite"),
        (lambda text: text.replace('"format": 2', '"format": 99'), "format"),
        (lambda text: text.replace('"place":[', '"place":["x",', 1), "place"),
        (lambda text: json.dumps([1, 2]), "a dictionary"),
    ],
    ids=["torn", "format", "place", "list"],
)
def test_damaged_files_are_named(small_suite, tmp_path, damage, named):
    path = tmp_path / "mine.json"
    write_suite(small_suite, path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(DataError, match=named):
        open_suite(path)


def test_a_scene_that_changed_is_refused(small_suite, town_scene):
    states = town_scene.ego.states.copy()
    states[50, 0] += 0.1
    log = EgoLog(states, town_scene.ego.z, town_scene.ego.roll, town_scene.ego.pitch)
    refs = suite_refs(small_suite, [replace(town_scene, ego=log)])
    with pytest.raises(SceneError, match=r"has changed since the suite was made.*make it again"):
        checked_scene(small_suite, small_suite.scenes[0], refs[0])


def test_last_bits_of_other_machines_do_not_change_a_scene(town_scene):
    states = town_scene.ego.states * (1.0 + 1e-15)
    log = EgoLog(states, town_scene.ego.z, town_scene.ego.roll, town_scene.ego.pitch)
    other = replace(town_scene, ego=log)
    assert scene_digest(other) == scene_digest(town_scene)
    assert same_sums(scene_sums(other), scene_sums(town_scene))


@given(st.integers(0, 10_000), st.floats(0.01, 5.0))
@settings(max_examples=20, deadline=None)
def test_every_sum_tells_of_every_number(town_scene, row, moved):
    poses = town_scene.tracks.poses.copy()
    places = np.argwhere(town_scene.tracks.valid)
    poses[(*places[row % len(places)], row % 2)] += moved
    other = replace(town_scene, tracks=replace(town_scene.tracks, poses=poses))
    assert np.abs(np.subtract(scene_sums(other), scene_sums(town_scene))).min() > moved - 1e-3


def test_a_start_that_comes_out_otherwise_is_refused(small_suite, town_scene):
    with pytest.raises(SceneError, match="traffic or tracker are not those"):
        list(
            query_pairs(town_scene, small_suite.scenes[0], replace(small_suite, traffic="constant_velocity"))
        )


def test_a_suite_of_a_folder_asks_for_it(small_suite):
    with pytest.raises(SceneError, match="name it"):
        suite_refs(replace(small_suite, source="folder"), None)


def test_a_missing_scene_is_named(small_suite, town_log):
    with pytest.raises(SceneError, match=r"no scene .*Nearest"):
        suite_refs(small_suite, town_log[:1])


def test_starts_are_off_the_log_within_bounds_and_apart(small_suite, town_scene):
    (group,) = small_suite.scenes[0].groups
    places = np.array([start.place[:2] for start in group.starts])
    away = np.linalg.norm(places - town_scene.ego.poses[group.frame + 40, :2], axis=1)
    assert (away > 0.2).all() and (away < np.hypot(8.0, 2.0) + 1e-6).all()
    poses = np.array([start.place for start in group.starts])
    offsets = se2.poses_to_local(town_scene.ego.poses[group.frame + 40], poses)[:, :2] / np.array(CELL)
    assert np.hypot(*offsets.T)[0] < np.hypot(*offsets.T).min() + 0.5  # in cells, by where it was to come to
    apart = np.linalg.norm(places[:, None] - places, axis=2)[np.triu_indices(len(places), 1)]
    assert (apart > 0.25).all()


def test_pairs_are_half_a_second_apart(small_suite, town_scene):
    pairs = list(query_pairs(town_scene, small_suite.scenes[0], small_suite))
    assert [now.stage for now, _ in pairs] == [1, 2, 2, 2]
    assert all(now.state.frame - before.state.frame == 5 for now, before in pairs)
    assert len({query.token for pair in pairs for query in pair}) == 8


def test_the_same_recipe_gives_the_same_suite(small_suite, small_recipe, town_scene):
    assert make_suite(small_recipe, [town_scene]) == small_suite


def test_where_no_moment_will_do_that_is_said(town_scene, small_suite):
    nowhere = replace(RECIPES["town-test"], bounds=Bounds(longitudinal=0.0, lateral=0.0))
    with pytest.raises(SceneError, match="none of 1 scenes has a moment"):
        make_suite(nowhere, [town_scene])
