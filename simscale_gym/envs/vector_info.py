"""The ``info`` of a vector environment: cheap entries as arrays at once, dear ones when they are first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError


class VectorInfo(dict):
    """A dictionary whose later entries are worked out when they are first read.

    It has all its keys from the start. An entry that was not read by the time that the environment goes on is lost:
    reading it then is an error, and never gives what belongs to another step. ``dict(info)`` works out all.

    Args:
        count: Number of environments.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count, self._later, self._is_past = count, {}, False

    def put(self, name: str, values: Any, mask: NDArray[np.bool_]) -> None:
        """An entry, and beside it which environments have it."""
        self[name], self[f"_{name}"] = values, mask.copy()

    def put_later(self, name: str, make: Callable[[], Any], mask: NDArray[np.bool_]) -> None:
        """An entry that ``make`` gives when it is read."""
        self.put(name, None, mask)
        self._later[name] = make

    def expire(self) -> None:
        """The environment goes on: what was not read is lost."""
        self._is_past = True

    def __getitem__(self, name: str) -> Any:
        make = self._later.get(name)
        if make is not None:
            if self._is_past:
                raise ArgumentError(
                    f"info: {name!r} was not read before the environment went on; read it, or keep dict(info), before."
                )
            super().__setitem__(name, make())
            del self._later[name]
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._later.pop(name, None)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self._later.pop(name, None)
        super().__delitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        return self[name] if name in self else default  # noqa: SIM401 (that would be this)

    def pop(self, name: str, *default: Any) -> Any:
        """As of a dictionary."""
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def values(self) -> list[Any]:  # type: ignore[override]
        """All values, worked out."""
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        """All names and values, worked out."""
        return [(name, self[name]) for name in self]

    def copy(self) -> dict[str, Any]:
        """All of it, worked out."""
        return dict(self.items())

    def __iter__(self) -> Iterator[str]:
        return (
            super().__iter__()
        )  # because it is here, ``dict(info)`` asks for each entry, and does not copy blindly

    def __reduce__(self) -> tuple[type[dict], tuple[list[tuple[str, Any]]]]:
        return dict, (self.items(),)
