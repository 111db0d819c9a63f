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


MADE_BY = (
    "dressing",
    "geometry",
    "scene",
    "splats/cpu/levels.py",
    "splats/cpu/pack.py",
    "splats/gaussians.py",
    "splats/spherical_harmonics.py",
)
"""Packages, with all that lies in them however deep, and files that a look is made and packed by; how it is drawn, and
which files Gaussians are read from, does not matter."""


def looks_code(package: Path) -> dict[str, Path]:
    """Files of the code that looks are made with, by their path in the folder ``package``, in order."""
    places = [package / name for name in MADE_BY]
    files = [file for place in places for file in ([place] if place.suffix else place.rglob("*.py"))]
    return {file.relative_to(package).as_posix(): file for file in sorted(files)}


def code_digest(package: Path) -> str:
    """Digest of these files and of where they lie."""
    digest = hashlib.sha256()
    for name, file in looks_code(package).items():
        code = file.read_bytes()
        digest.update(f"{name} {len(code)};".encode() + code)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    return code_digest(Path(simscale_gym.__file__).parent)


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
