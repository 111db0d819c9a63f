"""The header of an `.npy` array, read by a pattern: numpy evaluates its text as a literal of Python."""

from __future__ import annotations

import re
from typing import IO

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"{'descr': '([<>|=]?[a-zA-Z?]\d{0,9})', 'fortran_order': (False|True), "
    r"'shape': \(((?:\d{1,18}, ){0,31}\d{1,18},?|)\), } *\n"
)


def read_npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first index runs fastest, and type, of version 1.0 of the format.

    Raises:
        ValueError: Another header than numpy writes for an array of one type.
    """
    magic = stream.read(len(_MAGIC))
    if magic != _MAGIC:
        raise ValueError(f"it starts with {magic!r}, not with {_MAGIC!r}")
    length = int.from_bytes(stream.read(2), "little")
    text = stream.read(length).decode("latin1")
    match = _HEADER.fullmatch(text)
    if match is None:
        raise ValueError(repr(text[:60]))
    kind, order, lengths = match.groups()
    shape = tuple(int(word) for word in lengths.replace(",", " ").split())
    try:
        return shape, order == "True", np.dtype(kind)
    except TypeError as error:
        raise ValueError(str(error)) from None
