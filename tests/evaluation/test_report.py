"""The page of an evaluation: whole in one file, with every planner, its worst scene and the way to repeat it."""

import re

import numpy as np
import pytest

from simscale_gym.evaluation import ConstantVelocityDriver, evaluate
from simscale_gym.evaluation.report import ReportConfig, write_report
from simscale_gym.evaluation.worst import reasons_of, worst_plans

PLANNERS = {"a <b> planner": [ConstantVelocityDriver(), ConstantVelocityDriver()]}


@pytest.fixture(scope="module")
def judged(small_suite, town_scene):
    return evaluate(PLANNERS, small_suite, scenes=[town_scene])


def test_the_page_needs_nothing_beside_it(judged, town_scene, tmp_path, one_renderer_per_scene):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    config = ReportConfig(command="simscale-gym evaluate --suite small", plans=1, drives=1)
    page = write_report(judged, PLANNERS, tmp_path, scenes=[town_scene], config=config).read_text()
    assert page.startswith("<!doctype html>") and page.count("<svg") == 4
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page) and "<script" not in page
    assert "a &lt;b&gt; planner" in page and "a <b> planner" not in page.replace("a &lt;b&gt; planner", "")
    for name in (*judged.calibration, judged.suite.digest, config.command, "2 seeds"):
        assert name in page
    failed = not judged.of("a <b> planner")[1][0].success
    assert page.count("<figure>") == 5 * (1 + failed)


def test_reasons_are_of_subscores_that_are_not_full():
    full = dict.fromkeys(("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc", "ec"), 1.0)
    assert reasons_of(full) == () and reasons_of(full | {"ep": 0.95}) == ()
    assert reasons_of(full | {"nc": 0.5, "ep": 0.4}) == ("at-fault collision", "slow")


def test_the_worst_plan_of_a_scene_is_one_that_costs(judged):
    (row,) = worst_plans(judged, "a <b> planner")
    rows = [r for r in judged.plans if r.planner == row.planner and r.member == "now"]
    assert row.weight * (1 - row.score) == pytest.approx(np.max([r.weight * (1 - r.score) for r in rows]))
