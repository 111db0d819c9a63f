"""What the kernels ask of the compiler and the processor."""

import numpy as np
from numba import njit

from simscale_gym.splats.cpu.instructions import lowest_bit, prefer_wide_vectors, prefetch, prefetch_to_write


def test_the_lowest_bit_is_found():
    @njit
    def places(numbers):
        return np.array([lowest_bit(number) for number in numbers])

    numbers = np.array([1 << 63 | 1 << 5, 1, 1 << 63, 12], np.uint64)
    np.testing.assert_array_equal(places(numbers), [5, 0, 63, 2])


def test_the_wish_for_wide_vectors_reaches_the_compiler():
    @njit
    def twice(values):
        prefer_wide_vectors()
        for i in range(len(values)):
            values[i] *= 2.0

    values = np.ones(40, np.float32)
    twice(values)
    assert (values == 2.0).all()
    assert '"prefer-vector-width"="512"' in next(iter(twice.inspect_llvm().values()))


def test_memory_that_was_asked_for_is_unchanged():
    @njit
    def ask(values):
        prefetch(values, 0)
        prefetch_to_write(values, len(values) + 1000)  # beyond the end: nothing happens

    values = np.arange(20.0, dtype=np.float32)
    ask(values)
    np.testing.assert_array_equal(values, np.arange(20.0))
