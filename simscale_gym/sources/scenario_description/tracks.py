"""The moving half of a ScenarioDescription: time, ego and other road users at the file's own frames."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.scene import DT, TrackType, Vehicle
from simscale_gym.sources.inferred.motion import Motion, Sampling, sampling_of

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
_LARGEST, _FARTHEST = 100.0, 1e9  # [m] side of a road user, and place or speed of one
_SNAP = 0.01  # [s] clocks this near to 10 Hz are taken as 10 Hz


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
    for key, side in zip(("length", "width", "height"), _sides(state, frames), strict=True):
        _require_below(state, key, side[valid], _LARGEST)
        sides.append(float(np.median(side[valid])) if valid.any() else 0.0)
    for key, values in (("position", positions), ("heading", headings), ("velocity", velocities)):
        _require_below(state, key, values[valid], _FARTHEST)
    return Motion(positions, headings, velocities, np.maximum(sides, 0.1), valid)


def _sides(state: Fields, frames: int) -> list[Array]:
    """Length, width and height, each ``[frames]``: one by one, or as ``size [frames, 3]`` as before April 2023."""
    if state.has("size") and not state.has("length"):
        return list(state.array("size", (frames, 3)).T)
    return [_column(state, key, frames) for key in ("length", "width", "height")]


def _column(state: Fields, key: str, frames: int) -> Array:
    """One number for each frame, which may be stored as ``[frames, 1]``."""
    return state.array(key, (frames,), (frames, 1)).reshape(frames)


def read_sampling(metadata: Fields, frames: int, valid: NDArray[np.bool_]) -> Sampling:
    """The 10 Hz frames from the ego's first to its last valid source frame.

    Raises:
        DataError: The clock does not run forward, or less than a second is left.
    """
    times = metadata.array("ts", (frames,), finite=True)
    wrong = partial(metadata.error, "ts", hint="Times are in seconds.")
    return sampling_of(times, valid, snap=_SNAP, wrong=wrong)


def track_type(kind: str) -> TrackType:
    """The kind of road user that a track's ``type`` names."""
    return _TYPES.get(kind.upper(), TrackType.GENERIC_OBJECT)


def ego_vehicle(sizes: Array) -> Vehicle:
    """The ego's dimensions from length, width, height ``[3]``; the axles are placed by common proportions."""
    length, width, height = (float(v) for v in sizes)
    rear = _REAR_OVERHANG_SHARE * length
    return Vehicle(width, length - rear, rear, _WHEEL_BASE_SHARE * length, height)


def _require_below(fields: Fields, key: str, values: Array, most: float) -> None:
    if not np.isfinite(values).all():
        raise fields.error(key, "NaN or infinite values at valid frames", "finite numbers")
    if np.abs(values).max(initial=0.0) > most:
        raise fields.error(key, f"{values.flat[np.abs(values).argmax()]:.3g}", f"numbers up to {most:g}")
