"""Tables of records, against the records one by one."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from simscale_gym.kernels import RecordTable, describe, record_at


class Part(NamedTuple):
    numbers: np.ndarray
    factor: float


class Record(NamedTuple):
    points: np.ndarray
    part: Part
    pair: tuple
    count: int
    flag: bool
    marks: np.ndarray


def make(rng, length):
    return Record(
        points=rng.normal(size=(length, 3)),
        part=Part(rng.integers(-5, 5, length).astype(np.int8), float(rng.normal())),
        pair=(rng.random(2), -2.5),
        count=int(rng.integers(-9, 9)),
        flag=bool(rng.random() < 0.5),
        marks=rng.random((length, 2)) < 0.5,
    )


@njit
def summed(record):
    total = record.part.factor * record.pair[0][1] + record.pair[1] + record.count
    for n in range(len(record.points)):
        record.points[n, 1] += 1.0
        total += record.points[n].sum() * record.part.numbers[n]
        if record.marks[n, 0] or record.flag:
            total += 100.0
    return total


@njit
def summed_all(example, words, out):
    for row in range(len(words)):
        out[row] = summed(record_at(example, words, row))


def filled(records):
    table = RecordTable(records[0], len(records))
    for row, record in enumerate(records):
        table.put(row, record)
    return table


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_a_row_is_the_record_that_was_put_there(lengths, seed):
    rng = np.random.default_rng(seed)
    records = [make(rng, length) for length in lengths]
    twins = [record._replace(points=record.points.copy()) for record in records]
    table, out = filled(records), np.empty(len(records))
    summed_all(table.example, table.words, out)
    assert out.tolist() == [summed(twin) for twin in twins]
    for record, twin in zip(records, twins, strict=True):
        np.testing.assert_array_equal(record.points, twin.points)  # changed where it lies


def test_what_is_not_contiguous_is_copied_and_what_has_another_kind_refused():
    rng = np.random.default_rng(0)
    record = make(rng, 6)
    across = record._replace(points=np.asfortranarray(record.points))
    table, out = filled([record, across]), np.empty(2)
    summed_all(table.example, table.words, out)
    assert out[0] == out[1] and (across.points != table.get(1).points).any()
    with pytest.raises(AssertionError):
        table.put(0, record._replace(points=np.zeros(3)))


def test_parts_may_be_described_before():
    rng = np.random.default_rng(2)
    records = [make(rng, length) for length in (3, 5)]
    table, out, whole = filled(records), np.empty(2), np.empty(2)
    summed_all(table.example, table.words, whole)
    part = describe(records[1].part, records[0].part)
    again = RecordTable(records[0], 2)
    again.put(0, describe(records[0], again.example))
    again.put(1, records[1]._replace(part=part))
    for record in records:
        record.points[:, 1] -= 1.0
    summed_all(again.example, again.words, out)
    np.testing.assert_allclose(out, whole, rtol=1e-12)
    assert again.get(1).part is part.record


def test_a_table_keeps_what_it_points_to():
    rng = np.random.default_rng(1)
    table, out = RecordTable(make(rng, 1), 50), np.empty(50)
    for row in range(50):
        table.put(row, make(np.random.default_rng(row), 2000))
    _ = [rng.random((2000, 3)) for _ in range(50)]  # would take the place of what was let go
    summed_all(table.example, table.words, out)
    assert out.tolist() == [summed(make(np.random.default_rng(row), 2000)) for row in range(50)]
