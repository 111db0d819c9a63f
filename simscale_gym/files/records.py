"""Records (frozen dataclasses and named tuples, as deep as one likes) as plain data: JSON beside flat arrays.

What is read can only be what the reader names: no name of a class in a file is ever looked up anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLAIN = (str, int, float, bool, type(None))
_FEW = 8  # records of one class that stand one by one; more are columns


class RecordWriter:
    """Turns values into JSON and :attr:`arrays`."""

    def __init__(self) -> None:
        self.arrays: list[NDArray] = []

    def plain(self, value: Any) -> Any:
        """``value`` as JSON, its arrays put away.

        Raises:
            TypeError: Something in it is no plain data.
        """
        if isinstance(value, IntEnum):
            return {"enum": type(value).__name__, "value": int(value)}
        if type(value) in _PLAIN:
            return value
        if isinstance(value, np.ndarray):
            return {"array": self._put(value)}
        if isinstance(value, np.generic):
            return {"number": self._put(np.array(value))}
        if isinstance(value, Path):
            return {"path": str(value)}
        if is_dataclass(value):
            return {"record": type(value).__name__, "state": self._state(value)}
        if isinstance(value, Mapping):
            return {"mapping": self.plain(tuple(value)), "values": self.plain(tuple(value.values()))}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"named": type(value).__name__, "values": [self.plain(item) for item in value]}
        if isinstance(value, tuple | list):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: self._items(value)}
        raise TypeError(f"records: {type(value).__name__} is no plain data")

    def _put(self, array: NDArray) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _state(self, record: Any) -> dict[str, Any]:
        return {field.name: self.plain(getattr(record, field.name)) for field in fields(record)}

    def _items(self, values: Sequence[Any]) -> Any:
        """``values`` as a list; as one array if all are arrays that fit together; as columns if all are records."""
        kinds = {type(value) for value in values}
        if len(values) < _FEW or len(kinds) > 1:
            return [self.plain(value) for value in values]
        (kind,) = kinds
        if kind is np.ndarray and len({(v.dtype, v.shape[1:]) for v in values if v.ndim}) == 1:
            starts = np.cumsum([0, *map(len, values)])
            return {"ragged": self._put(np.concatenate(values)), "starts": self._put(starts)}
        if issubclass(kind, IntEnum):
            return {"enums": kind.__name__, "values": [int(value) for value in values]}
        if is_dataclass(kind):
            names = [field.name for field in fields(kind)]
            columns = {name: self._items([getattr(value, name) for value in values]) for name in names}
            return {"columns": columns, "of": kind.__name__}
        return [self.plain(value) for value in values]


class RecordReader:
    """Makes values out of what a :class:`RecordWriter` wrote.

    Args:
        arrays: The writer's.
        classes: All that may come: frozen dataclasses, named tuples, enumerations.
    """

    def __init__(self, arrays: Sequence[NDArray], classes: Sequence[type]) -> None:
        self._arrays = arrays
        self._classes = {kind.__name__: kind for kind in classes}
        self._makers = {
            "array": lambda x: arrays[x["array"]],
            "number": lambda x: arrays[x["number"]][()],
            "path": lambda x: Path(x["path"]),
            "enum": lambda x: self._classes[x["enum"]](x["value"]),
            "record": lambda x: self._record(x["record"], x["state"].keys(), x["state"].values()),
            "mapping": lambda x: dict(zip(self.value(x["mapping"]), self.value(x["values"]), strict=True)),
            "named": lambda x: self._classes[x["named"]](*map(self.value, x["values"])),
            "list": lambda x: self._items(x["list"]),
            "tuple": lambda x: tuple(self._items(x["tuple"])),
        }

    def value(self, plain: Any) -> Any:
        """What :meth:`RecordWriter.plain` was given.

        Raises:
            KeyError: It holds a class that was not named, or nothing that a writer writes.
        """
        return self._makers[next(iter(plain))](plain) if isinstance(plain, dict) else plain

    def _items(self, plain: Any) -> list[Any]:
        if isinstance(plain, list):
            return [self.value(item) for item in plain]
        if "ragged" in plain:
            array, starts = self._arrays[plain["ragged"]], self._arrays[plain["starts"]].tolist()
            return [array[start:stop] for start, stop in pairwise(starts)]
        if "enums" in plain:
            members = {int(member): member for member in self._classes[plain["enums"]]}
            return [members[value] for value in plain["values"]]
        columns = [self._items(column) for column in plain["columns"].values()]
        names, kind = tuple(plain["columns"]), self._classes[plain["of"]]
        return [_record(kind, names, row) for row in zip(*columns, strict=True)]

    def _record(self, name: str, names: Iterable[str], values: Iterable[Any]) -> Any:
        return _record(self._classes[name], names, map(self.value, values))


def _record(kind: type, names: Iterable[str], values: Iterable[Any]) -> Any:
    """A frozen dataclass as it was: checked when it was made, and by the file's checksum since."""
    record = object.__new__(kind)
    record.__dict__.update(zip(names, values, strict=True))
    return record
