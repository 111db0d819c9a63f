"""Checkpoints in the layout of `torch.save`, written without PyTorch."""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import dataclass

import numpy as np

STORAGES = {
    "f8": "Double",
    "f4": "Float",
    "f2": "Half",
    "i8": "Long",
    "i4": "Int",
    "u1": "Byte",
    "b1": "Bool",
}


@dataclass(frozen=True)
class Name:
    """A name of another module, written as such."""

    module: str
    name: str

    def __reduce__(self):
        return self.name

    def __call__(self):
        """Pickle asks for something that can be called; nobody does."""


class Call:
    """A call that the reader is asked to make."""

    def __init__(self, module, name, *arguments):
        self.reduced = (Name(module, name), arguments)

    def __reduce__(self):
        return self.reduced


@dataclass(frozen=True, eq=False)
class Storage:
    values: np.ndarray


def tensor(values, shape=None, strides=None, start=0, count=None):
    """A tensor; shape, strides, start and count may lie."""
    values = np.ascontiguousarray(values)
    shape = values.shape if shape is None else shape
    if strides is None:
        strides = tuple(step // values.itemsize for step in np.empty(shape, values.dtype).strides)
    storage = Storage(values) if count is None else LyingStorage(values, count)
    hooks = Call("collections", "OrderedDict")
    return Call(
        "torch._utils", "_rebuild_tensor_v2", storage, start, tuple(shape), tuple(strides), False, hooks
    )


@dataclass(frozen=True, eq=False)
class LyingStorage(Storage):
    count: int


class _Writer(pickle._Pickler):
    def __init__(self, file):
        super().__init__(file, 2)
        self.storages = []

    def save_global(self, obj, name=None):
        if not isinstance(obj, Name):
            return super().save_global(obj, name)
        self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        self.storages.append(obj.values)
        word = Name("torch", STORAGES[obj.values.dtype.str[1:]] + "Storage")
        count = obj.count if isinstance(obj, LyingStorage) else obj.values.size
        return ("storage", word, str(len(self.storages) - 1), "cpu", count)


def pickled(tree):
    """The stream `data.pkl` and the storages that it names."""
    file = io.BytesIO()
    writer = _Writer(file)
    writer.dump(tree)
    return file.getvalue(), writer.storages


def checkpoint(path, tree):
    """Writes a tree of containers, numbers and `tensor(..)`; arrays become tensors."""
    data, storages = pickled(_with_tensors(tree))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", b"little")
        for key, values in enumerate(storages):
            archive.writestr(f"archive/data/{key}", values.tobytes())
        archive.writestr("archive/version", b"3\n")


def _with_tensors(tree):
    if isinstance(tree, np.ndarray):
        return tensor(tree)
    if isinstance(tree, dict):
        return {key: _with_tensors(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_with_tensors(value) for value in tree)
    return tree


def with_other_numbers(reader, tree):
    """A reader of raw numbers: they fill the storages of `tree`, so that no checksum keeps damage from it.

    Returns:
        The reader and the numbers of `tree` as they are.
    """
    data, storages = pickled(_with_tensors(tree))
    whole = b"".join(values.tobytes() for values in storages)

    def read(path):
        numbers, at = path.read_bytes().ljust(len(whole), b"\0"), 0
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            for key, values in enumerate(storages):
                archive.writestr(f"archive/data/{key}", numbers[at : at + values.nbytes])
                at += values.nbytes
        return reader(path)

    return read, whole


def with_other_pickle(reader, tree):
    """As :func:`with_other_numbers`, of the bytes of `data.pkl` over unchanged storages."""
    data, storages = pickled(_with_tensors(tree))

    def read(path):
        stream = path.read_bytes()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", stream)
            for key, values in enumerate(storages):
                archive.writestr(f"archive/data/{key}", values.tobytes())
        return reader(path)

    return read, data
