"""Arrays by name in an `.npz`, read without pickle, their headers checked before anything is allocated.

numpy reads a header as a literal of Python and makes room for whatever it claims; damaged ones make it raise errors of
all kinds.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.npy_header import read_npy_header
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE, read_stored

Pattern = tuple[str, tuple[int | None, ...]]
"""Type of numbers as numpy writes it ("<f8"), and shape; None stands for any length."""

_MOST_DEFLATED = (
    1100  # bytes that one can expand to: a little more than deflate's own 1,032 [zlib technical details]
)
_END_BYTES = 22  # of the record that ends an archive without a comment


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays of numbers as they are."""
    with open(path, "wb") as file:
        np.savez(file, **{name: np.ascontiguousarray(value) for name, value in arrays.items()})


def load_arrays(
    path: Path, patterns: Mapping[str, Pattern] | None = None, optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Reads the arrays that `patterns` names.

    Args:
        path: The file.
        patterns: What each must be; None takes every array of numbers, whatever it is called.
        optional: Names of arrays that may be absent.

    Raises:
        DataError: No such file, damaged, or an array is absent or another than expected.
    """
    names = "arrays" if patterns is None else ", ".join(patterns)
    if not path.is_file():
        raise DataError(path, found="no file", expected=f"{names} in an .npz")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if patterns is None:
                _check_count(path, len(members))
                stems = (name.removesuffix(".npy") for name in members)
                return {name: _read(path, members, name, None) for name in stems}
            return {
                name: _read(path, members, name, pattern)
                for name, pattern in patterns.items()
                if name not in optional or f"{name}.npy" in members
            }
    except BROKEN_ARCHIVE as error:
        expected = f"an uncompressed .npz with {names}"
        raise DataError(path, found=f"no readable archive ({error})"[:200], expected=expected) from error


def unpack_arrays(data: bytes, path: object) -> dict[str, np.ndarray]:
    """All arrays in the bytes of an `.npz`, stored or deflated; numbers, truth values or text.

    Args:
        data: The bytes.
        path: Where they come from, for errors.

    Raises:
        DataError: They are no such archive, damaged, or claim more than they can hold.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(info.file_size for info in members) > _MOST_DEFLATED * len(data):
                raise DataError(path, found=f"claims beyond {len(data)} bytes", expected="an .npz")
            return {
                info.filename.removesuffix(".npy"): _array(path, info.filename, archive.read(info))
                for info in members
            }
    except (*BROKEN_ARCHIVE, zlib.error) as error:
        raise DataError(
            path, found=f"no readable archive ({error})"[:200], expected="an .npz, whole"
        ) from None


def read_npy(path: Path, most: int) -> np.ndarray:
    """The array of numbers in a `.npy` file of up to ``most`` bytes.

    Raises:
        DataError: No such file, larger, or something else.
    """
    if not path.is_file() or path.stat().st_size > most:
        raise DataError(path, found="no file, or a large one", expected=f".npy of up to {most} bytes")
    return _array(path, "", path.read_bytes())


def _array(path: object, name: str, data: bytes) -> np.ndarray:
    """The array that ``data`` are in the `.npy` format."""
    stream = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
    except ValueError as error:
        found = f"a bad header ({error})"[:200]
        raise DataError(path, field=name, found=found, expected="an array as numpy writes it") from None
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.kind not in "biufcSU" or stream.tell() + size != len(data):
        kind = "Python objects" if dtype.hasobject else f"{dtype} of shape {shape} in {len(data)} bytes"
        raise DataError(path, field=name, found=kind, expected="numbers, whole")
    array = np.frombuffer(data, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if fortran_order else "C").copy(order="K")


def _read(
    path: Path, members: Mapping[str, zipfile.ZipInfo], name: str, pattern: Pattern | None
) -> np.ndarray:
    expected = "numbers, uncompressed"
    if pattern is not None:
        kind, wanted = pattern
        expected = f"{kind} of shape {tuple('N' if n is None else n for n in wanted)}, uncompressed"
    if f"{name}.npy" not in members:
        raise DataError(path, field=name, found="no such array", expected=expected)
    data = read_stored(path, members[f"{name}.npy"], name)
    stream = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = read_npy_header(stream)
    except ValueError as error:
        raise DataError(path, field=name, found=f"a bad header ({error})"[:200], expected=expected) from error
    fits = dtype.kind in "biufc" if pattern is None else dtype == np.dtype(kind) and _fits(shape, wanted)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if fortran_order or not fits or stream.tell() + size != len(data):
        found = f"{dtype} of shape {shape} in {len(data)} bytes"
        raise DataError(path, field=name, found=found, expected=expected)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).copy()


def _check_count(path: Path, count: int) -> None:
    """Holds the members that were found against the number at the end of the file: a wrong length hides the next."""
    with open(path, "rb") as file:
        file.seek(-_END_BYTES, 2)
        said = int.from_bytes(file.read(_END_BYTES)[10:12], "little")  # [APPNOTE 4.3.16]
    if said != count:
        raise DataError(path, found=f"{count} arrays", expected=f"{said}, as its last bytes say")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(n is None or n == m for n, m in zip(wanted, shape, strict=True))
