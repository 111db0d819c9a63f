"""Read nuPlan's log ``.db`` without nuplan-devkit: what scenes it has, and each of them at 10 Hz."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.scene import DT, TrackType
from simscale_gym.sources.nuplan.schema import CATEGORIES
from simscale_gym.sources.nuplan.sqlite_table import (
    Table,
    check_columns,
    open_database,
    read_rows_of,
    read_table,
)

Array = NDArray[np.float64]

KIND = "nuPlan log (.db)"

MIN_DURATION = 10.0
"""Shorter scenes [s] are passed over: nothing can be perturbed, rolled and judged in them."""

MAX_GAP_US = 500_000
"""Longest time without a sweep or a pose that a scene may have."""

_SECOND_US = 1_000_000
FRAME_US = round(DT * _SECOND_US)

_OF_SCENE = "lidar_pc_token IN (SELECT token FROM lidar_pc WHERE scene_token = ?)"


@dataclass(frozen=True)
class SceneRow:
    """A scene of a log.

    Attributes:
        name: nuPlan's.
        token: 8 bytes.
        start_us, stop_us: Times of its first and last sweep.
        route: Roadblock ids as nuPlan lists them.
        goal: Token of the pose that it drives to, or empty.
    """

    name: str
    token: bytes
    start_us: int
    stop_us: int
    route: tuple[str, ...]
    goal: bytes

    @property
    def num_frames(self) -> int:
        """Frames at 10 Hz."""
        return (self.stop_us - self.start_us) // FRAME_US + 1


@dataclass(frozen=True, eq=False)
class LogHead:
    """What holds for a whole log.

    Attributes:
        path: The log's file.
        name: Name of the log.
        location: nuPlan's map name.
        scenes: Scenes of at least MIN_DURATION, in time order.
    """

    path: Path
    name: str
    location: str
    scenes: tuple[SceneRow, ...]


@dataclass(frozen=True, eq=False)
class Poses:
    """Rows of ``ego_pose`` in time order: ``times [P]`` us, ``places [P, 3]`` global, ``quats [P, 4]`` wxyz.

    ``motion [P, 5]`` = vx, vy, ax, ay in the ego frame, yaw rate.
    """

    times: NDArray[np.int64]
    places: Array
    quats: Array
    motion: Array


@dataclass(frozen=True, eq=False)
class Boxes:
    """Rows of ``lidar_box`` in time order: when, which track, and the box in the global frame.

    Attributes:
        times: ``[R]`` timestamps [us].
        tracks: ``[R]`` index into ``ids``.
        ids: Track tokens as hexadecimal text.
        types: ``[N]`` kinds of the tracks (:class:`TrackType`).
        places: ``[R, 3]`` box centres, global [m].
        yaw: ``[R]`` headings [rad].
        velocities: ``[R, 2]`` velocities [m/s].
        sizes: ``[R, 3]`` length, width, height [m].
    """

    times: NDArray[np.int64]
    tracks: NDArray[np.int64]
    ids: tuple[str, ...]
    types: NDArray[np.uint8]
    places: Array
    yaw: Array
    velocities: Array
    sizes: Array


def read_head(path: Path) -> LogHead:
    """What scenes the log ``path`` has; the last few hundred logs stay in memory.

    Raises:
        DataError: Missing, damaged, no log of nuPlan, or without a scene of MIN_DURATION.
    """
    status = path.stat() if path.is_file() else None
    return _read_head(path, (status.st_mtime_ns, status.st_size) if status else (0, 0))


@lru_cache(maxsize=512)
def _read_head(path: Path, _changed: tuple[int, int]) -> LogHead:
    with open_database(path, KIND) as database:
        log = read_table(database, path, "log", ("logfile", "map_version"))
        if len(log) != 1:
            raise DataError(path, field="table log", found=f"{len(log)} rows", expected="exactly one")
        table = read_table(database, path, "scene", ("name", "token", "goal_ego_pose_token", "roadblock_ids"))
        times = _scene_times(database, path)
    scenes = []
    columns = (table.texts("name"), table.tokens("token"), table.tokens("goal_ego_pose_token", nullable=True))
    for name, token, goal, route in zip(*columns, table.texts("roadblock_ids"), strict=True):
        if token in times and times[token][1] - times[token][0] >= MIN_DURATION * _SECOND_US - FRAME_US:
            scenes.append(SceneRow(name, token, *times[token], _route(route), goal))
    if not scenes:
        longest = max((stop - start for start, stop in times.values()), default=0) / _SECOND_US
        raise DataError(
            path, field="table scene", found=f"{len(table)} scenes, the longest {longest:.1f} s",
            expected=f"a scene of at least {MIN_DURATION:g} s",
        )  # fmt: skip
    location = log.texts("map_version")[0].removesuffix(".gpkg")
    ordered = sorted(scenes, key=lambda scene: scene.start_us)
    return LogHead(path, log.texts("logfile")[0] or path.stem, location, tuple(ordered))


def _scene_times(database: sqlite3.Connection, path: Path) -> dict[bytes, tuple[int, int]]:
    """First and last time of the sweeps of each scene; grouped by SQLite, as real logs have many."""
    check_columns(database, path, "lidar_pc", ("scene_token", "timestamp"))
    rows = database.execute(
        "SELECT scene_token, MIN(timestamp), MAX(timestamp), SUM(typeof(timestamp) != 'integer') FROM lidar_pc "
        "WHERE scene_token IS NOT NULL GROUP BY scene_token"
    ).fetchall()
    wrong = sum(row[3] for row in rows)
    if wrong:
        raise DataError(
            path, field="table lidar_pc, column timestamp", found=f"{wrong} rows that are no whole number",
            expected="microseconds",
        )  # fmt: skip
    return {token: (start, stop) for token, start, stop, _ in rows}


def _route(text: str) -> tuple[str, ...]:
    """Ids out of nuPlan's blank or comma separated text, without neighbours that repeat."""
    ids = [] if text in ("None", "nan") else text.replace(",", " ").split()
    return tuple(i for row, i in enumerate(ids) if row == 0 or i != ids[row - 1])


def read_path(database: sqlite3.Connection, path: Path) -> Array:
    """Places ``[K, 3]`` of the ego in the whole log, global [m], some thousand points in time order."""
    table = read_table(database, path, "ego_pose", ("x", "y", "z"), suffix="ORDER BY timestamp")
    if not len(table):
        raise DataError(path, field="table ego_pose", found="no rows", expected="the ego's poses")
    places = table.floats("x", "y", "z")
    return np.concatenate([places[:: max(1, len(places) // 4000)], places[-1:]])


def read_poses(database: sqlite3.Connection, path: Path, start_us: int, stop_us: int) -> Poses:
    """Poses from just before ``start_us`` to just after ``stop_us``.

    Raises:
        DataError: A gap longer than MAX_GAP_US, or a value that is no number.
    """
    columns = (
        "timestamp", "x", "y", "z", "qw", "qx", "qy", "qz", "vx", "vy", "acceleration_x", "acceleration_y",
        "angular_rate_z",
    )  # fmt: skip
    window = (start_us - MAX_GAP_US, stop_us + MAX_GAP_US)
    table = read_table(
        database, path, "ego_pose", columns,
        suffix="WHERE timestamp BETWEEN ? AND ? ORDER BY timestamp", arguments=window,
    )  # fmt: skip
    times = table.ints("timestamp")
    check_gaps(path, "table ego_pose", times, start_us, stop_us)
    keep = np.r_[True, np.diff(times) > 0]
    quats = table.floats("qw", "qx", "qy", "qz")
    short = np.flatnonzero(np.abs(np.linalg.norm(quats, axis=1) - 1.0) > 0.1)
    if len(short):
        raise table.fault("qw", int(short[0]), f"quaternion {quats[short[0]].tolist()}", "one of length 1")
    motion = table.floats("vx", "vy", "acceleration_x", "acceleration_y", "angular_rate_z")
    return Poses(times[keep], table.floats("x", "y", "z")[keep], quats[keep], motion[keep])


def check_gaps(path: Path, field: str, times: NDArray[np.int64], start_us: int, stop_us: int) -> None:
    """Refuse times that leave a stretch between ``start_us`` and ``stop_us`` empty."""
    inner = times[(times > start_us) & (times < stop_us)]
    gap = int(np.diff(np.r_[start_us, inner, stop_us].astype(float)).max())  # whole numbers could run over
    if gap > MAX_GAP_US or not len(times):
        raise DataError(
            path, field=field, found=f"no row for {gap / _SECOND_US:.2f} s after {start_us} us",
            expected=f"gaps of at most {MAX_GAP_US / _SECOND_US:g} s", hint="Use another scene of the log.",
        )  # fmt: skip


def read_goal(database: sqlite3.Connection, path: Path, token: bytes) -> Array | None:
    """Place and quaternion ``[7]`` of a pose, or None when the log does not have it."""
    table = read_table(
        database, path, "ego_pose", ("x", "y", "z", "qw", "qx", "qy", "qz"), suffix="WHERE token = ?",
        arguments=(token,),
    )  # fmt: skip
    return table.floats("x", "y", "z", "qw", "qx", "qy", "qz")[0] if token and len(table) else None


def read_sweeps(
    database: sqlite3.Connection, path: Path, scene: bytes
) -> tuple[list[bytes], NDArray[np.int64]]:
    """Tokens and times of the sweeps of a scene, in time order."""
    table = read_table(
        database, path, "lidar_pc", ("token", "timestamp"), suffix="WHERE scene_token = ? ORDER BY timestamp",
        arguments=(scene,),
    )  # fmt: skip
    return table.tokens("token"), table.ints("timestamp")


def read_boxes(
    database: sqlite3.Connection, path: Path, scene: bytes, sweeps: Sequence[bytes], times: NDArray[np.int64]
) -> Boxes:
    """Boxes of some ``sweeps`` of a scene and their ``times``; the tracks are those of all its sweeps.

    Raises:
        DataError: A box without a track, a track without a category, an unknown category, a bad number.
    """
    columns = (
        "lidar_pc_token", "track_token", "x", "y", "z", "yaw", "vx", "vy", "length", "width", "height",
    )  # fmt: skip
    table = read_rows_of(database, path, "lidar_box", columns, "lidar_pc_token", sweeps)
    kinds = _track_types(database, path)
    ids = _tracks_of_scene(database, path, scene, kinds)
    when = dict(zip(sweeps, times.tolist(), strict=True))
    number = {token: row for row, token in enumerate(ids)}
    return Boxes(
        times=table.rows_of("lidar_pc_token", when, "lidar_pc"),
        tracks=table.rows_of("track_token", number, "track"),
        ids=tuple(token.hex() for token in ids),
        types=np.array([kinds[token] for token in ids], np.uint8),
        places=table.floats("x", "y", "z"),
        yaw=table.floats("yaw"),
        velocities=table.floats("vx", "vy"),
        sizes=table.floats("length", "width", "height"),
    )


def _tracks_of_scene(
    database: sqlite3.Connection, path: Path, scene: bytes, kinds: Mapping[bytes, TrackType]
) -> list[bytes]:
    """Tokens of the tracks that have boxes in a scene, in the order in which SQLite comes upon them."""
    distinct = database.execute(f"SELECT DISTINCT track_token FROM lidar_box WHERE {_OF_SCENE}", (scene,))
    table = Table(path, "lidar_box", {"track_token": [token for (token,) in distinct]})
    tokens = table.tokens("track_token", nullable=True)
    for row, token in enumerate(tokens):
        if token not in kinds:
            raise table.fault(
                "track_token", row, f"{token.hex() or 'NULL'}", "the token of a row of table track"
            )
    return tokens


def _track_types(database: sqlite3.Connection, path: Path) -> dict[bytes, TrackType]:
    categories = read_table(database, path, "category", ("token", "name"))
    names = list(CATEGORIES)
    kinds = {
        token: TrackType(names.index(name))
        for token, name in zip(categories.tokens("token"), categories.texts("name", names), strict=True)
    }
    tracks = read_table(database, path, "track", ("token", "category_token"))
    links = tracks.rows_of("category_token", kinds, "category").tolist()
    return {token: TrackType(kind) for token, kind in zip(tracks.tokens("token"), links, strict=True)}


def read_lights(database: sqlite3.Connection, path: Path, sweeps: Sequence[bytes]) -> Table:
    """Rows of ``traffic_light_status`` of some sweeps: ``lidar_pc_token``, ``lane_connector_id``, ``status``."""
    columns = ("lidar_pc_token", "lane_connector_id", "status")
    return read_rows_of(database, path, "traffic_light_status", columns, "lidar_pc_token", sweeps)
