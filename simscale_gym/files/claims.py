"""Work that several processes could do, and one of them does: whoever holds a folder's lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simscale_gym.files.cache import fcntl, unwritable


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Whether nobody else holds ``folder``, and nobody will while the block lasts; the folder is made if absent.

    The system lets go of it where this process dies. The lock reaches as far as those of the file system do; where
    there are none, everybody holds it.

    Raises:
        DataError: There can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = True
    except BlockingIOError:
        mine = False
    try:
        yield mine
    finally:
        os.close(handle)
