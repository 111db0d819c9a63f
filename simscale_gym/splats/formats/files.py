"""The reader and the writer that a file of Gaussians takes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE
from simscale_gym.splats.checkpoints.torch_archive import is_torch_archive, legacy_torch_error
from simscale_gym.splats.checkpoints.trainer_checkpoint import load_trainer_checkpoint
from simscale_gym.splats.formats.antimatter_splat import load_splat, save_splat
from simscale_gym.splats.formats.gaussian_ply import load_gaussian_ply, save_gaussian_ply
from simscale_gym.splats.formats.npz import load_npz, save_npz
from simscale_gym.splats.formats.sog import MANIFEST as SOG_MANIFEST
from simscale_gym.splats.formats.sog import is_sog, is_sog_folder, load_sog
from simscale_gym.splats.formats.spz import load_spz, save_spz
from simscale_gym.splats.formats.spz_stream import MAGIC as SPZ_MAGIC
from simscale_gym.splats.gaussians import Gaussians

WRITERS = {".npz": save_npz, ".ply": save_gaussian_ply, ".splat": save_splat, ".spz": save_spz}

_GZIP_MAGIC, _ZIP_MAGIC, _PICKLE_MAGIC = b"\x1f\x8b", b"PK\x03\x04", b"\x80"
_CHECKPOINTS = (".pt", ".pth", ".ckpt")


def load_gaussians(path: str | os.PathLike[str]) -> Gaussians:
    """Reads a file of Gaussians of any kind that this package knows; its first bytes say which it is.

    Files without a mark of their own (`.splat`) go by their name. An unpacked SOG is a folder, or the manifest in it.

    Raises:
        DataError: No such file, another kind, or damaged.
    """
    path = Path(path)
    folder = path.parent if path.name == SOG_MANIFEST else path
    if is_sog_folder(folder):
        return load_sog(folder)
    if not path.is_file():
        raise DataError(path, found="no file", expected="a file of Gaussians", hint="Check the path.")
    with open(path, "rb") as file:
        head = file.read(4)
    suffix = path.suffix.lower()
    if head.startswith((b"ply\n", b"ply\r")):
        return load_gaussian_ply(path)
    if head == SPZ_MAGIC or head.startswith(_GZIP_MAGIC):
        return load_spz(path)
    if head == _ZIP_MAGIC:
        return _zip_reader(path)(path)
    if suffix == ".npz":
        return load_npz(path)
    if suffix == ".splat":
        return load_splat(path)
    if head.startswith(_PICKLE_MAGIC) or suffix in _CHECKPOINTS:
        raise legacy_torch_error(path, head)
    raise DataError(
        path,
        found=f"a file that starts with {head!r}",
        expected="Gaussians: .npz, .ply, .splat, .spz, .sog or a checkpoint of gsplat's trainer",
        hint="Convert it to PLY with the program that wrote it.",
    )


def save_gaussians(path: str | os.PathLike[str], gaussians: Gaussians) -> None:
    """Writes a file of the kind that its suffix names.

    Raises:
        ArgumentError: No kind has that suffix, or the Gaussians are not valid.
        DataError: It cannot be written; what was there is there still.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ArgumentError(f"path ends with {path.suffix!r}, expected one of {', '.join(WRITERS)}.")
    valid = gaussians.validate()
    with atomic_write(path) as built:
        writer(built, valid)


def _zip_reader(path: Path) -> Callable[[Path], Gaussians]:
    """The reader for what the archive holds; by the name of the file where it cannot be opened."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except BROKEN_ARCHIVE:
        by_name = {".sog": load_sog, **dict.fromkeys(_CHECKPOINTS, load_trainer_checkpoint)}
        return by_name.get(path.suffix.lower(), load_npz)
    if is_torch_archive(names):
        return load_trainer_checkpoint
    return load_sog if is_sog(names) else load_npz
