"""The exact file of this package: an uncompressed `.npz` with one float32 array per field of `Gaussians`."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.npy_header import read_npy_header
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE, check_stored
from simscale_gym.splats.gaussians import Gaussians

_NAMES = tuple(field.name for field in fields(Gaussians))
_EXPECTED = f"an uncompressed .npz with the float32 arrays {', '.join(_NAMES)}"


def load_npz(path: Path) -> Gaussians:
    """Reads what :func:`save_npz` wrote.

    Raises:
        DataError: When the file is no such archive, lacks a field or holds wrong values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = [_read_member(path, archive, name) for name in _NAMES]
    except BROKEN_ARCHIVE as error:
        raise DataError(path, found=f"no readable archive ({error})"[:200], expected=_EXPECTED) from error
    try:
        return Gaussians(*arrays).validate()
    except ArgumentError as error:
        raise DataError(path, found=str(error), expected=_EXPECTED) from error


def save_npz(path: Path, gaussians: Gaussians) -> None:
    """Writes every value as it is."""
    with open(path, "wb") as file:
        np.savez(file, **{name: getattr(gaussians, name) for name in _NAMES})


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads one array of an `.npz`; its header is checked against the stored size before allocation."""
    expected = "a little-endian float32 array in C order, stored uncompressed"
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise DataError(path, field=name, found="no such array", expected=expected) from error
    check_stored(path, info, name)
    with archive.open(info) as member:
        try:
            shape, fortran_order, dtype = read_npy_header(member)
        except ValueError as error:
            raise DataError(path, field=name, found=f"a bad header ({error})", expected=expected) from error
        size = int(np.prod(shape, dtype=object)) * 4
        if fortran_order or dtype != np.dtype("<f4") or member.tell() + size != info.file_size:
            found = f"dtype {dtype}, shape {shape}, Fortran order {fortran_order}, {info.file_size} bytes"
            raise DataError(path, field=name, found=found, expected=expected)
        return np.frombuffer(member.read(size), "<f4").astype(np.float32).reshape(shape)
