"""Every trajectory of a vocabulary has one fate, the same that the search counts."""

import numpy as np
import pytest

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.perturbation import AlgorithmConfig, clip_fates, search_clip

FRAME = 60


@pytest.fixture(scope="module")
def fates(town_scene, vocabulary):
    return clip_fates(town_scene, FRAME, vocabulary, PlannerExpert(), make_traffic("idm"))


def test_stages_shared_by_experts_count_as_in_the_search(town_scene, vocabulary, fates):
    outcome = search_clip(town_scene, FRAME, vocabulary, [PlannerExpert()], make_traffic("idm"))
    counts = fates.counts()
    for stage in ("bounds", "gate", "grid"):
        assert counts.get(stage, {}) == outcome.telemetry.flow(stage).rejected
    assert sum(sum(reasons.values()) for reasons in counts.values()) == len(vocabulary)


def test_all_samples_of_the_search_are_among_those_that_are_kept(town_scene, vocabulary, fates):
    every = AlgorithmConfig(rounds=100, tries=100)
    outcome = search_clip(town_scene, FRAME, vocabulary, [PlannerExpert()], make_traffic("idm"), every)
    assert {sample.vocabulary_index for sample in outcome.samples} == set(fates.samples) != set()
    assert set(np.flatnonzero(fates.stages == "")) == set(fates.samples)
    np.testing.assert_array_equal(
        fates.plans[:, 0], np.tile(town_scene.ego.poses[FRAME], (len(vocabulary), 1))
    )


def test_where_nothing_can_start_all_fall_at_the_clip(town_scene, vocabulary, monkeypatch):
    from simscale_gym.perturbation import clip_search

    monkeypatch.setattr(clip_search, "touched", lambda scene, state: np.ones(1, bool))
    fates = clip_fates(town_scene, FRAME, vocabulary, PlannerExpert(), LogReplay())
    assert fates.counts() == {"clip": {"log touches another": len(vocabulary)}} and not fates.samples
