"""Tables and explanations of counts that were made up by hand."""

import re

import pytest
from rich.console import Console

from simscale_gym.datagen import explain, stage_table, summary, yield_table
from simscale_gym.datagen.advice import ADVICE, STAGE_NAMES
from simscale_gym.perturbation import STAGES, Telemetry


def printed(table):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def cells_of(text, *starts):
    """The cells of the first row that holds all of ``starts`` in order."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃]", line)][1:-1]
        if cells[: len(starts)] == list(starts):
            return cells
    raise AssertionError(f"no row {starts} in\n{text}")


def made_up(clips=10, planner=(8, 4), failed="lk"):
    telemetry = Telemetry()
    for _ in range(clips):
        telemetry.one("clip")
    for k, accepted in enumerate(planner):
        entered = planner[k - 1] if k else clips
        for n in range(entered):
            telemetry.one("label", "" if n < accepted else failed, expert="planner", round_index=k)
    telemetry.ends["planner", "label", failed] = clips - planner[0]
    telemetry.candidates, telemetry.cells = [10, 30, 20], [1, 2, 6]
    return telemetry


def test_yields_stand_beside_the_papers():
    text = printed(yield_table(made_up(), ["planner"], 3))
    assert cells_of(text, "planner") == ["planner", "1", "10", "8", "80.0 %", "63.0 %", "", ""]
    assert cells_of(text, "", "2") == ["", "2", "8", "4", "40.0 %", "53.7 %", "50.0 %", "85.3 %"]
    assert cells_of(text, "", "3") == ["", "3", "4", "0", "0.0 %", "44.8 %", "0.0 %", "83.4 %"]


def test_experts_that_the_paper_does_not_know_stand_alone():
    text = printed(yield_table(made_up(), ["unified"], 1))
    assert cells_of(text, "unified") == ["unified", "1", "10", "0", "0.0 %", "", "", ""]


def test_stages_tell_in_out_and_reasons():
    telemetry = made_up()
    telemetry.one("label", "ep", expert="planner")
    text = printed(stage_table(telemetry, ["planner"]))
    assert cells_of(text, "label", "planner") == [
        "label",
        "planner",
        "19",
        "12",
        "63.2 %",
        "lk 6 (86 %), ep 1 (14 %)",
    ]
    assert cells_of(text, "clip", "")[2:5] == ["10", "10", "100.0 %"]
    assert cells_of(text, "gate", "")[2:] == ["0", "0", "-", ""]


def test_a_clip_in_one_line():
    line = summary(made_up(), [0.5, 1.0, 3.0])
    assert "20 candidates" in line and "2 cells" in line and "1.00 s (median), 1.50 s (mean)" in line


def test_a_good_yield_needs_no_words():
    assert explain(made_up(planner=(8, 4)), ["planner"]) == []


def test_a_low_yield_is_explained_by_what_ate_it():
    telemetry = made_up(planner=(0, 0), failed="lk")
    telemetry.ends.clear()
    telemetry.ends.update({("planner", "label", "lk"): 6, ("planner", "gate", "dac"): 4})
    lines = explain(telemetry, ["planner"])
    assert lines[0] == "planner: 0% of 10 clips gave a sample; 10 gave none. They ended"
    assert lines[1].startswith("  60% at the filter of labels, most by 'lk'.") and "centerline" in lines[1]
    assert lines[2].startswith("  40% at the gate") and "drivable" in lines[2] and len(lines) == 3


def test_reasons_with_one_remedy_stand_together():
    telemetry = made_up(planner=(0, 0))
    telemetry.ends.clear()
    telemetry.ends.update({("planner", "bounds", "longitudinal"): 6, ("planner", "bounds", "lateral"): 4})
    lines = explain(telemetry, ["planner"])
    assert len(lines) == 2 and "100% at the bounds" in lines[1]
    assert "most by 'longitudinal', 'lateral'. The vocabulary" in lines[1]


def test_rare_ends_are_left_out():
    telemetry = made_up(clips=100, planner=(0, 0))
    telemetry.ends.update({("planner", "gate", "nc"): 2})
    assert not any("nc" in line for line in explain(telemetry, ["planner"]))


@pytest.mark.parametrize("stage", STAGES)
def test_there_is_advice_for_every_stage(stage):
    reasons = {
        "clip": ("log touches another", "log is off the road"),
        "gate": ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc"),
    }
    for reason in reasons.get(stage, ("anything",)):
        assert ADVICE.get((stage, reason)) or ADVICE[stage, ""]
    assert STAGE_NAMES[stage]
