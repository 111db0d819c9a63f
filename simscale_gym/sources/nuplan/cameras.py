"""The cameras of a nuPlan log: their calibration, and the names and times of their pictures."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import shown
from simscale_gym.files.pickled import loads_pickle
from simscale_gym.geometry import se3
from simscale_gym.scene import Camera, CameraRig, nuplan_rig
from simscale_gym.sources.nuplan.sqlite_table import Table, read_table

Array = NDArray[np.float64]


def read_rig(database: sqlite3.Connection, path: Path) -> CameraRig | None:
    """The cameras of the log; None where it lists none.

    Raises:
        DataError: A calibration that is broken, hostile or no calibration.
    """
    columns = ("channel", "translation", "rotation", "intrinsic", "distortion", "width", "height")
    table = read_table(database, path, "camera", columns)
    sizes = np.column_stack([table.ints("width"), table.ints("height")])
    cameras = {}
    for row, channel in enumerate(table.texts("channel")):
        translation = _calibration(table, "translation", row, (3,))
        rotation = _calibration(table, "rotation", row, (4,))
        name = channel.lower()
        camera = cameras[name] = Camera(
            name=name,
            K=_calibration(table, "intrinsic", row, (3, 3)),
            width=int(sizes[row, 0]),
            height=int(sizes[row, 1]),
            cam_to_ego=se3.rigid(se3.quat_to_matrix(rotation), translation),
            distortion=_calibration(table, "distortion", row, (5,)),
        )
        if camera.flaw:
            raise table.fault("intrinsic", row, camera.flaw, "those of a camera")
    order = [name for name in nuplan_rig().cameras if name in cameras]
    rest = [name for name in cameras if name not in order]
    return CameraRig({name: cameras[name] for name in order + rest}) if cameras else None


def read_images(
    database: sqlite3.Connection, path: Path, start_us: int, stop_us: int
) -> dict[str, tuple[NDArray[np.int64], list[str]]]:
    """Times and names of the pictures of each camera in a stretch of time, in time order."""
    cameras = read_table(database, path, "camera", ("token", "channel"))
    channels = dict(zip(cameras.tokens("token"), cameras.texts("channel"), strict=True))
    table = read_table(
        database, path, "image", ("camera_token", "filename_jpg", "timestamp"),
        suffix="WHERE timestamp BETWEEN ? AND ? ORDER BY timestamp", arguments=(start_us, stop_us),
    )  # fmt: skip
    owner = table.rows_of("camera_token", {token: row for row, token in enumerate(channels)}, "camera")
    times, names = table.ints("timestamp"), table.texts("filename_jpg")
    return {
        channel.lower(): (times[owner == row], [names[k] for k in np.flatnonzero(owner == row)])
        for row, channel in enumerate(channels.values())
    }


def _calibration(table: Table, column: str, row: int, shape: tuple[int, ...]) -> Array:
    field = f"table {table.name}, column {column}, row {row}"
    value = loads_pickle(table[column][row], table.path, field)
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != shape or not np.isfinite(array).all() or not (column != "rotation" or array.any()):
        raise table.fault(column, row, shown(value), f"{list(shape)} finite numbers")
    return array
