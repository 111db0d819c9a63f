"""Kernels are kept where numba would, else in our cache, else there is one clear error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

import simscale_gym
from simscale_gym.errors import DataError
from simscale_gym.files import compiled_code
from simscale_gym.files.cache import CACHE_VARIABLE
from simscale_gym.files.compiled_code import LOCATORS_VARIABLE, NUMBA_VARIABLE, keep_compiled_code


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither the package nor the home can be written, only ``tmp_path/cache``."""
    can = compiled_code._can_be_written
    monkeypatch.setattr(
        compiled_code, "_can_be_written", lambda path: "cache-of-ours" in str(path) and can(path)
    )
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "home" / name))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache-of-ours"))
    monkeypatch.setenv(NUMBA_VARIABLE, "")
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return numba.config


def test_beside_the_sources_where_that_is_possible(monkeypatch, tmp_path):
    monkeypatch.setenv(NUMBA_VARIABLE, "")
    keep_compiled_code(tmp_path)
    assert os.environ[NUMBA_VARIABLE] == ""


def test_else_in_our_cache(nowhere, tmp_path):
    keep_compiled_code(tmp_path)
    folder = str(tmp_path / "cache-of-ours" / "numba")
    assert os.environ[NUMBA_VARIABLE] == folder == nowhere.CACHE_DIR


def test_else_an_error_that_names_the_variable(nowhere, tmp_path, monkeypatch):
    (tmp_path / "cache-of-ours").write_text("")
    with pytest.raises(DataError, match=CACHE_VARIABLE):
        keep_compiled_code(tmp_path)
    monkeypatch.setenv(NUMBA_VARIABLE, "/somewhere")
    keep_compiled_code(tmp_path)
    assert os.environ[NUMBA_VARIABLE] == "/somewhere"


@pytest.mark.parametrize("has_cache", [True, False])
def test_a_package_of_somebody_else_and_no_home(has_cache, tmp_path):
    """Kernels compile into the cache folder; without one the way out is said. Root may write all but /proc."""
    code = (
        "import tempfile\n"
        "make = tempfile.TemporaryFile\n"
        "def made(dir):\n"
        "    if 'simscale_gym' in str(dir):\n"
        "        raise PermissionError\n"
        "    return make(dir=dir)\n"
        "tempfile.TemporaryFile = made\n"
        "import simscale_gym, simscale_gym.geometry.polygon_set\n"
    )
    cache = tmp_path if has_cache else "/proc/none"
    home = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home | {"HOME": "/proc/none", NUMBA_VARIABLE: "", CACHE_VARIABLE: str(cache)},
        capture_output=True,
        text=True,
    )
    if has_cache:
        assert done.returncode == 0 and list((tmp_path / "numba").iterdir()), done.stderr
    else:
        assert done.returncode == 1 and CACHE_VARIABLE in done.stderr.splitlines()[-1], done.stderr


def test_a_kernel_is_compiled_anew_when_a_file_that_it_calls_changes(tmp_path):
    """Numba itself looks at the file of the kernel alone and would go on with what it had called."""
    package = tmp_path / "simscale_gym"
    shutil.copytree(
        Path(simscale_gym.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__", "town", "dressing"),
    )
    geometry = package / "geometry"
    (geometry / "doubled.py").write_text(
        "from numba import njit\n\nfrom simscale_gym.geometry import halves\n\n\n"
        "@njit(cache=True)\ndef doubled(x):\n    return 2.0 * halves.half(x) + halves.MORE\n"
    )
    (geometry / "unlike.py").write_text(
        "from numba import njit\n\n\n@njit(cache=True)\ndef unlike(x):\n    return x\n"
    )
    halves = "from numba import njit\n\nMORE = {more}\n\n\n@njit(cache=True)\ndef half(x):\n    return {factor} * x\n"
    code = (
        "from simscale_gym.geometry.doubled import doubled\n"
        "from simscale_gym.geometry.unlike import unlike\n"
        "print(doubled(1.0) + unlike(0.0), len(doubled.stats.cache_hits), len(unlike.stats.cache_hits))\n"
    )

    def printed(**values):
        (geometry / "halves.py").write_text(halves.format(**values))
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path), NUMBA_VARIABLE: "", LOCATORS_VARIABLE: ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert printed(more=0.0, factor=0.5) == ["1.0", "0", "0"]
    assert printed(more=0.0, factor=0.5) == ["1.0", "1", "1"]
    assert printed(more=0.0, factor=4.0) == ["8.0", "0", "1"]
    assert printed(more=1.0, factor=4.0) == ["9.0", "0", "1"]
