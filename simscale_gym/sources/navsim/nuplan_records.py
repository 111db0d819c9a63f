"""Classes of nuplan-devkit that pickles of the second stage name: each is read as a record without behaviour."""

from __future__ import annotations

from typing import Any

from simscale_gym.files.restricted_pickle import Record

_STATE = "nuplan.common.actor_state."
_NAMES = {
    "nuplan.planning.simulation.observation.observation_type": ("DetectionsTracks",),
    f"{_STATE}tracked_objects": ("TrackedObjects",),
    f"{_STATE}tracked_objects_types": ("TrackedObjectType",),
    f"{_STATE}agent": ("Agent",),
    f"{_STATE}agent_state": ("AgentState",),
    f"{_STATE}static_object": ("StaticObject",),
    f"{_STATE}scene_object": ("SceneObject", "SceneObjectMetadata"),
    f"{_STATE}oriented_box": ("OrientedBox", "Dimension"),
    f"{_STATE}state_representation": ("StateSE2", "StateVector2D", "Point2D", "TimePoint"),
    f"{_STATE}waypoint": ("Waypoint",),
    "nuplan.planning.simulation.trajectory.predicted_trajectory": ("PredictedTrajectory",),
    "nuplan.common.maps.maps_datatypes": (
        "TrafficLightStatuses", "TrafficLightStatusData", "TrafficLightStatusType",
    ),
    "shapely.io": ("from_wkb",),  # polygons that boxes have cached: their bytes stay bytes
}  # fmt: skip


def nuplan_records(module: str, name: str) -> Any:
    """The stand-in of a class, or None; see :data:`simscale_gym.files.restricted_pickle.Names`."""
    return type(name, (Record,), {}) if name in _NAMES.get(module, ()) else None
