"""What the cache folder holds, by kind: how much it is, and how it is cleared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simscale_gym.files.cache import cache_root, unwritable
from simscale_gym.files.compiled_code import kernel_files

KINDS = {
    "towns": ("drives of the built-in town, as nuPlan's files", ("town-*",)),
    "scenes": ("scenes and maps read before, with their perturbed starts", ("compiled",)),
    "looks": ("streets dressed before", ("looks",)),
    "futures": ("human futures and vocabularies", ("futures",)),
    "evaluation": ("pictures and references of suites", ("evaluation",)),
    "kernels": ("compiled code", ("numba",)),
}
"""Meaning of each kind, and the entries of the cache folder that belong to it."""


@dataclass(frozen=True)
class Kept:
    """What is kept of one kind.

    Attributes:
        kind: One of :data:`KINDS`.
        meaning: What that is.
        files: Number of files.
        size: Their size [byte].
    """

    kind: str
    meaning: str
    files: int
    size: int


def cache_content() -> list[Kept]:
    """What is kept of each kind, in the order of :data:`KINDS`."""
    return [_kept(kind) for kind in KINDS]


def clear(kind: str) -> Kept:
    """Delete what is kept of ``kind``, all of which is made again when it is needed; what it was.

    Processes that have opened a file go on with it.

    Raises:
        DataError: Something cannot be deleted.
    """
    was = _kept(kind)
    try:
        for place in _places(kind):
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(Path(error.filename or cache_root()), error) from error
    return was


def _kept(kind: str) -> Kept:
    sizes = [size for place in _places(kind) for size in _sizes(place)]
    return Kept(kind, KINDS[kind][0], len(sizes), sum(sizes))


def _places(kind: str) -> list[Path]:
    """Files and folders of ``kind``; compiled code may lie elsewhere, too."""
    ours = [place for pattern in KINDS[kind][1] for place in sorted(cache_root().glob(pattern))]
    elsewhere = kernel_files() if kind == "kernels" else []
    return ours + [file for file in elsewhere if not any(file.is_relative_to(place) for place in ours)]


def _sizes(place: Path) -> Iterator[int]:
    """Sizes of a file, or of the files in a folder; others may be deleting them."""
    if place.is_file():
        yield place.stat().st_size
        return
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                yield (Path(folder) / name).lstat().st_size
            except OSError:
                continue
