"""Many records of arrays, for kernels that work on all of them: a table of where the arrays lie.

A record is a named tuple of arrays, numbers and further records, as kernels take one. A :class:`RecordTable` holds any
number of them, of whatever lengths, and copies nothing: a row has the address and the shape of each array. Inside of a
kernel, :func:`record_at` gives a row back as the named tuple that it was, so that what works on one record works on
each of many.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


class Described(NamedTuple):
    """A record, or a part of one, as rows have it: worked out once, to be put into many rows.

    Attributes:
        words: Its addresses, shapes and numbers.
        record: The record, with the arrays that kernels see.
    """

    words: tuple[int, ...]
    record: Any


def describe(record: Any, like: Any) -> Described:
    """``record`` described, for tables in whose example ``like`` stands at its place."""
    words: list[int] = []
    kept = described(emptied(like), record, words)
    return Described(tuple(words), kept)


class RecordTable:
    """Records that are alike in all but the lengths of their arrays.

    Args:
        example: Record whose kinds of values all have; its arrays are not kept.
        rows: Number of records.

    Attributes:
        example: Record of empty arrays, by whose type kernels know what a row is.
        words: ``[rows, W]`` addresses, shapes and numbers.
    """

    def __init__(self, example: Any, rows: int) -> None:
        self.example = emptied(example)
        self.words = np.zeros((rows, _width(self.example)), np.int64)
        self._kept: list[Any] = [None] * rows  # so that what has an address here stays alive

    def __len__(self) -> int:
        return len(self.words)

    def put(self, row: int, record: Any) -> None:
        """Have ``record`` in ``row``; its arrays are shared where they are contiguous, copied where not.

        Parts of it may be :class:`Described`.
        """
        words: list[int] = []
        self._kept[row] = described(self.example, record, words)
        self.words[row] = words

    def get(self, row: int) -> Any:
        """The record in ``row``, with the arrays that kernels see."""
        return self._kept[row]

    def copy(self, row: int, other: int) -> None:
        """Have in ``row`` the record of the row ``other``."""
        self.words[row], self._kept[row] = self.words[other], self._kept[other]


def emptied(example: Any) -> Any:
    """``example`` with arrays of no length, contiguous and open to writing whatever its own are."""
    if isinstance(example, Described):
        return emptied(example.record)
    if isinstance(example, tuple):
        return _like(example, [emptied(entry) for entry in example])
    if isinstance(example, np.ndarray):
        return np.zeros((0,) * example.ndim, example.dtype)
    return type(example)(0)


def _width(example: Any) -> int:
    if isinstance(example, tuple):
        return sum(map(_width, example))
    return 1 + example.ndim if isinstance(example, np.ndarray) else 1


def described(example: Any, value: Any, words: list[int]) -> Any:
    """``value`` as kernels see it, whose description is put behind ``words``."""
    if isinstance(value, Described):
        words.extend(value.words)
        return value.record
    if isinstance(example, tuple):
        return _like(value, [described(*pair, words) for pair in zip(example, value, strict=True)])
    if not isinstance(example, np.ndarray):
        words.append(int(np.float64(value).view(np.int64)) if isinstance(example, float) else int(value))
        return value
    array = np.ascontiguousarray(value, example.dtype)
    assert array.ndim == example.ndim, (array.shape, example.shape)  # another kind of record
    words.extend(
        (array.__array_interface__["data"][0], *array.shape)
    )  # `array.ctypes` takes five times as long
    return array


def _like(record: tuple, entries: list[Any]) -> tuple:
    return type(record)(*entries) if hasattr(record, "_fields") else tuple(entries)


@intrinsic
def record_at(typingctx: Any, example: Any, words: Any, row: Any) -> tuple[Signature, Any]:
    """In kernels: the record in ``row`` of a :class:`RecordTable`, given its ``example`` and ``words``."""
    signature = example(example, words, row)

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> Any:
        table = make_array(signature.args[1])(context, builder, arguments[1])
        width = builder.extract_value(table.shape, 1)
        place = builder.gep(table.data, [builder.mul(arguments[2], width)])
        return Reader(context, builder, place).value(signature.return_type)

    return signature, codegen


class Reader:
    """Emits what reads the words of a row one after another."""

    def __init__(self, context: Any, builder: Any, place: Any) -> None:
        self.context, self.builder, self.place, self.read = context, builder, place, 0

    def word(self) -> Any:
        """The next word, of which LLVM may know that nothing that a kernel writes to changes it."""
        at = self.builder.gep(self.place, [ir.Constant(ir.IntType(64), self.read)])
        self.read += 1
        word = self.builder.load(at)
        word.set_metadata("invariant.load", self.builder.module.add_metadata([]))
        return word

    def value(self, kind: Any) -> Any:
        """What has the type ``kind``."""
        builder = self.builder
        if isinstance(kind, types.BaseTuple):
            return self.context.make_tuple(builder, kind, [self.value(entry) for entry in kind])
        if isinstance(kind, types.Array):
            return self.array(kind)
        if isinstance(kind, types.Float):
            return builder.bitcast(self.word(), ir.DoubleType())
        if isinstance(kind, types.Boolean):
            return builder.trunc(self.word(), ir.IntType(1))
        return self.word()

    def array(self, kind: Any) -> Any:
        """An array, whose address and shape come next."""
        context, builder = self.context, self.builder
        array = make_array(kind)(context, builder)
        data = builder.inttoptr(self.word(), context.get_data_type(kind.dtype).as_pointer())
        shape = [self.word() for _ in range(kind.ndim)]
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        strides, stride = [size] * kind.ndim, size
        for axis in range(kind.ndim - 1, -1, -1):
            strides[axis] = stride
            stride = builder.mul(stride, shape[axis])
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()
