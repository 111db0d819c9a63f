"""The moving half of a ScenarioDescription: time, ego and other road users, resampled to 10 Hz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, EgoLog, Tracks, TrackType, Vehicle
from simscale_gym.sources.scenario_description.ego_motion import MIN_FRAMES, states_from_poses

Array = NDArray[np.float64]

_TYPES = {
    "VEHICLE": TrackType.VEHICLE,
    "CYCLIST": TrackType.BICYCLE,
    "PEDESTRIAN": TrackType.PEDESTRIAN,
    "TRAFFIC_CONE": TrackType.TRAFFIC_CONE,
    "TRAFFIC_BARRIER": TrackType.BARRIER,
}
_WHEEL_BASE_SHARE = 0.6  # of the length: 0.597 for nuPlan's Pacifica, 0.634 for nuScenes' Renault Zoe
_REAR_OVERHANG_SHARE = 0.2  # of the length: 0.218 for the Pacifica
_SNAP = 0.01  # [s] clocks this near to 10 Hz are taken as 10 Hz
_MAX_FRAMES = 36_000  # one hour: a longer grid comes from a broken clock


@dataclass(frozen=True, eq=False)
class Sampling:
    """Frames of a 10 Hz clip among the source's: ``(1 - share) * before + share * after``, each ``[T]``."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    share: Array
    start: float

    def __len__(self) -> int:
        return len(self.share)


@dataclass(frozen=True, eq=False)
class Motion:
    """Track states ``[T', ...]`` at the source's own frames."""

    positions: Array
    headings: Array
    velocities: Array
    sizes: Array
    valid: NDArray[np.bool_]


def read_motion(track: Fields, frames: int) -> Motion:
    """The states of one track over the source's ``frames``; sizes are medians over the valid ones ``[3]``."""
    state = track.child("state")
    valid = np.nan_to_num(_column(state, "valid", frames)) > 0.5
    positions = state.array("position", (frames, 2), wider=True)[:, :3]
    if positions.shape[1] == 2:
        positions = np.column_stack([positions, np.zeros(frames)])
    headings = _column(state, "heading", frames)
    velocities = np.zeros((frames, 2))
    if state.has("velocity"):
        velocities = state.array("velocity", (frames, 2), wider=True)[:, :2]
    elif frames > 1:
        velocities = np.gradient(positions[:, :2], DT, axis=0)
    sides = []
    for key in ("length", "width", "height"):
        side = _column(state, key, frames)
        _require_finite(state, key, side[valid])
        sides.append(float(np.median(side[valid])) if valid.any() else 0.0)
    for key, values in (("position", positions), ("heading", headings), ("velocity", velocities)):
        _require_finite(state, key, values[valid])
    return Motion(positions, headings, velocities, np.maximum(sides, 0.1), valid)


def _column(state: Fields, key: str, frames: int) -> Array:
    """One number for each frame, which may be stored as ``[frames, 1]``."""
    return state.array(key, (frames,), (frames, 1)).reshape(frames)


def read_sampling(metadata: Fields, frames: int, valid: NDArray[np.bool_]) -> Sampling:
    """The 10 Hz frames from the ego's first to its last valid source frame.

    Raises:
        DataError: The clock does not run forward, or less than a second is left.
    """
    times = metadata.array("ts", (frames,), finite=True)
    if (np.diff(times) <= 0).any():
        raise metadata.error("ts", "times that do not grow", "ascending seconds, one for each frame")
    seen = np.flatnonzero(valid)
    duration = times[seen[-1]] - times[seen[0]] if len(seen) else 0.0
    count = int(np.floor(duration / DT + 0.1)) + 1
    if not MIN_FRAMES <= count <= _MAX_FRAMES:
        raise metadata.error(
            "ts",
            f"{duration:.2f} s in which the ego is seen",
            f"{(MIN_FRAMES - 1) * DT:.0f} s to {_MAX_FRAMES * DT:.0f} s",
            "Times are in seconds.",
        )
    grid = times[seen[0]] + DT * np.arange(count)
    nearest = np.clip(np.rint(np.interp(grid, times, np.arange(frames))).astype(int), 0, frames - 1)
    if np.abs(times[nearest] - grid).max() < _SNAP:
        return Sampling(nearest, nearest, np.zeros(count), float(grid[0]))
    after = np.clip(np.searchsorted(times, grid), 1, frames - 1)
    share = np.clip((grid - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
    return Sampling(after - 1, after, share, float(grid[0]))


def resample(motion: Motion, sampling: Sampling) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Positions ``[T, 3]``, headings ``[T]``, velocities ``[T, 2]``, validity; gaps hold what is nearest."""
    seen = np.flatnonzero(motion.valid)
    frames = np.arange(len(motion.valid))
    fill = seen[np.argmin(np.abs(frames[:, None] - seen[None]), axis=1)]
    before, after, share = fill[sampling.before], fill[sampling.after], sampling.share[:, None]
    turn = wrap_angle(motion.headings[after] - motion.headings[before])
    return (
        (1 - share) * motion.positions[before] + share * motion.positions[after],
        wrap_angle(motion.headings[before] + sampling.share * turn),
        (1 - share) * motion.velocities[before] + share * motion.velocities[after],
        motion.valid[sampling.before] & motion.valid[sampling.after],
    )


def ego_vehicle(sizes: Array) -> Vehicle:
    """The ego's dimensions from length, width, height ``[3]``; the axles are placed by common proportions."""
    length, width, height = (float(v) for v in sizes)
    rear = _REAR_OVERHANG_SHARE * length
    return Vehicle(width, length - rear, rear, _WHEEL_BASE_SHARE * length, height)


def build_ego(positions: Array, headings: Array, vehicle: Vehicle, center_to_axle: float) -> EgoLog:
    """The ego's log from record points ``[T, 3]`` that lie ``center_to_axle`` [m] ahead of the rear axle."""
    forward = np.column_stack([np.cos(headings), np.sin(headings)])
    axle = positions[:, :2] - center_to_axle * forward
    states = states_from_poses(np.column_stack([axle, headings]), vehicle.wheel_base)
    level = np.zeros(len(positions))
    return EgoLog(states, positions[:, 2], level, level)


def build_tracks(
    motions: dict[str, tuple[str, Motion]], sampling: Sampling, origin: Array, flat: bool
) -> Tracks:
    """All tracks seen within the clip, by id; with ``flat`` every box stands on the plane z = 0."""
    ids, rows = [], []
    for track_id, (kind, motion) in motions.items():
        if not motion.valid.any():
            continue
        positions, headings, velocities, valid = resample(motion, sampling)
        if valid.any():
            ids.append(track_id)
            z = np.full(len(valid), motion.sizes[2] / 2) if flat else positions[:, 2] - origin[2]
            pose = np.column_stack([positions[:, :2] - origin[:2], headings])
            track_type = _TYPES.get(kind, TrackType.GENERIC_OBJECT)
            rows.append((track_type, pose, velocities, z, motion.sizes, valid))
    columns, count = list(zip(*rows, strict=True)) if rows else [()] * 6, len(sampling)
    shapes = [(0,), (0, count, 3), (0, count, 2), (0, count), (0, 3), (0, count)]
    kinds = [np.uint8, float, float, float, float, bool]
    arrays = [
        np.array(column, kind).reshape(-1, *shape[1:])
        for column, shape, kind in zip(columns, shapes, kinds, strict=True)
    ]
    return Tracks(tuple(ids), *arrays)


def _require_finite(fields: Fields, key: str, values: Array) -> None:
    if not np.isfinite(values).all():
        raise fields.error(key, "NaN or infinite values at valid frames", "finite numbers")
