"""How far the map of a scene may reach: what is worked out of a lane grows with its length, not with the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.scene import DT

Array = NDArray[np.float64]

REACH = 5_000.0
"""Distance [m] from the drive, along either axis, up to which a map may reach."""

FASTEST = 150.0
"""Speed [m/s] beyond which nothing drives: a recorded ego that does has other units, or a broken record."""


@dataclass(frozen=True, eq=False)
class Extent:
    """The box around a drive in which its map lies.

    Attributes:
        low, high: ``[2]`` least and greatest x, y [m].
    """

    low: Array
    high: Array

    @classmethod
    def around(cls, drive: Array, wrong: Callable[..., DataError]) -> Extent:
        """The box around the places ``drive [T, 2+]`` of an ego at 10 Hz.

        Args:
            drive: The places, in the frame of the map.
            wrong: Makes the error out of what was ``found`` and what was ``expected``.

        Raises:
            DataError: The ego is faster than anything that drives.
        """
        places = np.asarray(drive)[:, :2]
        fastest = np.linalg.norm(np.diff(places, axis=0), axis=1).max(initial=0.0) / DT
        if fastest > FASTEST:
            raise wrong(found=f"an ego at {fastest:.3g} m/s", expected=f"at most {FASTEST:g} m/s")
        return cls(places.min(0) - REACH, places.max(0) + REACH)

    def holds(self, points: Array, wrong: Callable[..., DataError]) -> bool:
        """Whether ``points [K, 2+]`` of one thing lie in the box; not those of a thing that lies beyond it.

        Raises:
            DataError: The thing reaches from here to beyond.
        """
        if not len(points):
            return True
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        if (low >= self.low).all() and (high <= self.high).all():
            return True
        if (low > self.high).any() or (high < self.low).any():
            return False
        raise wrong(
            found=f"points from {_place(low)} to {_place(high)} m",
            expected=f"points within {REACH:g} m of the drive, or all of them beyond",
            hint="Places are in metres. Cut the map around the drive.",
        )


def _place(point: Array) -> str:
    return f"({point[0]:.6g}, {point[1]:.6g})"
