"""Read pickles from strangers as data: numpy arrays and builtin containers, nothing that runs.

A pickle is a program for a small machine. Here it can name only what stands in this file: builtin
containers, and stand-ins for numpy's array builders that check sizes before anything is allocated.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from simscale_gym.errors import DataError, shown
from simscale_gym.files.pickle_weight import check_program, check_weight

_CONTAINERS = {
    kind.__name__: kind for kind in (list, dict, tuple, set, frozenset, int, float, bool, complex, str)
}
_ATOMS = frozenset((float, int, bool, str, bytes, type(None)))
_PLAIN_DTYPE = re.compile(r"[<>|=]?([biufc]\d{1,2}|[SU]\d{1,6}|O8?|\?)")
_NUMPY_CORES = ("numpy.core", "numpy._core")  # numpy 1 and numpy 2

# What a broken or hostile stream makes the pickle machine raise: it indexes, decodes, hashes and calls.
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError,
    ImportError, OverflowError, MemoryError, RecursionError, NotImplementedError,
)  # fmt: skip


Names = Callable[[str, str], Any]
"""Further names that a pickle may use: of a module and a name in it the stand-in, or None."""


class StandIn:
    """An object of a stream that becomes plain data once the stream has ended."""

    def plain(self) -> Any:
        """The data."""
        raise NotImplementedError


class Record(StandIn):
    """Stands in for an object of a known class: what it was made with and its attributes, but nothing to be called.

    Attributes:
        parameters: Attributes that the class's constructor makes of its arguments, in their order.
    """

    parameters: tuple[str, ...] = ()

    def __new__(cls, *args: Any) -> Record:
        """An object as protocols 2 and later make it, a call of its constructor, or an enumeration's member."""
        record = super().__new__(cls)
        named = len(args) <= len(cls.parameters)
        record._fields = dict(zip(cls.parameters, args, strict=False)) if named else {"args": args}
        return record

    def __setstate__(self, state: Any) -> None:
        """Take attributes, those in slots included."""
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        for part in parts:
            if part is not None:
                self._fields.update(part)

    def plain(self) -> dict[str, Any]:
        """The attributes by name; under "args" what it was made with beyond its parameters."""
        return self._fields


def unpickle(
    data: bytes,
    path: object,
    field: str = "",
    *,
    names: Names = lambda module, name: None,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """What the bytes of a pickle hold, made of builtin containers and numpy arrays.

    Args:
        data: The pickle.
        path: The file that it comes from, for errors.
        field: Place of the pickle in that file, for errors.
        names: Stand-ins for names beyond builtins and numpy. They are called with what the stream says, so they
            check it; each call should give a new object, since a stream can set attributes.
        persistent: What persistent ids stand for; without it they are an error.

    Raises:
        DataError: Truncated, damaged, or it names anything that is not plain data.
    """
    if not isinstance(data, bytes):
        raise DataError(path, field=field, found=type(data).__name__, expected="the bytes of a pickle")
    try:
        check_program(data)
        value = _plain(_Unpickler(data, names, persistent).load(), {}, 0)
        check_weight(value, len(data))
        return value
    except Forbidden as error:
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


class Forbidden(pickle.UnpicklingError):
    """The pickle names something outside the allowed."""


class _Unpickler(pickle.Unpickler):
    """Finds containers and stand-ins of numpy's builders; every other name is an error.

    Each load makes its own stand-ins, so that a stream which sets attributes on them changes nothing else.
    """

    def __init__(self, data: bytes, names: Names, persistent: Callable[[Any], Any] | None) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._names, self._persistent = names, persistent

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global of the stream."""
        package = module.rpartition(".")[0]
        if module in ("builtins", "__builtin__"):
            found = _CONTAINERS.get(name) or {"bytes": partial(_bytes), "bytearray": partial(_bytes)}.get(
                name
            )
        elif module == "collections":
            found = {"OrderedDict": _OrderedDict, "defaultdict": partial(_default_dict)}.get(name)
        elif module == "_codecs" and name == "encode":
            found = partial(_bytes)
        elif module == "numpy":
            found = {"ndarray": object(), "dtype": partial(_Dtype)}.get(name)
        elif package in _NUMPY_CORES:
            builders = {"_reconstruct": _reconstruct, "scalar": _scalar, "_frombuffer": _from_buffer}
            found = partial(builders[name]) if name in builders else None
        else:
            found = self._names(module, name)
        if found is None:
            raise Forbidden(f"{module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Persistent ids point outside the stream."""
        if self._persistent is None:
            raise Forbidden(f"persistent id {shown(pid, 40)}")
        return self._persistent(pid)


class _OrderedDict(dict):
    """Stands in for an ordered dictionary: dictionaries keep order, and attributes have no use here."""

    def __setstate__(self, state: Any) -> None:
        """Leave out the attributes, which could hide the methods."""


class _Dtype:
    """Stands in for a dtype: its byte order arrives later, and only plain kinds are taken."""

    def __init__(self, spec: Any, *_: Any) -> None:
        if not isinstance(spec, str) or not _PLAIN_DTYPE.fullmatch(spec):
            raise Forbidden(f"numpy dtype {shown(spec, 40)}")
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
        raise Forbidden(f"bytes of {type(text).__name__} in {encoding!r:.20}")
    return text.encode("latin1")


def _default_dict(factory: Any = None, *_: Any) -> dict:
    """The default of a recorded dictionary has no use here, and a key that is missing should be missed."""
    return {}


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
        if id(value) not in seen:  # one that stands in many places is made once
            seen[id(value)] = (
                value,
                tuple(item if type(item) in _ATOMS else _plain(item, seen, depth + 1) for item in value),
            )
        return seen[id(value)][1]
    if isinstance(value, list | dict):
        if id(value) not in seen:
            seen[id(value)] = value, value  # while it is filled, for those that hold themselves
            keys = value if isinstance(value, dict) else range(len(value))
            for key in keys:
                if type(item := value[key]) not in _ATOMS:
                    value[key] = _plain(item, seen, depth + 1)
            kind = dict if isinstance(value, dict) else list
            seen[id(value)] = value, value if type(value) is kind else kind(value)
        return seen[id(value)][1]
    if isinstance(value, StandIn):
        if id(value) not in seen:
            made = value.plain()
            seen[id(value)] = value, made  # for those that hold themselves
            seen[id(value)] = value, _plain(made, seen, depth + 1)
        return seen[id(value)][1]
    if callable(value) or type(value) is object:
        raise pickle.UnpicklingError("a function or a type in place of a value")
    return value
