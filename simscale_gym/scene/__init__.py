"""What was recorded: maps, logs, lights, cameras, side shapes. Immutable."""

from simscale_gym.scene.cameras import CAMERA_NAMES, Camera, CameraRig, nuplan_rig
from simscale_gym.scene.derived import compiled, derived
from simscale_gym.scene.lane_graph import LaneGraph
from simscale_gym.scene.levels import on_other_level
from simscale_gym.scene.lights import LightStatus, TrafficLights
from simscale_gym.scene.moment import Moment
from simscale_gym.scene.recorded_pictures import RecordedPictures, names_at
from simscale_gym.scene.road_map import (
    Area,
    BoundaryType,
    Intersection,
    IntersectionType,
    Lane,
    Roadblock,
    RoadMap,
    StopLine,
    StopLineType,
    Turn,
)
from simscale_gym.scene.scene import DT, EgoLog, Scene
from simscale_gym.scene.shapes import Building, Fixture, Ground, Shapes, Tree
from simscale_gym.scene.tracks import Tracks, TrackType
from simscale_gym.scene.vehicle import STATE_SIZE, StateIndex, Vehicle

__all__ = [
    "CAMERA_NAMES",
    "DT",
    "STATE_SIZE",
    "Area",
    "BoundaryType",
    "Building",
    "Camera",
    "CameraRig",
    "EgoLog",
    "Fixture",
    "Ground",
    "Intersection",
    "IntersectionType",
    "Lane",
    "LaneGraph",
    "LightStatus",
    "Moment",
    "RecordedPictures",
    "RoadMap",
    "Roadblock",
    "Scene",
    "Shapes",
    "StateIndex",
    "StopLine",
    "StopLineType",
    "TrackType",
    "Tracks",
    "TrafficLights",
    "Tree",
    "Turn",
    "Vehicle",
    "compiled",
    "derived",
    "names_at",
    "nuplan_rig",
    "on_other_level",
]
