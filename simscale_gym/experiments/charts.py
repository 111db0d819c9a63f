"""Charts of an experiment: means with their intervals by arm, and scores over the number of samples with their law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.evaluation.charts import CALIBRATION_COLORS, COLORS, drawing
from simscale_gym.experiments.results import Results
from simscale_gym.experiments.scaling_law import ScalingLaw
from simscale_gym.files.atomic_write import atomic_write

FORMATS = ("svg", "png")
_DOTS = 150  # [1/inch]
_TITLES = {"epdms": "EPDMS, two stages [%]", "drive": "EPDMS of drives, closed loop [%]"}


def arms_chart(results: Results, suite: str, path: Path) -> None:
    """A panel for each of two figures: every arm with its interval, the drivers beside as lines.

    Args:
        results: What came out.
        suite: The suite.
        path: File to write, without its ending.
    """
    arms = results.arms(suite)
    colors = _colors(results, suite)
    with _drawn(path, 1, len(_TITLES), (9.6, 1.3 + 0.3 * len(arms))) as (figure, axes):
        for axis, (name, title) in zip(axes, _TITLES.items(), strict=True):
            for row, arm in enumerate(arms):
                found = results.interval(suite, arm, name)
                if found is not None:
                    filled = bool(results.reference(suite, arm))
                    axis.plot(
                        [100 * found.low, 100 * found.high], [row] * 2, color=colors[arm], lw=6, alpha=0.3
                    )
                    axis.plot(
                        [100 * found.mean],
                        [row],
                        "o",
                        color=colors[arm],
                        ms=6,
                        mfc=colors[arm] if filled else "white",
                    )
            _beside(results, suite, name, axis)
            axis.set(ylim=(len(arms) - 0.5, -0.5), yticks=range(len(arms)))
            axis.set_yticklabels(arms if axis is axes[0] else [])
            axis.set_title(title, loc="left", fontsize=10, color="#212529", fontweight="bold")
            axis.grid(axis="x", color="#e9ecef")
            axis.set_axisbelow(True)
        if results.calibration(suite):
            figure.legend(
                *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
            )


def scaling_chart(laws: Mapping[str, ScalingLaw], results: Results, suite: str, path: Path) -> None:
    """Scores over the number of samples, a law for each family.

    Args:
        laws: By family.
        results: What came out.
        suite: The suite.
        path: File to write, without its ending.
    """
    with _drawn(path, 1, 1, (6.4, 3.8)) as (_, axes):
        axis = axes[0]
        for color, (family, law) in zip(COLORS, laws.items(), strict=False):
            along = np.geomspace(law.samples.min(), law.samples.max(), 100)
            low, high = law.band(along)
            axis.fill_between(along, 100 * low, 100 * high, color=color, alpha=0.15, lw=0)
            axis.plot(along, 100 * law.at(along), color=color, label=family)
            axis.plot(law.samples, 100 * law.scores, "o", color=color, ms=5)
            if along[0] < law.peak < along[-1]:
                axis.axvline(law.peak, color=color, ls=":", lw=1)
        ticks = sorted({round(n) for law in laws.values() for n in law.samples})
        axis.set(xscale="log", xlabel="recorded and simulated samples", ylabel="EPDMS, two stages [%]")
        axis.set_xticks(ticks, [str(tick) for tick in ticks], rotation=30, ha="right")
        axis.minorticks_off()
        axis.grid(color="#e9ecef")
        axis.set_axisbelow(True)
        axis.set_title(suite, loc="left", fontsize=10, color="#212529", fontweight="bold")
        axis.legend(frameon=False)


def _colors(results: Results, suite: str) -> dict[str, str]:
    """A colour for each family."""
    rows = results.rows[suite]
    families = list(dict.fromkeys(rows[arm][0]["family"] for arm in results.arms(suite)))
    return {arm: COLORS[families.index(rows[arm][0]["family"]) % len(COLORS)] for arm in results.arms(suite)}


def _beside(results: Results, suite: str, figure: str, axis: Any) -> None:
    for color, driver in zip(CALIBRATION_COLORS, results.calibration(suite), strict=False):
        found = results.interval(suite, driver, figure)
        if found is not None:
            axis.axvline(100 * found.mean, color=color, lw=1.5, ls="--", label=driver)


@contextmanager
def _drawn(path: Path, rows: int, columns: int, size: tuple[float, float]) -> Iterator[tuple[Any, list[Any]]]:
    """A figure, which is written in all formats when the block has ended, and its axes."""
    with drawing(rows, columns, size) as (figure, axes):
        yield figure, axes
        for kind in FORMATS:
            told = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": _DOTS}
            with atomic_write(path.with_name(f"{path.name}.{kind}")) as built:
                figure.savefig(built, format=kind, facecolor="white", **told)
