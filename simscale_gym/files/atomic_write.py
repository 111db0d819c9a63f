"""Files and folders that appear whole or not at all, and what killed processes left of theirs."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simscale_gym.files.cache import fcntl, unwritable

BUILD_PREFIX = ".simscale-gym-build-"
"""How the names of hidden folders begin in which something is built; nobody else's do, for they are deleted."""

_YOUNG = 60.0  # [s] in which a build folder may not have its lock yet
_OLD = 24 * 3600.0  # [s] after which one is given up where there are no locks, or that another machine began
_MACHINE = platform.node()  # locks of a folder on a network file system are often its own machine's affair


@contextmanager
def atomic_write(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to build a file or a folder at, which becomes ``target`` in one step when the block has ended well.

    A file replaces the one that was there; a folder takes the place of an empty one only. After an error, or where
    nothing was built, all is as before.

    Args:
        target: File or folder that the result is to become; the folder around it is made.

    Yields:
        A path of the same name in a hidden folder beside ``target``, on the same file system. All else that is put
        beside that path is deleted in the end.

    Raises:
        DataError: There is no room, or the folder cannot be written, or ``target`` is a folder that holds something.
    """
    target = Path(target).absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_dead_builds(target.parent)
        with _build_folder(target.parent) as folder:
            built = folder / target.name
            yield built
            if built.exists():
                os.replace(built, target)
    except (OSError, sqlite3.OperationalError) as error:
        raise unwritable(target, error) from error


def discard(path: Path) -> None:
    """Delete the file or folder ``path``, if it is there, so that nobody sees a part of it.

    Raises:
        DataError: It cannot be deleted.
    """
    try:
        if path.exists():
            with _build_folder(path.parent) as folder:
                os.replace(path, folder / path.name)
    except OSError as error:
        raise unwritable(path, error) from error


def remove_dead_builds(parent: Path) -> None:
    """Delete what processes that were killed while building left in ``parent``."""
    for folder in parent.glob(f"{BUILD_PREFIX}*"):
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _build_folder(parent: Path) -> Iterator[Path]:
    """A folder that this process holds while it builds."""
    folder = Path(tempfile.mkdtemp(prefix=f"{BUILD_PREFIX}{_MACHINE}-", dir=parent))
    handle = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _is_dead(folder: Path) -> bool:
    """Whether nobody holds ``folder`` any more."""
    is_ours = folder.name.removeprefix(BUILD_PREFIX).rpartition("-")[0] == _MACHINE
    try:
        age = time.time() - folder.stat().st_mtime
        if fcntl is None or not is_ours or age < _YOUNG:
            return age > _OLD
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # its owner has just deleted it
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
