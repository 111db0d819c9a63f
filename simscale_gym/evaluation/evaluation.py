"""What came of an evaluation: rows, and the tables, comparisons and files that they make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation.entrants import CALIBRATION
from simscale_gym.evaluation.figures import FIGURES, figure_items, group_scores, subscore_means
from simscale_gym.evaluation.kept_drives import keep_drives
from simscale_gym.evaluation.navsim import navsim_token
from simscale_gym.evaluation.rows import DriveRow, PlanRow, write_rows
from simscale_gym.evaluation.statistics import Interval, Measured, difference
from simscale_gym.evaluation.suite import Suite
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.one_line import one_line


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Outcome of an evaluation.

    Attributes:
        suite: The suite.
        planners: Names of the planners, in the order of the table; those for calibration come last.
        plans: Plans at moments, planner by planner, scene by scene.
        drives: Drives in closed loop, likewise.
        seconds: How long it took [s].
        rules: By whose rules plans were scored, "simscale" or "navsim".
    """

    suite: Suite
    planners: tuple[str, ...]
    plans: tuple[PlanRow, ...]
    drives: tuple[DriveRow, ...]
    seconds: float
    rules: str = "simscale"

    __repr__ = one_line

    @cached_property
    def measured(self) -> Mapping[str, Mapping[str, Measured]]:
        """Figures by planner and by name (:data:`~simscale_gym.evaluation.figures.FIGURES`)."""
        return {
            name: {figure: Measured.of(items) for figure, items in self._items(name).items()}
            for name in self.planners
        }

    def score(self, planner: str | None = None, figure: str = "epdms") -> float:
        """A figure's mean of a planner; of the first one if None.

        Raises:
            ArgumentError: There is no such planner or figure here.
        """
        return self._figure(planner or self.planners[0], figure).mean

    def interval(self, planner: str, figure: str = "epdms") -> Interval:
        """A figure of a planner with its interval over scenes and seeds."""
        return self._figure(planner, figure).interval()

    def compare(self, first: str, second: str, figure: str = "epdms") -> Interval:
        """How much higher a figure of ``first`` is than that of ``second``, paired scene by scene."""
        return difference(self._figure(first, figure), self._figure(second, figure))

    def subscores(self, planner: str, stage: int) -> Mapping[str, float]:
        """Mean subscores of a planner in a stage, by EPDMS code."""
        return subscore_means([row for row in self.plans if row.planner == planner], stage)

    def navsim_rows(self, planner: str, seed: int = 0) -> list[dict[str, Any]]:
        """What NAVSIM's two-stage run lists of a planner: a row for each moment, by its column names and tokens.

        With the rules "navsim" the numbers are those of NAVSIM itself on an export of the suite.
        """
        rows = (row for row in self.plans if (row.planner, row.seed) == (planner, seed))
        return [row.navsim() | {"token": navsim_token(self.suite, row.token, row.stage)} for row in rows]

    def table(self) -> str:
        """The figures of all planners with their intervals, as text."""
        shown = [name for name in FIGURES if name in self.measured[self.planners[0]]]
        heads = ["planner", *(FIGURES[name].label for name in shown)]
        rows = [[name, *(self._cell(name, figure) for figure in shown)] for name in self.planners]
        widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in [heads, *rows]
        )
        return "\n".join(line.rstrip() for line in lines)

    def summary(self) -> dict[str, Any]:
        """Figures with their intervals, in plain values."""
        figures = {
            name: {figure: asdict(measured.interval()) for figure, measured in of.items()}
            for name, of in self.measured.items()
        }
        size = {"groups": self.suite.groups, "starts": self.suite.starts, "drives": self.suite.drives}
        named = {
            "suite": self.suite.name,
            "digest": self.suite.digest,
            "rules": self.rules,
            "seconds": self.seconds,
        }
        return named | size | {"planners": figures}

    def write(self, folder: Path) -> None:
        """Write ``plans.csv``, ``scenes.csv``, ``summary.json``, the suite and the drives into a folder, which is made.

        Raises:
            DataError: It cannot be written.
        """
        write_rows(folder / "plans.csv", (row.flat() for row in self.plans))
        keep_drives(folder, self.suite, self.drives)
        write_rows(folder / "scenes.csv", self._scene_rows())
        with atomic_write(folder / "summary.json") as built:
            built.write_text(json.dumps(self.summary(), indent=1) + "\n", encoding="utf-8")

    def of(self, planner: str) -> tuple[list[PlanRow], list[DriveRow]]:
        """Rows of a planner."""
        return (
            [row for row in self.plans if row.planner == planner],
            [row for row in self.drives if row.planner == planner],
        )

    @property
    def calibration(self) -> tuple[str, ...]:
        """Names of the rows for calibration."""
        return tuple(name for name in self.planners if name in CALIBRATION)

    def _items(self, planner: str) -> dict[str, list[tuple[int, str, float]]]:
        return figure_items(*self.of(planner))

    def _figure(self, planner: str, figure: str) -> Measured:
        if planner not in self.planners:
            raise ArgumentError(f"planner: {planner!r}, expected one of {', '.join(self.planners)}.")
        if figure not in self.measured[planner]:
            raise ArgumentError(
                f"figure: {figure!r} of {planner!r}, expected one of {', '.join(self.measured[planner])}."
            )
        return self.measured[planner][figure]

    def _cell(self, planner: str, figure: str) -> str:
        if figure not in self.measured[planner]:
            return "-"
        found, scale = (
            self.measured[planner][figure].interval(),
            100.0 if FIGURES[figure].unit == "%" else 1.0,
        )
        digits = 1 if scale == 100.0 else 2
        mean, low, high = (f"{scale * value:.{digits}f}" for value in (found.mean, found.low, found.high))
        return f"{mean} ({low}-{high})"

    def _scene_rows(self) -> Sequence[dict[str, Any]]:
        rows = []
        for planner in self.planners:
            plans, drives = self.of(planner)
            driven = {(row.seed, row.scene): row for row in drives}
            for (seed, scene, number), group in group_scores(plans).items():
                first, second = group.first, group.second_means
                drive = driven.get((seed, scene))
                rows.append(
                    {
                        "planner": planner, "seed": seed, "scene": scene, "group": number,
                        "stage_one": float(first.mean()), "stage_two": float(second.mean()),
                        "epdms": float((first * second).mean()),
                        "drive": None if drive is None else drive.score,
                        "ending": "" if drive is None else drive.ending,
                    }
                )  # fmt: skip
        return rows
