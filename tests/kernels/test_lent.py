"""Lent records: kernels see the fields of the named tuple that was lent, however deep, and pass parts of it on."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit, typeof
from numba.core.errors import TypingError

from simscale_gym.kernels import Lent, lent_at
from simscale_gym.kernels.borrowing import borrowing


class Inner(NamedTuple):
    rows: np.ndarray
    flags: np.ndarray
    share: float


class Outer(NamedTuple):
    count: int
    inner: Inner
    is_open: bool
    table: np.ndarray


def outer(seed: int) -> Outer:
    rng = np.random.default_rng(seed)
    inner = Inner(rng.integers(0, 9, 4 + seed), rng.random((2, 3)) < 0.5, float(rng.random()))
    return Outer(seed, inner, seed % 2 == 1, rng.random((6, 3 + seed))[::2])


@borrowing
def _of_part(inner: Inner) -> float:
    return inner.share * inner.rows.sum() + inner.flags.sum()


@njit
def told(record):
    """A number of all that is in the record."""
    shape = 100.0 * record.table.shape[0] + record.table.shape[1]
    return record.count + _of_part(record.inner) + 10.0 * record.is_open + record.table[1:].sum() + shape


@njit
def told_at(like, addresses, out):
    for row in range(len(addresses)):
        out[row] = told(lent_at(like, addresses[row]))


@njit
def write(record):
    record.inner.rows[1] = 77


@njit
def misread(record):
    return record.inner.nothing


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_kernel_reads_what_was_lent(seed):
    record = outer(seed)
    assert told(Lent(record)) == pytest.approx(told(record), rel=1e-15)


def test_one_kernel_serves_records_of_all_lengths():
    told(Lent(outer(0)))
    known = len(told.signatures)
    told(Lent(outer(5)))
    assert len(told.signatures) == known


def test_records_are_found_by_their_addresses():
    lent = [Lent(outer(seed)) for seed in range(4)]
    out = np.empty(4)
    told_at(lent[0], np.array([each.address for each in lent]), out)
    np.testing.assert_allclose(out, [told(outer(seed)) for seed in range(4)], rtol=1e-15)


def test_contiguous_arrays_are_shared_and_others_copied():
    record = outer(1)
    lent = Lent(record)
    write(lent)
    assert record.inner.rows[1] == 77
    assert lent.record.inner.rows is record.inner.rows
    assert lent.record.table.flags.c_contiguous
    assert not np.shares_memory(lent.record.table, record.table)


def test_a_field_that_is_not_there_does_not_compile():
    with pytest.raises(TypingError, match="nothing"):
        misread(Lent(outer(1)))


def test_its_type_survives_the_cache_of_compiled_kernels():
    kind = typeof(Lent(outer(1)))
    assert pickle.loads(pickle.dumps(kind)) == kind == typeof(Lent(outer(2)))
