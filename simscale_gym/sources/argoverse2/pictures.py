"""The pictures of a sensor log: a folder for each ring camera, files named by their times."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import RecordedPictures, names_at
from simscale_gym.sources.argoverse2.calibration import RING_NAMES
from simscale_gym.sources.argoverse2.layout import PICTURES

_AT_US = 25_000  # half the time between two pictures of a camera


def read_pictures(folder: Path, times_us: NDArray[np.int64]) -> RecordedPictures | None:
    """The pictures of the log in ``folder`` at the times ``[T]`` of its scene; None where it has no such folder."""
    pictures = folder / PICTURES
    if not pictures.is_dir():
        return None
    names = {name: _names(pictures / ring, ring, times_us) for ring, name in RING_NAMES.items()}
    return RecordedPictures((pictures,), names, f"Argoverse 2's folder {PICTURES}/<camera> of the log")


def _names(folder: Path, ring: str, times_us: NDArray[np.int64]) -> tuple[str, ...]:
    files = os.listdir(folder) if folder.is_dir() else []
    stamps = sorted(int(name[:-4]) for name in files if name.endswith(".jpg") and name[:-4].isdecimal())
    taken = np.array(stamps, np.int64) // 1000
    return names_at(times_us, taken, [f"{ring}/{stamp}.jpg" for stamp in stamps], _AT_US)
