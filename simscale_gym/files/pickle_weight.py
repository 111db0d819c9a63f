"""How much the bytes of a pickle stand for: a few dozen of them can name more than there is time or memory for."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any, NamedTuple

import numpy as np

_MOST_REPEATED = 2**20
_MOST_SHARED = 20  # times the size of the stream that its values may weigh, what is shared counted apart
_NUMBERS = frozenset((float, int, bool, type(None)))
_ENOUGH = 2**60  # more than any stream may weigh
_ITEM_BYTES = 8  # of text and arrays that weigh as much as one item

_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), ("GET", "BINGET", "LONG_BINGET")
_FILLS = ("APPEND", "APPENDS", "ADDITEMS", "SETITEM", "SETITEMS")
_CALLS = ("REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST")
_TUPLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET")
_KINDS = dict.fromkeys(_PUTS, "put") | dict.fromkeys(_GETS, "get") | dict.fromkeys(_FILLS, "fill")
_KINDS |= dict.fromkeys(_CALLS, "call") | dict.fromkeys(_TUPLES, "tuple")
_KINDS |= {"MARK": "mark", "POP": "pop", "DUP": "dup", "BUILD": "build", "STOP": "stop"}
_PREFIXES = {-2: 1, -3: 4, -4: 4, -5: 8}  # bytes of the length before an argument, by pickletools' code of it


class _Opcode(NamedTuple):
    """What is to be known of an opcode.

    Attributes:
        kind: What it does; "" for what only takes or leaves values.
        width: Bytes of its argument, or of the length that stands before it.
        prefixed: Whether a length stands before it.
        lines: Lines that it takes.
        marked: Whether it takes all values down to the mark.
        takes: Values that it takes, those below the mark where there is one.
        leaves: Whether it leaves a value.
    """

    kind: str
    width: int
    prefixed: bool
    lines: int
    marked: bool
    takes: int
    leaves: bool


def _opcode(info: pickletools.OpcodeInfo) -> _Opcode:
    size, name = (info.arg.n, info.arg.name) if info.arg else (0, "")
    before, mark = [*info.stack_before, pickletools.markobject], pickletools.markobject
    return _Opcode(
        kind=_KINDS.get(info.name, ""),
        width=_PREFIXES.get(size, max(size, 0)),
        prefixed=size in _PREFIXES,
        lines=0 if size != pickletools.UP_TO_NEWLINE else 2 if name.endswith("pair") else 1,
        marked=mark in info.stack_before,
        takes=before.index(mark),
        leaves=bool(info.stack_after),
    )


_OPCODES = [None] * 256
for _info in pickletools.opcodes:
    _OPCODES[ord(_info.code)] = _opcode(_info)


class _Value:
    """A value on the stack.

    Attributes:
        weight: Items in it and in the tuples and lists in it, each as often as it stands there.
        own: Its items, or what its text weighs.
        inside: The sum of its items' own.
    """

    __slots__ = ("inside", "own", "weight")

    def __init__(self, text: int = 0) -> None:
        self.weight, self.own, self.inside = 1 + text, text, 0

    def filled(self, items: list[_Value]) -> _Value:
        """The same value, with further items."""
        for item in items:
            self.weight += item.weight
            self.own += 1
            self.inside += item.own
        self.weight = min(self.weight, _ENOUGH)  # whole numbers of a million bits are a bomb of their own
        return self


def check_program(data: bytes) -> None:
    """Refuse what would make the machine itself allocate or run on beyond the length of the stream.

    That are memo indices, up to which it makes room; tuples that repeat one another, as a few dozen bytes name one
    whose hash takes years; and what is handed to functions, which copy it, again and again. So each tuple is weighed by
    the items in it and in the tuples in it, and all calls together by what they are called with.

    Raises:
        UnpicklingError: It would, or the stream has no end.
    """
    stack: list[_Value] = []  # a value has one object for all its names
    marks: list[int] = []
    memo: dict[int, _Value] = {}
    most, copied = _MOST_REPEATED + _MOST_SHARED * len(data), 0
    at, end = 0, len(data)
    while at < end:
        opcode = _OPCODES[data[at]]
        if opcode is None:
            raise pickle.UnpicklingError(f"opcode {data[at : at + 1]!r}")
        kind, width, prefixed, lines, marked, takes, leaves = opcode
        first = at = at + 1
        if prefixed:
            first += width
            width = int.from_bytes(data[at:first], "little")
        for _ in range(lines):
            at = data.index(b"\n", at) + 1
        at = at if lines else first + width
        if kind == "put":
            index = len(memo) if first == at else _index(data, first, at, lines)
            if not 0 <= index <= end:
                raise pickle.UnpicklingError(f"memo index {index}")
            memo[index] = stack[-1]
        elif kind == "get":
            stack.append(memo[_index(data, first, at, lines)])
        elif kind == "mark":
            marks.append(len(stack))
        elif kind == "pop" and marks and marks[-1] == len(stack):
            marks.pop()
        elif kind == "dup":
            stack.append(stack[-1])
        elif kind == "stop":
            return
        elif takes or marked:
            start = (marks.pop() if marked else len(stack)) - takes
            if start < 0:
                raise pickle.UnpicklingError("more taken from the stack than lies there")
            items = stack[start:]
            del stack[start:]
            if not leaves:
                continue
            value = items[0].filled(items[1:]) if kind in ("fill", "build") else _Value().filled(items)
            if kind in ("tuple", "call") and value.weight > most:
                raise pickle.UnpicklingError("tuples that repeat one another")
            if kind in ("call", "build"):
                taken = items[-1].own + items[-1].inside
                copied += taken
                if copied > most:
                    raise pickle.UnpicklingError("values that are copied again and again")
                value.own += taken
            stack.append(value)
        elif leaves:
            stack.append(_Value((at - first) // _ITEM_BYTES))
    raise pickle.UnpicklingError("no end")


def _index(data: bytes, first: int, at: int, lines: int) -> int:
    """Of the memo, as a number or as a line of digits."""
    return int(data[first:at]) if lines else int.from_bytes(data[first:at], "little")


def check_weight(value: Any, size: int) -> None:
    """Refuse a value whose items, each counted as often as it stands in it, are out of proportion to its stream.

    Whoever prints or copies the value works through all of them. Text and arrays count by their length.

    Args:
        value: What a stream of ``size`` bytes became.
        size: Length of the stream.

    Raises:
        UnpicklingError: They are.
    """
    if _weight(value, {}) > _MOST_SHARED * size + _MOST_REPEATED:
        raise pickle.UnpicklingError("containers that hold one another again and again")


def _size(value: Any) -> int:
    """Bytes of an array or of text, 0 of anything else."""
    if isinstance(value, str | bytes):
        return len(value)
    return value.nbytes if isinstance(value, np.ndarray) else 0


def _weight(value: Any, seen: dict[int, int]) -> int:
    """Items in ``value`` and in the containers in it, each as often as it stands there; one that holds itself once."""
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        items: Any = value.ravel().tolist()
    elif isinstance(value, dict):
        items = (*value.keys(), *value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        items = value
    else:
        return 1 + _size(value) // _ITEM_BYTES
    if id(value) not in seen:
        seen[id(value)] = weight = 1  # while it is weighed, for those that hold themselves
        for item in items:
            weight += 1 if type(item) in _NUMBERS else _weight(item, seen)
        seen[id(value)] = weight
    return seen[id(value)]
