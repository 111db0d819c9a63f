"""Arrays come back as they were written; whatever is flipped in their file is found or changes nothing."""

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.files.stored_arrays import load_arrays, save_arrays

ARRAYS = {
    "a": np.arange(12.0).reshape(3, 4),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3), "<u2"),
}


def test_any_arrays_come_back(tmp_path):
    save_arrays(tmp_path / "x", ARRAYS)
    read = load_arrays(tmp_path / "x")
    assert read.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert read[name].dtype == value.dtype and read[name].flags.writeable
        np.testing.assert_array_equal(read[name], value)


def test_every_flipped_bit_is_a_clear_error_or_harmless(tmp_path):
    save_arrays(tmp_path / "x", ARRAYS)
    whole = (tmp_path / "x").read_bytes()
    found = 0
    for place in range(len(whole)):
        for bit in (0, 3, 7):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            (tmp_path / "x").write_bytes(flipped)
            try:
                read = load_arrays(tmp_path / "x")
            except DataError:
                found += 1
                continue
            assert read.keys() == ARRAYS.keys(), (place, bit)
            assert all(np.array_equal(read[name], value) for name, value in ARRAYS.items()), (place, bit)
    assert found > 0.7 * 3 * len(whole)


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array(["text"]))
    with pytest.raises(DataError, match=r"x\.npz, a: found <U4"):
        load_arrays(tmp_path / "x.npz")
