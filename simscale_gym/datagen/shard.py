"""Samples as members of a tar file: what they are called, how they are written the same every time, and read back."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.datagen.layout import REPAIR_HINT
from simscale_gym.datagen.moments import Moments
from simscale_gym.datagen.sample import DataSample, SampleArrays
from simscale_gym.errors import DataError
from simscale_gym.files.stored_arrays import unpack_arrays

ARRAYS, MOMENTS, ROW, STEP = "arrays.npz", "moments.npz", "row.json", "step.npz"
"""Members beside the pictures; the last one is of rollouts."""

_Arrays = TypeVar("_Arrays", SampleArrays, Moments)

_LONGEST = 48  # letters of a scene's id that its keys show
_PILLOW_FORMAT = {"jpg": "JPEG", "png": "PNG"}


def sample_key(scene_id: str, frame: int, expert: str, round_index: int, step: int | None = None) -> str:
    """Name of a sample: letters, digits, "_" and "-", for a dot would end it in a tar; other for every scene id."""
    digest = hashlib.sha256(scene_id.encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", scene_id)[:_LONGEST]
    return f"{readable}-{digest}-{frame:06d}-{expert}-{round_index}{'' if step is None else f'-{step:04d}'}"


def encoded_picture(picture: NDArray[np.uint8], suffix: str, quality: int) -> bytes:
    """A picture ``[H, W, 3]`` as a file that ends with ``suffix``."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, _PILLOW_FORMAT[suffix], quality=quality)
    return buffer.getvalue()


def sample_bytes(sample: DataSample, suffix: str, quality: int) -> bytes:
    """The members of a sample in a tar: the same bytes for the same sample.

    Args:
        sample: The sample; its row has no place in a shard yet.
        suffix: How the names of its picture files end.
        quality: Quality of JPEG pictures, 1 to 95.
    """
    key, described = sample.row["key"], json.dumps(sample.row, sort_keys=True).encode()
    pictures = {
        f"{name}.{suffix}": encoded_picture(picture, suffix, quality)
        for name, picture in sample.pictures.items()
    }
    packed = {ARRAYS: _packed(sample.arrays.named()), MOMENTS: _packed(sample.moments.named())}
    step = {STEP: _packed(sample.step)} if sample.step else {}
    members = {**pictures, **packed, **step, ROW: described}
    buffer = io.BytesIO()
    archive = tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  (has no end yet)
    for name, data in members.items():
        info = tarfile.TarInfo(f"{key}.{name}")
        info.size, info.mode, info.mtime = len(data), 0o644, 0
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _packed(arrays: Mapping[str, NDArray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _unpacked(kind: type[_Arrays], packed: bytes) -> _Arrays:
    arrays = unpack_arrays(packed, kind.__name__)
    return kind(**{item.name: arrays[item.name] for item in fields(kind)})


class ShardWriter:
    """Writes samples one behind the other.

    Args:
        path: File to write; it is made with the first sample.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._digest, self.size = path, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written; "" where nothing was."""
        return self._digest.hexdigest() if self.size else ""

    def add(self, sample: bytes) -> dict[str, Any]:
        """Append a sample of :func:`sample_bytes`; the columns that find it again."""
        place = {"start_byte": self.size, "bytes": len(sample), "sha256": hashlib.sha256(sample).hexdigest()}
        self._append(sample)
        return place

    def close(self) -> None:
        """Write the end of the archive, filled up to a record as tar does."""
        if self.size:
            end = 2 * tarfile.BLOCKSIZE
            self._append(bytes(end + -(self.size + end) % tarfile.RECORDSIZE))

    def _append(self, data: bytes) -> None:
        with open(self._path, "ab") as file:
            file.write(data)
        self._digest.update(data)
        self.size += len(data)


def read_sample(path: Path, row: Mapping[str, Any]) -> DataSample:
    """The sample that ``row`` describes, out of the shard ``path``.

    Raises:
        DataError: The shard is gone, or damaged at this place.
    """
    return decoded_sample(path, row, stored_bytes(path, row))


def stored_bytes(path: Path, row: Mapping[str, Any]) -> bytes:
    """The bytes that ``row`` points at; fewer where the file is cut.

    Raises:
        DataError: There is no such file.
    """
    try:
        with open(path, "rb") as file:
            file.seek(row["start_byte"])
            return file.read(row["bytes"])
    except OSError as error:
        raise DataError(
            path, field=row["key"], found=error.strerror or "nothing", expected="a shard", hint=REPAIR_HINT
        ) from error


def decoded_sample(path: Path, row: Mapping[str, Any], data: bytes) -> DataSample:
    """The sample whose members ``data`` holds; ``path`` is named where it is damaged.

    Raises:
        DataError: The bytes are not those of the sample.
    """
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise DataError(
            path,
            field=row["key"],
            found="other bytes than were written at first",
            expected="the sample that its row names",
            hint=REPAIR_HINT,
        )
    members = _members(row["key"], data)
    arrays = _unpacked(SampleArrays, members.pop(ARRAYS))
    moments = partial(_unpacked, Moments, members.pop(MOMENTS))
    members.pop(ROW)
    step = unpack_arrays(members.pop(STEP), STEP) if STEP in members else {}
    pictures = {name.rpartition(".")[0]: _picture(encoded) for name, encoded in members.items()}
    return DataSample(row, arrays, pictures, moments, step)


def _members(key: str, data: bytes) -> dict[str, bytes]:
    """Members of one sample by their names behind its key."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {info.name: archive.extractfile(info).read() for info in archive if info.isfile()}
    return {name.removeprefix(f"{key}."): content for name, content in found.items()}


def _picture(encoded: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def picture_name(camera: str, step: int) -> str:
    """Name of the picture ``step`` half seconds from the present, as :attr:`DataSample.pictures` has it."""
    return camera + (f".{-step}" if step < 0 else f".plus{step}" if step > 0 else "")
