"""Arrays one after another in a file that processes map into their memory: opening it costs next to nothing.

A file is a magic number, the length of the head, a checksum, the head (JSON: what was put in beside the arrays, and
where each of these lies), and the arrays, each at a multiple of 64 bytes, in the machine's own byte order. It belongs
to a cache, and to the machine that wrote it.

The checksum is the sum of all 64-bit words: no flipped bit and no page that was never written escapes it, and a
megabyte takes a tenth of a millisecond, so that every file is checked whenever it is opened.
"""

from __future__ import annotations

import ctypes
import json
import math
import mmap
import os
import sys
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError

_MAGIC = int.from_bytes(b"SSGYM\x01" + sys.byteorder[:1].encode() + b"\n", "little")
_LEAD = 24  # bytes: magic, length of the head, checksum
_ALIGNED = 64
_KINDS = "biuf"


def write_arrays(path: Path, head: Any, arrays: Sequence[NDArray]) -> None:
    """Write ``arrays`` of numbers and, as JSON, ``head`` into the new file ``path``."""
    arrays = [np.asarray(array, order="C") for array in arrays]
    wrong = next((array.dtype for array in arrays if array.dtype.kind not in _KINDS), None)
    if wrong is not None:
        raise TypeError(f"write_arrays: an array of {wrong}, expected numbers")
    offsets = np.cumsum([0, *(_padded(array.nbytes) for array in arrays)]).tolist()
    places = [(array.dtype.str, array.shape, offset) for array, offset in zip(arrays, offsets, strict=False)]
    text = json.dumps({"head": head, "arrays": places}, separators=(",", ":")).encode()
    start = _padded(_LEAD + len(text))
    content = np.zeros(start + offsets[-1], np.uint8)
    content[_LEAD : _LEAD + len(text)] = np.frombuffer(text, np.uint8)
    for array, offset in zip(arrays, offsets, strict=False):
        content[start + offset : start + offset + array.nbytes] = array.reshape(-1).view(np.uint8)
    words = content.view(np.uint64)
    words[0], words[1] = _MAGIC, len(text)
    words[2] = words.sum(dtype=np.uint64)
    content.tofile(path)


def read_arrays(path: Path) -> tuple[Any, list[NDArray]]:
    """Head and arrays of ``path``. The arrays lie in the file; who writes to one changes a page of their own.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: It is torn, was changed, or is something else.
    """
    content = _mapped(path)
    words = content[: len(content) // 8 * 8].view(np.uint64)
    if len(content) < _LEAD or words[0] != _MAGIC or len(content) % _ALIGNED:
        raise _fault(path, f"{len(content)} bytes of something else, or a part")
    if int(words.sum(dtype=np.uint64)) != 2 * int(words[2]) % 2**64:
        raise _fault(path, "another checksum than it was written with")
    length = int(words[1])
    try:
        described = json.loads(content[_LEAD : _LEAD + length].tobytes())
        start = _padded(_LEAD + length)
        arrays = [_array(content, start, *place) for place in described["arrays"]]
        return described["head"], arrays
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _fault(path, f"{type(error).__name__}: {error}") from error


def _array(content: NDArray[np.uint8], start: int, code: str, shape: list[int], offset: int) -> NDArray:
    count = math.prod(shape)
    if not count:
        return np.zeros(shape, code)
    return np.frombuffer(content, code, count, start + offset).reshape(shape)


def _fault(path: Path, found: str) -> DataError:
    return DataError(
        path, found=found, expected="a file of arrays, whole", hint="Delete it: it is made anew."
    )


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _mapped(path: Path) -> NDArray[np.uint8]:
    """The bytes of a file, shared with all who map it until they are written to.

    Python's own ``mmap`` keeps a file descriptor for each file, of which a process has a thousand.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size or _libc() is None:
            return np.fromfile(file, np.uint8)
        access, private = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE
        address = _libc().mmap(None, size, access, private, file.fileno(), 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    buffer = (ctypes.c_uint8 * size).from_address(address)
    weakref.finalize(buffer, _libc().munmap, address, size).atexit = False
    return np.frombuffer(buffer, np.uint8)


@cache
def _libc() -> Any:
    """The C library's ``mmap`` and ``munmap``; None where there are none."""
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    )  # fmt: skip
    library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return library
