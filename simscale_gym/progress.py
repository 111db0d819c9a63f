"""What users are told while they wait: one line that ticks in terminals and notebooks, plain lines elsewhere.

Whatever takes seconds says so with :func:`waiting`, and bars of which nothing is known for long are :func:`ticking`.
Kernels that numba compiles meanwhile are counted on the same line, or have one of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from tqdm import tqdm

from simscale_gym.errors import StorageError

PATIENCE = 1.0
"""Work that is done sooner is not mentioned [s]."""

_EVERY = 0.5  # between looks at the clock [s]
_LINGER = 1.0  # without a kernel, after which compiling is over [s]
_ROOM = 4_000_000  # [bytes] that a compiled kernel needs at most
_COMPILING = "compiling kernels, once for each installation"


@contextmanager
def waiting(work: str) -> Iterator[None]:
    """Tell the user what is being done, if it takes longer than :data:`PATIENCE`.

    Args:
        work: What, as in "dressing the street of ...". Within other work it is shown behind that.
    """
    watch_compiler()
    here = _line()
    item = here.begin(work)
    try:
        yield
    finally:
        here.end(item)


@contextmanager
def ticking(**settings: Any) -> Iterator[tqdm]:
    """A tqdm bar of these ``settings``, whose clock is shown anew every second."""
    over = threading.Event()
    with tqdm(**settings) as bar:

        def tick() -> None:
            while not over.wait(1.0):
                bar.refresh()

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield bar
        finally:
            over.set()
            thread.join()


def quiet() -> None:
    """Say nothing any more in this process: for workers, whose work the process that began them shows."""
    _line().quiet = True


@cache
def watch_compiler() -> None:
    """Have kernels of this package counted that numba compiles in this process; those it has no room for are refused.

    A kernel that is refused raises a StorageError where it is called; on a full disk numba raises an error of its own.
    """
    from numba.core import event

    class Compiling(event.Listener):
        def on_start(self, event: event.Event) -> None:
            if _is_ours(event):
                _check_room(event.data["dispatcher"].stats.cache_path)
                _line().compiling(event.data["dispatcher"].py_func.__name__)

        def on_end(self, event: event.Event) -> None:
            if _is_ours(event):
                _line().compiled()

    event.register("numba:compile", Compiling())


def _check_room(folder: str | None) -> None:
    """Complain where compiled kernels are kept in ``folder`` and there is no room for one."""
    free = _ROOM if folder is None else shutil.disk_usage(folder).free
    if free < _ROOM:
        raise StorageError(
            folder,
            found=f"{free / 1e6:.1f} MB of room",
            expected=f"{_ROOM / 1e6:.0f} MB for compiled kernels",
            hint="Make room there, or set the environment variable NUMBA_CACHE_DIR to a folder of yours.",
        )


def _is_ours(event: Any) -> bool:
    """Whether what numba compiles is a function of this package; loops that it lifts out of others have none."""
    function = getattr(event.data["dispatcher"], "py_func", None)
    return str(getattr(function, "__module__", "")).startswith("simscale_gym.")


@dataclass(eq=False)
class _Work:
    text: str
    began: float
    said: bool = False


class _Line:
    """The line of a process; a thread shows it while there is work."""

    def __init__(self) -> None:
        self.quiet = False
        self._lock, self._works, self._thread = threading.RLock(), [], None
        self._shown: _TerminalLine | _CellLine | None = None
        self._depth = self._kernels = 0
        self._compiling: _Work | None = None
        self._kernel, self._compiled_at = "", 0.0

    def begin(self, text: str) -> _Work:
        with self._lock:
            work = _Work(text, time.monotonic())
            self._works.append(work)
            if self._thread is None and not self.quiet:
                self._thread = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._thread.start()
            return work

    def end(self, work: _Work) -> None:
        with self._lock:
            self._works.remove(work)
            if self._works:
                return
            kernels = f", kernels compiled: {self._kernels}" if self._kernels else ""
            self._kernels = 0
            if work.said:
                self._close(f"{work.text}: {time.monotonic() - work.began:.0f} s{kernels}")

    def compiling(self, name: str) -> None:
        with self._lock:
            self._depth, self._kernel = self._depth + 1, name
            if not self._works:
                self._compiling = self.begin(_COMPILING)

    def compiled(self) -> None:
        with self._lock:
            self._depth, self._kernels = max(self._depth - 1, 0), self._kernels + 1
            self._compiled_at = time.monotonic()

    def _tick(self) -> None:
        while True:
            time.sleep(_EVERY)
            with self._lock:
                self._end_compiling()
                if not self._works:
                    self._thread = None
                    return
                self._show()

    def _end_compiling(self) -> None:
        """Compiling has no end of its own: the next kernel may be another one's or nobody's."""
        idle = not self._depth and time.monotonic() - self._compiled_at > _LINGER
        if self._compiling in self._works and (idle or len(self._works) > 1):
            self.end(self._compiling)

    def _show(self) -> None:
        first, last, now = self._works[0], self._works[-1], time.monotonic()
        if now - last.began < PATIENCE and not first.said:
            return
        parts = [first.text] if last is first else [first.text, last.text]
        if self._depth:
            parts.append(f"kernel {self._kernels + 1}, {self._kernel}")
        if not _rewrites(sys.stderr):
            if now - last.began > PATIENCE and not last.said:
                _say(f"{': '.join(work.text for work in self._works)} ..")
                last.said = first.said = True
            return
        first.said = last.said = True
        if self._shown is None:
            self._shown = _CellLine() if _is_notebook(sys.stderr) else _TerminalLine()
        self._shown.write(f"simscale_gym: {': '.join(parts)}: {now - first.began:.0f} s")

    def _close(self, text: str) -> None:
        if self._shown is None:
            _say(text)
            return
        self._shown.write(f"simscale_gym: {text}")
        self._shown.close()
        self._shown = None


class _TerminalLine:
    """A line that is written over, below the bars of others."""

    def __init__(self) -> None:
        self._bar = tqdm(bar_format="{desc}", file=sys.stderr, dynamic_ncols=True, leave=True)

    def write(self, text: str) -> None:
        self._bar.set_description_str(text)

    def close(self) -> None:
        self._bar.close()


class _CellLine:
    """An output of a notebook's cell, of which only the last text stays."""

    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        self._handle.update({"text/plain": text}, raw=True)

    def close(self) -> None:
        """It stays."""


def _say(text: str) -> None:
    tqdm.write(f"simscale_gym: {text}", file=sys.stderr)


def _rewrites(stream: Any) -> bool:
    """Whether a line can be written over: in a terminal or notebook, and by one process alone."""
    if multiprocessing.parent_process() is not None:
        return False
    return stream.isatty() or _is_notebook(stream)


def _is_notebook(stream: Any) -> bool:
    return type(stream).__module__.startswith("ipykernel")


def _line() -> _Line:
    """The line of this process: a fork has neither the thread nor the work of the one that it came from."""
    return _line_of(os.getpid())


_line_of: Callable[[int], _Line] = cache(lambda process: _Line())
