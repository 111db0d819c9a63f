"""A folder of the cache with what was worked out from one thing: a file for each, made again where it is damaged."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simscale_gym.errors import DataError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import cache_root, say_remade
from simscale_gym.files.flat_arrays import read_arrays, write_arrays
from simscale_gym.files.records import RecordReader, RecordWriter

_CODE = (
    "files", "kernels", "geometry", "scene", "town", "sources", "sim", "metrics", "scoring", "agents", "perturbation",
)  # fmt: skip
_LOG = logging.getLogger("simscale_gym")


@dataclass(frozen=True)
class Shelf:
    """Values by name, safe to share between processes.

    Attributes:
        folder: Made when first written to.
    """

    folder: Path

    def kept(self, name: str, classes: Sequence[type], make: Callable[[], Any]) -> Any:
        """The value called ``name``: read, or made and written where it is not there, damaged or of another version.

        Args:
            name: Name of the file.
            classes: The records that the value consists of (:class:`simscale_gym.files.records.RecordReader`).
            make: Function that makes the value: arrays, records of arrays and plain values.
        """
        path = self.folder / f"{name}.arrays"
        try:
            return _read(path, classes)
        except OSError:
            pass  # not there, or nothing that can be read
        except _OtherVersionError:
            _say_version()
        except DataError as error:
            say_remade(path, error.found)
        value = make()
        try:
            _write(path, value)
        except DataError:
            _say_unwritable(cache_root())
            return value
        try:
            return _read(path, classes)  # so that all processes look at the same memory
        except (OSError, _OtherVersionError):  # another process has just deleted or replaced it
            return value


class _OtherVersionError(Exception):
    pass


def content_key(value: Any) -> str:
    """A name for what a value holds, other for every other content."""
    writer = RecordWriter()
    digest = hashlib.sha256(repr(writer.plain(value)).encode())
    for array in writer.arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:24]


@cache
def code_digest() -> str:
    """A digest of all code that has a part in what shelves hold."""
    package, digest = Path(__file__).parent.parent, hashlib.sha256()
    for file in (file for name in _CODE for file in sorted((package / name).rglob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:24]


def _read(path: Path, classes: Sequence[type]) -> Any:
    head, arrays = read_arrays(path)
    try:
        if head["code"] != code_digest():
            raise _OtherVersionError
        return RecordReader(arrays, classes).value(head["value"])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        found, expected = (
            f"{type(error).__name__}: {error}",
            f"records of {', '.join(c.__name__ for c in classes)}",
        )
        raise DataError(path, found=found, expected=expected) from error


def _write(path: Path, value: Any) -> None:
    writer = RecordWriter()
    head = {"code": code_digest(), "value": writer.plain(value)}
    with atomic_write(path) as built:
        write_arrays(built, head, writer.arrays)


@cache
def _say_version() -> None:
    _LOG.warning(
        "Compiled scenes in the cache are of another version of the code: made again as they are needed."
    )


@cache
def _say_unwritable(root: Path) -> None:
    _LOG.warning("The cache %s cannot be written: scenes are not compiled.", root)
