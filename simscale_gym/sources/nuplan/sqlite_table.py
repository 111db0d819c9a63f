"""SQLite files of strangers, opened as data: every fault is one error that names file, table and column."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError

_MAGIC = b"SQLite format 3\x00"
_MAX = 1e9  # no place, speed or size in a log or map is larger; squares of such numbers still fit
_FETCHED = (
    500  # rows at once: fewer than wake the garbage collector, which would look at all objects there are
)
_PARAMETERS = 500  # of a query; SQLite before 3.32 takes 999
_AGAIN = "The file may be truncated or still in download: fetch or write it again."


@contextmanager
def open_database(path: Path, kind: str) -> Iterator[sqlite3.Connection]:
    """Open the SQLite file ``path`` (a ``kind``, for errors) read-only and immutable.

    Raises:
        DataError: Missing, empty, no SQLite, shorter than its header says, or damaged where it is read.
    """
    _check_header(path, kind)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            yield database
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise DataError(
            path, found=f"a damaged database ({error})", expected=f"a whole {kind}", hint=_AGAIN
        ) from None


def _check_header(path: Path, kind: str) -> None:
    if not path.is_file():
        raise DataError(path, found="no such file", expected=f"a {kind}", hint="Check the path.")
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(_MAGIC):
        found = "an empty file" if not header else f"a file that starts with {header[:16]!r}"
        raise DataError(path, found=found, expected=f"a {kind} (SQLite)", hint=_AGAIN)
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    needed, size = (65536 if page == 1 else page) * pages, path.stat().st_size
    if size < needed:
        raise DataError(
            path, found=f"{size} bytes", expected=f"{needed} bytes by its own header", hint=_AGAIN
        )


@dataclass(frozen=True, eq=False)
class Table:
    """Some columns of a table, read at once.

    Attributes:
        path: The file, for errors.
        name: The table, for errors.
        columns: Values by column name, as SQLite holds them.
    """

    path: Path
    name: str
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def floats(self, *columns: str) -> NDArray[np.float64]:
        """Numbers ``[rows]`` of one column, ``[rows, C]`` of several; NULL, text or infinity is an error."""
        parts = [self._numbers(column, np.float64) for column in columns]
        return parts[0] if len(parts) == 1 else np.stack(parts, -1)

    def ints(self, column: str) -> NDArray[np.int64]:
        """Whole numbers ``[rows]``; NULL, text or a fraction is an error."""
        return self._numbers(column, np.int64)

    def optional_floats(self, column: str) -> list[float | None]:
        """Numbers, None where the table has NULL."""
        present = [value is not None for value in self.columns[column]]
        filled = [value if ok else 0.0 for value, ok in zip(self.columns[column], present, strict=True)]
        numbers = Table(self.path, self.name, {column: filled}).floats(column)
        return [float(value) if ok else None for value, ok in zip(numbers, present, strict=True)]

    def tokens(self, column: str, *, nullable: bool = False) -> list[bytes]:
        """Raw tokens; empty where NULL (an error unless ``nullable``)."""
        out = []
        for row, value in enumerate(self.columns[column]):
            if not (isinstance(value, bytes) and value) and not (nullable and value in (None, b"", "")):
                raise self.fault(column, row, f"{value!r:.40}", "a token (8 bytes)")
            out.append(value or b"")
        return out

    def rows_of(self, column: str, targets: Mapping[bytes, int], target: str) -> NDArray[np.int64]:
        """What ``targets`` says of each token ``[rows]``; a token that table ``target`` lacks is an error."""
        found = [targets.get(token, -1) for token in self.tokens(column, nullable=True)]
        if -1 in found:
            row = found.index(-1)
            value = self.columns[column][row]
            raise self.fault(
                column, row, value.hex() if value else "NULL", f"the token of a row of table {target}"
            )
        return np.array(found, np.int64)

    def texts(self, column: str, allowed: Sequence[str] = ()) -> list[str]:
        """Text, empty where NULL; one of ``allowed`` where these are given."""
        for row, value in enumerate(self.columns[column]):
            if not isinstance(value, str | None) or (allowed and value not in allowed):
                raise self.fault(column, row, f"{value!r:.60}", " | ".join(allowed) or "text")
        return [value or "" for value in self.columns[column]]

    def fault(self, column: str, row: int, found: str, expected: str, hint: str = "") -> DataError:
        """The error that names row ``row`` of ``column``."""
        return DataError(
            self.path, field=f"table {self.name}, column {column}, row {row}", found=found, expected=expected,
            hint=hint,
        )  # fmt: skip

    def _numbers(self, column: str, kind: type) -> NDArray:
        values = self.columns[column]
        try:
            numbers = np.array(values, np.float64 if kind is np.float64 else None).reshape(len(values))
        except (TypeError, ValueError, OverflowError):
            numbers = np.zeros(0)
        if not len(values):
            return np.zeros(0, kind)
        plain = numbers.dtype.kind in ("f" if kind is np.float64 else "i")
        if len(numbers) == len(values) and plain and (kind is np.int64 or (np.abs(numbers) < _MAX).all()):
            return numbers.astype(kind)
        expected = f"a number within {_MAX:g}" if kind is np.float64 else "a whole number"
        row = next((i for i, value in enumerate(values) if not _is_number(value, kind)), 0)
        raise self.fault(column, row, f"{values[row]!r:.60}", expected)


def _is_number(value: Any, kind: type) -> bool:
    if kind is np.int64:
        return isinstance(value, int)
    return bool(isinstance(value, int | float) and abs(value) < _MAX)


def read_table(
    database: sqlite3.Connection,
    path: Path,
    name: str,
    columns: Sequence[str],
    *,
    suffix: str = "",
    arguments: Sequence[Any] = (),
) -> Table:
    """Read ``columns`` of table ``name``; ``suffix`` is SQL after the table's name (WHERE, ORDER BY).

    Raises:
        DataError: The table or one of the columns is not there.
    """
    check_columns(database, path, name, columns)
    names = ", ".join(f'"{name}"."{column}"' for column in columns)
    cursor = database.execute(f'SELECT {names} FROM "{name}" {suffix}', arguments)
    values: list[list[Any]] = [[] for _ in columns]
    while rows := cursor.fetchmany(_FETCHED):
        for column, part in zip(values, zip(*rows, strict=True), strict=True):
            column.extend(part)
    return Table(path, name, dict(zip(columns, values, strict=True)))


def read_rows_of(
    database: sqlite3.Connection,
    path: Path,
    name: str,
    columns: Sequence[str],
    key: str,
    keys: Sequence[bytes] | Sequence[int],
) -> Table:
    """Read ``columns`` of the rows of table ``name`` whose column ``key`` is one of ``keys``.

    Raises:
        DataError: The table or one of the columns is not there.
    """
    check_columns(database, path, name, [key])
    parts = []
    for start in range(0, max(len(keys), 1), _PARAMETERS):
        some = keys[start : start + _PARAMETERS]
        suffix = f"WHERE {_one_of(key, len(some))}"
        parts.append(read_table(database, path, name, columns, suffix=suffix, arguments=some))
    return Table(
        path, name, {column: [value for part in parts for value in part[column]] for column in columns}
    )


def _one_of(column: str, count: int) -> str:
    return f'"{column}" IN ({",".join("?" * count)})'


def check_columns(database: sqlite3.Connection, path: Path, name: str, columns: Sequence[str]) -> None:
    """Refuse a database without table ``name`` (a view is none: it runs a query of its author) or a column."""
    kinds = dict(database.execute("SELECT name, type FROM sqlite_master").fetchall())
    if kinds.get(name) != "table":
        tables = sorted(key for key, kind in kinds.items() if kind == "table")
        raise DataError(
            path, field=f"table {name}", found=f"a {kinds[name]}" if name in kinds else f"only {', '.join(tables)}",
            expected=f"a table {name}", hint="Is this the right kind of file?",
        )  # fmt: skip
    present = [row[1] for row in database.execute(f'PRAGMA table_info("{name}")')]
    for column in columns:
        if column not in present:
            raise DataError(
                path, field=f"table {name}, column {column}", found=f"columns {', '.join(present)}",
                expected=f"a column {column}", hint="The file may come from another version of the format.",
            )  # fmt: skip


def create_table(database: sqlite3.Connection, name: str, columns: Mapping[str, str]) -> None:
    """Create table ``name`` with ``columns`` (name to SQL type)."""
    database.execute(f'CREATE TABLE "{name}" ({", ".join(f"{key} {kind}" for key, kind in columns.items())})')


def insert_columns(database: sqlite3.Connection, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns of equal length; numpy arrays become plain numbers."""
    plain = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    places = ", ".join("?" * len(plain))
    database.executemany(
        f'INSERT INTO "{name}" ({", ".join(columns)}) VALUES ({places})', zip(*plain, strict=True)
    )
