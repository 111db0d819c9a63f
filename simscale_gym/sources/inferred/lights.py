"""Traffic lights that a source saw now and then, or never: held while nothing contradicts, and red where traffic waits.

A light that is not seen is not green. What stays unknown is unknown, and reactive traffic waits there as its log did
(``TrafficLights.complete`` is False).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import (
    DT,
    EgoLog,
    Lane,
    LightStatus,
    RoadMap,
    Tracks,
    TrackType,
    TrafficLights,
    Vehicle,
)

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

HOLD = 5.0
"""A light that is no longer seen keeps its state for so long [s], unless somebody's driving contradicts it."""

_HOLD_FRAMES = round(HOLD / DT)
_CONTRADICTED = 10  # [frames] before somebody drives in from which a red light is not believed any more
_GATE, _GATE_ANGLE = 1.75, 0.6  # who passes the start of a lane within these of it [m, rad] drives into it
_QUEUE = -8.0, 0.5  # [m] from the end of a lane to the bumper of who waits there
_BESIDE = 1.2  # [m] from the centreline, from which on who stands is parked at the side
_WAITS, _STANDS = 20, 0.3  # [frames] in which somebody slower than this [m/s] waits and does not just stop
_CROSS_SPEED, _CROSS_REACH = 3.0, 25.0  # who crosses is so fast [m/s] and so near to the end of the lane [m]


class _Drivers(NamedTuple):
    """Vehicles and ego: centres with headings ``[N, T, 3]``, bumpers ``[N, T, 2]``, speeds and presence ``[N, T]``."""

    poses: Array
    fronts: Array
    speeds: Array
    valid: Flags


def completed_lights(
    recorded: Mapping[str, NDArray[np.uint8]],
    road_map: RoadMap,
    ego: EgoLog,
    vehicle: Vehicle,
    tracks: Tracks,
    said: list[str],
) -> TrafficLights:
    """The lights ``recorded`` (status ``[T]`` by connector), with what traffic tells about the rest.

    Seen states are kept. An unseen one is the last seen, for up to :data:`HOLD`; red no longer than until a second
    before somebody drives in. Where still nothing is known, a lane's connectors are red while somebody waits at its end
    for two seconds or more, others cross before it, and nobody drives in. ``said`` gets what was worked out.
    """
    drivers = _drivers(ego, vehicle, tracks)
    status = {key: values.copy() for key, values in recorded.items()}
    held = 0
    for key, values in status.items():
        held += _hold(values, _entries(road_map.lanes[key], drivers))
    if held:
        said.append(f"Unseen lights keep their state for up to {HOLD:.0f} s: {held * DT:.0f} s in all.")
    inferred = _infer_red(status, road_map, drivers)
    if inferred:
        said.append(
            f"{inferred} connectors count as red while traffic waits before them and other traffic crosses."
        )
    if not recorded:
        said.append("No traffic lights are recorded.")
    said.append("Not all lights are known: reactive traffic waits where its log did, and drives at its pace.")
    columns = np.array(list(status.values()), np.uint8).reshape(-1, tracks.valid.shape[1])
    return TrafficLights(tuple(status), columns, complete=False)


def _drivers(ego: EgoLog, vehicle: Vehicle, tracks: Tracks) -> _Drivers:
    rows = np.flatnonzero(tracks.types == TrackType.VEHICLE)
    boxes = vehicle.boxes(ego.states)
    poses = np.concatenate([tracks.poses[rows], boxes[None, :, :3]])
    half = np.r_[tracks.sizes[rows, 0], vehicle.length] / 2.0
    forward = np.stack([np.cos(poses[..., 2]), np.sin(poses[..., 2])], -1)
    speeds = np.concatenate(
        [np.linalg.norm(tracks.velocities[rows], axis=-1), np.abs(ego.states[None, :, 3])]
    )
    valid = np.concatenate([tracks.valid[rows], np.ones((1, len(boxes)), bool)])
    return _Drivers(poses, poses[..., :2] + half[:, None, None] * forward, speeds, valid)


def _in_frame(points: Array, pose: Array) -> tuple[Array, Array]:
    """Places along and across [m] of ``points [..., 2]`` in the frame of ``pose [3]``."""
    x, y = points[..., 0] - pose[0], points[..., 1] - pose[1]
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return cos * x + sin * y, cos * y - sin * x


def _entries(lane: Lane, drivers: _Drivers) -> Flags:
    """Frames ``[T]`` at which somebody's front passes the start of ``lane`` along it."""
    along, across = _in_frame(drivers.fronts, lane.centerline[0])
    aligned = np.abs(wrap_angle(drivers.poses[..., 2] - lane.centerline[0, 2])) < _GATE_ANGLE
    there = drivers.valid & aligned & (np.abs(across) < _GATE)
    passes = there[:, :-1] & there[:, 1:] & (along[:, :-1] <= 0.0) & (along[:, 1:] > 0.0)
    return np.r_[False, passes.any(0)]


def _hold(status: NDArray[np.uint8], entries: Flags) -> int:
    """Fill unseen frames of ``status [T]`` from the last seen one, in place; the number of frames that were."""
    filled, last, since = 0, int(LightStatus.UNKNOWN), 0
    seen = status != LightStatus.UNKNOWN
    driven = np.flatnonzero(entries)
    for frame in range(len(status)):
        if seen[frame]:
            last, since = int(status[frame]), frame
            continue
        if last == LightStatus.UNKNOWN or frame - since > _HOLD_FRAMES:
            continue
        soon = driven[(driven > since) & (driven <= frame + _CONTRADICTED)]
        if last == LightStatus.RED and len(soon):
            last = int(LightStatus.UNKNOWN)
            continue
        status[frame], filled = last, filled + 1
    return filled


def _infer_red(status: dict[str, NDArray[np.uint8]], road_map: RoadMap, drivers: _Drivers) -> int:
    """Add to ``status`` the connectors that traffic shows to be red, in place; how many there are."""
    count, frames = 0, drivers.valid.shape[1]
    for lane in road_map.lanes.values():
        ahead = [road_map.lanes[i] for i in lane.successors if i in road_map.lanes]
        ahead = [item for item in ahead if item.connector]
        if lane.connector or lane.bike or not ahead:
            continue
        end = lane.centerline[-1]
        waits = _long(_waiting(end, drivers))
        if not waits.any():
            continue
        waits = _with_crossing(waits, _crossing(end, drivers))
        for connector in ahead if waits.any() else ():
            known = status.get(connector.id, np.full(frames, LightStatus.UNKNOWN, np.uint8))
            red = waits & (known == LightStatus.UNKNOWN) & ~_around(_entries(connector, drivers))
            if red.any():
                count += 1
                status[connector.id] = np.where(red, np.uint8(LightStatus.RED), known)
    return count


def _waiting(end: Array, drivers: _Drivers) -> Flags:
    """Frames ``[T]`` at which somebody stands before the end ``[3]`` of a lane."""
    along, across = _in_frame(drivers.fronts, end)
    aligned = np.abs(wrap_angle(drivers.poses[..., 2] - end[2])) < _GATE_ANGLE
    there = drivers.valid & aligned & (np.abs(across) < _BESIDE) & (along > _QUEUE[0]) & (along < _QUEUE[1])
    return (there & (drivers.speeds < _STANDS)).any(0)


def _crossing(end: Array, drivers: _Drivers) -> Flags:
    """Frames ``[T]`` at which somebody drives across the way on from the end ``[3]`` of a lane."""
    along, across = _in_frame(drivers.poses[..., :2], end)
    near = (along > 0.0) & (along < _CROSS_REACH) & (np.abs(across) < _CROSS_REACH)
    turned = np.abs(np.sin(drivers.poses[..., 2] - end[2])) > np.sin(np.pi / 4)
    return (drivers.valid & near & turned & (drivers.speeds > _CROSS_SPEED)).any(0)


def _runs(flags: Flags) -> Array:
    return np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8))).reshape(-1, 2)


def _long(flags: Flags) -> Flags:
    """``flags [T]`` without what is shorter than a wait."""
    out = np.zeros(len(flags), bool)
    for start, stop in _runs(flags):
        out[start:stop] = stop - start >= _WAITS
    return out


def _with_crossing(waits: Flags, crossing: Flags) -> Flags:
    """Those runs of ``waits [T]`` during which somebody crosses."""
    out = np.zeros(len(waits), bool)
    for start, stop in _runs(waits):
        out[start:stop] = crossing[start:stop].any()
    return out


def _around(entries: Flags) -> Flags:
    """Frames ``[T]`` within a second of one of ``entries``: the light is not red for those who drive in."""
    return np.convolve(entries, np.ones(2 * _CONTRADICTED + 1), "same") > 0
