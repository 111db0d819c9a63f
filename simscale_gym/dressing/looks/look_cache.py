"""Dressed scenes and node templates on disk, so that only their first use takes seconds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import simscale_gym
from simscale_gym.errors import DataError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import say_remade
from simscale_gym.files.stored_arrays import load_arrays, save_arrays

LOOK_VERSION = 1
"""Changes when older files can no longer be read; changed code of the look gives other names by itself."""

KEPT_BYTES = 4 << 30
"""A cache folder that has grown beyond this loses its least recently used files."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class LookCache:
    """A folder of named sets of arrays, safe to share between processes.

    Attributes:
        folder: Made when first written to; None keeps nothing.
    """

    folder: Path | None

    def get(self, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The arrays called ``key``, made and kept if they are not there or cannot be read."""
        if self.folder is None:
            return make()
        path = self.folder / f"{key}.npz"
        found = _loaded(path)
        if found is not None:
            return found
        made = make()
        _save(path, made)
        _shrink(self.folder)
        return made


def content_key(*values: Any) -> str:
    """A name for what is made from ``values`` (dataclasses, arrays, numbers, strings, and containers of them)."""
    digest = hashlib.sha256(f"{LOOK_VERSION} {_code()}".encode())
    for value in values:
        _feed(digest, value)
    return digest.hexdigest()[:24]


_MADE_BY = ("dressing", "geometry", "scene")
"""Packages whose files, in whatever folder, a look is made by."""
_PACKED_BY = ("cpu/levels.py", "cpu/pack.py", "gaussians.py", "spherical_harmonics.py")
"""Files of ``splats/`` that a kept look depends on; how it is drawn does not matter."""


@lru_cache(maxsize=1)
def _code() -> str:
    """Digest of the code that looks are made with."""
    package = Path(simscale_gym.__file__).parent
    made_by = (file for name in _MADE_BY for file in sorted((package / name).rglob("*.py")))
    files = [*made_by, *(package / "splats" / name for name in _PACKED_BY)]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if is_dataclass(value):
        digest.update(type(value).__name__.encode())
        value = {f.name: getattr(value, f.name) for f in fields(value) if not f.name.startswith("_")}
    if isinstance(value, Mapping):
        value = tuple(value.items())
    if isinstance(value, (tuple, list)):
        digest.update(f"({len(value)}".encode())
        for item in value:
            _feed(digest, item)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())


def _loaded(path: Path) -> dict[str, np.ndarray] | None:
    """What ``path`` holds; None if it is absent or damaged."""
    if not path.is_file():
        return None
    try:
        arrays = load_arrays(path)
    except DataError as error:
        say_remade(path, error.found)
        return None
    with suppress(OSError):  # where the folder can only be read
        os.utime(path)
    return arrays


def _save(path: Path, arrays: Arrays) -> None:
    """Write whole or not at all; a folder that cannot be written keeps nothing."""
    with suppress(DataError), atomic_write(path) as part:
        save_arrays(part, arrays)


def _shrink(folder: Path) -> None:
    """Delete what was used longest ago until ``KEPT_BYTES`` are left."""
    entries = []
    for path in folder.glob("*.npz"):
        try:
            status = path.stat()
        except FileNotFoundError:  # another process was tidying too
            continue
        entries.append((status.st_mtime, status.st_size, path))
    total = 0
    for _, size, path in sorted(entries, reverse=True):
        total += size
        if total > KEPT_BYTES:
            path.unlink(missing_ok=True)
