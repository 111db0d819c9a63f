"""A scene at 10 Hz out of frames at 2 Hz."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.geometry import polyline, se3
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import (
    DT,
    EgoLog,
    LightStatus,
    RoadMap,
    Scene,
    StateIndex,
    TrackType,
    TrafficLights,
    Vehicle,
)
from simscale_gym.scene.way import Way, make_way
from simscale_gym.sources.inferred.ego_motion import states_from_poses
from simscale_gym.sources.inferred.ego_spline import states_from_keyframes
from simscale_gym.sources.inferred.motion import Motion, build_tracks, sampling_of
from simscale_gym.sources.navsim.cameras import read_rig, recorded_pictures
from simscale_gym.sources.navsim.keyframes import Keyframes
from simscale_gym.sources.nuplan.dataset import LogPlace, followed_route, map_file, place_along

Array = NDArray[np.float64]

_FRAME_US = round(DT * 1e6)
_AT_US = 25_000  # a frame of the log this near counts as being there
_SAID = (
    "Between the log's frames, at 2 Hz, the ego drives a smooth curve that fits its recorded poses, velocities and "
    "accelerations; others move straight.",
    "Lights are recorded as red or not: those that are not red count as green, each until the next frame.",
)
_LEVEL = "Heights are not recorded: the ground is flat."
_DRIVEN_ON = (
    "The ego's drive ends at {:.1f} s: from there on it follows the middle of its lane along the route at the speed "
    "that it had."
)


def build_scene(keyframes: Keyframes, place: LogPlace, names: tuple[str, str], lidar_to_ego: Array) -> Scene:
    """The scene of some frames.

    Args:
        keyframes: The frames.
        place: Frame, map and shapes of its log.
        names: Ids of the scene and of its log.
        lidar_to_ego: Transform ``[4, 4]``.

    Raises:
        DataError: The frames are too few, or a calibration is none.
    """
    times = (keyframes.times_us - keyframes.times_us[0]) * 1e-6
    wrong = partial(DataError, keyframes.path, field="timestamp")
    sampling = sampling_of(times, np.ones(len(times), bool), snap=0.0, wrong=wrong)
    vehicle, said, count = Vehicle(), list(_SAID), len(sampling)
    at = np.minimum(DT * np.arange(count), times[-1])
    ego, listed = _ego(keyframes, times, at, place.origin, vehicle), keyframes.route
    known = len(ego.states)
    route, about_route = followed_route(place.map, ego.poses, listed)
    if known < count:
        ego = _driven_on(ego, make_way(place.map, ego.poses, route), count, vehicle)
        said.append(_DRIVEN_ON.format((known - 1) * DT))
    rig, about_rig = read_rig(keyframes, lidar_to_ego)
    stamps = keyframes.times_us[0] + _FRAME_US * np.arange(count, dtype=np.int64)
    return Scene(
        id=names[0],
        log_id=names[1],
        source="navsim",
        origin=place.origin,
        timestamps_us=stamps,
        map=place.map,
        ego=ego,
        tracks=build_tracks(_motions(keyframes), sampling, place.origin, flat=False),
        lights=_lights(keyframes, at, place.map),
        route=route,
        vehicle=vehicle,
        rig=rig,
        shapes=place.shapes,
        goal=ego.poses[-1],
        inferred=(*said, *([_LEVEL] if keyframes.level else []), *about_route, *about_rig),
        recorded=recorded_pictures(keyframes, stamps),
    )


def _ego(keyframes: Keyframes, times: Array, at: Array, origin: Array, vehicle: Vehicle) -> EgoLog:
    """The ego as far as it is known."""
    known = times[: len(keyframes.places)]
    at = at[at <= known[-1] + 1e-9]
    angles = np.unwrap(np.column_stack(se3.matrix_to_rpy(se3.quat_to_matrix(keyframes.quats))), axis=0)
    places = keyframes.places - origin
    poses = np.column_stack([places[:, :2], angles[:, 2]])
    states = states_from_keyframes(
        known, poses, keyframes.motion, keyframes.yaw_rates, at, vehicle.wheel_base
    )
    roll, pitch = (wrap_angle(np.interp(at, known, angles[:, k])) for k in range(2))
    return EgoLog(states, np.interp(at, known, places[:, 2]), roll, pitch)


def _driven_on(ego: EgoLog, way: Way, count: int, vehicle: Vehicle) -> EgoLog:
    """``ego`` led on to ``count`` frames along its way, at constant speed."""
    last, more = ego.states[-1], count - len(ego.states)
    steps = max(float(last[StateIndex.VX]), 0.0) * DT * np.arange(1, more + 1)
    start = polyline.project(way.points, last[None, :2], way.lengths)[0][0]
    ahead = polyline.at_arc_length(way.points, start + steps, way.lengths)[:, :3]
    states = states_from_poses(np.concatenate([ego.poses, ahead]), vehicle.wheel_base)
    level = np.zeros(more)
    return EgoLog(
        np.concatenate([ego.states, states[-more:]]),
        np.r_[ego.z, level + ego.z[-1]],
        np.r_[ego.roll, level],
        np.r_[ego.pitch, level],
    )


def _motions(keyframes: Keyframes) -> dict[str, tuple[TrackType, Motion]]:
    """The motion of each track by its token, at the frames of the log."""
    seen: dict[str, list[tuple[int, int]]] = {}
    for frame, boxes in enumerate(keyframes.boxes):
        for row, token in enumerate(boxes.tracks):
            seen.setdefault(token, []).append((frame, row))
    return {token: _motion(keyframes, rows) for token, rows in seen.items()}


def _motion(keyframes: Keyframes, rows: list[tuple[int, int]]) -> tuple[TrackType, Motion]:
    """Kind and motion of the track that is the box ``row`` of ``frame`` in each of ``rows``."""
    count, frames = len(keyframes.times_us), [frame for frame, _ in rows]

    def column(name: str) -> list:
        return [getattr(keyframes.boxes[frame], name)[row] for frame, row in rows]

    positions, headings, velocities = np.zeros((count, 3)), np.zeros(count), np.zeros((count, 2))
    positions[frames], headings[frames], velocities[frames] = map(
        column, ("places", "headings", "velocities")
    )
    valid = np.isin(np.arange(count), frames)
    return column("kinds")[0], Motion(
        positions, headings, velocities, np.median(column("sizes"), axis=0), valid
    )


def _lights(keyframes: Keyframes, at: Array, road_map: RoadMap) -> TrafficLights:
    """Each status until the next frame of the log; unknown where that frame names no such connector."""
    ids = sorted({lane for lights in keyframes.lights for lane in lights if lane in road_map.lanes})
    if not ids:
        return TrafficLights((), np.zeros((0, len(at)), np.uint8))
    status = [[lights.get(lane, LightStatus.UNKNOWN) for lights in keyframes.lights] for lane in ids]
    times = (keyframes.times_us - keyframes.times_us[0]) * 1e-6
    last = np.searchsorted(times, at + _AT_US * 1e-6, side="right") - 1
    return TrafficLights(tuple(ids), np.array(status, np.uint8)[:, last])


def place_of(path: Path, location: str, maps: Path, drive: Array, field: str) -> LogPlace:
    """Map and frame along ``drive [F, 3]`` of the file ``path``; those of the last file stay in memory.

    Raises:
        DataError: There is no such map.
    """
    return _place(map_file(maps, location, path, field), location, drive.tobytes())


@lru_cache(maxsize=4)
def _place(file: Path, location: str, drive: bytes) -> LogPlace:
    return place_along(np.frombuffer(drive).reshape(-1, 3), location, file)
