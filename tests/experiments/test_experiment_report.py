"""Tables and charts are read off the rows alone."""

import csv

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from made_up_evaluation import GAIN

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.evaluation import Measured
from simscale_gym.experiments import (
    Results,
    ScalingLaw,
    make_experiment,
    rows_of,
    run_experiment,
    write_experiment_report,
)

SMALL = {"families": ("ego_status",), "suites": ("town-val",)}


@pytest.fixture
def baseline(budget, judged):
    run_experiment(make_experiment("baseline", budget(**SMALL)), budget(**SMALL))
    return rows_of("baseline", budget())


def test_gains_are_paired_and_have_their_intervals(baseline):
    results = Results.of("baseline", baseline)
    assert results.arms("town-val") == ["ego_status, real", "ego_status, real + sim"]
    assert results.calibration("town-val") == ["human (log)", "PDM-Closed", "constant velocity"]
    assert results.seeds("town-val", "ego_status, real") == 2 and results.left_out == 0
    gain = results.gain("town-val", "ego_status, real + sim", "stage_one")
    assert (gain.mean, gain.low, gain.high) == pytest.approx((GAIN,) * 3, abs=1e-4)
    alone = results.interval("town-val", "ego_status, real", "stage_one")
    assert 0.2 < alone.low < alone.mean < alone.high < 0.6
    assert results.gain("town-val", "ego_status, real", "stage_one") is None


def test_the_page_has_tables_and_charts(baseline, tmp_path):
    page = write_experiment_report("baseline", baseline, tmp_path / "report")
    text = page.read_text()
    assert text.startswith("# baseline\n\nDoes simulation help?")
    assert "| ego_status, real + sim | ego_status, real | **+20.0** (+20.0 to +20.0) |" in text
    assert "| ego_status, real + sim | 2 | 24 + 24 |" in text and "| *PDM-Closed* |" in text
    for kind in ("svg", "png"):
        assert (tmp_path / "report" / f"baseline-town-val.{kind}").stat().st_size > 5_000
    assert "](baseline-town-val.svg)" in text


def test_rows_of_other_settings_are_left_out_and_counted(baseline, budget, judged, tmp_path):
    longer = budget(**SMALL, steps=3, seeds=(0,))
    run_experiment(make_experiment("baseline", longer), longer)
    results = Results.of("baseline", baseline)
    assert results.left_out == 4 and results.seeds("town-val", "ego_status, real") == 1
    page = write_experiment_report("baseline", baseline, tmp_path)
    assert "4 rows of other settings, data, suites or code are left out" in page.read_text()


def test_what_is_no_report(baseline, tmp_path):
    with pytest.raises(ArgumentError, match=r"has no rows of scaling\. Run it first"):
        Results.of("scaling", baseline)
    lines = baseline.groups_path.read_text().splitlines(keepends=True)
    baseline.groups_path.write_text("".join(lines[:1]))
    with pytest.raises(DataError, match=r"baseline-groups\.csv: found no scores of the row"):
        Results.of("baseline", baseline)


def test_scaling_has_a_law(budget, judged, tmp_path):
    told = budget(**SMALL)
    run_experiment(make_experiment("scaling", told), told)
    text = write_experiment_report("scaling", rows_of("scaling", told), tmp_path).read_text()
    assert "S(N) = a log10²N + b log10 N + c" in text and "](scaling-town-val-law.svg)" in text
    assert (tmp_path / "scaling-town-val-law.png").stat().st_size > 5_000


def measured(score, rng, scenes=200):
    return Measured.of([(0, scene, score + 0.02 * rng.normal()) for scene in range(scenes)])


def test_the_law_is_found_again():
    samples, rng = np.array([300, 400, 600, 1000, 1500]), np.random.default_rng(0)
    truth = np.array([-0.5, 2.9, -3.9])
    law = ScalingLaw.fitted(samples, [measured(np.polyval(truth, np.log10(n)), rng) for n in samples])
    for found, true in zip(law.intervals(), truth, strict=True):
        assert found.low < true < found.high
    assert law.peak == pytest.approx(10**2.9, rel=0.1)
    peak = law.peak_interval()
    assert peak.low < 10**2.9 < peak.high and law.saturating > 0.9
    low, high = law.band(samples)
    assert (low < law.at(samples)).all() and (law.at(samples) < high).all()


def test_a_law_that_rises_has_no_peak():
    samples, rng = np.array([300, 600, 1200, 2400]), np.random.default_rng(0)
    law = ScalingLaw.fitted(samples, [measured(0.05 * np.log10(n) ** 2, rng) for n in samples])
    assert law.peak == np.inf and law.saturating < 0.05 and law.peak_interval().high == np.inf
    with pytest.raises(ArgumentError, match="3 numbers of samples, expected 4 or more"):
        ScalingLaw.fitted(samples[:3], [measured(0.5, rng)] * 3)


def test_rows_are_plain_csv(baseline):
    with open(baseline.path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["suite"] for row in rows} == {"town-val"} and all(0 < float(row["epdms"]) < 1 for row in rows)
