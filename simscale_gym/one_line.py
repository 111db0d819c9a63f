"""How records of arrays show themselves: one line, however much they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

MOST = 200
"""Longest line [characters]."""

_ITEMS, _TEXT = 3, 60  # containers of more items, and longer texts, are not written out


def one_line(record: Any) -> str:
    """A record's name and fields: plain values as they are, arrays by type and shape, all else by kind or count.

    For records to take as ``__repr__``: notebooks, debuggers and tracebacks print them unasked.
    """
    parts = [f"{name}={_short(getattr(record, name))}" for name in _names(record)]
    text = f"{type(record).__name__}({', '.join(parts)})"
    return text if len(text) <= MOST else f"{text[: MOST - 4]}...)"


def _names(record: Any) -> list[str]:
    if is_dataclass(record):
        return [field.name for field in fields(record) if field.repr]
    return list(record._fields)


def _short(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | Enum):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)
    if isinstance(value, str | bytes):
        return repr(value if len(value) <= _TEXT else value[:_TEXT] + type(value)())
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')}{list(shape)}" if len(shape) else str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}(..)"
    if isinstance(value, Mapping):
        return f"{{{len(value)} by name}}"
    if isinstance(value, tuple | list | set | frozenset) and not hasattr(value, "_fields"):
        if len(value) <= _ITEMS and all(isinstance(item, str | int | float) for item in value):
            return f"({', '.join(map(_short, value))})"
        return f"({len(value)} items)"
    text = " ".join(str(value).split()) if hasattr(value, "__fspath__") else type(value).__name__
    return text[:_TEXT]
