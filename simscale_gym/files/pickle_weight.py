"""How much the bytes of a pickle stand for: a few dozen of them can name more than there is time or memory for."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any

import numpy as np

_MOST_REPEATED = 2**20
_MOST_SHARED = 20  # times the size of the stream that its values may weigh, what is shared counted apart
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), ("GET", "BINGET", "LONG_BINGET")
_FILLS = ("APPEND", "APPENDS", "ADDITEMS")
_BUILDS = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "NEWOBJ", "NEWOBJ_EX", "FROZENSET")
_TAKES = {
    opcode.name: (
        pickletools.markobject in opcode.stack_before,
        ([*opcode.stack_before, pickletools.markobject]).index(pickletools.markobject),
        bool(opcode.stack_after),
    )
    for opcode in pickletools.opcodes
    if opcode.stack_before
}
"""For each opcode, whether it takes all down to the mark, how many values below that, and whether it leaves one."""


def check_program(data: bytes) -> None:
    """Refuse what would make the machine itself allocate or run on beyond the length of the stream.

    That are memo indices, up to which it makes room, and tuples that repeat one another: a few dozen bytes name
    one whose hash takes years. So each tuple is weighed by the items in it, and in the tuples in it.

    Raises:
        UnpicklingError: It would.
    """
    stack: list[list[int]] = []  # of the weight of each object, in a list that all its names share
    marks: list[int] = []
    memo: dict[int, list[int]] = {}
    most = _MOST_REPEATED + len(data)
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _PUTS:
            index = len(memo) if argument is None else int(argument)
            if not 0 <= index <= len(data):
                raise pickle.UnpicklingError(f"memo index {index}")
            memo[index] = stack[-1]
        elif name in _GETS:
            stack.append(memo[int(argument)])
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "POP" and marks and marks[-1] == len(stack):
            marks.pop()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in _TAKES:
            marked, count, leaves = _TAKES[name]
            start = (marks.pop() if marked else len(stack)) - count
            if start < 0:
                raise pickle.UnpicklingError("more taken from the stack than lies there")
            items = stack[start:]
            del stack[start:]
            if leaves:
                weight = 1
                for item in items:
                    weight += item[0]
                if weight > most and name in _BUILDS:
                    raise pickle.UnpicklingError("tuples that repeat one another")
                stack.append(_grown(items[0], weight) if name in _FILLS else [weight])
        elif opcode.stack_after:
            stack.append([1])


def _grown(container: list[int], weight: int) -> list[int]:
    container[0] = weight
    return container


def check_weight(value: Any, size: int) -> None:
    """Refuse a value whose items, each counted as often as it stands in it, are out of proportion to its stream.

    Whoever prints or copies the value works through all of them.

    Args:
        value: What a stream of ``size`` bytes became.
        size: Length of the stream.

    Raises:
        UnpicklingError: They are.
    """
    if _weight(value, {}) > _MOST_SHARED * size + _MOST_REPEATED:
        raise pickle.UnpicklingError("containers that hold one another again and again")


def _weight(value: Any, seen: dict[int, int]) -> int:
    """Items in ``value`` and in the containers in it, each as often as it stands there; one that holds itself once."""
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        items: Any = value.ravel().tolist()
    elif isinstance(value, dict):
        items = (*value.keys(), *value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        items = value
    else:
        return 1
    if id(value) not in seen:
        seen[id(value)] = 1  # while it is weighed, for those that hold themselves
        seen[id(value)] = 1 + sum(_weight(item, seen) for item in items)
    return seen[id(value)]
