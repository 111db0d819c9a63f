"""Fields of a checkpoint by name, with errors that say where they should stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.splats.checkpoints.torch_archive import StoredTensor


@dataclass(frozen=True)
class CheckpointFields:
    """A dictionary of a checkpoint, and its place.

    Attributes:
        path: The file.
        place: Keys that lead here, with dots.
        values: The dictionary.
    """

    path: Path
    place: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: Path, place: str, values: Any) -> CheckpointFields:
        """Wraps `values`, which must be a dictionary with text as keys."""
        if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
            found = (
                "a dictionary with other keys than text"
                if isinstance(values, dict)
                else type(values).__name__
            )
            raise DataError(path, field=place, found=found, expected="a dictionary with text as keys")
        return cls(path, place, values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def at(self, key: str) -> str:
        """The place of a key, for errors."""
        return f"{self.place}.{key}" if self.place else key

    def value(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self.values:
            found = f"no such key among {', '.join(list(self.values)[:8]) or 'none'}"
            raise DataError(self.path, field=self.at(key), found=found[:300], expected=f"the key {key}")
        return self.values[key]

    def branch(self, key: str) -> CheckpointFields:
        """The dictionary under a key."""
        return CheckpointFields.of(self.path, self.at(key), self.value(key))

    def below(self, prefix: str) -> CheckpointFields:
        """The keys that start with `prefix`, without it: how state dictionaries nest."""
        start = len(prefix)
        values = {key[start:]: value for key, value in self.values.items() if key.startswith(prefix)}
        return CheckpointFields(self.path, self.at(prefix.removesuffix(".")), values)

    def without(self, key: str) -> CheckpointFields:
        """All but one key, which need not be there."""
        values = {name: value for name, value in self.values.items() if name != key}
        return CheckpointFields(self.path, self.place, values)

    def array(self, key: str, *shapes: tuple[int | None, ...], dtype: Any = np.float32) -> np.ndarray:
        """The tensor or array under a key, cast to `dtype`.

        Args:
            key: The key.
            shapes: Shapes that it may have; None stands for any length. Without any, every shape will do.
            dtype: Type of the numbers.
        """
        return array_of(self.path, self.at(key), self.value(key), *shapes, dtype=dtype)

    def integer(self, key: str, low: int, high: int) -> int:
        """The whole number under a key, which must lie in `low..high`."""
        value = self.value(key)
        if isinstance(value, StoredTensor | np.ndarray) and value.shape in ((), (1,)):
            value = self.array(key, dtype=np.float64).reshape(-1)[0]
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not plain or not low <= value <= high or value != int(value):
            expected = f"a whole number in {low}..{high}"
            raise DataError(self.path, field=self.at(key), found=shown(value), expected=expected)
        return int(value)


def array_of(
    path: Path, place: str, value: Any, *shapes: tuple[int | None, ...], dtype: Any = np.float32
) -> np.ndarray:
    """A tensor or array as numpy, its shape one of `shapes` (None stands for any length)."""
    if not isinstance(value, StoredTensor | np.ndarray):
        raise DataError(path, field=place, found=type(value).__name__, expected="a tensor")
    if shapes and not any(_fits(value.shape, shape) for shape in shapes):
        expected = " or ".join(str(tuple("N" if n is None else n for n in shape)) for shape in shapes)
        raise DataError(path, field=place, found=f"shape {tuple(value.shape)}", expected=f"shape {expected}")
    numbers = value.read() if isinstance(value, StoredTensor) else value
    if numbers.dtype.kind not in "biuf":
        raise DataError(path, field=place, found=str(numbers.dtype), expected="numbers")
    with np.errstate(all="ignore"):  # what becomes infinite is named by who uses it
        return numbers.astype(dtype)


def _fits(shape: tuple[int, ...], pattern: tuple[int | None, ...]) -> bool:
    same = (n is None or n == length for length, n in zip(shape, pattern, strict=False))
    return len(shape) == len(pattern) and all(same)
