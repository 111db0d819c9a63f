"""The simulation states of a drive, kept so that drives with a common past share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import DT, STATE_SIZE
from simscale_gym.sim import SimState
from simscale_gym.splats.camera_effects import MOST_LOST

Array = NDArray[np.float64]

KEPT = MOST_LOST + 2
"""States that a pickled history keeps whole: those whose pictures cameras may still show, and the one before them."""


class History(Sequence[SimState]):
    """Simulation states 0.1 s apart, the newest last; never changes: :meth:`after` gives a longer one.

    A longer one refers to the shorter: a step costs the same however long the drive is, and forks share their past.
    A pickle keeps the ego's whole way, but the last :data:`KEPT` states only, and so stays small.

    Args:
        states: One or more.
        earlier: ``[M, 11]`` ego states before them, of which no more is known.
    """

    def __init__(self, states: Iterable[SimState], earlier: Array | None = None) -> None:
        self._earlier = np.zeros((0, STATE_SIZE)) if earlier is None else earlier
        self._end: tuple | None = None
        self._count = 0
        for state in states:
            self._end, self._count = (self._end, state), self._count + 1

    def after(self, states: Iterable[SimState]) -> History:
        """A history with ``states`` behind the last."""
        longer = History((), self._earlier)
        longer._end, longer._count = self._end, self._count
        for state in states:
            longer._end, longer._count = (longer._end, state), longer._count + 1
        return longer

    @property
    def egos(self) -> Array:
        """``[M + T, 11]`` ego states, those before the first state included."""
        return np.concatenate([self._earlier, np.reshape([state.ego for state in self], (-1, STATE_SIZE))])

    def __repr__(self) -> str:
        return f"History({len(self)} states, {DT} s apart)"

    def __len__(self) -> int:
        return self._count

    def __reversed__(self) -> Iterator[SimState]:
        end = self._end
        while end is not None:
            end, state = end
            yield state

    def __iter__(self) -> Iterator[SimState]:
        return iter(list(reversed(self))[::-1])

    @overload
    def __getitem__(self, index: int) -> SimState: ...
    @overload
    def __getitem__(self, index: slice) -> list[SimState]: ...
    def __getitem__(self, index: int | slice) -> SimState | list[SimState]:
        if isinstance(index, slice):
            return list(self)[index]
        if index == -1 and self._end is not None:
            return self._end[1]
        back = self._count - 1 - index if index >= 0 else -1 - index
        if not 0 <= back < self._count:
            raise IndexError(f"history: no state {index}, it has {self._count}.")
        return next(islice(reversed(self), back, None))

    def shortened(self) -> History:
        """The same with the last :data:`KEPT` states whole, and of those before them the ego alone."""
        return History(*self._parts())

    def _parts(self) -> tuple[list[SimState], Array]:
        newest = list(self)[-KEPT:]
        return newest, self.egos[: -len(newest)]

    def __reduce__(self) -> tuple[type[History], tuple[list[SimState], Array]]:
        return History, self._parts()
