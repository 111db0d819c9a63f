"""Checkpoints of PyTorch read without PyTorch and without running what they say.

`torch.save` (since PyTorch 1.6) writes a zip: `data.pkl` describes the tree of containers and tensors, each storage is
a member `data/<key>` of raw numbers. The pickle is read as data; tensors are looked up in the storages on demand, and
their claims are held against the storages' sizes before any room is made.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.restricted_pickle import StandIn, unpickle
from simscale_gym.files.stored_archive import BROKEN_ARCHIVE, check_stored, read_stored

MAX_PICKLE_BYTES = 2**28
"""A `data.pkl` larger than this [byte] is refused; it holds no numbers of tensors."""

MOST_TIMES_HELD = 8
"""Tensors that stand in several places count each time; together they take so many times the file at most."""

_LEGACY_MAGIC = b"\x80\x02\x8a\x0a"  # a pickled integer of ten bytes: torch/serialization.py, MAGIC_NUMBER
_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1",
    "ByteStorage": "|u1", "BoolStorage": "|b1",
}  # fmt: skip
_DTYPE_NAMES = (
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that still lies in its archive.

    Attributes:
        path: The archive.
        member: The storage in it, a member of the zip.
        dtype: Type of its numbers as numpy names it, or `bfloat16`.
        start: First number of the tensor in the storage.
        shape: Length along each dimension.
        strides: Steps along each dimension [numbers].
    """

    path: Path
    member: zipfile.ZipInfo
    dtype: str
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self) -> np.ndarray:
        """The numbers, in C order; bfloat16 widened to float32."""
        dtype = np.dtype("<u2" if self.dtype == "bfloat16" else self.dtype)
        flat = np.frombuffer(read_stored(self.path, self.member, self.member.filename), dtype)
        steps = tuple(step * dtype.itemsize for step in self.strides)
        value = np.lib.stride_tricks.as_strided(flat[self.start :], self.shape, steps, writeable=False)
        if self.dtype == "bfloat16":
            return (value.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return np.array(value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """What numpy asks for: the numbers."""
        return self.read()


def is_torch_archive(names: Sequence[str]) -> bool:
    """Whether the members of a zip are those of a checkpoint."""
    return any(name.endswith("/data.pkl") for name in names)


def load_torch_archive(path: Path) -> Any:
    """The tree that `torch.save` wrote: builtin containers with `StoredTensor` and numpy arrays as leaves.

    Raises:
        DataError: No such file, not written by `torch.save` in its zip format, damaged, claiming more than it holds,
            or naming anything but tensors and plain data. None of it is run.
    """
    if not path.is_file():
        raise DataError(path, found="no file", expected="a checkpoint written by torch.save")
    with open(path, "rb") as file:
        head = file.read(4)
    if head != b"PK\x03\x04":
        raise legacy_torch_error(path, head)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            roots = [name for name in members if name.endswith("/data.pkl")]
            if len(roots) != 1:
                raise DataError(
                    path, found=f"{len(roots)} members data.pkl", expected="one, as torch.save writes it"
                )
            root = roots[0].removesuffix("data.pkl")
            pickled = _read(path, members[roots[0]])
            order = members.get(f"{root}byteorder")
            order = b"little" if order is None else _read(path, order)
    except BROKEN_ARCHIVE as error:
        raise DataError(
            path, found=f"a damaged archive ({error})"[:120], expected="a whole checkpoint"
        ) from None
    if order != b"little":
        raise DataError(path, field="byteorder", found=repr(order[:12]), expected="little")
    storages = partial(_storage, path, root, members)
    tree = unpickle(pickled, path, "data.pkl", names=_Names(path).find, persistent=storages)
    held, size = _held_bytes(tree, {}), path.stat().st_size
    if held > MOST_TIMES_HELD * size + 2**20:
        found = f"tensors of {held} bytes in a file of {size}"
        raise DataError(path, field="data.pkl", found=found, expected="each tensor in one place, or a few")
    return tree


def _held_bytes(value: Any, seen: dict[int, int]) -> int:
    """Bytes of all tensors of a tree, as often as they stand in it: many keys can name one storage."""
    if isinstance(value, StoredTensor):
        return math.prod(value.shape) * (2 if value.dtype == "bfloat16" else np.dtype(value.dtype).itemsize)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if not isinstance(value, dict | list | tuple):
        return 0
    if id(value) not in seen:
        seen[id(value)] = 0  # while it is summed, for those that hold themselves
        items = value.values() if isinstance(value, dict) else value
        seen[id(value)] = sum(_held_bytes(item, seen) for item in items)
    return seen[id(value)]


def _read(path: Path, info: zipfile.ZipInfo) -> bytes:
    """A member that holds no numbers of tensors."""
    if info.file_size > MAX_PICKLE_BYTES:
        expected = f"at most {MAX_PICKLE_BYTES}"
        raise DataError(path, field=info.filename, found=f"{info.file_size} bytes", expected=expected)
    return read_stored(path, info, info.filename)


def legacy_torch_error(path: Path, head: bytes) -> DataError:
    """The error about a checkpoint that is no zip."""
    old = head.startswith(_LEGACY_MAGIC)
    return DataError(
        path,
        found="a checkpoint from before PyTorch 1.6" if old else f"a file that starts with {head!r}",
        expected="the zip that torch.save writes",
        hint="If you trust it, load it with torch.load and write it again with torch.save." if old else "",
    )


@dataclass(frozen=True)
class _Storage:
    member: zipfile.ZipInfo
    dtype: str
    count: int


@dataclass
class _Word(StandIn):
    """A type of the stream that is kept as its name: of storages, of numbers."""

    name: str

    def plain(self) -> str:
        return self.name


def _storage(path: Path, root: str, members: dict[str, zipfile.ZipInfo], pid: Any) -> _Storage:
    """What a persistent id stands for: kind, type, key, device and count, checked against the member."""
    kind, word, key, _, count = pid
    plain = isinstance(kind, str) and isinstance(key, str) and type(count) is int
    if not plain or kind != "storage" or not isinstance(word, _Word) or word.name not in _DTYPES:
        raise DataError(
            path, field="data.pkl", found=f"{shown(kind, 20)}, {shown(word)}", expected="a plain storage"
        )
    dtype, member = _DTYPES[word.name], f"{root}data/{key}"
    info = members.get(member)
    size = (2 if dtype == "bfloat16" else np.dtype(dtype).itemsize) * int(count)
    if info is None or info.file_size != size:
        found = "no such member" if info is None else f"{info.file_size} bytes"
        raise DataError(path, field=f"data/{key}", found=found, expected=f"{size} bytes")
    check_stored(path, info, f"data/{key}")
    return _Storage(info, dtype, int(count))


class _Names:
    """The few names of PyTorch that stand for data."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, module: str, name: str) -> Any:
        """A stand-in, or None."""
        if module == "torch" and (name in _DTYPES or name in _DTYPE_NAMES):
            return _Word(name)
        if module == "torch" and name in ("Size", "device"):
            return partial(tuple) if name == "Size" else partial(_device)
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return partial(_tensor, self._path)
        if module == "torch._utils" and name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
            return partial(_parameter)
        return None


def _tensor(path: Path, storage: Any, start: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    """A view of a storage; one that reaches beyond it, or repeats its numbers, is an error."""
    numbers = (start, *shape, *strides)
    if not isinstance(storage, _Storage) or not all(type(n) is int and 0 <= n < 2**48 for n in numbers):
        raise DataError(
            path, field="data.pkl", found=f"a tensor of {shown(numbers)}", expected="a stored tensor"
        )
    count, last, extent = 1, start, 1
    for length, step in zip(shape, strides, strict=True):
        count, last, extent = count * length, last + (length - 1) * step, extent * max(length, 1)
    outside = start > storage.count or (count and (last >= storage.count or count > storage.count))
    if outside or len(shape) > 8 or extent >= 2**48:  # numpy bounds the extent of empty arrays too
        raise DataError(
            path,
            field=storage.member.filename,
            found=f"a tensor of shape {tuple(shape)} at {start} of {storage.count} numbers",
            expected="a tensor inside its storage, each number once",
        )
    return StoredTensor(path, storage.member, storage.dtype, start, tuple(shape), tuple(strides))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _device(*words: Any) -> str:
    return ":".join(word if isinstance(word, str) else shown(word) for word in words)[:40]
