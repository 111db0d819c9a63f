"""Pickles that NAVSIM opens: of plain values and arrays, and of nuPlan's objects, which are written by their names.

Neither nuplan-devkit nor the reader's version of numpy need be here. A :class:`Name` stands for a class of theirs,
:class:`Made` for an object with the attributes that it will have when the file is read, as if it came from there.
Arrays are built by the name that numpy 1 and numpy 2 both know: NAVSIM pins numpy 1.23, which has no ``numpy._core``.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from simscale_gym.files.atomic_write import atomic_write

_PROTOCOL = 4
_NEW_CORE, _OLD_CORE = "numpy._core", "numpy.core"


@dataclass(frozen=True)
class Name:
    """A class, by its module and its name there."""

    module: str
    name: str

    def __call__(self, **attributes: Any) -> Made:
        """An object with these attributes."""
        return Made(self, attributes)

    def slotted(self, **attributes: Any) -> Made:
        """An object of a class with slots, with these attributes."""
        return Made(self, (None, attributes))

    def member(self, value: Any) -> Made:
        """The member of an enumeration that has ``value``."""
        return Made(self, None, (value,))

    def __reduce__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Made:
    """What will be made when a file is read.

    Attributes:
        kind: Its class.
        state: Its attributes, as pickle keeps them; None for members of enumerations.
        args: What its class is called with, for these.
    """

    kind: Name
    state: Mapping[str, Any] | tuple[None, Mapping[str, Any]] | None
    args: tuple[Any, ...] = ()


class _Writer(
    pickle._Pickler
):  # the one in Python, for only that lets names be written without importing them
    dispatch: ClassVar[dict[type, Any]] = {**pickle._Pickler.dispatch}

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = obj.module if isinstance(obj, Name) else pickle.whichmodule(obj, name)
        if isinstance(obj, Name) or module.startswith(_NEW_CORE):
            named = f"{module.replace(_NEW_CORE, _OLD_CORE)}\n{name or obj.__qualname__}\n"
            self.write(pickle.GLOBAL + named.encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    def save_made(self, obj: Made) -> None:
        self.save(obj.kind)
        self.save(obj.args)
        self.write(pickle.REDUCE if obj.state is None else pickle.NEWOBJ)
        self.memoize(obj)
        if obj.state is not None:
            self.save(obj.state)
            self.write(pickle.BUILD)

    dispatch[Made] = save_made


def pickled(value: Any) -> bytes:
    """``value`` as a pickle: plain values, arrays, and :class:`Made` for objects of others."""
    buffer = io.BytesIO()
    _Writer(buffer, _PROTOCOL).dump(value)
    return buffer.getvalue()


def write_dictionary(path: Path, items: Iterable[tuple[str, Any]]) -> None:
    """Write a dictionary as a pickle, item by item, so that it need not fit into memory."""
    with atomic_write(path) as built, open(built, "wb") as file:
        writer = _Writer(file, _PROTOCOL)
        writer.fast = True  # keeps nothing
        file.write(pickle.PROTO + bytes([_PROTOCOL]) + pickle.EMPTY_DICT)
        for key, value in items:
            writer.save(key)
            writer.save(value)
            file.write(pickle.SETITEM)
        file.write(pickle.STOP)
