"""A bar that goes on ticking while whatever it waits for is silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

_EVERY = 1.0  # [s]


@contextmanager
def ticking(**settings: Any) -> Iterator[tqdm]:
    """A tqdm bar, whose clock is shown anew every second."""
    over = threading.Event()
    with tqdm(**settings) as bar:

        def tick() -> None:
            while not over.wait(_EVERY):
                bar.refresh()

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield bar
        finally:
            over.set()
            thread.join()
