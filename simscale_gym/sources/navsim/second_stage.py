"""A pickle of navhard's second stage: a short history, and where the others will be afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simscale_gym.errors import shown
from simscale_gym.files.fields import Fields
from simscale_gym.files.pickled import load_pickle
from simscale_gym.geometry import se3
from simscale_gym.scene import LightStatus, TrackType
from simscale_gym.sources.navsim.keyframes import (
    Boxes,
    Keyframes,
    read_boxes,
    read_cameras,
    read_lights,
    read_route,
)
from simscale_gym.sources.navsim.nuplan_records import nuplan_records

_STEP_US = 500_000
_BOX_KEYS = ("boxes", "names", "velocity_3d", "track_tokens")
_KINDS = (
    TrackType.VEHICLE, TrackType.PEDESTRIAN, TrackType.BICYCLE, TrackType.TRAFFIC_CONE, TrackType.BARRIER,
    TrackType.CZONE_SIGN, TrackType.GENERIC_OBJECT,
)  # fmt: skip
"""nuplan-devkit's numbers of ``TrackedObjectType``, which differ from the order of the data set's categories."""


def read_second_stage(path: Path) -> Keyframes:
    """The scene of one pickle.

    Raises:
        DataError: Truncated, it names other classes than nuPlan's records, or a key is missing or misshapen.
    """
    record = Fields.of(path, "", load_pickle(path, names=nuplan_records))
    metadata = record.child("scene_metadata")
    frames = [frame for _, frame in record.children("frames")]
    if len(frames) < 3:
        raise record.error("frames", f"{len(frames)} of them", "three or more")
    status = [frame.child("ego_status") for frame in frames]
    poses = np.stack([ego.array("ego_pose", (3,), finite=True) for ego in status])
    sides = [
        [ego.array(f"ego_{name}", (2,), finite=True) for ego in status]
        for name in ("velocity", "acceleration")
    ]
    times = [frame.integer("timestamp") for frame in frames]
    later = list(_children(record, "extended_detections_tracks"))
    lamps = [_statuses(entry) for entry in _children(record, "extended_traffic_light_data")]
    lamps = [*lamps, *({} for _ in later)][: len(later)]
    turns = se3.rpy_to_matrix(0.0, 0.0, poses[:, 2])
    places = np.column_stack([poses[:, :2], np.zeros(len(poses))])
    return Keyframes(
        path=path,
        log=metadata.text("log_name"),
        location=metadata.text("map_name"),
        times_us=np.array([*times, *(times[-1] + _STEP_US * (k + 1) for k in range(len(later)))]),
        places=places,
        quats=se3.matrix_to_quat(turns),
        motion=np.concatenate([np.stack(side) for side in sides], axis=1),
        yaw_rates=None,
        boxes=(
            *(
                read_boxes(frame.child("annotations"), _BOX_KEYS, place, turn, turn)
                for frame, place, turn in zip(frames, places, turns, strict=True)
            ),
            *(_tracked(entry) for entry in later),
        ),
        lights=(*(read_lights(frame) for frame in frames), *lamps),
        route=read_route(frames),
        cameras=tuple(read_cameras(frame, "camera_dict") for frame in frames),
        level=True,
    )


def _children(record: Fields, key: str) -> Sequence[Fields]:
    return [child for _, child in record.children(key)] if record.has(key) else []


def _tracked(entry: Fields) -> Boxes:
    """What a ``DetectionsTracks`` holds."""
    found = [thing for _, thing in entry.child("tracked_objects").children("tracked_objects")]
    boxes = [thing.child("_box") for thing in found]
    centers = [box.child("_center") for box in boxes]
    sizes = np.array([[_number(box, f"_{side}") for side in ("length", "width", "height")] for box in boxes])
    places = [
        [_number(center, "x"), _number(center, "y"), size[2] / 2]
        for center, size in zip(centers, sizes, strict=True)
    ]
    return Boxes(
        tracks=tuple(thing.child("_metadata").text("track_token") for thing in found),
        kinds=tuple(_kind(thing) for thing in found),
        places=np.reshape(places, (-1, 3)),
        headings=np.array([_number(center, "heading") for center in centers]),
        velocities=np.reshape([_velocity(thing) for thing in found], (-1, 2)),
        sizes=sizes.reshape(-1, 3),
    )


def _kind(thing: Fields) -> TrackType:
    number = thing.child("_tracked_object_type").array("args", (1,), dtype=np.int64)[0]
    if not 0 <= number < len(_KINDS):
        raise thing.error("_tracked_object_type", str(number), f"0 to {len(_KINDS) - 1}")
    return _KINDS[number]


def _velocity(thing: Fields) -> tuple[float, float]:
    key = next((key for key in ("_velocity", "velocity") if key in thing), "")
    if not key:
        return 0.0, 0.0  # of a static object, whose constructor takes none
    vector = thing.child(key)
    return _number(vector, "_x"), _number(vector, "_y")


def _statuses(entry: Fields) -> Mapping[str, LightStatus]:
    """What a ``TrafficLightStatuses`` holds."""
    lights = {}
    for _, light in entry.children("traffic_lights"):
        number = light.child("status").array("args", (1,), dtype=np.int64)[0]
        if not 0 <= number <= LightStatus.UNKNOWN:
            raise light.error("status", str(number), "0 to 3")
        lights[str(light.integer("lane_connector_id"))] = LightStatus(number)
    return lights


def _number(fields: Fields, key: str) -> float:
    value = fields.get(key)
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise fields.error(key, shown(value), "a finite number")
    return float(value)
