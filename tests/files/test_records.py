"""Records as JSON and flat arrays."""

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from simscale_gym.files.records import RecordReader, RecordWriter


class Kind(IntEnum):
    ONE = 1
    TWO = 2


@dataclass(frozen=True, eq=False)
class Item:
    id: str
    ring: np.ndarray
    kind: Kind
    limit: float | None
    after: tuple[str, ...]


class Pair(NamedTuple):
    left: np.ndarray
    right: object


CLASSES = (Item, Kind, Pair)


def there_and_back(value, classes=CLASSES):
    writer = RecordWriter()
    plain = json.loads(json.dumps(writer.plain(value)))
    return RecordReader(writer.arrays, classes).value(plain)


def some_items(count):
    return {
        f"n{i}": Item(f"n{i}", np.full((i, 2), i), Kind(1 + i % 2), None if i % 3 else 0.1 * i, ("a",) * i)
        for i in range(count)
    }


@pytest.mark.parametrize("count", [0, 1, 7, 8, 40])  # few are written one by one, many as columns
def test_records_by_name(count):
    items = some_items(count)
    found = there_and_back(items)
    assert list(found) == list(items)
    for item, written in zip(found.values(), items.values(), strict=True):
        assert type(item) is Item and isinstance(item.kind, Kind)
        assert (item.id, item.kind, item.limit, item.after) == (
            written.id, written.kind, written.limit, written.after,
        )  # fmt: skip
        np.testing.assert_array_equal(item.ring, written.ring)
        assert item.ring.dtype == written.ring.dtype


def test_plain_values_keep_their_types():
    value = {"path": Path("/some/where"), "list": [1, 2.5, None, True, "x"], "tuple": (1, (2,)), "big": 2**60}
    assert there_and_back(value) == value
    assert isinstance(there_and_back(value)["tuple"][1], tuple)
    number = there_and_back(np.float32(0.1))
    assert type(number) is np.float32 and number == np.float32(0.1)


def test_named_tuples_and_what_is_in_them():
    pair = there_and_back(Pair(np.arange(3), (Pair(np.zeros(0), None), np.arange(2.0))))
    assert type(pair) is Pair and type(pair.right[0]) is Pair
    np.testing.assert_array_equal(pair.right[1], np.arange(2.0))


@pytest.mark.parametrize("count", [3, 30])
def test_arrays_of_many_lengths_stay_apart(count):
    arrays = tuple(np.arange(2 * n).reshape(n, 2) for n in range(count))
    for array, written in zip(there_and_back(arrays), arrays, strict=True):
        np.testing.assert_array_equal(array, written)
        assert array.shape == written.shape


def test_a_class_that_the_reader_does_not_name_is_not_made():
    with pytest.raises(KeyError, match="Item"):
        there_and_back(some_items(3), classes=(Kind, Pair))


def test_what_is_no_plain_data_is_not_written():
    with pytest.raises(TypeError, match="object is no plain data"):
        RecordWriter().plain({"a": object()})
