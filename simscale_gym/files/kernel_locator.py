"""Tells numba where it keeps a kernel of this package, and whether what it keeps is still what the sources say.

Numba looks at the file of a kernel alone. What a kernel calls, and the constants that it reads, are compiled into it
from other files; after an upgrade or a ``git pull`` that changed only these, numba would go on with what they were.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

from numba.core.caching import CacheImpl, _CacheLocator

_PACKAGE = Path(__file__).parents[1]
_IMPORT = re.compile(rf"^\s*from {_PACKAGE.name}([\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)
_NAME = re.compile(r"\w+")


class KernelLocator(_CacheLocator):
    """A place that numba knows, with a stamp of all files that a kernel may be made of."""

    def __init__(self, place: _CacheLocator, file: Path) -> None:
        self._place, self._file = place, file

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> _CacheLocator | None:
        """The first of numba's own places that can be written; as it is for functions that are not of this package."""
        for kind in CacheImpl._locator_classes:
            place = kind.from_function(py_func, py_file)
            if place is not None:
                file = Path(py_file)
                return cls(place, file) if file in _files() else place
        return None

    def get_cache_path(self) -> str:
        """The folder."""
        return self._place.get_cache_path()

    def get_disambiguator(self) -> str:
        """What tells it from another kernel of its name."""
        return self._place.get_disambiguator()

    def get_source_stamp(self) -> str:
        """Digest of its file and of what that imports."""
        return source_stamp(self._file)


@cache
def source_stamp(file: Path) -> str:
    """Digest of a file of this package, and of all files of it that are imported from there on."""
    found, waiting = {file}, [file]
    while waiting:
        new = _imported(waiting.pop()) - found
        found |= new
        waiting += new
    parts = (f"{path.relative_to(_PACKAGE).as_posix()} {_digest(path)}" for path in sorted(found))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _imported(file: Path) -> frozenset[Path]:
    """Files of this package that ``file`` names; all of a package whose names it takes, whichever of them has these."""
    modules, found = _modules(), set()
    for package, names in _IMPORT.findall(file.read_text("utf-8")):
        found.update(
            modules.get(package, ()), *(modules.get(f"{package}.{name}", ()) for name in _NAME.findall(names))
        )
    return frozenset(found)


@cache
def _files() -> frozenset[Path]:
    return frozenset(_PACKAGE.rglob("*.py"))


@cache
def _modules() -> dict[str, list[Path]]:
    """The file of each module by its name behind the package's; those of all modules of a sub-package."""
    modules: dict[str, list[Path]] = defaultdict(list)
    for path in _files():
        inside = path.relative_to(_PACKAGE)
        modules["." + ".".join(inside.with_suffix("").parts)].append(path)
        if inside.parent.parts:
            modules["." + ".".join(inside.parent.parts)].append(path)
    return dict(modules)


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
