"""Small kernels that others call often, at no cost for the arrays that they are given."""

from __future__ import annotations

import re
from collections.abc import Callable

from numba import njit

_NUMBERS = re.compile(r"None|(float|int|bool)|tuple\[(float|int|bool)(, (float|int|bool))*\]")


def borrowing(kernel: Callable) -> Callable:
    """Compile a kernel that makes no array and gives none back: it only borrows those of its caller.

    numba counts the references to each array that a function takes, two atomic operations a call: a look at a lane by
    way of a tuple of thirteen arrays costs more than the look itself. Here nothing is counted, as the caller holds the
    arrays as long as the kernel runs. A kernel that makes an array does not compile; one that gave back an array, or
    called another that does, would free or leak it unnoticed: the annotation says that it gives back numbers.

    Raises:
        TypeError: Its annotation does not say so.
    """
    gives = kernel.__annotations__.get("return", "None")
    if not _NUMBERS.fullmatch(str(gives)):
        raise TypeError(
            f"{kernel.__module__}.{kernel.__name__} gives back {gives}, expected numbers or nothing."
        )
    return njit(cache=True, _nrt=False)(kernel)
