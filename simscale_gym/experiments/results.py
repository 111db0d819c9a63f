"""What rows say: figures of each arm with their intervals, and differences from the arm that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.evaluation import CALIBRATION, FIGURES, Interval, Measured, difference
from simscale_gym.experiments.rows_file import RowsFile
from simscale_gym.one_line import one_line

Row = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Results:
    """The rows of one experiment.

    Of each arm and suite those count that have the settings, data sets and code of the last one; others are left out.

    Attributes:
        experiment: Its name.
        rows: Rows that count, by suite and arm, a row for each seed.
        left_out: Number of rows that do not.
        groups: The scores behind rows, by key.
    """

    experiment: str
    rows: Mapping[str, Mapping[str, Sequence[Row]]]
    left_out: int
    groups: Mapping[str, Sequence[Row]]

    __repr__ = one_line

    @classmethod
    def of(cls, experiment: str, file: RowsFile) -> Results:
        """The rows of ``experiment`` in a file.

        Raises:
            ArgumentError: There are none.
            DataError: The file is of another kind, or a row has no scores behind it.
        """
        rows, groups = [row for row in file.rows() if row["experiment"] == experiment], file.groups()
        if not rows:
            raise ArgumentError(
                f"report: {file.path} has no rows of {experiment}. Run it first: simscale-gym experiment {experiment}."
            )
        for row in rows:
            if row["key"] not in groups:
                found = f"no scores of the row {row['key']}"
                hint = f"Keep it beside {file.path.name}."
                raise DataError(file.groups_path, found=found, expected="those behind every row", hint=hint)
        last = {(row["suite"], row["arm"]): (row["suite_digest"], row["setting"]) for row in rows}
        digests = {row["suite"]: row["suite_digest"] for row in rows}
        counted: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            mine = row["suite_digest"], row["setting"]
            if last[row["suite"], row["arm"]] == mine and digests[row["suite"]] == row["suite_digest"]:
                counted.setdefault(row["suite"], {}).setdefault(row["arm"], []).append(row)
        kept = sum(len(same) for arms in counted.values() for same in arms.values())
        return cls(experiment, counted, len(rows) - kept, groups)

    @cached_property
    def measured(self) -> Mapping[str, Mapping[str, Mapping[str, Measured]]]:
        """Figures by suite, arm and name."""
        return {
            suite: {arm: self._figures(rows) for arm, rows in arms.items()}
            for suite, arms in self.rows.items()
        }

    def arms(self, suite: str) -> list[str]:
        """Arms that were trained, in the order in which they came."""
        return [arm for arm in self.rows[suite] if arm not in CALIBRATION]

    def calibration(self, suite: str) -> list[str]:
        """The drivers beside."""
        return [arm for arm in CALIBRATION if arm in self.rows[suite]]

    def seeds(self, suite: str, arm: str) -> int:
        """Number of seeds of an arm."""
        return len({row["seed"] for row in self.rows[suite][arm]})

    def interval(self, suite: str, arm: str, figure: str) -> Interval | None:
        """A figure of an arm; None where it has none."""
        measured = self.measured[suite][arm].get(figure)
        return None if measured is None else measured.interval()

    def gain(self, suite: str, arm: str, figure: str) -> Interval | None:
        """How much higher a figure is than that of the arm's reference, paired; None where one of them has none."""
        reference = self.reference(suite, arm)
        pair = [self.measured[suite][name].get(figure) for name in (arm, reference) if name]
        return None if len(pair) < 2 or None in pair else difference(*pair)

    def reference(self, suite: str, arm: str) -> str:
        """The arm that it is compared with; "" where there is none here."""
        name = self.rows[suite][arm][0]["reference"]
        return name if name in self.rows[suite] else ""

    def mean(self, suite: str, arm: str, column: str) -> float:
        """Mean of a column of numbers over the seeds of an arm."""
        values = [float(row[column]) for row in self.rows[suite][arm]]
        return sum(values) / len(values)

    @property
    def codes(self) -> set[str]:
        """Digests of the code that trained what counts."""
        return {
            row["code"]
            for arms in self.rows.values()
            for same in arms.values()
            for row in same
            if row["code"]
        }

    def _figures(self, rows: Sequence[Row]) -> dict[str, Measured]:
        items: dict[str, list[tuple[int, str, float]]] = {}
        for row in rows:
            for line in self.groups[row["key"]]:
                for figure in FIGURES:
                    if line[figure]:
                        item = int(row["seed"]), line["scene"], float(line[figure])
                        items.setdefault(figure, []).append(item)
        return {figure: Measured.of(found) for figure, found in items.items()}
