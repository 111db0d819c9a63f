"""Where the files of Argoverse 2 lie: scenes in folders, and what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simscale_gym.errors import DataError

PREFIX = "scenario_"
"""A scenario's folder holds ``scenario_<id>.parquet`` and ``log_map_archive_<id>.json``."""

POSES, ANNOTATIONS = "city_SE3_egovehicle.feather", "annotations.feather"
"""Files in the folder of a sensor log; ``calibration/`` and ``map/`` lie beside them."""

WITH_EGO = "annotations_with_ego.feather"
"""The boxes of a log of the scenario-mining challenge, which has no other."""

PICTURES = Path("sensors", "cameras")
"""Folder in that of a sensor log: ``<camera>/<time in ns>.jpg``."""


def scenes_in(path: Path, depth: int) -> Iterator[Path]:
    """Scenarios and logs at ``path`` and in its folders down to ``depth``, but not in those of a scene."""
    if path.is_file():
        if _is_scenario(path.name):
            yield path
        return
    entries = _entries(path)
    if any(entry.name == POSES for entry in entries):
        yield path
        return
    scenarios = [Path(entry.path) for entry in entries if _is_scenario(entry.name)]
    yield from sorted(scenarios)
    if depth and not scenarios:
        folders = [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        for folder in sorted(folders):
            yield from scenes_in(folder, depth - 1)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in ``folder``; nothing in one that may not be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_scenario(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith(".parquet")


def name_of(place: Path) -> str:
    """Name of a scene by its parquet or its folder."""
    return place.stem.removeprefix(PREFIX) if place.suffix == ".parquet" else place.name


def find_map(folder: Path) -> Path:
    """The one map archive of a log.

    Raises:
        DataError: None, or several.
    """
    maps = sorted((folder / "map").glob("log_map_archive_*.json"))
    if len(maps) != 1:
        names = ", ".join(file.name for file in maps) or "none"
        raise DataError(folder / "map", found=names, expected="one log_map_archive_*.json")
    return maps[0]


def city_of(map_file: Path) -> str:
    """City in the name of a map, as PIT in ``log_map_archive_<log>____PIT_city_47896.json``."""
    return map_file.stem.rpartition("____")[2].partition("_city")[0]
