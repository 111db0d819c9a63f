"""Smoothed motion of HUGSIM's recorded vehicles: `unicycle_<id>.pth`.

Layout and motion: hyzhou404/HUGSIM, `utils/dynamic_utils.py` (`unicycle`) and `gaussian_renderer/__init__.py`
(`unicycle_b2w`). Where there is one, the vehicle was trained at these poses, not at the recorded boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se3 import rigid, rpy_to_matrix
from simscale_gym.splats.checkpoints.torch_archive import load_torch_archive

_FIELDS = ("a", "b", "v", "pitchroll", "yaw", "h", "times", "steps")
_SAME = 1e-4
"""Times that differ by less are the same: the file keeps float32 [s]."""


@dataclass(frozen=True, eq=False)
class Unicycle:
    """States at some times; between them the vehicle drives arcs.

    Attributes:
        times: `[F]` [s], rising.
        places: x and z in HUGSIM's frame, `[F, 2]` [m].
        heights: y in HUGSIM's frame, `[F]` [m].
        speeds: `[F]` [m/s].
        angles: Pitch, roll and yaw, `[F, 3]` [rad].
    """

    times: np.ndarray
    places: np.ndarray
    heights: np.ndarray
    speeds: np.ndarray
    angles: np.ndarray

    def pose(self, time: float) -> np.ndarray:
        """Vehicle to HUGSIM's frame at a time [s], `[4, 4]`; beyond the ends it drives on straight."""
        row = int(np.clip(np.searchsorted(self.times, time + _SAME) - 1, 0, len(self.times) - 1))
        (a, b), angles, speed = self.places[row], self.angles[row].copy(), self.speeds[row]
        beyond, yaw = time - self.times[row], angles[2]
        if abs(beyond) > _SAME and 0 <= row < len(self.times) - 1 and beyond > 0.0:
            rate = (self.angles[row + 1, 2] - yaw) / (self.times[row + 1] - self.times[row])
            angles[2] = yaw + rate * beyond
            a += speed * (np.sin(angles[2]) - np.sin(yaw)) / (rate + 1e-6)
            b -= speed * (np.cos(angles[2]) - np.cos(yaw)) / (rate + 1e-6)
        elif abs(beyond) > _SAME:
            a, b = a + beyond * np.cos(yaw) * speed, b + beyond * np.sin(yaw) * speed
        about_x, about_z, about_y = np.pi / 2 - angles  # one after the other, about axes that stand still
        turn = rpy_to_matrix(0.0, about_y, 0.0) @ rpy_to_matrix(about_x, 0.0, about_z)
        return rigid(turn, np.array([a, self.heights[row], b]))


def read_unicycle(path: Path) -> Unicycle:
    """Reads the motion of one vehicle.

    Raises:
        DataError: Not such a file, damaged, or with numbers that are none.
    """
    tree = load_torch_archive(path)
    if not isinstance(tree, list | tuple) or len(tree) != len(_FIELDS):
        found = f"{type(tree).__name__}"
        raise DataError(path, found=found, expected=f"a tuple of {len(_FIELDS)}, HUGSIM's unicycle")
    fields = Fields(path, "", dict(zip(_FIELDS, tree, strict=True)))
    times = fields.array("times", (None,))
    count = len(times)
    values = {
        name: fields.array(name, (count, 2) if name == "pitchroll" else (count,)) for name in _FIELDS[:6]
    }
    for name, value in {**values, "times": times}.items():
        if not count or not np.isfinite(value).all() or np.abs(value).max() > 1e9:
            raise DataError(path, field=name, found="none, or infinite numbers", expected="finite ones")
    if (np.diff(times) <= 0.0).any():
        raise DataError(path, field="times", found="times that do not rise", expected="times that rise [s]")
    angles = np.column_stack([values["pitchroll"], values["yaw"]])
    places = np.column_stack([values["a"], values["b"]])
    return Unicycle(times, places, values["h"], values["v"], angles)
