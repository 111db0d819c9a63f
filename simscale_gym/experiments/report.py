"""An experiment as a page: tables and charts from its rows alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from simscale_gym.evaluation import CALIBRATION, FIGURES, Interval
from simscale_gym.experiments.catalog import about
from simscale_gym.experiments.charts import arms_chart, scaling_chart
from simscale_gym.experiments.results import Results
from simscale_gym.experiments.rows_file import RowsFile
from simscale_gym.experiments.scaling_law import LEAST_POINTS, ScalingLaw
from simscale_gym.files.atomic_write import atomic_write

PLANS = ("epdms", "stage_one", "stage_two", "one_stage", "ec_one", "ec_two", "ade")
DRIVES = ("drive", "success", "collision", "off_road", "progress", "comfort")
GAINS = ("epdms", "stage_one", "stage_two", "ec_one", "ec_two", "drive", "success")
"""Figures of the tables."""


def write_experiment_report(experiment: str, file: RowsFile, folder: Path) -> Path:
    """Write ``NAME.md`` and its charts, as SVG and PNG.

    Args:
        experiment: Name of the experiment.
        file: Its rows.
        folder: Folder to write to; made if absent.

    Returns:
        The page.

    Raises:
        ArgumentError: There are no rows of it.
        DataError: The rows are of another kind, or the page cannot be written.
        MissingExtraError: The extra ``report`` is not installed.
    """
    said, results = about(experiment), Results.of(experiment, file)
    parts = [f"# {experiment}", said, *_notes(results)]
    for suite in results.rows:
        chart = folder / f"{experiment}-{Path(suite).stem}"
        arms_chart(results, suite, chart)
        parts += [f"## {suite}", f"![means with 95 % intervals]({chart.name}.svg)"]
        parts += [*_figures(results, suite), *_gains(results, suite), *_laws(results, suite, folder)]
    page = folder / f"{experiment}.md"
    with atomic_write(page) as built:
        built.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def scaling_laws(results: Results, suite: str) -> dict[str, ScalingLaw]:
    """The law of each family that was trained with enough different shares of simulated samples."""
    families: dict[str, list[str]] = {}
    for arm in results.arms(suite):
        families.setdefault(results.rows[suite][arm][0]["family"], []).append(arm)
    laws = {}
    for family, arms in families.items():
        samples = [results.mean(suite, arm, "real") + results.mean(suite, arm, "sim") for arm in arms]
        several = [results.measured[suite][arm].get("epdms") for arm in arms]
        if None not in several and len(set(samples)) >= LEAST_POINTS:
            laws[family] = ScalingLaw.fitted(samples, several)
    return laws


def _notes(results: Results) -> list[str]:
    rows = [row for arms in results.rows.values() for same in arms.values() for row in same]
    trained = {row["training"]: float(row["train_seconds"]) for row in rows if row["training"]}
    hours = (sum(trained.values()) + sum(float(row["evaluate_seconds"]) for row in rows)) / 3600.0
    steps = sorted({row["steps"] for row in rows if row["steps"]}, key=int)
    machines = sorted({row["machine"] for row in rows})
    notes = [
        f"`simscale-gym experiment {results.experiment}`: {len(trained)} trainings of {', '.join(steps)} steps, "
        f"{hours:.1f} h of training and judging ({'; '.join(machines)}). Means with 95 % intervals over scenes and "
        "seeds; gains are paired scene by scene, in bold where their interval is clear of zero."
    ]
    if results.left_out:
        notes.append(f"{results.left_out} rows of other settings, data, suites or code are left out.")
    if len(results.codes) > 1:
        notes.append(f"**Arms were trained by {len(results.codes)} versions of the code.**")
    return notes


def _figures(results: Results, suite: str) -> Iterable[str]:
    names = [*results.arms(suite), *results.calibration(suite)]
    for figures in (PLANS, DRIVES):
        shown = [
            figure for figure in figures if any(figure in results.measured[suite][name] for name in names)
        ]
        if shown:
            heads = ["", "seeds", "real + sim", *(_head(figure) for figure in shown)]
            yield _table(
                heads, ([*_who(results, suite, name), *_cells(results, suite, name, shown)] for name in names)
            )


def _who(results: Results, suite: str, name: str) -> list[str]:
    if name in CALIBRATION:
        return [f"*{name}*", "", ""]
    samples = [round(results.mean(suite, name, column)) for column in ("real", "sim")]
    return [name, str(results.seeds(suite, name)), f"{samples[0]} + {samples[1]}"]


def _cells(results: Results, suite: str, name: str, figures: Sequence[str]) -> list[str]:
    found = (results.interval(suite, name, figure) for figure in figures)
    return [
        "" if interval is None else _spread(interval, figure)
        for figure, interval in zip(figures, found, strict=True)
    ]


def _gains(results: Results, suite: str) -> Iterable[str]:
    arms = [arm for arm in results.arms(suite) if results.reference(suite, arm)]
    if not arms:
        return
    gains = {arm: {figure: results.gain(suite, arm, figure) for figure in GAINS} for arm in arms}
    shown = [figure for figure in GAINS if any(gains[arm][figure] for arm in arms)]
    rows = [
        [arm, results.reference(suite, arm), *(_gain(gains[arm][figure], figure) for figure in shown)]
        for arm in arms
    ]
    yield _table(["gain of", "over", *(_head(figure) for figure in shown)], rows)


def _laws(results: Results, suite: str, folder: Path) -> Iterable[str]:
    if results.experiment != "scaling":
        return
    laws = scaling_laws(results, suite)
    if not laws:
        yield f"No law is fitted yet: that takes {LEAST_POINTS} or more numbers of samples of a family."
        return
    chart = folder / f"{results.experiment}-{Path(suite).stem}-law"
    scaling_chart(laws, results, suite, chart)
    yield f"![scores over the number of samples]({chart.name}.svg)"
    heads = ["S(N) = a log10²N + b log10 N + c", "a", "b", "c", "highest at N", "peaks within"]
    yield _table(heads, ([family, *_law_cells(law)] for family, law in laws.items()))


def _law_cells(law: ScalingLaw) -> list[str]:
    numbers = [f"{i.mean:.3f} ({i.low:.3f} to {i.high:.3f})" for i in law.intervals()]
    peak = law.peak_interval()
    where = f"{_count(peak.mean, law)} ({_count(peak.low, law)} to {_count(peak.high, law)})"
    return [*numbers, where, f"{100 * law.saturating:.0f} % of resamples"]


def _count(samples: float, law: ScalingLaw) -> str:
    """A number of samples, as far as the points say anything about it."""
    if samples > 10.0 * law.samples.max() or math.isinf(samples):
        return f"above {10 * law.samples.max():.0f}"
    return f"{samples:.0f}" if samples >= law.samples.min() else f"below {law.samples.min():.0f}"


def _head(figure: str) -> str:
    unit = FIGURES[figure].unit
    return f"{FIGURES[figure].label} [{unit}]" if unit else FIGURES[figure].label


def _spread(found: Interval, figure: str) -> str:
    mean, low, high = (_number(value, figure) for value in (found.mean, found.low, found.high))
    return f"{mean} ({low}-{high})"


def _gain(found: Interval | None, figure: str) -> str:
    if found is None:
        return ""
    mean, low, high = (_number(value, figure, "+") for value in (found.mean, found.low, found.high))
    mean = f"**{mean}**" if found.low > 0.0 or found.high < 0.0 else mean
    return f"{mean} ({low} to {high})"


def _number(value: float, figure: str, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f}" if FIGURES[figure].unit == "%" else f"{value:{sign}.2f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
