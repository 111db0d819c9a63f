"""Tracks and lights as nuPlan's objects: navhard's scenes keep what comes after their last frame so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.datagen.navsim.frames import LogFrames
from simscale_gym.datagen.navsim.names import token
from simscale_gym.datagen.navsim.pickles import Made, Name
from simscale_gym.geometry import se2
from simscale_gym.scene import LightStatus, TrackType

Array = NDArray[np.float64]

_ACTORS, _MAPS = "nuplan.common.actor_state", "nuplan.common.maps.maps_datatypes"

_Agent = Name(f"{_ACTORS}.agent", "Agent")
_StaticObject = Name(f"{_ACTORS}.static_object", "StaticObject")
_OrientedBox = Name(f"{_ACTORS}.oriented_box", "OrientedBox")
_StateSE2 = Name(f"{_ACTORS}.state_representation", "StateSE2")
_TimePoint = Name(f"{_ACTORS}.state_representation", "TimePoint")
_StateVector2D = Name(f"{_ACTORS}.state_representation", "StateVector2D")
_SceneObjectMetadata = Name(f"{_ACTORS}.scene_object", "SceneObjectMetadata")
_TrackedObjects = Name(f"{_ACTORS}.tracked_objects", "TrackedObjects")
_TrackedObjectType = Name(f"{_ACTORS}.tracked_objects_types", "TrackedObjectType")
_DetectionsTracks = Name("nuplan.planning.simulation.observation.observation_type", "DetectionsTracks")
_TrafficLightStatuses = Name(_MAPS, "TrafficLightStatuses")
_TrafficLightStatusData = Name(_MAPS, "TrafficLightStatusData")
_TrafficLightStatusType = Name(_MAPS, "TrafficLightStatusType")

NUMBERS = {
    TrackType.VEHICLE: 0, TrackType.PEDESTRIAN: 1, TrackType.BICYCLE: 2, TrackType.TRAFFIC_CONE: 3,
    TrackType.BARRIER: 4, TrackType.CZONE_SIGN: 5, TrackType.GENERIC_OBJECT: 6,
}  # fmt: skip
"""Numbers of nuPlan's TrackedObjectType."""


def detections_tracks(log: LogFrames, step: int) -> Made:
    """The tracks of the moment ``step``, in the global frame."""
    moments, at = log.moments, log.moments.row(step)
    rows = np.flatnonzero(log.kept[:, at])
    rows = rows[np.argsort([NUMBERS[TrackType(kind)] for kind in moments.types[rows]], kind="stable")]
    poses = se2.poses_to_world(moments.present, moments.poses[rows, at]) + log.shift
    turn = np.array([0.0, 0.0, moments.present[2]])
    velocities = se2.points_to_world(turn, moments.velocities[rows, at])
    objects = [
        _tracked(log, step, row, pose, velocity)
        for row, pose, velocity in zip(rows, poses.tolist(), velocities.tolist(), strict=True)
    ]
    return _DetectionsTracks(tracked_objects=_TrackedObjects(tracked_objects=objects))


def light_statuses(log: LogFrames, step: int) -> Made:
    """The lights of the moment ``step``; what is not red is green, as NAVSIM reads its logs."""
    statuses = [
        _TrafficLightStatusData(
            status=_TrafficLightStatusType.member(int(LightStatus.RED if red else LightStatus.GREEN)),
            lane_connector_id=lane,
            timestamp=log.time_us(step),
        )
        for lane, red in log.lights(step)
    ]
    return _TrafficLightStatuses(traffic_lights=statuses)


def _tracked(log: LogFrames, step: int, row: int, pose: list[float], velocity: list[float]) -> Made:
    kind, track = TrackType(log.moments.types[row]), str(log.moments.ids[row])
    now_us, (length, width, height) = log.time_us(step), log.moments.sizes[row].tolist()
    center = _StateSE2.slotted(x=pose[0], y=pose[1], heading=pose[2])
    common = {
        "_metadata": _SceneObjectMetadata(
            timestamp_us=now_us, token=token(log.log_name, step, track), track_id=None, track_token=track,
            category_name=None,
        ),
        "instance_token": None,
        "_tracked_object_type": _TrackedObjectType.member(NUMBERS[kind]),
        "_box": _OrientedBox(_center=center, _length=length, _width=width, _height=height),
    }  # fmt: skip
    if kind > TrackType.PEDESTRIAN:
        return _StaticObject(**common, predictions=None, past_trajectory=None, velocity=_vector(0.0, 0.0))
    begun = _TimePoint.slotted(time_us=now_us)
    return _Agent(
        _initial_time_stamp=begun, _predictions=[], _past_trajectory=None, **common, _velocity=_vector(*velocity),
        _angular_velocity=None,
    )  # fmt: skip


def _vector(x: float, y: float) -> Made:
    return _StateVector2D.slotted(_x=x, _y=y, _array=np.array([x, y]))
