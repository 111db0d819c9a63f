"""Suites judged by NAVSIM's rules, and what is written for NAVSIM itself; its own numbers on the same plans."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from simscale_gym.datagen.navsim.two_stage import SPLIT
from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import ConstantVelocityDriver, Evaluation, evaluate, export_suite, open_suite
from simscale_gym.evaluation.judging import SceneTask, measures, plan_rows
from simscale_gym.evaluation.navsim import navsim_token
from simscale_gym.evaluation.queries import checked_scene, query_pairs, suite_refs

RECORDED = Path(__file__).parents[1] / "data" / "navsim_two_stage.json.gz"
"""A suite, plans, and what NAVSIM 2.2 (0a380a9) gave them; made by ``tests/record_navsim_two_stage.py``."""


@pytest.fixture(scope="module")
def judged(small_suite, town_scene):
    return evaluate({}, small_suite, scenes=[town_scene], parts=["plans"], rules="navsim")


@pytest.fixture(scope="module")
def export(small_suite, town_scene, tmp_path_factory):
    """Its folder, and the pairs of moments."""
    out = tmp_path_factory.mktemp("suite") / "x"
    return out, [pair for pairs in export_suite(small_suite, out, scenes=[town_scene]) for pair in pairs]


def test_it_is_exported_whole(export, small_suite):
    out, pairs = export
    assert len(pairs) == small_suite.groups and not any(pair.skipped for pair in pairs)
    assert sum(len(pair.followers) for pair in pairs) == small_suite.starts
    assert len(list((out / "navsim_logs" / SPLIT).iterdir())) == small_suite.groups
    starts = out / "navhard_two_stage" / "synthetic_scene_pickles"
    followers = {token for pair in pairs for both in pair.followers for token in both}
    assert {path.stem for path in starts.iterdir()} == followers


def test_plans_rows_and_mapping_name_the_same_moments(export, judged):
    out, pairs = export
    split = yaml.safe_load((out / "config/common/train_test_split" / f"{SPLIT}.yaml").read_text())
    told = split["reactive_all_mapping"]
    assert told == [[pair.now, pair.previous, [list(both) for both in pair.followers]] for pair in pairs]
    rows = judged.navsim_rows("human (log)")
    named = {
        token
        for now, before, both in told
        for token in (now, before, *(each for pair in both for each in pair))
    }
    for path in (out / "plans").iterdir():
        plans = json.loads(path.read_text())
        assert set(plans) == named == {row["token"] for row in rows}
        assert {(len(plan), len(plan[0])) for plan in plans.values()} == {(40, 3)}
    assert {path.stem for path in (out / "plans").iterdir()} == {
        "human_log",
        "PDM_Closed",
        "constant_velocity",
    }


def test_scores_are_those_that_navsim_gave(town_scene, tmp_path):
    """Of the plans that it was given, at the moments of the suite that was exported."""
    recorded = json.loads(gzip.decompress(RECORDED.read_bytes()))
    (tmp_path / "suite.json").write_text(recorded["suite"])
    suite = open_suite(tmp_path / "suite.json")
    task = SceneTask(suite, suite.scenes[0], suite_refs(suite, [town_scene])[0], ("plans",), "navsim")
    scene = checked_scene(suite, task.pinned, task.ref)
    pairs = list(query_pairs(scene, task.pinned, suite))
    queries = [query for pair in pairs for query in pair]
    tokens = [navsim_token(suite, query.token, query.stage) for query in queries]
    measured_by = measures(task, scene, pairs)
    for planner, theirs in recorded["planners"].items():
        plans = [np.array(theirs["plans"][token]) for token in tokens]
        rows = list(plan_rows(scene, planner, 0, queries, plans, measured_by))
        for token, row in zip(tokens, rows, strict=True):
            ours = row.navsim()
            for name, value in theirs["rows"][token].items():
                assert ours[name] == pytest.approx(value, abs=1e-6), (planner, token, name)
        found = Evaluation(suite, (planner,), tuple(rows), (), 0.0, "navsim")
        figures = [found.score(planner, figure) for figure in ("epdms", "stage_one", "stage_two")]
        assert figures == pytest.approx(theirs["means"], abs=1e-6)


def test_it_has_no_drives_in_closed_loop(small_suite, town_scene):
    for told in ({"rules": "navsim"}, {"rules": "other", "parts": ["plans"]}):
        with pytest.raises(ArgumentError, match="expected one of simscale, navsim"):
            evaluate({}, small_suite, scenes=[town_scene], **told)


def test_planners_whose_plans_would_overwrite_each_other_are_refused(small_suite, town_scene, tmp_path):
    planners = {"a b": ConstantVelocityDriver(), "a-b": ConstantVelocityDriver()}
    with pytest.raises(ArgumentError, match="name them apart"):
        next(export_suite(small_suite, tmp_path / "x", planners, scenes=[town_scene]))
    assert not (tmp_path / "x").exists()
