"""Arrays by name in an uncompressed `.npz`, read without pickle, their headers checked before anything is allocated."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.splats.formats.npy_header import read_npy_header
from simscale_gym.splats.formats.stored_archive import BROKEN_ARCHIVE, read_stored

Pattern = tuple[str, tuple[int | None, ...]]
"""Type of numbers as numpy writes it ("<f8"), and shape; None stands for any length."""


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays of numbers as they are."""
    with open(path, "wb") as file:
        np.savez(file, **{name: np.ascontiguousarray(value) for name, value in arrays.items()})


def load_arrays(
    path: Path, patterns: Mapping[str, Pattern], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Reads the arrays that `patterns` names.

    Args:
        path: The file.
        patterns: What each must be.
        optional: Those that may be absent.

    Raises:
        DataError: No such file, damaged, or an array is absent or another than expected.
    """
    if not path.is_file():
        raise DataError(path, found="no file", expected=f"arrays {', '.join(patterns)} in an .npz")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            return {
                name: _read(path, members, name, pattern)
                for name, pattern in patterns.items()
                if name not in optional or f"{name}.npy" in members
            }
    except BROKEN_ARCHIVE as error:
        expected = f"an uncompressed .npz with {', '.join(patterns)}"
        raise DataError(path, found=f"no readable archive ({error})"[:200], expected=expected) from error


def _read(path: Path, members: Mapping[str, zipfile.ZipInfo], name: str, pattern: Pattern) -> np.ndarray:
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
    fits = len(shape) == len(wanted) and all(n is None or n == m for n, m in zip(wanted, shape, strict=False))
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if fortran_order or dtype != np.dtype(kind) or not fits or stream.tell() + size != len(data):
        found = f"{dtype} of shape {shape} in {len(data)} bytes"
        raise DataError(path, field=name, found=found, expected=expected)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).copy()
