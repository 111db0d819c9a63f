"""Write a log as nuPlan does: one SQLite ``.db`` with poses at 100 Hz, boxes at 20 Hz, images at 10 Hz."""

from __future__ import annotations

import pickle
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se3
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import (
    STATE_SIZE,
    Camera,
    LightStatus,
    StateIndex,
)
from simscale_gym.sources.nuplan.map_writer import MapFids
from simscale_gym.sources.nuplan.recording import SWEEP_STEP_US, Recording, image_file, image_tokens, tokens
from simscale_gym.sources.nuplan.schema import CATEGORIES, LIDAR_CHANNEL, LIGHT_NAMES, LOCATIONS, LOG_TABLES
from simscale_gym.sources.nuplan.sqlite_table import create_table, insert_columns

Array = NDArray[np.float64]

_POSES_PER_SWEEP = 5
_POSE_STEP_US = SWEEP_STEP_US // _POSES_PER_SWEEP
_SWEEPS_PER_IMAGE = 2
_GOALS_AFTER_US = 60_000_000  # goals stand in ego_pose, too, a minute and more behind the drive
_TOKEN = re.compile("[0-9a-f]{16}")
_INDEXED = ("lidar_box", "traffic_light_status", "scenario_tag")


def write_log(path: Path, log: Recording, fids: MapFids, location: str, vehicle: str = "veh-00") -> None:
    """Write ``log`` to the new file ``path``, which is named as the log: ``<log name>.db``.

    Args:
        path: See :func:`log_name`.
        log: The drive.
        fids: Numbers of the map's ids, as :func:`simscale_gym.sources.nuplan.map_writer.write_map` returns.
        location: One of nuPlan's map names.
        vehicle: Name of the ego vehicle.
    """
    writer = _LogWriter(path.stem, log, fids)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -262144")  # [KiB]: random tokens touch every page of an index
        for name, columns in LOG_TABLES.items():
            create_table(database, name, columns)
        writer.write_log(database, location, vehicle)
        writer.write_poses(database, LOCATIONS[location].epsg)
        writer.write_parts(database)
        writer.write_sweeps(database)
        writer.write_boxes(database)
        writer.write_lights(database)
        writer.write_images(database)
        writer.write_tags(database)
        for name in _INDEXED:
            database.execute(f"CREATE INDEX {name}_of_sweep ON {name} (lidar_pc_token)")


def _chained(rows: list[bytes]) -> dict[str, list[bytes | None]]:
    """Columns that link ``rows`` in order."""
    return {"next_token": [*rows[1:], None], "prev_token": [None, *rows[:-1]]}


def _between(values: Array, factor: int) -> Array:
    """Values ``[T, ...]`` at ``factor`` times their rate, linear: ``[(T - 1) factor + 1, ...]``."""
    at = np.arange((len(values) - 1) * factor + 1)
    before = np.minimum(at // factor, max(len(values) - 2, 0))
    share = (at / factor - before).reshape(-1, *[1] * (values.ndim - 1))
    after = np.minimum(before + 1, len(values) - 1)
    return (1.0 - share) * values[before] + share * values[after]


class _LogWriter:
    """The tables of one log; tokens tie them together."""

    def __init__(self, name: str, log: Recording, fids: MapFids) -> None:
        self.name, self.log, self.fids = name, log, fids
        self.log_token, self.lidar_token = self._tokens("log", 1)[0], self._tokens("lidar", 1)[0]
        self.goals = [part.goal for part in log.parts if part.goal is not None]
        self.drive = (log.num_samples - 1) * _POSES_PER_SWEEP + 1  # rows of ego_pose before the goals
        self.poses = self._tokens("ego_pose", self.drive + len(self.goals))
        self.sweeps = self._tokens("lidar_pc", log.num_samples)
        self.times = log.start_us + np.arange(log.num_samples) * SWEEP_STEP_US

    def _tokens(self, table: str, count: int) -> list[bytes]:
        return tokens(self.name, table, count)

    def _track_tokens(self) -> list[bytes]:
        """The tracks' own ids where these are tokens already."""
        ids = self.log.tracks.ids
        own = all(_TOKEN.fullmatch(i) for i in ids) and len(set(ids)) == len(ids)
        return [bytes.fromhex(i) for i in ids] if own else self._tokens("track", len(ids))

    def write_log(self, database: sqlite3.Connection, location: str, vehicle: str) -> None:
        """Tables ``log``, ``lidar``, ``camera``, ``category``."""
        date = datetime.fromtimestamp(self.log.start_us / 1e6, timezone.utc).strftime("%Y-%m-%d")
        row = (
            self.log_token,
            vehicle,
            date,
            self.log.start_us,
            self.name,
            LOCATIONS[location].city,
            location,
        )
        database.execute("INSERT INTO log VALUES (?,?,?,?,?,?,?)", row)
        still = (pickle.dumps([0.0, 0.0, 0.0]), pickle.dumps([1.0, 0.0, 0.0, 0.0]))
        row = (self.lidar_token, self.log_token, LIDAR_CHANNEL, "none", *still)
        database.execute("INSERT INTO lidar VALUES (?,?,?,?,?,?)", row)
        rows = [
            (
                token,
                self.log_token,
                camera.name.upper(),
                "pinhole",
                *_calibration(camera),
                camera.width,
                camera.height,
            )
            for token, camera in self._cameras()
        ]
        database.executemany("INSERT INTO camera VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        rows = zip(
            self._tokens("category", len(CATEGORIES)), *zip(*CATEGORIES.items(), strict=True), strict=True
        )
        database.executemany("INSERT INTO category VALUES (?,?,?)", rows)

    def _cameras(self) -> Iterator[tuple[bytes, Camera]]:
        cameras = self.log.rig.cameras.values()
        return zip(self._tokens("camera", len(cameras)), cameras, strict=True)

    def write_poses(self, database: sqlite3.Connection, epsg: int) -> None:
        """Table ``ego_pose``: velocities, accelerations and rates in the ego frame, at the rear axle."""
        ego, goals = self.log.ego, np.array(self.goals, float).reshape(-1, 3)
        angles = np.unwrap(np.stack([ego.roll, ego.pitch, ego.states[:, StateIndex.HEADING]], -1), axis=0)
        angles = np.concatenate([_between(angles, _POSES_PER_SWEEP), goals[:, [2, 2, 2]] * [0.0, 0.0, 1.0]])
        quats = se3.matrix_to_quat(se3.rpy_to_matrix(*angles.T))
        places = _between(np.column_stack([ego.states[:, : StateIndex.Y + 1], ego.z]), _POSES_PER_SWEEP)
        ends = np.column_stack([goals[:, :2], np.full(len(goals), ego.z[-1])])
        places = np.concatenate([places, ends]) + self.log.origin
        states = np.concatenate([_between(ego.states, _POSES_PER_SWEEP), np.zeros((len(goals), STATE_SIZE))])
        times = np.arange(self.drive) * _POSE_STEP_US
        after = times[-1] + _GOALS_AFTER_US + np.arange(len(goals)) * _GOALS_AFTER_US
        nothing = np.zeros(len(states))
        columns = {
            "token": self.poses,
            "timestamp": self.log.start_us + np.concatenate([times, after]),
            **dict(zip("xyz", places.T, strict=True)),
            **dict(zip(("qw", "qx", "qy", "qz"), quats.T, strict=True)),
            "vx": states[:, StateIndex.VX],
            "vy": states[:, StateIndex.VY],
            "vz": nothing,
            "acceleration_x": states[:, StateIndex.AX],
            "acceleration_y": states[:, StateIndex.AY],
            "acceleration_z": nothing,
            "angular_rate_x": nothing,
            "angular_rate_y": nothing,
            "angular_rate_z": states[:, StateIndex.YAW_RATE],
            "epsg": [epsg] * len(states),
            "log_token": [self.log_token] * len(states),
        }
        insert_columns(database, "ego_pose", columns)

    def write_parts(self, database: sqlite3.Connection) -> None:
        """Table ``scene``, named so that the order of names is that of time."""
        parts, goals = self.log.parts, iter(self.poses[self.drive :])
        routes = [
            [self.fids.roadblocks[i] for i in part.route if i in self.fids.roadblocks] for part in parts
        ]
        columns = {
            "token": self._tokens("scene", len(parts)),
            "log_token": [self.log_token] * len(parts),
            "name": [f"scene-{number:03d}" for number in range(len(parts))],
            "goal_ego_pose_token": [None if part.goal is None else next(goals) for part in parts],
            "roadblock_ids": [" ".join(map(str, route)) for route in routes],
        }
        insert_columns(database, "scene", columns)

    def write_sweeps(self, database: sqlite3.Connection) -> None:
        """Table ``lidar_pc``, nuPlan's frames; there are no point clouds behind them."""
        count, parts = len(self.sweeps), self.log.parts
        scene_of: list[bytes | None] = [None] * count
        for token, part in zip(self._tokens("scene", len(parts)), parts, strict=True):
            scene_of[part.start : part.stop] = [token] * (part.stop - part.start)
        columns = {
            "token": self.sweeps,
            **_chained(self.sweeps),
            "ego_pose_token": self.poses[: self.drive : _POSES_PER_SWEEP],
            "lidar_token": [self.lidar_token] * count,
            "scene_token": scene_of,
            "filename": [f"{self.name}/{LIDAR_CHANNEL}/{token.hex()}.pcd" for token in self.sweeps],
            "timestamp": self.times,
        }
        insert_columns(database, "lidar_pc", columns)

    def write_boxes(self, database: sqlite3.Connection) -> None:
        """Tables ``track`` and ``lidar_box``: one row per track and sweep, global frame."""
        tracks = self.log.tracks
        names, categories = self._track_tokens(), self._tokens("category", len(CATEGORIES))
        columns = {
            "token": names,
            "category_token": [categories[int(kind)] for kind in tracks.types],
            **dict(zip(("length", "width", "height"), tracks.sizes.T, strict=True)),
        }
        insert_columns(database, "track", columns)
        sweep, track = np.nonzero(tracks.valid.T)
        boxes = self._tokens("lidar_box", len(sweep))
        after, before = _links_by_track(sweep, track)
        places = np.column_stack([tracks.poses[track, sweep, :2], tracks.z[track, sweep]]) + self.log.origin
        columns = {
            "token": boxes,
            "lidar_pc_token": [self.sweeps[i] for i in sweep],
            "track_token": [names[i] for i in track],
            "next_token": [boxes[i] if i >= 0 else None for i in after],
            "prev_token": [boxes[i] if i >= 0 else None for i in before],
            **dict(zip("xyz", places.T, strict=True)),
            **dict(zip(("length", "width", "height"), tracks.sizes[track].T, strict=True)),
            **dict(zip(("vx", "vy"), tracks.velocities[track, sweep].T, strict=True)),
            "vz": np.zeros(len(sweep)),
            "yaw": wrap_angle(tracks.poses[track, sweep, 2]),
            "confidence": np.ones(len(sweep)),
        }
        insert_columns(database, "lidar_box", columns)

    def write_lights(self, database: sqlite3.Connection) -> None:
        """Table ``traffic_light_status``: what is known at each sweep."""
        lights = self.log.lights
        status = lights.status.reshape(len(lights.lane_ids), -1)
        sweep, row = np.nonzero(status.T != LightStatus.UNKNOWN)
        fids = [self.fids.lanes[i] for i in lights.lane_ids]
        columns = {
            "token": self._tokens("traffic_light_status", len(sweep)),
            "lidar_pc_token": [self.sweeps[i] for i in sweep],
            "lane_connector_id": [fids[i] for i in row],
            "status": [LIGHT_NAMES[status[i, j]] for i, j in zip(row, sweep, strict=True)],
        }
        insert_columns(database, "traffic_light_status", columns)

    def write_images(self, database: sqlite3.Connection) -> None:
        """Table ``image``: one row per camera and second sweep, taken at the very time of a sweep."""
        times = self.times[::_SWEEPS_PER_IMAGE]
        poses = self.poses[: self.drive : _POSES_PER_SWEEP * _SWEEPS_PER_IMAGE]
        for token, camera in self._cameras():
            rows = image_tokens(self.name, camera.name, len(times))
            columns = {
                "token": rows,
                **_chained(rows),
                "ego_pose_token": poses,
                "camera_token": [token] * len(times),
                "filename_jpg": [image_file(self.name, camera.name, row) for row in rows],
                "timestamp": times,
            }
            insert_columns(database, "image", columns)

    def write_tags(self, database: sqlite3.Connection) -> None:
        """Table ``scenario_tag``: a row per type and sweep at which it holds."""
        rows = [(int(sweep), kind) for kind, mask in self.log.tags.items() for sweep in np.flatnonzero(mask)]
        rows.sort()
        columns = {
            "token": self._tokens("scenario_tag", len(rows)),
            "lidar_pc_token": [self.sweeps[sweep] for sweep, _ in rows],
            "type": [kind for _, kind in rows],
        }
        insert_columns(database, "scenario_tag", columns)


def _calibration(camera: Camera) -> tuple[bytes, bytes, bytes, bytes]:
    """Pickled translation, rotation (wxyz, camera to ego), intrinsics and distortion."""
    rotation = se3.matrix_to_quat(camera.cam_to_ego[:3, :3])
    parts = (camera.cam_to_ego[:3, 3], rotation, camera.K, camera.distortion)
    translation, quat, K, distortion = (pickle.dumps(np.asarray(part, float).tolist()) for part in parts)
    return translation, quat, K, distortion


def _links_by_track(sweep: NDArray, track: NDArray) -> tuple[NDArray, NDArray]:
    """Indices of each box's next and previous one of its track, -1 at the ends."""
    order = np.lexsort((sweep, track))
    same = track[order][1:] == track[order][:-1]
    after, before = np.full(len(order), -1), np.full(len(order), -1)
    after[order[:-1][same]] = order[1:][same]
    before[order[1:][same]] = order[:-1][same]
    return after, before
