"""The exceptions of simscale_gym: every error that a user's input can cause derives from one class."""

from __future__ import annotations

import reprlib
from functools import partial
from typing import Any

from simscale_gym.extras import install_command


class _Shown(reprlib.Repr):
    """Looks at a few items of a value, so that none takes long to show, however it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict = 2, 3

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write thousands of digits."""
        return repr(x) if x.bit_length() < 256 else f"a whole number of {x.bit_length()} bits"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """The first bytes."""
        return repr(x[: self.maxstring])

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Items of arrays of objects can be anything."""
        return repr(x) if x.dtype.kind in "biufc" else f"an array of {x.dtype} of shape {x.shape}"


_SHOWN = _Shown()


def shown(value: object, most: int = 60) -> str:
    """A value that a file holds as a message may quote it: short, in no time, on one line."""
    return " ".join(_SHOWN.repr(value).split())[:most]


class SimScaleError(Exception):
    """Base class: catch it to catch every error that simscale_gym raises about data or its use."""


class DataError(SimScaleError):
    """A file or folder cannot be used.

    Args:
        path: The file or folder.
        field: The table, column, key or part of it that is wrong; empty when it is the whole file.
        found: What stands there.
        expected: What should stand there.
        hint: What to do next.
    """

    def __init__(self, path: object, *, field: str = "", found: str, expected: str, hint: str = "") -> None:
        self.path, self.field, self.found, self.expected, self.hint = str(path), field, found, expected, hint
        where = f"{path}, {field}" if field else f"{path}"
        super().__init__(f"{where}: found {found}, expected {expected}." + (f" {hint}" if hint else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors of worker processes arrive whole."""
        named = {name: getattr(self, name) for name in ("field", "found", "expected", "hint")}
        return partial(type(self), **named), (self.path,)


class StorageError(DataError):
    """A place cannot be written: it is full, read-only or no folder. Whatever was to be kept there is not at fault."""


class SceneError(SimScaleError, ValueError):
    """A scene cannot serve what was asked of it (no such scene, too short, no route, no lane near)."""


class ArgumentError(SimScaleError, ValueError):
    """A caller's argument is wrong; the message names it, its value, what is allowed and what to do."""


class ResetError(SimScaleError):
    """No acceptable start was found within the attempt budget; the message counts rejections by reason."""


class PolicyError(SimScaleError):
    """A policy of the user's failed while it drove; the message says how and where, the cause is chained."""


class DisplayError(SimScaleError):
    """There is no screen that a window could be opened on."""


class MissingExtraError(SimScaleError, ImportError):
    """An optional dependency is absent; the message holds the command that installs the extra which brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed. Run: {install_command(extra)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.package, self.extra)
