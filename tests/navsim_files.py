"""Scenes written as NAVSIM's pickles: logs at 2 Hz, and scenes of the second stage with nuPlan's classes."""

import pickle
import sys
import types

import numpy as np
import shapely
from PIL import Image

from simscale_gym.geometry import se3
from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.sources.navsim.nuplan_records import nuplan_records
from simscale_gym.sources.nuplan.schema import CATEGORIES

KINDS = list(CATEGORIES)
MOTION = [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]
DEVKIT_KINDS = ("vehicle", "pedestrian", "bicycle", "traffic_cone", "barrier", "czone_sign", "generic_object")
STATE = "nuplan.common.actor_state."


def ego_pose(scene, frame):
    """Global translation and rotation of the ego."""
    pose = se3.rigid(
        se3.rpy_to_matrix(scene.ego.roll[frame], scene.ego.pitch[frame], scene.ego.states[frame, 2]),
        np.array([*scene.ego.states[frame, :2], scene.ego.z[frame]]) + scene.origin,
    )
    return pose[:3, 3], pose[:3, :3]


def annotations(scene, frame, place, turn, yaw):
    """Boxes, kinds, velocities and tokens in the ego frame."""
    tracks = scene.tracks
    rows = np.flatnonzero(tracks.valid[:, frame])
    centers = np.column_stack([tracks.poses[rows, frame, :2], tracks.z[rows, frame]]) + scene.origin
    boxes = np.column_stack(
        [(centers - place) @ turn, tracks.sizes[rows], tracks.poses[rows, frame, 2] - yaw]
    ).reshape(-1, 7)
    velocities = np.column_stack([tracks.velocities[rows, frame], np.zeros(len(rows))]) @ turn
    names = np.array([KINDS[tracks.types[row]] for row in rows])
    tokens = [tracks.ids[row] for row in rows]
    return boxes, names, velocities.reshape(-1, 3), tokens


def log_frame(scene, frame, index, log, scene_token, location, *, folder=""):
    """A frame as OpenScene's builder writes it."""
    place, turn = ego_pose(scene, frame)
    yaw = scene.ego.states[frame, 2]
    boxes, names, velocities, tokens = annotations(scene, frame, place, turn, yaw)
    can_bus = np.zeros(18)
    can_bus[:3], can_bus[3:7], can_bus[15] = (
        place,
        se3.matrix_to_quat(turn),
        scene.ego.states[frame, StateIndex.YAW_RATE],
    )
    token = f"{index:016x}"
    lights = scene.lights.at(frame)
    cams = {
        name.upper(): {
            "data_path": f"{folder or log}/{name.upper()}/{token}.jpg",
            "sensor2lidar_rotation": camera.cam_to_ego[:3, :3],
            "sensor2lidar_translation": camera.cam_to_ego[:3, 3],
            "cam_intrinsic": camera.K,
            "distortion": camera.distortion,
        }
        for name, camera in scene.rig.cameras.items()
    }
    return {
        "token": token, "frame_idx": index, "timestamp": int(scene.timestamps_us[frame]), "log_name": log,
        "log_token": "l", "scene_name": "log-0000-scene-0000", "scene_token": scene_token,
        "map_location": location, "roadblock_ids": list(scene.route), "vehicle_name": "veh-00",
        "can_bus": can_bus, "lidar_path": "", "lidar2ego_translation": np.zeros(3),
        "lidar2ego_rotation": [1.0, 0.0, 0.0, 0.0], "ego2global_translation": can_bus[:3],
        "ego2global_rotation": can_bus[3:7], "ego_dynamic_state": scene.ego.states[frame, MOTION].tolist(),
        "traffic_lights": [
            (int(lane), status == LightStatus.RED) for lane, status in lights.items() if status != LightStatus.UNKNOWN
        ],
        "driving_command": np.array([0, 1, 0, 0]), "cams": cams, "sample_prev": None, "sample_next": None,
        "anns": {
            "gt_boxes": boxes, "gt_names": names, "gt_velocity_3d": velocities,
            "instance_tokens": [f"{token}{k}" for k in range(len(tokens))], "track_tokens": tokens,
        },
    }  # fmt: skip


def log_frames(scenes, log, location, every=5):
    """Frames of consecutive scenes of one log, each scene of nuPlan's with a token of its own."""
    frames = []
    for number, scene in enumerate(scenes):
        for frame in range(0, scene.num_frames, every):
            frames.append(log_frame(scene, frame, len(frames), log, f"{0xABC0 + number:016x}", location))
    return frames


def write_pickle(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    return path


def write_pictures(blobs, frames, cameras, size=(1920, 1080)):
    """A grey picture for each camera and frame, brighter from frame to frame."""
    for number, frame in enumerate(frames):
        for name in cameras:
            path = blobs / frame["cams"][name.upper()]["data_path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (10 + 5 * number,) * 3).save(path, quality=95)


def devkit_classes(monkeypatch):
    """Classes under the names of nuplan-devkit's, so that pickles name them."""
    names = {
        "nuplan.planning.simulation.observation.observation_type": ("DetectionsTracks",),
        f"{STATE}tracked_objects": ("TrackedObjects",),
        f"{STATE}tracked_objects_types": ("TrackedObjectType",),
        f"{STATE}agent": ("Agent",),
        f"{STATE}static_object": ("StaticObject",),
        f"{STATE}scene_object": ("SceneObjectMetadata",),
        f"{STATE}oriented_box": ("OrientedBox",),
        f"{STATE}state_representation": ("StateSE2", "StateVector2D", "TimePoint"),
        "nuplan.common.maps.maps_datatypes": (
            "TrafficLightStatuses", "TrafficLightStatusData", "TrafficLightStatusType",
        ),
    }  # fmt: skip
    made = {}
    for module, classes in names.items():
        fake = types.ModuleType(module)
        for name in classes:
            enumerated = name.endswith("Type")
            body = {"__init__": lambda self, number: setattr(self, "number", number)} if enumerated else {}
            if enumerated:
                body["__reduce__"] = lambda self: (type(self), (self.number,))
            if name in ("StateSE2", "StateVector2D"):
                body["__slots__"] = ("x", "y", "heading") if name == "StateSE2" else ("_x", "_y", "_array")
            made[name] = type(name, (), {"__module__": module, **body})
            setattr(fake, name, made[name])
        monkeypatch.setitem(sys.modules, module, fake)
        for end in (k for k, letter in enumerate(module) if letter == "."):
            monkeypatch.setitem(sys.modules, module[:end], types.ModuleType(module[:end]))
    return made


def write_as_calls(classes):
    """Have objects of these classes written as calls of them, with what the devkit's constructors take."""

    def reduced(self):
        names = nuplan_records(type(self).__module__, type(self).__name__).parameters
        return type(self), tuple(getattr(self, name, None) for name in names)

    for name, cls in classes.items():
        if not name.endswith("Type"):
            cls.__reduce__ = reduced


def made(cls, **attributes):
    thing = cls.__new__(cls)
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def tracked_objects(classes, scene, frame):
    """What nuPlan's ``DetectionsTracks`` holds at a frame of a scene."""
    tracks, found = scene.tracks, []
    for row in np.flatnonzero(tracks.valid[:, frame]):
        x, y, heading = tracks.poses[row, frame]
        length, width, height = map(float, tracks.sizes[row])
        kind, moving = KINDS[tracks.types[row]], tracks.types[row] < 3
        center = made(classes["StateSE2"], x=x + scene.origin[0], y=y + scene.origin[1], heading=heading)
        vx, vy = tracks.velocities[row, frame]
        velocity = made(classes["StateVector2D"], _x=vx, _y=vy, _array=np.array([vx, vy]))
        metadata = made(
            classes["SceneObjectMetadata"], timestamp_us=0, token="t", track_token=tracks.ids[row]
        )
        box = made(
            classes["OrientedBox"],
            _center=center,
            _length=length,
            _width=width,
            _height=height,
            geometry=shapely.box(0.0, 0.0, 1.0, 1.0),  # as the devkit keeps it once it was asked for
        )
        thing = made(
            classes["Agent" if moving else "StaticObject"],
            _metadata=metadata,
            _box=box,
            _tracked_object_type=classes["TrackedObjectType"](DEVKIT_KINDS.index(kind)),
            **{"_velocity" if moving else "velocity": velocity},
        )
        found.append(thing)
    return made(
        classes["DetectionsTracks"], tracked_objects=made(classes["TrackedObjects"], tracked_objects=found)
    )


def second_stage(classes, scene, frames, later, location, token="0123456789abcdef0"):
    """A scene of navhard's second stage: history at ``frames``, the others at ``later``."""
    history = []
    for index, frame in enumerate(frames):
        whole = log_frame(scene, frame, index, "log", "s", location)
        place, turn = ego_pose(scene, frame)
        boxes, names, velocities, tokens = annotations(scene, frame, place, turn, scene.ego.states[frame, 2])
        history.append({
            "token": whole["token"], "timestamp": whole["timestamp"], "roadblock_ids": whole["roadblock_ids"],
            "traffic_lights": whole["traffic_lights"],
            "annotations": {
                "boxes": boxes, "names": names, "velocity_3d": velocities, "instance_tokens": tokens,
                "track_tokens": tokens,
            },
            "ego_status": {
                "ego_pose": scene.ego.poses[frame] + np.array([*scene.origin[:2], 0.0]),
                "ego_velocity": np.array(whole["ego_dynamic_state"][:2], np.float32),
                "ego_acceleration": np.array(whole["ego_dynamic_state"][2:], np.float32),
                "driving_command": np.array([0, 1, 0, 0]), "in_global_frame": True,
            },
            "lidar_path": None,
            "camera_dict": {name.lower(): camera for name, camera in whole["cams"].items()},
        })  # fmt: skip
    lights = [
        made(
            classes["TrafficLightStatuses"],
            traffic_lights=[
                made(
                    classes["TrafficLightStatusData"],
                    status=classes["TrafficLightStatusType"](int(status)),
                    lane_connector_id=int(lane),
                    timestamp=0,
                )
                for lane, status in scene.lights.at(frame).items()
            ],
        )
        for frame in later
    ]
    return {
        "scene_metadata": {
            "log_name": "log", "scene_token": token, "map_name": location, "initial_token": "i",
            "num_history_frames": len(frames), "num_future_frames": 0, "corresponding_original_scene": "o",
            "corresponding_original_initial_token": "oi",
        },
        "frames": history,
        "extended_traffic_light_data": lights,
        "extended_detections_tracks": [tracked_objects(classes, scene, frame) for frame in later],
    }  # fmt: skip
