"""Digests of files, and folders sealed with those of all that is in them, so that a flipped bit is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from simscale_gym.errors import DataError

SEAL = "digests.json"
"""File of a sealed folder that names the SHA-256 of every other file in it."""

_PARTS, _PART = 64, 2**16  # of a large file that are read, and bytes of each


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def content_stamp(path: Path) -> str:
    """A digest of a file's size and of all of it, or, of a large one, of 64 parts that are spread over it.

    It is the same for a copy of the file, and takes no longer for gigabytes than for a few megabytes. Another file of
    the kind gives another one; a few bytes changed by hand in a large one may not.

    Raises:
        DataError: It cannot be read.
    """
    try:
        status = path.stat()
        return _known_stamp(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise DataError(
            path, found=error.strerror or "nothing", expected="a file that can be read"
        ) from error


@lru_cache(maxsize=4096)
def _known_stamp(path: Path, _changed_ns: int, size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        if size <= _PARTS * _PART:
            digest.update(file.read())
        else:
            for part in range(_PARTS):
                file.seek(part * (size - _PART) // (_PARTS - 1))
                digest.update(file.read(_PART))
    return digest.hexdigest()


def seal(folder: Path) -> None:
    """Write the digests of all files below ``folder`` into it; an earlier seal is replaced."""
    digests = {name: file_digest(folder / name) for name in _names(folder)}
    (folder / SEAL).write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def damage(folder: Path) -> str:
    """What differs in ``folder`` from when it was sealed, in words; "" where nothing does.

    A file is read once in a process, and again where its size or time of change differs (12 MB take 10 ms).
    """
    try:
        listed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        if not isinstance(listed, dict) or not listed:
            return f"{SEAL} lists no digests"
        for name, digest in listed.items():
            status = (folder / name).stat()
            if _known_digest(folder / name, status.st_mtime_ns, status.st_size) != digest:
                return f"{name} is not as it was written"
    except OSError as error:
        return f"{Path(error.filename or SEAL).name}: {error.strerror}"
    except (ValueError, RecursionError) as error:
        return f"{SEAL}: {' '.join(str(error).split())}"[:200]
    return ""


@lru_cache(maxsize=4096)
def _known_digest(path: Path, _changed_ns: int, _size: int) -> str:
    return file_digest(path)


def _names(folder: Path) -> list[str]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [name for name in (path.relative_to(folder).as_posix() for path in paths) if name != SEAL]


def stamped_key(made_from: Iterable[object]) -> str:
    """A name for what was made from ``made_from``, in 24 digits; other for every other input.

    Files (paths that exist) count by path, size, time of change and first bytes, all else by its text.
    """
    return hashlib.sha256(repr([_stamp(item) for item in made_from]).encode()).hexdigest()[:24]


def _stamp(item: object) -> object:
    if not isinstance(item, Path) or not item.is_file():
        return str(item)
    status = item.stat()
    with open(item, "rb") as file:
        return str(item), status.st_size, status.st_mtime_ns, file.read(4096)
