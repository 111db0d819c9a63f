"""Numbers rounded before traffic is driven with them, so that all processors drive the same.

Sines and powers of numpy differ in their last bit from one kind of processor to another (AVX-512 has other routines),
and traffic makes metres of it in a minute. What kernels compute is the same everywhere. So what they begin with is
rounded, far more coarsely than processors differ.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

DECIMALS = 6
"""To a micrometre."""
_HALF_TURN = round(np.pi, DECIMALS)

Record = TypeVar("Record", bound=NamedTuple)


def settled(record: Record) -> Record:
    """A named tuple of arrays with all their numbers rounded to :data:`DECIMALS`."""
    return record._replace(**{name: rounded(array) for name, array in record._asdict().items()})


def rounded(array: NDArray) -> NDArray:
    """Numbers of an array, or of a structured one's fields, rounded to :data:`DECIMALS`; whole ones as they are."""
    if array.dtype.names is not None:
        out = array.copy()
        for name in array.dtype.names:
            out[name] = rounded(array[name])
        return out
    if array.dtype.kind != "f":
        return array
    out = np.round(array, DECIMALS)
    out[out == -_HALF_TURN] = (
        _HALF_TURN  # due west is one heading, whichever side of it the last bit falls on
    )
    return out + 0.0  # and there is one zero
