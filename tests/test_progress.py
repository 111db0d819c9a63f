"""What is said while users wait."""

import io
import re
import subprocess
import sys
import time
from types import ModuleType

import pytest

from simscale_gym import progress
from simscale_gym.progress import waiting


class Terminal(io.StringIO):
    """A stream that can be written over."""

    def isatty(self):
        return True


@pytest.fixture
def fast(monkeypatch):
    """A line of its own, with little patience."""
    line = progress._Line()
    monkeypatch.setattr(progress, "_line", lambda: line)
    for name, value in (("PATIENCE", 0.02), ("_EVERY", 0.01), ("_LINGER", 0.05)):
        monkeypatch.setattr(progress, name, value)
    return line


def until(true):
    """Wait for something, however busy the machine is."""
    end = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def said(line):
    """Wait until all work has been mentioned."""
    until(lambda: all(work.said for work in line._works))


def lines(text):
    """Lines without how many seconds they count."""
    return [re.sub(r"\d+ s\b", "N s", part.strip()) for part in re.split(r"[\r\n]+", text) if part.strip()]


def test_a_pipe_gets_a_line_at_the_beginning_and_one_at_the_end(fast, capsys):
    with waiting("baking"):
        said(fast)
    until(lambda: fast._thread is None)
    assert lines(capsys.readouterr().err) == ["simscale_gym: baking ..", "simscale_gym: baking: N s"]


def test_what_is_quick_is_not_mentioned(fast, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 60.0)
    with waiting("baking"):
        time.sleep(0.1)
    until(lambda: fast._thread is None)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_one_line_that_is_written_over(fast, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with waiting("baking"):
        said(fast)
        with waiting("heating"):
            said(fast)
    shown = lines(terminal.getvalue())
    assert "simscale_gym: baking: heating: N s" in shown
    assert shown[-1] == "simscale_gym: baking: N s" and terminal.getvalue().count("\n") == 1


def test_a_notebook_keeps_the_last_text_alone(fast, monkeypatch):
    made, texts = [], []

    class Handle:
        def update(self, data, *, raw):
            texts.append(data["text/plain"])

    def display(data, *, raw, display_id):
        made.append(data)
        return Handle()

    shown = ModuleType("IPython.display")
    shown.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", stream)
    with waiting("baking"):
        said(fast)
    assert len(made) == 1 and lines(texts[-1]) == ["simscale_gym: baking: N s"] and stream.getvalue() == ""


def test_work_that_fails_ends_the_line(fast, capsys):
    with pytest.raises(KeyError), waiting("baking"):
        said(fast)
        raise KeyError
    assert not fast._works and lines(capsys.readouterr().err)[-1] == "simscale_gym: baking: N s"


def test_kernels_are_counted_within_work_and_have_a_line_of_their_own_outside(fast, capsys):
    with waiting("baking"):
        for name in ("knead", "rise"):
            fast.compiling(name)
            said(fast)
            fast.compiled()
    assert lines(capsys.readouterr().err)[-1] == "simscale_gym: baking: N s, kernels compiled: 2"
    fast.compiling("slice")
    said(fast)
    fast.compiled()
    until(lambda: fast._thread is None)
    assert (
        lines(capsys.readouterr().err)[-1] == f"simscale_gym: {progress._COMPILING}: N s, kernels compiled: 1"
    )


def test_workers_are_quiet(fast, capsys):
    progress.quiet()
    with waiting("baking"):
        time.sleep(0.1)
    assert fast._thread is None and capsys.readouterr().err == ""


def test_compiling_is_noticed(tmp_path):
    script = (
        "from simscale_gym import progress; progress.watch_compiler(); seen = []\n"
        "progress._line().compiling = seen.append\n"
        "from simscale_gym.geometry import polyline; import numpy as np\n"
        "polyline.project(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 2.0]]))\n"
        "print(seen)"
    )
    environment = {"PATH": "", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "_project" in done.stdout


def test_a_full_disk_is_said_before_a_kernel_is_compiled(tmp_path):
    script = (
        "import shutil; from simscale_gym import progress; progress.watch_compiler()\n"
        "shutil.disk_usage = lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 1000)\n"
        "from simscale_gym.geometry import polyline; import numpy as np\n"
        "polyline.project(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 2.0]]))\n"
    )
    environment = {"PATH": "", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"simscale_gym.errors.StorageError: {tmp_path}") and "NUMBA_CACHE_DIR" in said
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]
