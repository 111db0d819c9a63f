"""Where compiled kernels are kept between runs."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import platformdirs

from simscale_gym.files.cache import cache_root, unwritable

NUMBA_VARIABLE = "NUMBA_CACHE_DIR"
"""Environment variable by which numba is told where to keep what it compiled."""

LOCATORS_VARIABLE = "NUMBA_CACHE_LOCATOR_CLASSES"
"""Environment variable by which numba is told who says where, and whether a source has changed."""

_LOCATOR = "simscale_gym.files.kernel_locator.KernelLocator"


def keep_compiled_code(package: Path) -> None:
    """Have numba keep kernels of ``package`` until a file that they are made of changes.

    They lie where numba would keep them by itself: beside the sources or in the user's cache folder. Where it could
    write neither (a package that another user installed, without a home) they lie in our cache folder.

    Raises:
        DataError: Our cache folder cannot be written either.
    """
    if not os.environ.get(LOCATORS_VARIABLE):
        _tell_numba(LOCATORS_VARIABLE, _LOCATOR)
    own = (package / "__pycache__", Path(platformdirs.user_cache_dir("numba")))
    if os.environ.get(NUMBA_VARIABLE) or any(map(_can_be_written, own)):
        return
    folder = cache_root() / "numba"
    if not _can_be_written(folder):
        raise unwritable(folder, PermissionError("compiled kernels must be kept somewhere"))
    _tell_numba(NUMBA_VARIABLE, str(folder))


def _tell_numba(variable: str, value: str) -> None:
    os.environ[variable] = value
    if "numba" in sys.modules:  # which has read its environment already
        setattr(sys.modules["numba"].config, variable.removeprefix("NUMBA_"), value)


def kernel_files() -> list[Path]:
    """The files in which numba keeps the kernels of this package, wherever it does."""
    from numba import config
    from numba.core.caching import _CacheLocator

    package = Path(__file__).parents[1]
    folders = {file.parent for file in package.rglob("*.py")}
    elsewhere = [Path(root) for root in (config.CACHE_DIR, platformdirs.user_cache_dir("numba")) if root]
    found = [folder / "__pycache__" for folder in folders]
    for folder in folders:
        name = _CacheLocator.get_suitable_cache_subpath(str(folder / "__init__.py"))
        found += [root / name for root in elsewhere]
    return sorted(file for folder in found for file in folder.glob("*.nb[ci]"))


def _can_be_written(folder: Path) -> bool:
    """Whether a file can be made in ``folder``, which is made if need be: numba asks the same way, for each kernel."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
