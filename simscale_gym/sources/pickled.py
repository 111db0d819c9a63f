"""Read pickles from strangers as data: numpy arrays and builtin containers, nothing that runs.

A pickle is a program for a small machine. Here it can name only what stands in this file: builtin
containers, and stand-ins for numpy's array builders that check sizes before anything is allocated.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simscale_gym.errors import DataError

MAX_PICKLE_BYTES = 2**30
"""A pickle larger than this [byte] is refused before it is read."""

_CONTAINERS = {
    kind.__name__: kind for kind in (list, dict, tuple, set, frozenset, int, float, bool, complex, str)
}
_PLAIN_DTYPE = re.compile(r"[<>|=]?([biufc]\d{1,2}|[SU]\d{1,6}|O8?|\?)")
_NUMPY_CORES = ("numpy.core", "numpy._core")  # numpy 1 and numpy 2
_DEVKIT_LISTS = ("Translation", "Rotation", "CameraIntrinsic")  # list subclasses of nuplan-devkit

# What a broken or hostile stream makes the pickle machine raise: it indexes, decodes, hashes and calls.
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError,
    ImportError, OverflowError, MemoryError, RecursionError, NotImplementedError,
)  # fmt: skip


def load_pickle(path: str | Path) -> Any:
    """What the pickle file ``path`` holds, made of builtin containers and numpy arrays.

    Raises:
        DataError: Missing, too large, truncated, or it names anything that is not plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(path, found="no such file", expected="a pickle file", hint="Check the path.")
    size = path.stat().st_size
    if size > MAX_PICKLE_BYTES:
        raise DataError(path, found=f"{size} bytes", expected=f"a pickle of at most {MAX_PICKLE_BYTES} bytes")
    return loads_pickle(path.read_bytes(), path)


def loads_pickle(data: bytes, path: object, field: str = "") -> Any:
    """As :func:`load_pickle`, of bytes; ``path`` and ``field`` name their place in errors."""
    if not isinstance(data, bytes):
        raise DataError(path, field=field, found=type(data).__name__, expected="the bytes of a pickle")
    try:
        _check_memo(data)
        return _plain(_Unpickler(data).load(), {}, 0)
    except _Forbidden as error:
        raise DataError(
            path,
            field=field,
            found=f"a pickle that names {error}",
            expected="numbers, text, builtin containers and numpy arrays",
            hint="Nothing of it was run. Use files only from sources that you trust, or convert them first.",
        ) from None
    except _BROKEN as error:
        raise DataError(
            path,
            field=field,
            found=f"{len(data)} bytes that are no whole pickle ({type(error).__name__}: {error})",
            expected="a pickle of plain data",
            hint="The file may be truncated: fetch or write it again.",
        ) from None


class _Forbidden(pickle.UnpicklingError):
    """The pickle names something outside the allowed."""


class _Unpickler(pickle.Unpickler):
    """Finds containers and stand-ins of numpy's builders; every other name is an error.

    Each load makes its own stand-ins, so that a stream which sets attributes on them changes nothing else.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._list = type("_List", (list,), {"__setstate__": lambda self, state: None})

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global of the stream."""
        package, _, leaf = module.rpartition(".")
        if module in ("builtins", "__builtin__"):
            found = _CONTAINERS.get(name) or {"bytes": partial(_bytes), "bytearray": partial(_bytes)}.get(
                name
            )
        elif module == "collections":
            found = {"OrderedDict": OrderedDict, "defaultdict": partial(_default_dict)}.get(name)
        elif module == "_codecs" and name == "encode":
            found = partial(_bytes)
        elif leaf == "data_types" and name in _DEVKIT_LISTS:
            found = self._list
        elif module == "numpy":
            found = {"ndarray": object(), "dtype": partial(_Dtype)}.get(name)
        elif package in _NUMPY_CORES:
            builders = {"_reconstruct": _reconstruct, "scalar": _scalar, "_frombuffer": _from_buffer}
            found = partial(builders[name]) if name in builders else None
        else:
            found = None
        if found is None:
            raise _Forbidden(f"{module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Persistent ids point outside the file."""
        raise _Forbidden(f"persistent id {pid!r:.40}")


class _Dtype:
    """Stands in for a dtype: its byte order arrives later, and only plain kinds are taken."""

    def __init__(self, spec: Any, *_: Any) -> None:
        if not isinstance(spec, str) or not _PLAIN_DTYPE.fullmatch(spec):
            raise _Forbidden(f"numpy dtype {spec!r:.40}")
        self.value = np.dtype(spec)

    def __setstate__(self, state: Any) -> None:
        """Take the byte order alone: the rest could contradict the kind."""
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class _Array(np.ndarray):
    """Stands in for an array until the stream has filled it."""

    def __setstate__(self, state: Any) -> None:
        """Check what the stream claims, then let numpy take it."""
        version, shape, dtype, fortran, raw = state
        dtype = _value(dtype)
        if dtype.hasobject and not isinstance(raw, list):
            raise pickle.UnpicklingError("object array without a list of its items")
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        super().__setstate__((version, shape, dtype, fortran, raw))


def _value(dtype: Any) -> np.dtype:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError(f"{type(dtype).__name__} in place of a dtype")
    return dtype.value


def _reconstruct(_subtype: Any, _shape: Any, _code: Any) -> _Array:
    return _Array((0,), np.int8)


def _scalar(dtype: Any, raw: Any) -> Any:
    dtype = _value(dtype)
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    if dtype.hasobject or len(raw) != dtype.itemsize:
        raise pickle.UnpicklingError(f"numpy scalar of {dtype}")
    return np.frombuffer(raw, dtype)[0]


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    dtype = _value(dtype)
    if dtype.hasobject:
        raise pickle.UnpicklingError("object array in a buffer")
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _bytes(text: Any = b"", encoding: str = "latin1") -> bytes:
    """Bytes as protocols 0-2 write them; never from a number, which would allocate that many."""
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Forbidden(f"bytes of {type(text).__name__} in {encoding!r:.20}")
    return text.encode("latin1")


def _default_dict(factory: Any = None, *_: Any) -> dict:
    """The default of a recorded dictionary has no use here, and a key that is missing should be missed."""
    return {}


def _check_memo(data: bytes) -> None:
    """Refuse memo indices beyond the stream's own length: the machine would allocate up to them."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("LONG_BINPUT", "PUT") and not 0 <= int(argument) <= len(data):
            raise pickle.UnpicklingError(f"memo index {argument}")


def _plain(value: Any, seen: dict[int, Any], depth: int) -> Any:
    """The same value with stand-ins replaced, containers in place."""
    if depth > 200:
        raise pickle.UnpicklingError("containers nested more than 200 deep")
    if isinstance(value, _Array):
        if value.dtype.hasobject and id(value) not in seen:
            seen[id(value)] = value
            for index in np.ndindex(value.shape):
                value[index] = _plain(value[index], seen, depth + 1)
        return value.view(np.ndarray)
    if isinstance(value, _Dtype):
        return value.value
    if isinstance(value, tuple):
        return tuple(_plain(item, seen, depth + 1) for item in value)
    if isinstance(value, list | dict) and id(value) not in seen:
        seen[id(value)] = value
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            value[key] = _plain(value[key], seen, depth + 1)
    if isinstance(value, partial) or callable(value):
        raise pickle.UnpicklingError("a function in place of a value")
    return list(value) if isinstance(value, list) and type(value) is not list else value
