"""Classes of nuplan-devkit that pickles of the second stage name: each is read as a record without behaviour.

The devkit's own objects bring their attributes; those that others write without it are calls of its constructors.
"""

from __future__ import annotations

from typing import Any

from simscale_gym.files.restricted_pickle import Record

_STATE = "nuplan.common.actor_state."
_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "nuplan.planning.simulation.observation.observation_type": {"DetectionsTracks": ("tracked_objects",)},
    f"{_STATE}tracked_objects": {"TrackedObjects": ("tracked_objects",)},
    f"{_STATE}tracked_objects_types": {"TrackedObjectType": ()},
    f"{_STATE}agent": {"Agent": ("_tracked_object_type", "_box", "_velocity", "_metadata")},
    f"{_STATE}agent_state": {"AgentState": ("_tracked_object_type", "_box", "_velocity", "_metadata")},
    f"{_STATE}static_object": {"StaticObject": ("_tracked_object_type", "_box", "_metadata")},
    f"{_STATE}scene_object": {
        "SceneObject": ("_tracked_object_type", "_box", "_metadata"),
        "SceneObjectMetadata": ("timestamp_us", "token", "track_id", "track_token", "category_name"),
    },
    f"{_STATE}oriented_box": {"OrientedBox": ("_center", "_length", "_width", "_height"), "Dimension": ()},
    f"{_STATE}state_representation": {
        "StateSE2": ("x", "y", "heading"), "StateVector2D": ("_x", "_y"), "Point2D": ("x", "y"),
        "TimePoint": ("time_us",),
    },
    f"{_STATE}waypoint": {"Waypoint": ()},
    "nuplan.planning.simulation.trajectory.predicted_trajectory": {"PredictedTrajectory": ()},
    "nuplan.common.maps.maps_datatypes": {
        "TrafficLightStatuses": ("traffic_lights",), "TrafficLightStatusType": (),
        "TrafficLightStatusData": ("status", "lane_connector_id", "timestamp"),
    },
    "shapely.io": {"from_wkb": ()},  # polygons that boxes have cached: their bytes stay bytes
}  # fmt: skip
"""Modules, their classes, and the attributes that the arguments of their constructors become."""


def nuplan_records(module: str, name: str) -> Any:
    """The stand-in of a class, or None; see :data:`simscale_gym.files.restricted_pickle.Names`."""
    classes = _NAMES.get(module, {})
    return type(name, (Record,), {"parameters": classes[name]}) if name in classes else None
