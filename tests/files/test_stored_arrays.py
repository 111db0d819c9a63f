"""Arrays come back as they were written; whatever is flipped in their file is found or changes nothing."""

import contextlib
import io
import struct

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.files.stored_arrays import load_arrays, read_npy, save_arrays, unpack_arrays

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


def packed(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


PACKED = {
    "numbers": np.arange(12.0).reshape(3, 4).T,
    "flags": np.array([True, False]),
    "texts": np.array(["left", "straight"]),
    "one": np.array(3, np.int64),
    "none": np.zeros((0, 3), np.float32),
}


def test_packed_arrays_come_back():
    read = unpack_arrays(packed(**PACKED), "memory")
    assert read.keys() == PACKED.keys()
    for name, value in PACKED.items():
        assert np.array_equal(read[name], value) and read[name].dtype == value.dtype
        assert read[name].flags.writeable and read[name].flags.f_contiguous == value.flags.f_contiguous


def damaged(whole):
    """Copies with one byte changed, or cut."""
    for at in range(0, len(whole), 3):
        for byte in (whole[at] ^ 1, whole[at] ^ 0x40, 0xFF):
            yield whole[:at] + bytes([byte]) + whole[at + 1 :]
        yield whole[:at]


def test_damage_of_packed_arrays_is_one_error():
    """numpy and zipfile raise NotImplementedError, RuntimeError, SyntaxError and more of them."""
    for copy in damaged(packed(**PACKED)):
        with contextlib.suppress(DataError):
            read = unpack_arrays(copy, "memory")
            assert all(np.array_equal(value, PACKED.get(name, value)) for name, value in read.items())


def test_members_that_are_one_and_the_same_are_refused():
    """A directory whose entries all lead to the same megabyte of zeros."""
    whole = packed(a=np.zeros(2**20, np.uint8))
    at = whole.index(b"PK\x01\x02")
    entry, end = whole[at : whole.index(b"PK\x05\x06")], whole[whole.index(b"PK\x05\x06") :]
    count = 5000
    many = (
        whole[:at]
        + entry * count
        + end[:8]
        + struct.pack("<HHI", count, count, len(entry) * count)
        + end[16:]
    )
    with pytest.raises(DataError, match="claims beyond"):
        unpack_arrays(many, "memory")


def test_a_single_array_is_read_within_bounds(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read_npy(path, 1000), np.arange(6.0).reshape(2, 3))
    with pytest.raises(DataError, match="large"):
        read_npy(path, 100)
    for copy in damaged(path.read_bytes()):
        path.write_bytes(copy)
        with contextlib.suppress(DataError):
            read_npy(path, 1000)
