"""Headers of arrays: those that numpy writes, and no other text."""

import io

import numpy as np
import pytest

from simscale_gym.files.npy_header import read_npy_header


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<f2", "<i8", "|b1", "|u1", "<U7"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 4)])
def test_what_numpy_writes(dtype, shape):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.zeros(shape, dtype), version=(1, 0))
    file.seek(0)
    assert read_npy_header(file) == (shape, False, np.dtype(dtype))
    assert len(file.read()) == np.zeros(shape, dtype).nbytes


def test_fortran_order():
    file = io.BytesIO()
    np.save(file, np.asfortranarray(np.zeros((2, 3))))
    file.seek(0)
    assert read_npy_header(file) == ((2, 3), True, np.dtype("<f8"))


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (40L, 3L), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
        "{'descr': '<q9', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 30 + ",), }",
        "{[]: 1}",
        "'''",
        "if a:\n  b\n c",
        "-" * 5000 + "1",
        "(" * 300,
    ],
)
def test_other_text_is_refused(text):
    head = text.encode() + b"\n"
    with pytest.raises(ValueError, match=r"."):
        read_npy_header(io.BytesIO(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head))
