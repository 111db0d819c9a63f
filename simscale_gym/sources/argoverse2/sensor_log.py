"""A sensor log: the ego's poses, boxes annotated at 10 Hz in the ego frame, the cameras' calibration, a map."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, shown
from simscale_gym.geometry import se3
from simscale_gym.scene import DT, EgoLog, Scene, TrackType
from simscale_gym.scene.lane_matching import find_route
from simscale_gym.sources.argoverse2.calibration import read_rig
from simscale_gym.sources.argoverse2.columns import Columns, read_columns
from simscale_gym.sources.argoverse2.kinds import ANNOTATED_KINDS, AXLE_HEIGHT, EGO, FORD_FUSION, RIDERS
from simscale_gym.sources.argoverse2.layout import ANNOTATIONS, POSES, WITH_EGO, city_of, find_map
from simscale_gym.sources.argoverse2.map_archive import read_map_archive
from simscale_gym.sources.argoverse2.pictures import read_pictures
from simscale_gym.sources.argoverse2.poses import POSE_COLUMNS, Poses, rotations, translations
from simscale_gym.sources.inferred.ego_motion import states_from_poses
from simscale_gym.sources.inferred.extent import Extent
from simscale_gym.sources.inferred.lights import completed_lights
from simscale_gym.sources.inferred.motion import Motion, build_tracks, sampling_of
from simscale_gym.sources.inferred.parked import held_still, with_car_parks
from simscale_gym.sources.inferred.roads import about_route, build_map

Array = NDArray[np.float64]
Motions = dict[str, tuple[TrackType, Motion]]

_COLUMNS = {
    "timestamp_ns": int, "track_uuid": str, "category": str, "length_m": float, "width_m": float,
    "height_m": float, **POSE_COLUMNS,
}  # fmt: skip
_MAX_CELLS = 20_000_000  # tracks times frames
_SNAP = 0.01  # [s] annotations are 2 to 4 ms off 10 Hz
_ON_MOUNT = 1.0  # [m] between the centres of a rider and what it rides
_SAID = (
    "The ego is a Ford Fusion Hybrid; its recorded point is the rear axle, 0.33 m above the ground.",
    "The ego's speed, acceleration, yaw rate and steering follow from its positions and headings.",
    "The velocities of road users follow from their positions.",
)


def read_sensor_log(folder: Path) -> Scene:
    """The scene of one log, from its first to its last annotation; its origin is the ground below the ego's first axle.

    Raises:
        DataError: A file is missing or broken, a column is missing or wrong, or it lasts under a second.
        MissingExtraError: Without the package pyarrow.
    """
    poses = Poses.read(folder / POSES)
    annotations = _annotations(folder)
    columns = read_columns(annotations, _COLUMNS)
    others = columns["category"] != EGO
    columns = {name: values[others] for name, values in columns.items()}
    stamps, frame = np.unique(columns["timestamp_ns"], return_inverse=True)
    poses.require_within(annotations, stamps)
    times = (stamps - stamps[0]) * 1e-9
    wrong = partial(DataError, annotations, field="timestamp_ns")
    sampling = sampling_of(times, np.ones(len(times), bool), snap=_SNAP, wrong=wrong)
    positions, angles = poses.at(stamps[0] + np.rint(1e8 * np.arange(len(sampling))).astype(np.int64))
    positions[:, 2] -= AXLE_HEIGHT
    origin = positions[0].copy()
    states = states_from_poses(
        np.column_stack([positions[:, :2] - origin[:2], angles[:, 2]]), FORD_FUSION.wheel_base
    )
    ego = EgoLog(states, positions[:, 2] - origin[2], angles[:, 0], angles[:, 1])
    map_file = find_map(folder)
    extent = Extent.around(ego.poses, partial(DataError, folder / POSES, field="tx_m"))
    features = read_map_archive(map_file, origin, extent, np.column_stack([ego.poses[:, :2], ego.z]))
    road_map, _, about_map = build_map(city_of(map_file), features, [])
    route = find_route(road_map, ego.poses)
    motions, about_riders = _without_riders(_motions(annotations, columns, poses, stamps, frame), columns)
    tracks = held_still(build_tracks(motions, sampling, origin, flat=False), about_map)
    road_map = with_car_parks(road_map, tracks, ego, about_map)
    lights = completed_lights({}, road_map, ego, FORD_FUSION, tracks, about_map)
    rig, about_rig = read_rig(folder / "calibration")
    times_us = int(stamps[0] // 1000) + round(DT * 1e6) * np.arange(len(sampling), dtype=np.int64)
    return Scene(
        id=folder.name,
        log_id=folder.name,
        source="argoverse2",
        origin=origin,
        timestamps_us=times_us,
        map=road_map,
        ego=ego,
        tracks=tracks,
        lights=lights,
        route=route,
        vehicle=FORD_FUSION,
        rig=rig,
        goal=ego.poses[-1],
        inferred=(*_SAID, about_rig, *about_riders, *about_map, about_route(route)),
        recorded=read_pictures(folder, times_us),
    )


def _annotations(folder: Path) -> Path:
    file = folder / ANNOTATIONS
    if (folder / WITH_EGO).is_file() and not file.is_file():
        return folder / WITH_EGO
    if not file.is_file():
        hint = "Logs of the split test are published without labels; take train or val."
        raise DataError(file, found="no such file", expected="the boxes of road users", hint=hint)
    return file


def _motions(file: Path, columns: Columns, poses: Poses, stamps: NDArray[np.int64], frame: Array) -> Motions:
    """The motion of each track, out of the ego frame of its time."""
    ids, first, track = np.unique(columns["track_uuid"], return_index=True, return_inverse=True)
    if len(ids) * len(stamps) > _MAX_CELLS:
        raise DataError(
            file, found=f"{len(ids)} tracks of {len(stamps)} frames", expected=f"{_MAX_CELLS} states"
        )
    places, angles = poses.at(stamps)
    turn = se3.rpy_to_matrix(*angles.T)[frame]
    world = np.einsum("nij,nj->ni", turn, translations(columns)) + places[frame]
    heading = se3.matrix_to_rpy(turn @ rotations(file, columns))[2]
    sizes = np.stack([columns[f"{side}_m"] for side in ("length", "width", "height")], -1)
    times, motions = (stamps - stamps[0]) * 1e-9, {}
    order = np.argsort(track, kind="stable")
    for row, rows in enumerate(np.split(order, np.cumsum(np.bincount(track, minlength=len(ids)))[:-1])):
        kind = columns["category"][first[row]]
        if kind not in ANNOTATED_KINDS:
            expected = f"one of {', '.join(ANNOTATED_KINDS)}"
            raise DataError(file, field="category", found=shown(kind), expected=expected)
        motion = _motion(times, frame[rows], world[rows], heading[rows], sizes[rows])
        if motion.valid.sum() < len(rows):
            raise DataError(
                file, field="timestamp_ns", found="two boxes of one track and time", expected="one"
            )
        motions[str(ids[row])] = (ANNOTATED_KINDS[kind], motion)
    return motions


def _motion(times: Array, seen: NDArray[np.int64], world: Array, heading: Array, sizes: Array) -> Motion:
    order = np.argsort(seen, kind="stable")
    seen, count = seen[order], len(times)
    positions, headings, velocities = np.zeros((count, 3)), np.zeros(count), np.zeros((count, 2))
    positions[seen], headings[seen] = world[order], heading[order]
    if len(seen) > 1 and (np.diff(seen) > 0).all():
        velocities[seen] = np.gradient(world[order, :2], times[seen], axis=0)
    valid = np.zeros(count, bool)
    valid[seen] = True
    return Motion(positions, headings, velocities, np.maximum(np.median(sizes, axis=0), 0.1), valid)


def _without_riders(motions: Motions, columns: Columns) -> tuple[Motions, list[str]]:
    """The motions without riders whose mount is a track as well: two boxes in one place cannot drive."""
    category = dict(zip(columns["track_uuid"], columns["category"], strict=True))
    riders = [key for key in motions if category[key] in RIDERS]
    mounts = [m for key, (kind, m) in motions.items() if kind == TrackType.BICYCLE and key not in riders]
    mounted = {key for key in riders if any(_rides(motions[key][1], mount) for mount in mounts)}
    said = [f"{len(mounted)} riders are part of the cycle that they ride."] if mounted else []
    return {key: value for key, value in motions.items() if key not in mounted}, said


def _rides(rider: Motion, mount: Motion) -> bool:
    near = np.linalg.norm(rider.positions[:, :2] - mount.positions[:, :2], axis=1) < _ON_MOUNT
    return bool(2 * (near & rider.valid & mount.valid).sum() >= rider.valid.sum())
