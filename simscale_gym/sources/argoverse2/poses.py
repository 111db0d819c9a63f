"""The ego's poses of a sensor log, at any time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.geometry import se3
from simscale_gym.sources.argoverse2.columns import Columns, read_columns

Array = NDArray[np.float64]

POSE_COLUMNS = dict.fromkeys(("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"), float)
"""A quaternion and a translation [m]."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Ego to city, at the times of all sensors.

    Attributes:
        stamps: ``[P]`` times [ns], ascending.
        places: ``[P, 3]`` positions in the city [m].
        angles: ``[P, 3]`` roll, pitch, yaw [rad] without jumps by full turns.
    """

    stamps: NDArray[np.int64]
    places: Array
    angles: Array

    @classmethod
    def read(cls, file: Path) -> Poses:
        """The poses in ``city_SE3_egovehicle.feather``.

        Raises:
            DataError: It is missing or broken, empty, or has two poses of one time.
        """
        columns = read_columns(file, {"timestamp_ns": int, **POSE_COLUMNS})
        order = np.argsort(columns["timestamp_ns"], kind="stable")
        stamps = columns["timestamp_ns"][order]
        if not len(stamps) or (np.diff(stamps) <= 0).any():
            found = "two poses of one time" if len(stamps) else "an empty table"
            raise DataError(file, field="timestamp_ns", found=found, expected="poses at different times")
        angles = np.column_stack(se3.matrix_to_rpy(rotations(file, columns)))[order]
        return cls(stamps, translations(columns)[order], np.unwrap(angles, axis=0))

    def at(self, stamps: NDArray[np.int64]) -> tuple[Array, Array]:
        """Positions ``[T, 3]`` and roll, pitch, yaw ``[T, 3]`` at times ``stamps [T]`` [ns] between the poses."""
        at, known = (stamps - self.stamps[0]).astype(float), (self.stamps - self.stamps[0]).astype(float)
        return tuple(
            np.column_stack([np.interp(at, known, column) for column in table.T])
            for table in (self.places, self.angles)
        )

    def require_within(self, file: Path, stamps: NDArray[np.int64]) -> None:
        """Times ``stamps`` of ``file`` [ns], ascending, must lie within those of the poses.

        Raises:
            DataError: There are none, or some lie outside.
        """
        if not len(stamps):
            raise DataError(file, found="an empty table", expected="a row for each box and time")
        if stamps[0] < self.stamps[0] or stamps[-1] > self.stamps[-1]:
            raise DataError(
                file,
                field="timestamp_ns",
                found=f"{stamps[0]}..{stamps[-1]}",
                expected=f"times within those of the ego's poses, {self.stamps[0]}..{self.stamps[-1]}",
            )


def rotations(file: Path, columns: Columns) -> Array:
    """Rotations ``[N, 3, 3]`` of the columns qw, qx, qy, qz.

    Raises:
        DataError: One of them is no rotation.
    """
    quats = np.stack([columns[f"q{part}"] for part in "wxyz"], -1)
    norm = np.linalg.norm(quats, axis=-1)
    if (np.abs(norm - 1.0) > 0.01).any():
        found = f"a quaternion of length {norm[np.argmax(np.abs(norm - 1.0))]:.3g}"
        raise DataError(file, field="qw, qx, qy, qz", found=found, expected="length 1")
    return se3.quat_to_matrix(quats)


def translations(columns: Columns) -> Array:
    """Translations ``[N, 3]`` [m] of the columns tx_m, ty_m, tz_m."""
    return np.stack([columns[f"t{axis}_m"] for axis in "xyz"], -1)
