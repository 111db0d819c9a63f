"""Numbers rounded before anything hangs on their last bit, so that towns and drives are the same on all processors.

Sines of numpy and products of matrices (BLAS) differ in their last bit from one kind of processor to another (AVX-512
has other routines). Traffic makes metres of that in a minute; unions of areas that touch have a corner more or less.
What kernels and GEOS compute is the same everywhere. So what they begin with is rounded, far more coarsely than
processors differ.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import shapely
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


def area_of(ring: NDArray[np.float64]) -> shapely.Geometry:
    """A valid area within ``ring [K, 2]`` [m], whose corners are rounded."""
    return shapely.make_valid(shapely.Polygon(rounded(ring)))
