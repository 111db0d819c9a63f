"""The outcome of experiments as rows of a CSV file, to which several processes add; and the scores behind them.

``NAME.csv`` has a row for each arm, seed and suite; ``NAME-groups.csv`` what every mean in it is a mean of: a row for
each scene and number, with the figures of its group (a moment on the log and its starts off it) and of its drive of
this number. Files of several machines may be put one behind the other.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from simscale_gym.errors import DataError
from simscale_gym.evaluation import FIGURES
from simscale_gym.evaluation.rows import CODES
from simscale_gym.files.cache import fcntl, unwritable

COLUMNS = (
    "key", "experiment", "arm", "reference", "family", "preset", "seed", "suite", "suite_digest", "setting", "training",
    "code", "version", "machine", "finished", "steps", "real", "sim", "sim_ratio", "val", "best_step", "val_ade",
    "val_fde", "train_seconds", "evaluate_seconds", *FIGURES, *(f"stage{n}_{code}" for n in (1, 2) for code in CODES),
)  # fmt: skip
"""Of the rows. ``key`` stands for all that decides a row, ``setting`` for all but the seed, ``training`` for the
training's settings and data sets, ``code`` for the code that trains."""
GROUP_COLUMNS = ("key", "scene", "number", *FIGURES)
"""Of the scores behind them."""


@dataclass(frozen=True)
class RowsFile:
    """The two files.

    Attributes:
        path: The file of rows; made by the first one.
    """

    path: Path

    @property
    def groups_path(self) -> Path:
        """The file of the scores behind them."""
        return self.path.with_name(f"{self.path.stem}-groups.csv")

    def rows(self) -> list[dict[str, str]]:
        """All rows that arrived whole, each key once.

        Raises:
            DataError: The file is of another kind.
        """
        return list({row["key"]: row for row in _read(self.path, COLUMNS)}.values())

    def groups(self) -> dict[str, list[dict[str, str]]]:
        """The scores behind each row by its key.

        Raises:
            DataError: The file is of another kind.
        """
        found: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
        for row in _read(self.groups_path, GROUP_COLUMNS):
            found.setdefault(row["key"], {})[row["scene"], row["number"]] = row
        return {key: list(rows.values()) for key, rows in found.items()}

    def keys(self) -> set[str]:
        """Keys of the rows that are there.

        Raises:
            DataError: The file is of another kind.
        """
        return {row["key"] for row in self.rows()}

    def check(self) -> None:
        """Find out before the work whether rows can be added.

        Raises:
            DataError: A file is of another kind, or cannot be written.
        """
        self.check_readable()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path if self.path.exists() else self.path.parent, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise unwritable(self.path, error) from error

    def check_readable(self) -> None:
        """Find out whether the files that are there are of this kind.

        Raises:
            DataError: One is of another kind.
        """
        self.rows()
        self.groups()

    def add(self, row: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> bool:
        """Add a row, unless its key is there; the scores behind it first, so that a row has them.

        Returns:
            Whether it was added.

        Raises:
            DataError: A file is of another kind, or cannot be written.
        """
        with _held(self.path) as file:
            if row["key"] in self.keys():
                return False
            with _held(self.groups_path) as beside:
                _append(beside, GROUP_COLUMNS, groups)
            _append(file, COLUMNS, [row])
        return True


@contextmanager
def _held(path: Path) -> Iterator[IO[bytes]]:
    """The file, open and nobody else's; what is torn at its end is cut off."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+", buffering=0) as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            whole = file.read()
            if not whole.endswith(b"\n"):
                file.truncate(whole.rfind(b"\n") + 1)
            yield file
    except OSError as error:
        raise unwritable(path, error) from error


def _append(file: IO[bytes], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if not file.seek(0, os.SEEK_END):
        writer.writeheader()
    writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
    file.write(text.getvalue().encode())
    os.fsync(file.fileno())


def _read(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows that are whole; a second head, as of files put together, is passed over."""
    if not path.exists():
        return
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            head = next(reader, list(columns))
            if head != list(columns):
                raise DataError(
                    path,
                    found=f"the columns {', '.join(head)}"[:120],
                    expected=f"rows of an experiment: {', '.join(columns[:4])} ..",
                    hint="Name another file (--rows).",
                )
            for values in reader:
                if len(values) == len(columns) and values != head:
                    yield dict(zip(columns, values, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = f"{type(error).__name__} ({error})"[:200]
        raise DataError(
            path, found=found, expected="rows of an experiment", hint="Name another file."
        ) from error


def _text(value: Any) -> Any:
    return f"{value:.5g}" if isinstance(value, float) else value
