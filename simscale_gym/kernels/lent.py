"""Records lent to kernels: one address in the place of all the arrays of a record.

A kernel takes a named tuple of arrays array by array, seven numbers each, and so does each that it calls: the 37 arrays
of a scene's traffic are 250 arguments, and unpacking them takes 28 us where Python calls. A :class:`Lent` record is a
single argument (2 us), and its fields are read where they are asked for. Kernels name them as those of a named tuple.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import types
from numba.core.typing.templates import AttributeTemplate, Signature
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from simscale_gym.kernels.records import Reader, described, emptied


class Lent:
    """A record as kernels borrow it. It must live as long as they run.

    Args:
        record: Named tuple of arrays, numbers and further ones; arrays are shared where they are contiguous.
    """

    def __init__(self, record: Any) -> None:
        example, words = emptied(record), []
        self.record = described(example, record, words)
        self._words = np.array(words, np.int64)
        self.address = int(self._words.__array_interface__["data"][0])
        self._example = example

    @cached_property
    def _numba_type_(self) -> LentType:
        return LentType(typeof(self._example))


class LentType(types.Type):
    """Type of a :class:`Lent` record, or of a part of one, whose named tuple has the type ``record``."""

    def __init__(self, record: types.BaseTuple) -> None:
        self.record = record
        super().__init__(name=f"Lent({record})")

    def field(self, name: str) -> tuple[types.Type, int] | None:
        """Type of a field, as kernels see it, and its first word."""
        fields = getattr(self.record, "fields", ())
        if name not in fields:
            return None
        at = fields.index(name)
        kind = self.record[at]
        return (LentType(kind) if isinstance(kind, types.BaseTuple) else kind), sum(
            map(_words, self.record[:at])
        )


def _words(kind: types.Type) -> int:
    if isinstance(kind, types.BaseTuple):
        return sum(map(_words, kind))
    return 1 + kind.ndim if isinstance(kind, types.Array) else 1


@register_model(LentType)
class _Address(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: LentType) -> None:
        super().__init__(manager, kind, ir.IntType(64).as_pointer())


@typeof_impl.register(Lent)
def _typeof_lent(value: Lent, context: Any) -> LentType:
    return value._numba_type_


@unbox(LentType)
def _unbox_lent(kind: LentType, value: Any, c: Any) -> NativeValue:
    held = c.pyapi.object_getattr_string(value, "address")
    address = c.pyapi.long_as_longlong(held)
    c.pyapi.decref(held)
    return NativeValue(c.builder.inttoptr(address, ir.IntType(64).as_pointer()))


@infer_getattr
class _Fields(AttributeTemplate):
    key = LentType

    def generic_resolve(self, kind: LentType, name: str) -> types.Type | None:
        found = kind.field(name)
        return found and found[0]


@lower_getattr_generic(LentType)
def _read_field(context: Any, builder: Any, kind: LentType, address: Any, name: str) -> Any:
    field, first = kind.field(name)
    place = builder.gep(address, [ir.Constant(ir.IntType(64), first)])
    return place if isinstance(field, LentType) else Reader(context, builder, place).value(field)


@intrinsic
def lent_at(typingctx: Any, like: Any, address: Any) -> tuple[Signature, Any]:
    """In kernels: the :class:`Lent` record at an ``address`` (int64), of the kind that ``like`` is."""
    signature = like(like, types.int64)

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> Any:
        return builder.inttoptr(arguments[1], ir.IntType(64).as_pointer())

    return signature, codegen
