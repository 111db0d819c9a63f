"""Time that goes by in the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Player:
    """A thread that goes on from state to state at the pace of the clock.

    Args:
        go: Shows a state, by its number.
        now: Number of the state that is shown.
        pace: States a second.
        stopped: Called when the end was reached.
    """

    def __init__(
        self,
        go: Callable[[int], None],
        now: Callable[[], int],
        pace: Callable[[], float],
        stopped: Callable[[], None],
    ) -> None:
        self._go, self._now, self._pace, self._stopped = go, now, pace, stopped
        self._run: threading.Event | None = None

    @property
    def playing(self) -> bool:
        """Whether time goes by."""
        return self._run is not None

    def play(self, last: int) -> None:
        """Go on until state ``last``; from the first one where that is shown."""
        self.pause()
        self._run = threading.Event()
        threading.Thread(target=self._play, args=(last, self._run), name="play", daemon=True).start()

    def pause(self) -> None:
        """Stay where it is."""
        if self._run is not None:
            self._run.set()
        self._run = None

    def _play(self, last: int, over: threading.Event) -> None:
        if self._now() >= last:
            self._go(0)
        pace = 0.0
        while not over.is_set() and self._now() < last:
            if pace != self._pace():
                pace, began, first = self._pace(), time.monotonic(), self._now()
            due = first + int((time.monotonic() - began) * pace)
            if due > self._now():
                self._go(min(due, last))
            over.wait(max(0.005, began + (self._now() + 1 - first) / pace - time.monotonic()))
        if not over.is_set():
            self._run = None
            self._stopped()
