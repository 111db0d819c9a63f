"""Times the opening of a log in a city of 50,000 lanes, and of scenes in a nuPlan log of 20 minutes.

    python benchmarks/city.py
    python benchmarks/city.py --lanes 5000 --minutes 5

The city is a town of ours laid out again and again, the log a long drive in one of them; both are written as nuPlan's
files. Each opening is timed in a fresh process with its imports done, on the wall, and no scene is compiled before, so
that all is read from the files.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.scene import EgoLog, RoadMap, nuplan_rig
from simscale_gym.sources.nuplan.dataset import scene_names
from simscale_gym.sources.nuplan.log_writer import write_log
from simscale_gym.sources.nuplan.map_writer import MapFids, write_map, write_map_folder
from simscale_gym.sources.nuplan.recording import SWEEP_STEP_US, Part, Recording
from simscale_gym.sources.nuplan.schema import LOCATIONS
from simscale_gym.town import build_town, simulate_log

LOCATION = "us-nv-las-vegas-strip"
ORIGIN = np.array([664_000.0, 3_998_000.0, 620.0])
PIECE_US = 20_000_000
PITCH = 900.0
"""From one town of the city to the next [m]."""
OPEN = """
import sys, time
from pathlib import Path
from simscale_gym.sources.nuplan.dataset import load_log_scene
began = time.perf_counter()
scene = load_log_scene(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
seconds = time.perf_counter() - began
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(seconds, len(scene.map.lanes), int(status["VmHWM"].split()[0]) / 1e3)
"""


def city(lanes: int) -> RoadMap:
    """A road map of at least so many lanes and connectors."""
    town = build_town(0).map
    copies = -(-lanes // len(town.lanes))
    side = int(np.ceil(np.sqrt(copies)))
    places = [PITCH * np.array(divmod(k, side), float) for k in range(copies)]
    parts = [_moved(town, f"{k}-", place) for k, place in enumerate(places)]
    names = [item.name for item in fields(RoadMap) if isinstance(getattr(town, item.name), Mapping)]
    return RoadMap(
        name="city", **{name: {i: x for part in parts for i, x in part[name].items()} for name in names}
    )


def _moved(road_map: RoadMap, prefix: str, place: np.ndarray) -> dict[str, dict[str, Any]]:
    """All that a map holds, moved and called by other names."""
    return {
        item.name: {prefix + i: _renamed(x, prefix, place) for i, x in getattr(road_map, item.name).items()}
        for item in fields(road_map)
        if isinstance(getattr(road_map, item.name), Mapping)
    }


def _renamed(record: Any, prefix: str, place: np.ndarray) -> Any:
    """A record whose ids, and those that it names, begin with ``prefix``; its points moved."""
    values = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            value = value + np.r_[place, np.zeros(value.shape[1] - 2)]
        elif type(value) is str:
            value = prefix + value
        elif isinstance(value, tuple) and all(type(x) is str for x in value):
            value = tuple(prefix + x for x in value)
        values[item.name] = value
    return replace(record, **values)


def opened(log: Path, maps: Path, scene: str, cache: Path) -> tuple[float, int, float]:
    """Seconds until a scene is open in a fresh process, its lanes, and the process's memory [MB]."""
    found = subprocess.run(
        [sys.executable, "-c", OPEN, log, maps, scene],
        env={**os.environ, "SIMSCALE_GYM_CACHE": str(cache)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds, lanes, memory = found.stdout.split()
    return float(seconds), int(lanes), float(memory)


def long_recording(minutes: float, origin: np.ndarray) -> Recording:
    """A drive of so many minutes through the first town of the city."""
    log = simulate_log(build_town(0), 0, duration=60.0 * minutes)
    flat, piece = np.zeros(len(log.states)), PIECE_US // SWEEP_STEP_US
    parts = [
        Part(k * piece, (k + 1) * piece, tuple("0-" + block for block in route), goal)
        for k, (route, goal) in enumerate(zip(log.routes, log.goals, strict=True))
    ]
    lights = replace(log.lights, lane_ids=tuple("0-" + i for i in log.lights.lane_ids))
    ego = EgoLog(log.states, flat, flat, flat)
    return Recording(0, origin, ego, log.tracks, lights, tuple(parts), log.tags, nuplan_rig())


def write_city(folder: Path, lanes: int, minutes: float) -> tuple[Path, Path]:
    """The log and the folder of maps, written into ``folder``."""
    road_map, scratch = city(lanes), folder / "map.gpkg"
    fids: MapFids = write_map(scratch, road_map, LOCATIONS[LOCATION].epsg, ORIGIN)
    (maps := folder / "maps").mkdir()
    write_map_folder(maps, LOCATION, scratch)
    log = folder / "long.db"
    write_log(log, long_recording(minutes, ORIGIN), fids, LOCATION, "veh-00")
    return log, maps


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lanes", type=int, default=50_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    arguments, console = parser.parse_args(), Console()
    with tempfile.TemporaryDirectory() as scratch:
        folder, cache = Path(scratch), Path(scratch, "cache")
        began = time.perf_counter()
        log, maps = write_city(folder, arguments.lanes, arguments.minutes)
        console.print(
            f"{platform.machine()}, {os.cpu_count()} cores; written in {time.perf_counter() - began:.0f} s"
        )
        for file in (log, next(maps.rglob("*.gpkg"))):
            console.print(f"{file.name}: {file.stat().st_size / 1e6:.0f} MB")
        names = scene_names(log)
        table = Table("opening", "s", "lanes around the drive", "memory [MB]")
        for title, name in (
            ("no index yet", names[0]),
            *(("warm index", name) for name in (names[0], *names[-2:])),
        ):
            seconds, lanes, memory = opened(log, maps, name, cache)
            table.add_row(f"{title}, scene {name}", f"{seconds:.2f}", str(lanes), f"{memory:.0f}")
        console.print(table)


if __name__ == "__main__":
    main()
