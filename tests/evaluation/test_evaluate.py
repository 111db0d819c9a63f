"""Planners judged on a small suite, each through the same path; what they may not do is said before the work."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents import ConstantVelocityAgent, ExpertAgent, make_expert
from simscale_gym.errors import ArgumentError, SceneError, StorageError
from simscale_gym.evaluation import (
    FIGURES,
    ConstantVelocityDriver,
    ExpertDriver,
    Sensing,
    evaluate,
    failed_suite,
)
from simscale_gym.metrics import COLUMNS, gaussian_weights

BLIND = Sensing(observation=("state",))


@pytest.fixture(scope="module")
def judged(small_suite, town_scene):
    """All calibration rows, and one of them once more under another name with two seeds."""
    planners = {"twins": [ConstantVelocityDriver(), ConstantVelocityDriver()]}
    return evaluate(planners, small_suite, scenes=[town_scene])


class Answers:
    """Says the same whatever it sees."""

    sensing = BLIND

    def __init__(self, answer):
        self.answer = answer

    def reset(self, context):
        """Nothing."""

    def act(self, observation):
        """The answer."""
        return self.answer


def test_every_table_has_the_human_the_expert_and_the_floor(judged):
    assert judged.planners == ("twins", "human (log)", "PDM-Closed", "constant velocity")
    assert judged.calibration == judged.planners[1:]
    table = judged.table().splitlines()
    assert len(table) == 5 and all(name in table[n + 1] for n, name in enumerate(judged.planners))


def test_the_human_is_near_full_on_the_log_and_on_its_own_way(judged):
    assert judged.score("human (log)", "stage_one") > 0.9
    assert judged.score("human (log)", "ade") < 1e-6 and judged.score("human (log)", "fde") < 1e-6
    assert judged.score("human (log)", "drive") > 0.9 and judged.score("human (log)", "success") == 1.0


def test_rows_of_the_same_planner_are_the_same_under_every_name(judged):
    first, again = (judged.measured[name]["epdms"] for name in ("twins", "constant velocity"))
    assert first.sums[0] == pytest.approx(again.sums[0]) and len(first.sums) == 2
    apart = judged.compare("twins", "constant velocity")
    assert (apart.mean, apart.low, apart.high) == (0.0, 0.0, 0.0)


def test_weights_follow_where_the_first_plan_ended(judged, small_suite):
    for planner in judged.planners:
        for member in ("now", "previous"):
            rows = [
                row for row in judged.plans
                if (row.planner, row.seed, row.member) == (planner, 0, member)
            ]  # fmt: skip
            first, *starts = rows
            expected = gaussian_weights(np.array(first.end), np.array([row.place for row in starts]))
            assert [row.weight for row in starts] == pytest.approx(expected.tolist())


def test_the_combined_score_is_the_mean_of_products(judged):
    for planner in judged.planners:
        rows = [row for row in judged.plans if row.planner == planner and row.seed == 0]
        products = []
        for member in ("now", "previous"):
            (first,) = (row.score for row in rows if row.stage == 1 and row.member == member)
            second = sum(row.weight * row.score for row in rows if row.stage == 2 and row.member == member)
            products.append(first * second)
        assert judged.score(planner) == pytest.approx(np.mean(products))


def test_scores_are_made_of_their_subscores_extended_comfort_included(judged):
    for row in judged.plans:
        s = row.scores
        weighted = 5 * s["ep"] + 5 * s["ttc"] + 2 * s["lk"] + 2 * s["hc"] + 2 * s["ec"]
        assert row.score == pytest.approx(s["nc"] * s["dac"] * s["ddc"] * s["tlc"] * weighted / 16)


def test_pairs_share_their_extended_comfort(judged):
    by_pair = {}
    for row in judged.plans:
        by_pair.setdefault((row.planner, row.seed, row.group, row.start), []).append(row.scores["ec"])
    assert all(len(values) == 2 and values[0] == values[1] for values in by_pair.values())


def test_rows_have_the_columns_of_navsim(judged, small_suite):
    rows = judged.navsim_rows("PDM-Closed")
    assert len(rows) == 2 * (small_suite.groups + small_suite.starts)
    assert {"token", "valid", *COLUMNS.values(), "score"} <= set(rows[0])
    assert {len(row["token"]) for row in rows} == {16, 17}  # by which NAVSIM tells the stages apart


def test_several_processes_give_the_same_rows(small_suite, town_scene, judged, town_cache):
    planners = {"twins": [ConstantVelocityDriver(), ConstantVelocityDriver()]}
    (pinned,) = small_suite.scenes
    parts = (replace(pinned, drives=()), replace(pinned, groups=()))
    there = evaluate(planners, replace(small_suite, scenes=parts), scenes=[town_scene], workers=2)
    assert there.plans == judged.plans and there.drives == judged.drives


@pytest.mark.parametrize("workers", [1, 2])
def test_all_scenes_are_looked_at_before_any_is_judged(small_suite, town_scene, workers):
    (pinned,) = small_suite.scenes
    suite = replace(small_suite, scenes=(pinned, replace(pinned, digest="another")))
    judged = []
    with pytest.raises(SceneError, match="has changed since the suite was made"):
        evaluate(
            ConstantVelocityDriver(), suite, scenes=[town_scene], calibrate=False, workers=workers,
            progress=lambda done, total: judged.append(done),
        )  # fmt: skip
    assert not judged


def test_rows_for_calibration_are_kept_and_made_again_where_damaged(
    small_suite, town_scene, judged, town_cache
):
    files = list((town_cache / "evaluation").glob("calibration-*.json"))
    again = evaluate({}, small_suite, scenes=[town_scene])
    mine = [row for row in judged.plans if row.planner in judged.calibration]
    key = [(row.planner, row.token) for row in mine]
    assert sorted(key) == sorted((row.planner, row.token) for row in again.plans)
    assert {(row.planner, row.token): row for row in again.plans} == dict(zip(key, mine, strict=True))
    assert files
    for file in files:
        file.write_text(file.read_text().replace("0.", "1.", 1))
    assert evaluate({}, small_suite, scenes=[town_scene]).score("PDM-Closed") == again.score("PDM-Closed")


def test_an_agent_that_plans_for_all_at_once_is_asked_once(small_suite, town_scene, judged):
    class Batched(Answers):
        calls = 0

        def act_all(self, observations):
            Batched.calls += 1
            one = ConstantVelocityAgent()
            return np.stack([one.act(observation) for observation in observations])

    found = evaluate(Batched(None), small_suite, scenes=[town_scene], parts=["plans"], calibrate=False)
    assert Batched.calls == 2  # one to see whether it can
    assert found.score() == pytest.approx(judged.score("constant velocity")) and not found.drives


def test_an_expert_at_the_wheel_is_shown_each_moment(small_suite, town_scene, judged):
    def make(world):
        return ExpertAgent(make_expert("planner"), world)

    found = evaluate({"mine": make}, small_suite, scenes=[town_scene], calibrate=False, sensing=BLIND)
    assert found.score() == pytest.approx(judged.score("PDM-Closed"))
    assert found.score(figure="drive") == pytest.approx(judged.score("PDM-Closed", "drive"))


@pytest.mark.parametrize(
    "answer, said",
    [
        (np.full((8, 3), np.nan), "not finite"),
        (np.zeros((11, 3)), r"shape \(11, 3\), expected \[8, 3\]"),
        (None, "planner 'Answers' at"),
        ("left", "planner 'Answers' at"),
    ],
    ids=["nan", "eleven", "none", "text"],
)
def test_what_is_no_plan_is_said_before_the_work(small_suite, town_scene, answer, said):
    worked = []
    with pytest.raises(ArgumentError, match=said):
        evaluate(
            Answers(answer), small_suite, scenes=[town_scene], progress=lambda *done: worked.append(done)
        )
    assert not worked


def test_a_policy_of_actions_is_judged_in_closed_loop_alone(small_suite, town_scene):
    class Coasts(Answers):
        sensing = Sensing(observation=("state",), action="control")

    drives = small_suite.only("drives", "", {town_scene.id: ((), (0,))})
    found = evaluate(Coasts(np.zeros(2)), drives, scenes=[town_scene], calibrate=False)
    assert not found.plans and len(found.drives) == 1 and found.drives[0].seconds > 0.5
    assert evaluate(
        Coasts(np.zeros(2)), small_suite, scenes=[town_scene], parts=["drives"], calibrate=False
    ).drives
    with pytest.raises(ArgumentError, match=r"planner .Coasts. driving .*not finite"):
        evaluate(Coasts(np.full(2, np.nan)), drives, scenes=[town_scene], calibrate=False)
    with pytest.raises(ArgumentError, match="has nothing of plans"):
        evaluate(Coasts(np.zeros(2)), drives, scenes=[town_scene], parts=["plans"], calibrate=False)


def test_cameras_that_are_not_there_are_said(small_suite, town_scene):
    with pytest.raises(ArgumentError, match="cam_x0"):
        evaluate(
            ConstantVelocityAgent(), small_suite, scenes=[town_scene], sensing=Sensing(cameras=("cam_x0",))
        )


@pytest.mark.parametrize(
    "planners, said",
    [
        ({"human (log)": ExpertDriver("log")}, "every table has"),
        ({"empty": []}, "no agent"),
        ({"number": 3}, "expected an agent"),
    ],
    ids=["taken", "empty", "number"],
)
def test_what_is_no_planner_is_said(small_suite, town_scene, planners, said):
    with pytest.raises(ArgumentError, match=said):
        evaluate(planners, small_suite, scenes=[town_scene])


def test_unknown_parts_and_figures_are_said(small_suite, town_scene, judged):
    with pytest.raises(ArgumentError, match="expected some of plans, drives"):
        evaluate(ConstantVelocityDriver(), small_suite, scenes=[town_scene], parts=["plan"])
    with pytest.raises(ArgumentError, match="'epdm' of 'PDM-Closed', expected one of epdms"):
        judged.score("PDM-Closed", "epdm")
    with pytest.raises(ArgumentError, match="expected one of twins"):
        judged.score("nobody")


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_that_cannot_be_made_is_named(judged, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/folder.* cannot be written"):
        judged.write(tmp_path / "file" / "folder")


def test_files_hold_every_row(judged, tmp_path):
    judged.write(tmp_path)
    rows = read(tmp_path / "plans.csv")
    assert len(rows) == len(judged.plans)
    assert [float(row["score"]) for row in rows] == pytest.approx(
        [row.score for row in judged.plans], abs=1e-5
    )
    scenes = read(tmp_path / "scenes.csv")
    assert len(scenes) == 5 and {row["planner"] for row in scenes} == set(judged.planners)
    assert len(read(tmp_path / "drives.csv")) == 5
    assert json.loads((tmp_path / "summary.json").read_text())["digest"] == judged.suite.digest


def test_failures_become_a_suite(judged, small_suite):
    failed = failed_suite(judged, "constant velocity", below=1.01)
    assert failed.groups == small_suite.groups and failed.starts == small_suite.starts
    with pytest.raises(ArgumentError, match="fails nowhere"):
        failed_suite(judged, "human (log)", below=0.0)


def test_every_figure_has_an_item_for_each_group_or_drive(judged, small_suite):
    for planner in judged.planners:
        counts = {name: measured.counts.tolist() for name, measured in judged.measured[planner].items()}
        seeds = 2 if planner == "twins" else 1
        assert counts == dict.fromkeys(FIGURES, [[1.0]] * seeds)
    rows, _ = judged.of("PDM-Closed")
    starts = [(row.weight, row.scores["ec"]) for row in rows if row.stage == 2]
    mean = sum(weight * value for weight, value in starts) / sum(weight for weight, _ in starts)
    assert judged.score("PDM-Closed", "ec_two") == pytest.approx(mean)
    assert judged.score("PDM-Closed", "ec_one") == next(row.scores["ec"] for row in rows if row.stage == 1)


def test_references_are_worked_out_once_and_again_where_damaged(small_suite, town_scene, judged, monkeypatch):
    from simscale_gym.evaluation import kept_references

    file = kept_references._file(small_suite, small_suite.scenes[0])
    asked = []
    plain = kept_references.reference_drive
    monkeypatch.setattr(kept_references, "reference_drive", lambda *args: asked.append(1) or plain(*args))

    def score():
        alone = {"mine": ConstantVelocityDriver()}
        found = evaluate(alone, small_suite, scenes=[town_scene], parts=["plans"], calibrate=False)
        return found.score()

    expected = judged.score("constant velocity")
    assert score() == pytest.approx(expected) and not asked
    file.write_bytes(file.read_bytes()[:-200])
    assert score() == pytest.approx(expected)
    assert len(asked) == 2 * (small_suite.groups + small_suite.starts)
    assert score() == pytest.approx(expected) and len(asked) == 2 * (small_suite.groups + small_suite.starts)
