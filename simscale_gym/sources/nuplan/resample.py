"""Rows of a nuPlan log put on the 10 Hz frames of a scene, in the scene frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import se3
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import (
    DT,
    STATE_SIZE,
    EgoLog,
    LightStatus,
    RoadMap,
    StateIndex,
    Tracks,
    TrafficLights,
    Vehicle,
)
from simscale_gym.sources.inferred.ego_motion import steering_angle
from simscale_gym.sources.nuplan.log_reader import FRAME_US, Boxes, Poses
from simscale_gym.sources.nuplan.schema import LIGHT_NAMES
from simscale_gym.sources.nuplan.sqlite_table import Table

Array = NDArray[np.float64]
Times = NDArray[np.int64]

_SNAP_US = 2_000  # a frame this near to a sweep takes it as it is
_SEEN_US = 75_000  # a sweep further off than this says nothing about a frame
_HOLD_US = 500_000  # how long a light keeps its last known colour


def grid(start_us: int, stop_us: int) -> Times:
    """Times ``[T]`` of the frames: every 100 ms from ``start_us`` to at most ``stop_us``."""
    return np.arange(start_us, stop_us + 1, FRAME_US, dtype=np.int64)


def ego_log(poses: Poses, times: Times, origin: Array, vehicle: Vehicle) -> EgoLog:
    """The ego at ``times [T]``, in the frame of ``origin [3]``.

    Pose, velocity, acceleration and yaw rate are the log's, interpolated; steering follows from the yaw
    rate of a kinematic bicycle, and the two second derivatives from differences.
    """
    offsets, at = (poses.times - times[0]).astype(float), (times - times[0]).astype(float)

    def sample(columns: Array) -> Array:
        return np.stack([np.interp(at, offsets, column) for column in columns.T], -1)

    roll, pitch, yaw = se3.matrix_to_rpy(se3.quat_to_matrix(poses.quats))
    angles = sample(np.unwrap(np.stack([roll, pitch, yaw], -1), axis=0))
    places, motion = sample(poses.places - origin), sample(poses.motion)
    states = np.zeros((len(times), STATE_SIZE))
    states[:, : StateIndex.Y + 1] = places[:, :2]
    states[:, StateIndex.HEADING] = wrap_angle(angles[:, 2])
    states[:, StateIndex.VX : StateIndex.AY + 1] = motion[:, :4]
    states[:, StateIndex.YAW_RATE] = motion[:, 4]
    states[:, StateIndex.YAW_ACC] = np.gradient(motion[:, 4], DT)
    states[:, StateIndex.STEERING] = steering_angle(motion[:, 0], motion[:, 4], vehicle.wheel_base)
    states[:, StateIndex.STEERING_RATE] = np.gradient(states[:, StateIndex.STEERING], DT)
    return EgoLog(
        states=states, z=places[:, 2], roll=wrap_angle(angles[:, 0]), pitch=wrap_angle(angles[:, 1])
    )


def goal_pose(row: Array, origin: Array) -> Array:
    """Pose ``[3]`` in the frame of ``origin`` of ``row [7]`` = place and quaternion."""
    yaw = se3.matrix_to_rpy(se3.quat_to_matrix(row[3:]))[2]
    return np.array([row[0] - origin[0], row[1] - origin[1], yaw])


def sweeps_of_frames(sweeps: Times, times: Times) -> NDArray[np.int64]:
    """Rows of those ``sweeps`` that say something about one of the frames at ``times [T]``.

    The one at its very time, else the last one before it and the first one after it.
    """
    before, after, share = _neighbors(sweeps, times)
    return np.unique(np.concatenate([before[share < 1.0], after[share > 0.0]]))


def _neighbors(sweeps: Times, times: Times) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Sweep before and after each frame, and how far the frame lies towards the latter (0 .. 1)."""
    after = np.clip(np.searchsorted(sweeps, times), 0, len(sweeps) - 1)
    before = np.maximum(np.where(sweeps[after] == times, after, after - 1), 0)
    span = np.maximum(sweeps[after] - sweeps[before], 1)
    share = np.clip((times - sweeps[before]) / span, 0.0, 1.0)
    share = np.where(np.abs(times - sweeps[before]) <= _SNAP_US, 0.0, share)
    share = np.where(np.abs(times - sweeps[after]) <= _SNAP_US, 1.0, share)
    return before, after, share


def tracks_on(boxes: Boxes, sweeps: Times, times: Times, origin: Array) -> Tracks:
    """The tracks at ``times [T]``: between sweeps linear, valid where the nearest sweep saw them."""
    count, width = len(boxes.ids), len(sweeps)
    column = np.searchsorted(sweeps, boxes.times)
    rows = np.column_stack([boxes.places - origin, boxes.yaw, boxes.velocities])
    dense, seen = np.zeros((count, width, 6)), np.zeros((count, width), bool)
    dense[boxes.tracks, column], seen[boxes.tracks, column] = rows, True
    before, after, share = _neighbors(sweeps, times)
    nearest = np.where(share < 0.5, before, after)
    valid = seen[:, nearest] & (np.abs(sweeps[nearest] - times) <= _SEEN_US)
    both = seen[:, before] & seen[:, after] & (sweeps[after] - sweeps[before] <= 2 * _SEEN_US)
    weight = np.where(both, share, np.round(share))[..., None]
    first, second = dense[:, before], dense[:, after]
    step = second - first
    step[..., 3] = wrap_angle(step[..., 3])
    values = np.where(weight == 1.0, second, first + weight * step)
    values[~valid] = 0.0
    keep = valid.any(1)
    poses = np.concatenate([values[..., :2], wrap_angle(values[..., 3:4])], -1)
    return Tracks(
        ids=tuple(i for i, kept in zip(boxes.ids, keep, strict=True) if kept),
        types=boxes.types[keep],
        poses=poses[keep],
        velocities=values[keep][..., 4:6],
        z=values[keep][..., 2],
        sizes=_sizes(boxes)[keep],
        valid=valid[keep],
    )


def _sizes(boxes: Boxes) -> Array:
    """Median size ``[N, 3]`` of each track: nuPlan's boxes breathe a little."""
    if not boxes.ids:
        return np.zeros((0, 3))
    order = np.argsort(boxes.tracks, kind="stable")
    counts = np.bincount(boxes.tracks, minlength=len(boxes.ids))
    ends, sizes = np.cumsum(counts), np.zeros((len(boxes.ids), 3))
    for track in np.flatnonzero(counts):
        part = boxes.sizes[order[ends[track] - counts[track] : ends[track]]]
        sizes[track] = part[0] if (part == part[0]).all() else np.median(part, axis=0)
    return sizes


def lights_on(
    table: Table, tokens: Sequence[bytes], sweeps: Times, times: Times, road_map: RoadMap
) -> TrafficLights:
    """Lights at ``times [T]`` of the connectors that ``road_map`` has.

    A status holds until the next one, for half a second at most; before and beyond, it is unknown.
    """
    if not len(table):
        return TrafficLights((), np.zeros((0, len(times)), np.uint8))
    fids = table.ints("lane_connector_id")
    codes = {name: number for number, name in enumerate(LIGHT_NAMES)}
    status = np.array([codes[text] for text in table.texts("status", LIGHT_NAMES)], np.uint8)
    position: Mapping[bytes, int] = {token: row for row, token in enumerate(tokens)}
    column = table.rows_of("lidar_pc_token", position, "lidar_pc")
    known, row = np.unique(fids, return_inverse=True)
    dense = np.full((len(known), len(sweeps)), LightStatus.UNKNOWN, np.uint8)
    dense[row, column] = status
    last = np.maximum.accumulate(np.where(dense != LightStatus.UNKNOWN, np.arange(len(sweeps)), -1), axis=1)
    at = np.clip(np.searchsorted(sweeps, times + _SNAP_US, side="right") - 1, 0, len(sweeps) - 1)
    source = last[:, at]
    held = np.take_along_axis(dense, np.maximum(source, 0), 1)
    fresh = (source >= 0) & (times[None] - sweeps[np.maximum(source, 0)] <= _HOLD_US)
    out = np.where(fresh, held, LightStatus.UNKNOWN).astype(np.uint8)
    keep = [number for number, fid in enumerate(known) if str(fid) in road_map.lanes]
    return TrafficLights(tuple(str(known[number]) for number in keep), out[keep])
