"""Pickles inside recordings, read as plain data and with nuPlan's few classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simscale_gym.errors import DataError
from simscale_gym.files.restricted_pickle import Names, unpickle

MAX_PICKLE_BYTES = 2**30
"""A pickle larger than this [byte] is refused before it is read."""


def _no_names(module: str, name: str) -> None:
    return None


_DEVKIT_LISTS = ("Translation", "Rotation", "CameraIntrinsic")  # list subclasses of nuplan-devkit


def load_pickle(path: str | Path, *, names: Names = _no_names) -> Any:
    """What the pickle file ``path`` holds, made of builtin containers and numpy arrays.

    Args:
        path: The file.
        names: Stand-ins for further names (:data:`simscale_gym.files.restricted_pickle.Names`).

    Raises:
        DataError: Missing, too large, truncated, or it names anything that is not plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(path, found="no such file", expected="a pickle file", hint="Check the path.")
    size = path.stat().st_size
    if size > MAX_PICKLE_BYTES:
        raise DataError(path, found=f"{size} bytes", expected=f"a pickle of at most {MAX_PICKLE_BYTES} bytes")
    return loads_pickle(path.read_bytes(), path, names=names)


def loads_pickle(data: bytes, path: object, field: str = "", *, names: Names = _no_names) -> Any:
    """The value that the bytes of a pickle hold, see :func:`load_pickle`; errors name ``path`` and ``field``."""
    return unpickle(data, path, field, names=lambda *name: _devkit_names(*name) or names(*name))


def _devkit_names(module: str, name: str) -> Any:
    if module.rpartition(".")[2] == "data_types" and name in _DEVKIT_LISTS:
        return type("_List", (list,), {"__setstate__": lambda self, state: None})
    return None
