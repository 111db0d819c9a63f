"""The one folder that simscale_gym keeps things in between runs, safe when many processes start at once."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from simscale_gym.errors import StorageError

try:
    import fcntl
except ImportError:  # not on Windows; there, two processes may do the same work, and the first to end wins
    fcntl = None

CACHE_VARIABLE = "SIMSCALE_GYM_CACHE"
"""Environment variable that names the cache folder."""


def cache_root() -> Path:
    """The cache folder: ``$SIMSCALE_GYM_CACHE``, else the user's cache folder of the platform."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_cache_dir("simscale_gym"))


def unwritable(path: Path, error: Exception) -> StorageError:
    """The error to raise where ``path`` could not be written because of ``error`` (full, read-only, no folder)."""
    inside = path.absolute().is_relative_to(cache_root())
    instead = (
        f"set the environment variable {CACHE_VARIABLE} to a folder of yours" if inside else "name another"
    )
    return StorageError(
        path,
        found=f"a place that cannot be written ({getattr(error, 'strerror', None) or error})"[:300],
        expected="a folder that can be written and has room",
        hint=f"Make room there, or {instead}.",
    )


def say_remade(path: Path, why: str) -> None:
    """Tell the user in one line that ``path`` in the cache was damaged and is made again."""
    logging.getLogger("simscale_gym").warning("%s is damaged (%s): it is made again.", path, why)


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time in; the lock of a process that dies is released by the system.

    Raises:
        DataError: ``lock`` cannot be written.
    """
    if fcntl is None:
        yield
        return
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise unwritable(lock, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
