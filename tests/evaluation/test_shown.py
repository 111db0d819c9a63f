"""What planners are shown at the moments of a suite is what the environment shows there."""

import numpy as np
import pytest

from simscale_gym.agents import make_traffic
from simscale_gym.envs import SimScaleEnv
from simscale_gym.evaluation import Sensing
from simscale_gym.evaluation.judging import begun, drive_env
from simscale_gym.evaluation.pictures import Shown
from simscale_gym.evaluation.queries import query_pairs
from simscale_gym.evaluation.suite import PinnedDrive

SEEING = Sensing(observation=("camera", "state"), cameras=("cam_f0",), image_size=(36, 64))


@pytest.fixture(scope="module")
def queries(small_suite, town_scene):
    """All moments of the suite."""
    return [query for pair in query_pairs(town_scene, small_suite.scenes[0], small_suite) for query in pair]


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


def test_on_the_log_it_is_what_a_reset_shows(queries, town_scene, one_renderer_per_scene):
    env = SimScaleEnv(
        [town_scene], observation=SEEING.observation, cameras=SEEING.cameras, image_size=SEEING.image_size,
        perturb=False, experts=(),
    )  # fmt: skip
    observed, _ = env.reset(options={"scene": town_scene.id, "time": queries[0].state.frame * 0.1})
    shown = Shown(town_scene, SEEING, make_traffic("idm"))
    assert same(observed, shown.observe(queries[0]))


def test_off_the_log_it_is_what_the_environment_shows_there(
    queries, small_suite, town_scene, one_renderer_per_scene
):
    env, traffic = drive_env(town_scene, SEEING, small_suite), make_traffic("idm")
    group = small_suite.scenes[0].groups[0]
    off = next(query for query in queries if query.stage == 2)
    at = begun(town_scene, env, PinnedDrive(group.frame, group.starts[off.start]), small_suite)
    observed, _ = env.reset(options={"state": at})
    assert same(observed, Shown(town_scene, SEEING, traffic).observe(off))


def test_pictures_from_the_cache_are_those_that_were_drawn(
    queries, small_suite, town_scene, town_cache, one_renderer_per_scene
):
    pinned = small_suite.scenes[0]
    shown = Shown(town_scene, SEEING, make_traffic("idm"))
    drawn = shown.observations(queries, small_suite, pinned)
    files = list((town_cache / "evaluation").rglob("*.npz"))
    assert files
    again = shown.observations(queries, small_suite, pinned)
    assert all(map(same, drawn, again)) and same(again[3], shown.observe(queries[3]))
    for file in files:
        file.write_bytes(file.read_bytes()[:1000])
    assert all(map(same, drawn, shown.observations(queries, small_suite, pinned)))
