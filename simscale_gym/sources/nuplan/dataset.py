"""nuPlan data sets as a source of scenes: find logs and maps under a folder, list and load their scenes."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, SceneError
from simscale_gym.scene import RecordedPictures, RoadMap, Scene, Vehicle, names_at, nuplan_rig
from simscale_gym.scene.lane_matching import find_route, mended_route
from simscale_gym.sources.nuplan import log_reader
from simscale_gym.sources.nuplan.cameras import read_images, read_rig
from simscale_gym.sources.nuplan.log_reader import LogHead, SceneRow
from simscale_gym.sources.nuplan.map_reader import MARGIN, map_around
from simscale_gym.sources.nuplan.map_writer import MAP_INDEX
from simscale_gym.sources.nuplan.resample import (
    ego_log,
    goal_pose,
    grid,
    lights_on,
    sweeps_of_frames,
    tracks_on,
)
from simscale_gym.sources.nuplan.side_shapes import SIDE_FILE, SideShapes
from simscale_gym.sources.nuplan.sqlite_table import open_database

Array = NDArray[np.float64]
Times = NDArray[np.int64]

_LAYOUT = f"nuPlan's layout: nuplan-v1.1/splits/<split>/<log>.db and maps/{MAP_INDEX}"
_MAPS_HINT = "Put nuPlan's maps into the folder maps/ beside nuplan-v1.1/, or say where they are."
_NO_LOGS_IN = ("maps", "sensor_blobs")  # a hundred million files may lie there
_MAX_DEPTH = 5
_TAKEN_US = 50_000  # a picture belongs to a frame as far off as nuPlan's own are from its sweeps


@dataclass(frozen=True)
class NuPlanRoot:
    """A nuPlan data set.

    Attributes:
        path: The folder (or the one log) that was asked for.
        maps: Folder that holds ``nuplan-maps-v1.0.json``.
        logs: All logs, sorted.
    """

    path: Path
    maps: Path
    logs: tuple[Path, ...]

    @classmethod
    def open(cls, path: str | Path, maps: str | Path | None = None) -> NuPlanRoot:
        """Find logs under ``path`` (a folder or one ``.db``); ``maps`` may stand beside or above it.

        Raises:
            DataError: Nothing there, or no maps.
        """
        path = Path(path).expanduser().absolute()
        if not path.exists():
            raise DataError(path, found="nothing", expected="a folder in " + _LAYOUT, hint="Check the path.")
        logs = (path,) if path.is_file() else find_logs(path)
        if not logs:
            raise DataError(path, found="no .db file in it", expected="a folder in " + _LAYOUT)
        return cls(path, find_maps(path, maps), logs)

    def split(self, name: str) -> tuple[Path, ...]:
        """Logs in the folder called ``name``; all logs where there is no such folder.

        ``trainval``, nuPlan's own, serves ``train`` and ``val``.
        """
        return logs_of_split(self.logs, name)


def logs_of_split(logs: tuple[Path, ...], split: str) -> tuple[Path, ...]:
    """Those of ``logs`` in a folder called ``split``, or trainval for train and val; all where there is none."""
    for wanted in (split, "trainval") if split in ("train", "val") else (split,):
        inside = tuple(log for log in logs if log.parent.name == wanted)
        if inside:
            return inside
    return logs


def find_logs(path: Path) -> tuple[Path, ...]:
    """Files ``*.db`` under ``path``, sorted, without looking where maps and pictures lie."""
    found = []
    for folder, subfolders, files in os.walk(path):
        depth = len(Path(folder).relative_to(path).parts)
        subfolders[:] = [
            name
            for name in subfolders
            if depth < _MAX_DEPTH and name not in _NO_LOGS_IN and not name.startswith(".")
        ]
        found += [Path(folder) / name for name in files if name.endswith(".db") and not name.startswith(".")]
    return tuple(sorted(found))


def find_maps(
    path: Path, maps: str | Path | None = None, *, layout: str = _LAYOUT, hint: str = _MAPS_HINT
) -> Path:
    """The folder of maps: ``maps`` itself, or ``maps/`` in or above ``path``.

    Args:
        path: The data set.
        maps: The folder, where it is known.
        layout: What is expected, for the error.
        hint: What to do where there are none.

    Raises:
        DataError: No index of maps there.
    """
    if maps is not None:
        folders = [Path(maps).expanduser().absolute()]
    else:
        places = [path, *path.parents][: _MAX_DEPTH + 1]
        folders = [
            folder for place in places for folder in (place / "maps", place / "nuplan-v1.1" / "maps", place)
        ]
    for folder in folders:
        if (folder / MAP_INDEX).is_file():
            return folder
    raise DataError(
        path, field=MAP_INDEX, found=f"none in {folders[0]}" + (" or above" if maps is None else ""),
        expected=layout, hint=hint,
    )  # fmt: skip


def picture_folder(log: Path) -> Path | None:
    """The folder ``sensor_blobs`` above a log, where its pictures may lie."""
    places = (folder / "sensor_blobs" for folder in log.parents[1:4])
    return next((place for place in places if place.is_dir()), None)


def _recorded(
    blobs: Path | None, pictures: Mapping[str, tuple[Times, list[str]]], times: Times
) -> RecordedPictures | None:
    if blobs is None:
        return None
    names = {camera: names_at(times, taken, files, _TAKEN_US) for camera, (taken, files) in pictures.items()}
    return RecordedPictures((blobs,), names, "nuPlan's folder sensor_blobs/<log>/<camera>")


def map_file(maps: Path, location: str, log: Path, field: str = "table log, column map_version") -> Path:
    """The ``map.gpkg`` of a ``location`` that the ``field`` of a log names.

    Raises:
        DataError: The index is broken, or has no such place.
    """
    index = maps / MAP_INDEX
    try:
        places = json.loads(index.read_text(encoding="utf-8"))
        versions = {name: str(place["version"]) for name, place in places.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            index,
            found=f"{type(error).__name__}: {error}",
            expected='{"<location>": {"version": "..."}, ...}',
        ) from None
    if location not in versions:
        raise DataError(
            log, field=field, found=repr(location), expected=" | ".join(sorted(versions)),
            hint=f"{index} does not list it.",
        )  # fmt: skip
    return maps / location / versions[location] / "map.gpkg"


@dataclass(frozen=True, eq=False)
class LogPlace:
    """What the scenes of one log share: frame, road map, side shapes."""

    origin: Array
    map: RoadMap
    shapes: SideShapes | None


def log_place(head: LogHead, maps: Path) -> LogPlace:
    """Frame, map and shapes of a log; those of the last few logs stay in memory."""
    status = head.path.stat()
    return _log_place(head.path, head.location, maps, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=8)
def _log_place(path: Path, location: str, maps: Path, _changed: tuple[int, int]) -> LogPlace:
    with open_database(path, log_reader.KIND) as database:
        drive = log_reader.read_path(database, path)
    return place_along(drive, location, map_file(maps, location, path))


def place_along(drive: Array, location: str, file: Path) -> LogPlace:
    """What lies along ``drive [K, 3]``, global [m], on the map ``file``; the origin is the drive's first place."""
    origin = np.round(drive[0])
    road_map = map_around(file, location, drive[:, :2], origin)
    if not road_map.lanes:
        raise DataError(
            file, field="table lanes_polygons", found=f"no lane within {MARGIN:.0f} m of the drive",
            expected=f"the map of {location}, in the projection that the log's places are given in",
            hint="Is it the map of this log's city, with its own projectedCoordSystem?",
        )  # fmt: skip
    side = file.with_name(SIDE_FILE)
    bounds = np.stack([drive[:, :2].min(0), drive[:, :2].max(0)])
    shapes = SideShapes(side, bounds, origin, MARGIN) if side.is_file() else None
    return LogPlace(origin, road_map, shapes)


def followed_route(
    road_map: RoadMap, poses: Array, listed: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """The route of a drive ``poses [T, 3]`` out of the roadblocks that its log lists, and what was worked out."""
    named = tuple(i for i in listed if i in road_map.roadblocks)
    if not named:
        said = "Route: the roadblocks that the ego drove along, led on straight; the log names none."
        return find_route(road_map, poses), [said]
    route = mended_route(road_map, poses, named)
    said = "Route: the roadblocks that the ego drove along, as the log's list leaves them out."
    return route, [] if route == named else [said]


class SceneName(NamedTuple):
    """``id``, ``log_id`` and ``source`` of a :class:`Scene`."""

    id: str
    log_id: str
    source: str


def scene_names(log: Path) -> list[str]:
    """Names of the scenes of a log, in time order, without loading any."""
    return [scene.name for scene in log_reader.read_head(log).scenes]


def load_log_scene(log: Path, maps: Path, name: str, *, called: SceneName | None = None) -> Scene:
    """The scene ``name`` of the file ``log``, at 10 Hz; its names are those of nuPlan, or as it is ``called``.

    Raises:
        DataError: The log or its map cannot be used.
        SceneError: The log has no such scene.
    """
    head = log_reader.read_head(log)
    row = next((scene for scene in head.scenes if scene.name == name), None)
    if row is None:
        names = [scene.name for scene in head.scenes]
        near = difflib.get_close_matches(name, names, 3, 0.0)
        raise SceneError(f"{log} has no scene {name!r}; nearest: {', '.join(near)}.")
    names = called or SceneName(f"{head.name}/{row.name}", head.name, "nuplan")
    return _load(head, row, log_place(head, maps), names)


def _load(head: LogHead, row: SceneRow, place: LogPlace, names: SceneName) -> Scene:
    path, origin, vehicle = head.path, place.origin, Vehicle()
    with open_database(path, log_reader.KIND) as database:
        sweeps, sweep_times = log_reader.read_sweeps(database, path, row.token)
        log_reader.check_gaps(path, "table lidar_pc", sweep_times, row.start_us, row.stop_us)
        times = grid(row.start_us, row.stop_us)
        poses = log_reader.read_poses(database, path, row.start_us, row.stop_us)
        near = sweeps_of_frames(sweep_times, times)
        sweeps, sweep_times = [sweeps[i] for i in near], sweep_times[near]
        boxes = log_reader.read_boxes(database, path, row.token, sweeps, sweep_times)
        lights = log_reader.read_lights(database, path, sweeps)
        rig = read_rig(database, path)
        goal = log_reader.read_goal(database, path, row.goal)
        blobs = picture_folder(path)
        pictures = read_images(database, path, int(times[0]), int(times[-1])) if blobs else {}
    ego = ego_log(poses, times, origin, vehicle)
    route, inferred = followed_route(place.map, ego.poses, row.route)
    if rig is None:
        inferred.append("Cameras: nuPlan's nominal rig; the log lists none.")
    return Scene(
        id=names.id,
        log_id=names.log_id,
        source=names.source,
        origin=origin,
        timestamps_us=times,
        map=place.map,
        ego=ego,
        tracks=tracks_on(boxes, sweep_times, times, origin),
        lights=lights_on(lights, sweeps, sweep_times, times, place.map),
        route=route,
        vehicle=vehicle,
        rig=rig or nuplan_rig(),
        shapes=place.shapes,
        goal=None if goal is None else goal_pose(goal, origin),
        inferred=tuple(inferred),
        recorded=_recorded(blobs, pictures, times),
    )
