"""Arrays in a file that is mapped into memory."""

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.files.flat_arrays import read_arrays, write_arrays

ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.array([True, False, True]),
    np.zeros((0, 3)),
    np.array(7, np.int8),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.arrays"
    write_arrays(path, {"name": "some", "far": float("inf")}, ARRAYS)
    return path


def test_what_was_written_is_read(path):
    head, arrays = read_arrays(path)
    assert head == {"name": "some", "far": float("inf")}
    for array, written in zip(arrays, ARRAYS, strict=True):
        assert array.dtype == written.dtype and array.shape == written.shape
        np.testing.assert_array_equal(array, written)
        assert array.flags.c_contiguous and array.flags.writeable  # kernels are compiled for such arrays


def test_who_writes_to_an_array_writes_for_itself(path):
    array = read_arrays(path)[1][0]
    array[:] = -1.0
    np.testing.assert_array_equal(read_arrays(path)[1][0], ARRAYS[0])


def test_arrays_outlive_the_file(path):
    _, arrays = read_arrays(path)
    path.unlink()
    np.testing.assert_array_equal(arrays[0], ARRAYS[0])


def test_files_that_are_open_take_no_descriptors(path):
    import os

    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("no /proc")
    kept = [read_arrays(path) for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) <= before and len(kept) == 50


def test_every_flipped_bit_is_found(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(DataError, match="found"):
            read_arrays(path)


@pytest.mark.parametrize("size", [0, 7, 23, 64, 127])
def test_a_part_of_a_file_is_found(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match="whole"):
        read_arrays(path)


def test_a_page_that_was_never_written_is_found(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-448] + bytes(448))
    with pytest.raises(DataError, match="checksum"):
        read_arrays(path)


def test_what_is_no_number_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="expected numbers"):
        write_arrays(tmp_path / "some.arrays", None, [np.array([object()])])
