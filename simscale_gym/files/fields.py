"""Nested dictionaries from a file, read field by field: what is missing or misshapen is named by its place.

JSON, YAML, pickles and checkpoints of strangers all end up here. Lists of a pickle can repeat one another, so that a
few bytes name billions of items: no list is followed further than its length allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown

Shape = tuple[int | None, ...]
"""Lengths along the axes of an array; None stands for any."""

_PLAIN = (str, int, float, type(None))
_NAME_BITS = 128  # of whole numbers that something is called by
_WIDEST = 16  # of a last axis that may be longer than asked


@dataclass(frozen=True)
class Fields:
    """A dictionary of a file, and its place.

    Attributes:
        path: The file.
        place: Keys that lead here, with dots.
        values: The dictionary; its keys are text.
    """

    path: Any
    place: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: object, place: str, values: Any) -> Fields:
        """The fields of ``values``; numbers among its keys become text.

        Raises:
            DataError: It is no dictionary, or has other keys.
        """
        if not isinstance(values, dict):
            raise DataError(path, field=place, found=_described(values), expected="a dictionary")
        if not all(isinstance(key, str) for key in values):
            if not all(isinstance(key, str | int) for key in values):
                found = "a dictionary with other keys than text"
                raise DataError(path, field=place, found=found, expected="a dictionary with text as keys")
            try:
                values = {str(key): value for key, value in values.items()}
            except ValueError:  # Python writes no numbers of thousands of digits
                raise DataError(
                    path, field=place, found="a key of thousands of digits", expected="text as keys"
                ) from None
        return cls(path, place, values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def at(self, key: str) -> str:
        """The place of ``key``, for errors."""
        return f"{self.place}.{key}" if self.place else key

    def error(self, key: str, found: str, expected: str, hint: str = "") -> DataError:
        """An error that names ``key``."""
        return DataError(self.path, field=self.at(key), found=found, expected=expected, hint=hint)

    def has(self, key: str) -> bool:
        """Whether there is a value other than None."""
        return self.values.get(key) is not None

    def get(self, key: str) -> Any:
        """The value of ``key``, which must be there, and not None."""
        if key not in self.values:
            found = f"no such key among {', '.join(list(self.values)[:8]) or 'none'}"
            raise self.error(key, found[:300], f"the key {key}"[:100])
        if self.values[key] is None:
            raise self.error(key, "None", "a value")
        return self.values[key]

    def child(self, key: str) -> Fields:
        """The dictionary under ``key``."""
        return Fields.of(self.path, self.at(key), self.get(key))

    def children(self, key: str = "") -> Iterator[tuple[str, Fields]]:
        """The dictionaries under every key, or in the list under ``key``, with their keys or numbers."""
        items = self.values.items()
        if key:
            value = self.get(key)
            if not isinstance(value, list | tuple):
                raise self.error(key, _described(value), "a list of dictionaries")
            items = ((f"{key}[{index}]", item) for index, item in enumerate(value))
        for name, value in items:
            yield name, Fields.of(self.path, self.at(name), value)

    def text(self, key: str, among: tuple[str, ...] = ()) -> str:
        """A string, one of ``among`` where that names some."""
        value = self.get(key)
        if not isinstance(value, str) or (among and value not in among):
            raise self.error(key, _described(value), f"one of {', '.join(among)}" if among else "text")
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """What something is called: text, or a number as text; ``default``, if there is one, where none is named."""
        if default is not None and not self.has(key):
            return default
        return self.called(key, self.get(key))

    def items(self, key: str) -> Sequence[Any]:
        """What a list or an array of one axis holds; nothing where there is none."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) and getattr(value, "ndim", 0) != 1:
            raise self.error(key, _described(value), "a list")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """What several things are called; none where nothing stands there."""
        return tuple(self.called(key, item) for item in self.items(key))

    def called(self, key: str, value: Any) -> str:
        """``value`` of ``key`` as a name."""
        number = isinstance(value, int) and value.bit_length() < _NAME_BITS
        if not (number or isinstance(value, str | float | np.integer | np.floating)):
            raise self.error(key, _described(value), "text or a number")
        return str(value)

    def flag(self, key: str) -> bool:
        """A value that is true or false."""
        value = self.get(key)
        if not isinstance(value, bool | np.bool_):
            raise self.error(key, _described(value), "true or false")
        return bool(value)

    def integer(self, key: str, low: int = 0, high: int = 2**62) -> int:
        """A whole number in ``low..high``, in any kind of number or an array of one."""
        value = self.get(key)
        if getattr(value, "shape", None) in ((), (1,)):
            value = np.asarray(value).reshape(-1)[0]
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not plain or not low <= value <= high or value != int(value):
            raise self.error(key, shown(value), f"a whole number in {low}..{high}")
        return int(value)

    def array(
        self, key: str, *shapes: Shape, dtype: Any = np.float64, finite: bool = False, wider: bool = False
    ) -> np.ndarray:
        """Numbers, cast to ``dtype``: an array, a tensor, or nested lists.

        Args:
            key: Key of the field that holds them.
            shapes: Shapes that they may have; without any, every shape of an array will do.
            dtype: Type to cast them to.
            finite: Refuse NaN and infinity.
            wider: The last axis may be longer than a shape says.

        Raises:
            DataError: No numbers, another shape, or not finite.
        """
        value, kinds = self.get(key), "finite numbers" if finite else "numbers"
        wanted = " or ".join(str(tuple("N" if n is None else n for n in shape)) for shape in shapes)
        expected = f"{kinds} of shape {wanted}" if shapes else f"an array of {kinds}"
        if not (any(_fits(value, shape, wider) for shape in shapes) if shapes else _is_array(value)):
            raise self.error(key, _described(value), expected)
        try:
            stored = np.asarray(value if _is_array(value) else np.array(value, np.float64))
            if stored.dtype.kind not in "biufO" or (shapes and stored.ndim not in map(len, shapes)):
                raise self.error(key, _described(value), expected)
            with np.errstate(all="ignore"):  # what becomes infinite is named by who uses it
                numbers = stored.astype(dtype)
        except (TypeError, ValueError, OverflowError):
            raise self.error(key, _described(value), expected) from None
        if finite and not np.isfinite(numbers).all():
            count = int((~np.isfinite(numbers)).sum())
            raise self.error(key, f"{count} values NaN or infinite", expected)
        return numbers


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _fits(value: Any, shape: Shape, wider: bool, inside: bool = False) -> bool:
    """Whether ``value`` has ``shape``; of lists, every item at every depth, the first of any length."""
    if _is_array(value):
        longer = [wider and axis == len(shape) - 1 for axis in range(len(shape))]
        return len(value.shape) == len(shape) and all(map(_agrees, value.shape, shape, longer))
    if not shape:
        return isinstance(value, int | float | np.number | np.bool_)
    if not isinstance(value, list | tuple) or (inside and shape[0] is None):
        return False
    if not _agrees(len(value), shape[0], wider and len(shape) == 1):
        return False
    return all(_fits(item, shape[1:], wider, inside=True) for item in value)


def _agrees(length: int, wanted: int | None, longer: bool) -> bool:
    return wanted is None or length == wanted or (longer and wanted < length <= _WIDEST)


def _described(value: Any) -> str:
    if _is_array(value):
        return f"shape {tuple(value.shape)} of {value.dtype}"
    return shown(value) if isinstance(value, _PLAIN) else f"{type(value).__name__} {shown(value)}"
