"""The built-in town written as a nuPlan data set: on request, and into the cache when a scene is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simscale_gym.errors import ArgumentError
from simscale_gym.files.atomic_write import atomic_write, discard
from simscale_gym.files.cache import cache_root, only_one, say_remade
from simscale_gym.files.digests import damage, seal
from simscale_gym.progress import waiting
from simscale_gym.scene import Camera, CameraRig, EgoLog, Scene, nuplan_rig
from simscale_gym.sources.nuplan.dataset import NuPlanRoot, load_log_scene, scene_names
from simscale_gym.sources.nuplan.log_writer import write_log
from simscale_gym.sources.nuplan.map_writer import MapFids, write_map, write_map_folder
from simscale_gym.sources.nuplan.recording import (
    SWEEP_STEP_US,
    Part,
    Recording,
    image_file,
    image_tokens,
    log_name,
)
from simscale_gym.sources.nuplan.schema import LOCATIONS
from simscale_gym.sources.nuplan.side_shapes import SIDE_FILE, write_shapes
from simscale_gym.town.config import TOWN_VERSION
from simscale_gym.town.town import Town, TownLog, build_town, simulate_log
from simscale_gym.town.town_log import PIECE

Array = NDArray[np.float64]
Renderer = Callable[[Scene, int], Mapping[str, NDArray[np.uint8]]]

LOCATION = "us-nv-las-vegas-strip"
"""nuPlan's place that the towns pretend to stand in."""

LOG_DURATION = 100.0
"""Length of a log of a town [s]: five scenes of 20 s, the fewest of which nuplan-devkit uses any."""

SCENES_PER_LOG = round(LOG_DURATION / PIECE)

DATASET_VERSION = 2
"""Changes whenever the same town is written in another way; part of the cache's key."""

_PLACE = np.array([664_000.0, 3_998_000.0, 620.0])  # origin of every town, UTM zone 11 north [m]
_EPOCH_US = 1_704_096_000_000_000  # 2024-01-01 08:00 UTC: the first log of town 0
_TOWN_US, _LOG_US = 3_600_000_000, 300_000_000  # between towns and between the logs of one
_LOGS = Path("nuplan-v1.1", "splits")
_BLOBS = Path("nuplan-v1.1", "sensor_blobs")
_JPEG_QUALITY = 92
_CACHED = "town"  # split of the logs in the cache


@dataclass(frozen=True)
class TownLogFiles:
    """Files of a log of a town: the ``.db``, and the folder of maps."""

    log: Path
    maps: Path


def town_log_name(seed: int, log_index: int) -> str:
    """Name of log ``log_index`` of town ``seed`` in nuPlan's manner."""
    return log_name(_start_us(seed, log_index), _vehicle(seed), LOG_DURATION)


def _start_us(seed: int, log_index: int) -> int:
    return _EPOCH_US + seed * _TOWN_US + log_index * _LOG_US


def _vehicle(seed: int) -> str:
    return f"veh-{seed % 100:02d}"


def write_town_dataset(
    out: str | Path,
    seed: int = 0,
    logs: int = 1,
    *,
    split: str = "mini",
    image_size: tuple[int, int] | None = None,
    render: Renderer | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> NuPlanRoot:
    """Write town ``seed`` with its first ``logs`` logs as a nuPlan data set into the new folder ``out``.

    The folder appears when everything in it is complete.

    Args:
        out: Folder to make; must not exist, or be empty.
        seed: Seed of the town.
        logs: Number of logs.
        split: Folder of the logs under ``nuplan-v1.1/splits``.
        image_size: Height and width of the pictures [pixel]; None keeps nuPlan's 1080 x 1920.
        render: Function that makes the pictures of a frame (10 Hz) of a scene, ``uint8 [H, W, 3]`` by camera, which
            become the files that table ``image`` names; None writes no pictures.
        progress: Function that is told the work at hand, how many of its steps are done and of how many.

    Raises:
        ArgumentError: ``out`` holds something, or ``logs`` is less than 1.
        DataError: ``out`` cannot be written.
    """
    out = Path(out).expanduser().absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArgumentError(f"out: {out} is not empty. Name a new folder, or delete this one.")
    if logs < 1:
        raise ArgumentError(f"logs: {logs}, expected at least 1.")
    report = progress or (lambda work, done, total: None)
    town, rig = _town(seed), _sized(nuplan_rig(), image_size)
    with atomic_write(out) as whole:
        fids = _write_maps(whole, town)
        for index in range(logs):
            report("logs", index, logs)
            path = _write_log(whole, split, town, index, rig, fids)
            if render is not None:
                _write_images(whole, path, render, report)
        report("logs", logs, logs)
    return NuPlanRoot.open(out)


def cached_town_log(seed: int, log_index: int) -> TownLogFiles:
    """Log ``log_index`` of town ``seed`` in the cache, written there if it is not yet, or was damaged since.

    Processes that ask for the same log at once wait for the one that writes it. Map and log appear at once, sealed
    with their digests.

    Raises:
        DataError: The cache cannot be written.
    """
    parent = cache_root() / f"town-{TOWN_VERSION}-{DATASET_VERSION}"
    folder = parent / f"{seed:06d}-{log_index:02d}"
    if not folder.is_dir() or damage(folder):
        drive = f"simulating drive {log_index + 1} of town {seed}, once"
        with waiting(drive), only_one(parent / "locks" / f"{folder.name}.lock"):
            _write_cached(folder, seed, log_index)
    return TownLogFiles(_log_file(folder, _CACHED, seed, log_index), folder / "maps")


def _write_cached(folder: Path, seed: int, log_index: int) -> None:
    """Make ``folder``, unless somebody else has made it meanwhile."""
    if folder.is_dir():
        why = damage(folder)
        if not why:
            return
        say_remade(folder, why)
        discard(folder)
    town = _town(seed)
    with atomic_write(folder) as whole:
        _write_log(whole, _CACHED, town, log_index, nuplan_rig(), _write_maps(whole, town))
        seal(whole)


@lru_cache(maxsize=1)
def _town(seed: int) -> Town:
    return build_town(seed)


def _write_maps(root: Path, town: Town) -> MapFids:
    """Write the folder of maps of the data set ``root``, by way of a file beside it."""
    maps, scratch = root / "maps", root.with_name("map.gpkg")
    maps.mkdir(parents=True)
    fids = write_map(scratch, town.map, LOCATIONS[LOCATION].epsg, _PLACE)
    write_map_folder(maps, LOCATION, scratch)
    side = maps / LOCATION / LOCATIONS[LOCATION].version / SIDE_FILE
    write_shapes(side, town.shapes, _PLACE, fids.lanes)
    return fids


def _write_log(root: Path, split: str, town: Town, index: int, rig: CameraRig, fids: MapFids) -> Path:
    """Write log ``index`` of ``town`` into the data set ``root``; its file."""
    path = _log_file(root, split, town.seed, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_log(path, _recording(town, index, rig), fids, LOCATION, _vehicle(town.seed))
    return path


def _log_file(root: Path, split: str, seed: int, index: int) -> Path:
    return root / _LOGS / split / f"{town_log_name(seed, index)}.db"


def _recording(town: Town, log_index: int, rig: CameraRig) -> Recording:
    """The drive as the writer takes it: pieces of 20 s, flat ground."""
    log: TownLog = simulate_log(town, log_index, duration=LOG_DURATION)
    flat, piece = np.zeros(len(log.states)), round(PIECE * 1e6) // SWEEP_STEP_US
    parts = tuple(
        Part(k * piece, (k + 1) * piece, route, goal)
        for k, (route, goal) in enumerate(zip(log.routes, log.goals, strict=True))
    )
    return Recording(
        start_us=_start_us(town.seed, log_index),
        origin=_PLACE,
        ego=EgoLog(log.states, flat, flat, flat),
        tracks=log.tracks,
        lights=log.lights,
        parts=parts,
        tags=log.tags,
        rig=rig,
    )


def _sized(rig: CameraRig, size: tuple[int, int] | None) -> CameraRig:
    """The same cameras with pictures of ``size`` (H, W)."""
    if size is None:
        return rig
    height, width = size

    def resized(camera: Camera) -> Camera:
        return replace(camera, K=camera.scaled_intrinsics(height, width), width=width, height=height)

    return CameraRig({name: resized(camera) for name, camera in rig.cameras.items()})


def _write_images(root: Path, log: Path, render: Renderer, report: Callable[[str, int, int], None]) -> None:
    """Pictures of every frame of every scene of ``log``, under the names that its table ``image`` has."""
    name, start = log.stem, 0
    scenes = [load_log_scene(log, root / "maps", scene) for scene in scene_names(log)]
    total = sum(scene.num_frames for scene in scenes)
    tokens = {camera: image_tokens(name, camera, total) for camera in scenes[0].rig.cameras}
    for scene in scenes:
        for frame in range(scene.num_frames):
            report(f"images of {name}", start + frame, total)
            for camera, pixels in render(scene, frame).items():
                path = root / _BLOBS / image_file(name, camera, tokens[camera][start + frame])
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path, quality=_JPEG_QUALITY)
        start += scene.num_frames
    report(f"images of {name}", total, total)
