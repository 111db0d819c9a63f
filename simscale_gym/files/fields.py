"""Nested dictionaries from a file, read field by field: what is missing or misshapen is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fields:
    """One dictionary ``values`` of the file ``path``, reached over the keys ``name`` (dotted)."""

    path: object
    name: str
    values: dict

    @classmethod
    def of(cls, path: object, name: str, values: Any) -> Fields:
        """Check that ``values`` is a dictionary.

        Raises:
            DataError: It is not.
        """
        if not isinstance(values, dict):
            raise DataError(path, field=name, found=type(values).__name__, expected="a dictionary")
        return cls(path, name, values)

    def has(self, key: str) -> bool:
        """Is there a value other than None?"""
        return self.values.get(key) is not None

    def get(self, key: str) -> Any:
        """The value of ``key``, which must be there."""
        if not self.has(key):
            raise self.error(key, "no such key", "one")
        return self.values[key]

    def child(self, key: str) -> Fields:
        """The dictionary under ``key``."""
        return Fields.of(self.path, self._dotted(key), self.get(key))

    def children(self) -> Iterator[tuple[str, Fields]]:
        """Every value, each of which must be a dictionary, with its key as text."""
        for key, value in self.values.items():
            yield str(key), Fields.of(self.path, self._dotted(key), value)

    def text(self, key: str) -> str:
        """A string."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.error(key, f"{type(value).__name__} {value!r:.40}", "text")
        return value

    def array(self, key: str, shape: tuple[int | None, ...], *, finite: bool = True) -> Array:
        """A float array of ``shape``; None stands for any length, a last axis may be longer than asked.

        Raises:
            DataError: Not numbers, another shape, or (``finite``) NaN or infinite.
        """
        try:
            array = np.asarray(self.get(key), float)
        except (TypeError, ValueError):
            raise self.error(key, f"{type(self.values[key]).__name__}, not numbers", "numbers") from None
        wanted = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
        fits = array.ndim == len(shape) and all(
            n is None or m == n or (axis == len(shape) - 1 > 0 and m > n)
            for axis, (m, n) in enumerate(zip(array.shape, shape, strict=True))
        )
        if not fits:
            raise self.error(key, f"shape {list(array.shape)}", f"shape {wanted}")
        if finite and not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise self.error(key, f"{count} values NaN or infinite", "finite numbers")
        return array

    def column(self, key: str, length: int) -> Array:
        """A float array ``[length]``, which may be stored as ``[length, 1]``."""
        value = np.squeeze(np.asarray(self.get(key)))
        return Fields(self.path, self.name, {key: np.atleast_1d(value)}).array(key, (length,), finite=False)

    def error(self, key: str, found: str, expected: str, hint: str = "") -> DataError:
        """An error that names ``key``."""
        return DataError(self.path, field=self._dotted(key), found=found, expected=expected, hint=hint)

    def _dotted(self, key: Any) -> str:
        return f"{self.name}.{key}" if self.name else str(key)
