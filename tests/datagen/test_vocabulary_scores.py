"""Scores of a vocabulary are those that each of its trajectories has when it is driven alone."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents import HumanFutures, make_expert, make_traffic, reference_drive
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.datagen import DataSet, repair, verify, write_data_set
from simscale_gym.datagen.drives import log_drives, perturbed_drives
from simscale_gym.datagen.layout import VOCABULARY
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.datagen.sample import SUBSCORES
from simscale_gym.datagen.vocabulary_scores import graded, vocabulary_scores
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import AlgorithmConfig, search_clip
from simscale_gym.perturbation.bounds import vocabulary_plans
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import track
from simscale_gym.sources import list_scenes, load_scene


@pytest.fixture(scope="module")
def scene(town_cache):
    return load_scene(list_scenes("town", "train")[3])


@pytest.fixture(scope="module")
def drive(scene, vocabulary):
    """A perturbed drive that has a label."""
    experts, traffic = {"planner": make_expert("planner")}, make_traffic("idm")
    for frame in range(15, 105, 10):
        outcome = search_clip(
            scene, frame, vocabulary, list(experts.values()), traffic, AlgorithmConfig(rounds=1)
        )
        if found := perturbed_drives(scene, outcome, experts, traffic, 40):
            break
    return found[0]


@pytest.fixture(scope="module")
def scores(scene, drive, vocabulary):
    return vocabulary_scores(scene, drive, vocabulary)


def test_each_trajectory_has_the_scores_of_its_own_drive(scene, drive, vocabulary, scores):
    assert scores.shape == (len(vocabulary), 8) and scores.dtype == np.float16
    assert SUBSCORES == ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")
    reference = reference_drive(scene, drive.present, PlannerExpert())
    history, masked = ego_history(scene, drive.past), 0
    for row in range(0, len(vocabulary), 7):
        plan = vocabulary_plans(drive.present.ego[:3], vocabulary.take(np.array([row])))[0]
        egos = track(drive.present.ego, plan, vehicle=scene.vehicle)
        states = [replace(state, ego=ego) for state, ego in zip(drive.ahead, egos, strict=True)]
        alone = score_segment(scene, states, history, reference)
        whole = bool(alone.product[0] == 1.0)
        masked += not whole
        for column, code in enumerate(SUBSCORES):
            if code != "ep" or whole:  # another rule of progress where a multiplier fails
                assert scores[row, column] == np.float16(getattr(alone, code)[0]), (row, code)
    assert 0 < masked < len(vocabulary) / 7


def test_who_drives_well_and_who_does_not_are_told_apart(scores):
    for column in (1, 4):
        assert 0.0 < (scores[:, column] == 1.0).mean() < 1.0, SUBSCORES[column]
    ruled_out = (scores[:, :4] == 0.0).any(1)
    assert (scores[ruled_out, 4] == 0.0).any()  # its own multipliers take its progress


def test_progress_is_judged_by_the_farther_of_both():
    scores = _scores(progress=[10.0, 20.0, 10.0, 2.0, 2.0], nc=[1.0, 1.0, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(graded(scores, 16.0).ep, [10 / 16, 1.0, 0.0, 2 / 16, 0.0])
    np.testing.assert_allclose(
        graded(scores, 0.0).ep, [1.0, 1.0, 1.0, 1.0, 1.0]
    )  # who comes nowhere is not judged


def _scores(progress, nc):
    from simscale_gym.metrics import Scores

    one, count = np.ones(len(nc)), len(nc)
    return Scores(
        np.array(nc), one, one, one, one, one, one, one, np.array(progress), np.full(count, 41), np.full(count, 41),
        np.ones((count, 6), bool), np.zeros((count, 41), np.uint8),
    )  # fmt: skip


def test_memory_does_not_grow_with_the_vocabulary(scene, drive, vocabulary, scores, monkeypatch):
    from simscale_gym.datagen import vocabulary_scores as module

    monkeypatch.setattr(module, "_AT_ONCE", 50)
    np.testing.assert_array_equal(vocabulary_scores(scene, drive, vocabulary), scores)


def test_what_the_human_fails_is_forgiven_where_asked(scene, vocabulary):
    (drive,) = log_drives(scene, [40], 40)
    off = np.array([state.ego for state in drive.ahead])
    off[:, 1] += 30.0  # far off the road
    states = [replace(state, ego=ego) for state, ego in zip(drive.ahead, off, strict=True)]
    failing = replace(drive, future=states[1:], past=[*drive.past[:-1], states[0]])
    plain = vocabulary_scores(scene, failing, vocabulary)
    forgiven = vocabulary_scores(scene, failing, vocabulary, human_filter=True)
    dac = SUBSCORES.index("dac")
    assert (plain[:, dac] == 0.0).all() and (forgiven[:, dac] == 1.0).all()
    np.testing.assert_array_equal(plain[:, 7], forgiven[:, 7])  # comfort of the human is not judged


def test_a_data_set_has_scores_and_names_its_vocabulary(
    log_spec, one_renderer_per_scene, vocabulary, tmp_path
):
    spec = replace(log_spec, clips=2, scores=16, vocabulary=None, human_filter=True)
    list(write_data_set(tmp_path / "a", spec, workers=1))
    data_set = DataSet(tmp_path / "a")
    kept, opened = HumanFutures.load(tmp_path / "a" / VOCABULARY), OpenSpec.of(spec)
    np.testing.assert_array_equal(kept.poses, opened.scored.poses)
    assert data_set.recipe["scored_sha256"] == opened.identity()["scored_sha256"] is not None
    sample = data_set[1]
    assert sample.arrays.vocabulary_scores.shape == (16, 8) and sample.arrays.vocabulary_scores.any()
    (drive,) = log_drives(load_scene(list_scenes("town", "train")[2]), [sample.row["frame"]], 40)
    expected = vocabulary_scores(
        load_scene(list_scenes("town", "train")[2]), drive, opened.scored, human_filter=True
    )
    np.testing.assert_array_equal(sample.arrays.vocabulary_scores, expected)


def test_a_vocabulary_that_is_gone_is_named_and_comes_back(log_spec, one_renderer_per_scene, tmp_path):
    list(write_data_set(tmp_path / "a", replace(log_spec, clips=1, scores=4), workers=1))
    path = tmp_path / "a" / VOCABULARY
    was = path.read_bytes()
    path.unlink()
    (damage,) = verify(tmp_path / "a")
    assert str(damage) == "vocabulary.npz: missing"
    list(repair(tmp_path / "a", [damage], workers=1))
    assert path.read_bytes() == was and not list(verify(tmp_path / "a"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"scores": -1}, "scores: -1, expected 0"),
        ({"kind": "perturbed", "scores": 4, "human_filter": True}, "human_filter"),
        ({"human_filter": True}, "human_filter: True, expected only where samples of the log have scores"),
    ],
)
def test_scores_that_cannot_be_asked_for_are_named(log_spec, wrong, named):
    with pytest.raises(ArgumentError, match=named):
        replace(log_spec, **wrong)


def test_more_than_the_vocabulary_has_cannot_be_scored(data_spec, vocabulary):
    with pytest.raises(ArgumentError, match=rf"scores: 99999 of a vocabulary of {len(vocabulary)}"):
        OpenSpec.of(replace(data_spec, scores=99999))
