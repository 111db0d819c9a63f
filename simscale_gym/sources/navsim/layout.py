"""Where NAVSIM's files lie: logs by split, pickles of the second stage, maps, pictures.

::

    navsim_logs/<split>/<log>.pkl        OpenScene: meta_datas/<split>, navhard: openscene_meta_datas
    sensor_blobs/<split>/<log>/CAM_F0/<image>.jpg
    synthetic_scene_pickles/<token>.pkl
    maps/nuplan-maps-v1.0.json           beside or above
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simscale_gym.errors import DataError
from simscale_gym.sources.navsim.pickle_kind import pickle_kind

LAYOUT = "NAVSIM's layout: navsim_logs/<split>/<log>.pkl, sensor_blobs/<split>/ and maps/"
_DEPTH = 4
_ELSEWHERE = ("maps", "sensor_blobs", "sensor_blobs_hist", "sensor_blobs_fut")


def has_pickles(path: Path) -> bool:
    """Whether ``path`` is a pickle of NAVSIM's or a folder in which there are some; never raises."""
    if path.is_file():
        return path.suffix == ".pkl" and pickle_kind(path) != ""
    return next(_folders(path), None) is not None


def find_pickles(path: Path) -> tuple[Path, ...]:
    """Pickles at ``path``: the file, or all in those of its folders whose first one is NAVSIM's, sorted.

    Raises:
        DataError: There are none.
    """
    if path.is_file():
        return (path,)
    found = [file for folder in _folders(path) for file in _pickles(folder)]
    if not found:
        raise DataError(path, found="no pickle of NAVSIM's in it", expected="a folder in " + LAYOUT)
    return tuple(sorted(found))


def _folders(path: Path) -> Iterator[Path]:
    """Folders with logs at or under ``path``, without looking where maps and pictures lie."""
    for folder, subfolders, _ in os.walk(path):
        depth = len(Path(folder).relative_to(path).parts)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if depth < _DEPTH and name not in _ELSEWHERE and not name.startswith(".")
        )
        pickles = _pickles(Path(folder))
        if pickles and pickle_kind(pickles[0]):
            yield Path(folder)


def _pickles(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.endswith(".pkl") and not e.name.startswith("."))
    except OSError:
        return []
    return [folder / name for name in names]


def picture_folders(file: Path) -> tuple[Path, ...]:
    """Folders that the pictures of ``file`` may lie in: ``sensor_blobs`` above it, first those of its split."""
    split, places = file.parent.name, list(file.parents)[:_DEPTH]
    return tuple(
        folder
        for place in places
        for folder in (place / "sensor_blobs" / split, place / "sensor_blobs")
        if folder.is_dir()
    )
