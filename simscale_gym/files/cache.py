"""The one folder that simscale_gym keeps things in between runs, safe when many processes start at once."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from simscale_gym.errors import DataError

try:
    import fcntl
except ImportError:  # not on Windows; there, two processes may do the same work, and the first to end wins
    fcntl = None

CACHE_VARIABLE = "SIMSCALE_GYM_CACHE"
"""Environment variable that names the cache folder."""

_STALE = 24 * 3600.0  # [s] after which a build folder belongs to a process that died
_BUILD = ".build-"


def cache_root() -> Path:
    """The cache folder: ``$SIMSCALE_GYM_CACHE``, else the user's cache folder of the platform."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_cache_dir("simscale_gym"))


@contextmanager
def build_folder(parent: Path) -> Iterator[Path]:
    """A new folder inside ``parent`` to build in, on the same file system; gone in the end.

    Raises:
        DataError: ``parent`` cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_BUILD, dir=parent))
    except OSError as error:
        raise DataError(
            parent, found=str(error), expected="a folder that can be written",
            hint=f"Set the environment variable {CACHE_VARIABLE} to a folder of yours.",
        ) from None  # fmt: skip
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale_builds(parent: Path) -> None:
    """Delete what processes that were killed while building left in ``parent``."""
    for folder in parent.glob(f"{_BUILD}*"):
        try:
            if time.time() - folder.stat().st_mtime > _STALE:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue


def publish(built: Path, target: Path) -> None:
    """Move the finished file or folder ``built`` to ``target`` in one step; an earlier one stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.rename(built, target)
    except OSError:
        if not target.exists():  # else another process was first, with the same content
            raise


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time in; the lock of a process that dies is released by the system."""
    if fcntl is None:
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
