"""The cameras of a log and the pictures that they took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.geometry import se3
from simscale_gym.scene import Camera, CameraRig, RecordedPictures, names_at, nuplan_rig
from simscale_gym.sources.navsim.keyframes import Keyframes
from simscale_gym.sources.navsim.layout import LAYOUT, picture_folders

_NOMINAL = "Cameras: nuPlan's nominal rig; the log lists none."
_MOVED = "The cameras' calibration is that of the first frame, from which later frames differ."
_AT_US = 25_000  # a picture that was taken within this of a frame is that frame's
_SIZE = (1920, 1080)  # of all of nuPlan's pictures: the files do not say


def read_rig(keyframes: Keyframes, lidar_to_ego: NDArray[np.float64]) -> tuple[CameraRig, list[str]]:
    """Cameras as the first frame that has them lists them, and what was worked out.

    Args:
        keyframes: The frames.
        lidar_to_ego: Transform ``[4, 4]``: mounts are relative to the LiDAR.

    Raises:
        DataError: A calibration that is none.
    """
    cameras: dict[str, Camera] = {}
    moved = False
    for frame in keyframes.cameras:
        for name, fields in frame.items():
            camera = _camera(name, fields, lidar_to_ego)
            known = cameras.setdefault(name, camera)
            moved |= not (np.allclose(known.K, camera.K) and np.allclose(known.cam_to_ego, camera.cam_to_ego))
    if not cameras:
        return nuplan_rig(), [_NOMINAL]
    order = [name for name in nuplan_rig().cameras if name in cameras]
    rest = [name for name in cameras if name not in order]
    return CameraRig({name: cameras[name] for name in order + rest}), [_MOVED] if moved else []


def _camera(name: str, fields: Fields, lidar_to_ego: NDArray[np.float64]) -> Camera:
    turn = fields.array("sensor2lidar_rotation", (3, 3), finite=True)
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0.0:
        raise fields.error("sensor2lidar_rotation", f"{turn.round(3).tolist()}", "a rotation")
    K = fields.array("cam_intrinsic", (3, 3), finite=True)
    mount = se3.rigid(turn, fields.array("sensor2lidar_translation", (3,), finite=True))
    distortion = fields.array("distortion", (5,), finite=True) if fields.has("distortion") else np.zeros(5)
    camera = Camera(name, K, *_SIZE, lidar_to_ego @ mount, distortion)
    if camera.flaw:
        raise fields.error("cam_intrinsic", camera.flaw, "those of a camera")
    return camera


def recorded_pictures(keyframes: Keyframes, times_us: NDArray[np.int64]) -> RecordedPictures | None:
    """The pictures that the frames name, at the times ``[T]`` of a scene."""
    taken = keyframes.times_us[: len(keyframes.cameras)]
    names = {
        camera: names_at(times_us, taken, [_name(frame, camera) for frame in keyframes.cameras], _AT_US)
        for camera in dict.fromkeys(camera for frame in keyframes.cameras for camera in frame)
    }
    return RecordedPictures(picture_folders(keyframes.path), names, LAYOUT) if names else None


def _name(frame: Mapping[str, Fields], camera: str) -> str:
    """The path of a picture, which must not lead out of its folder; "" where there is none."""
    if camera not in frame or not frame[camera].has("data_path"):
        return ""
    path = frame[camera].text("data_path")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise frame[camera].error("data_path", repr(path)[:80], "a path within sensor_blobs")
    return path
