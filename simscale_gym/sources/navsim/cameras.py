"""The cameras of a log and the pictures that they took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.files.fields import Fields
from simscale_gym.geometry import se3
from simscale_gym.scene import Camera, CameraRig, RecordedPictures, nuplan_rig
from simscale_gym.sources.navsim.keyframes import Keyframes
from simscale_gym.sources.navsim.layout import LAYOUT, picture_folders

_NOMINAL = "Cameras: nuPlan's nominal rig; the log lists none."
_MOVED = "The cameras' calibration is that of the first frame, from which later frames differ."
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
    if min(K[0, 0], K[1, 1]) <= 0.0:
        raise fields.error("cam_intrinsic", f"focal lengths {K[0, 0]:g}, {K[1, 1]:g}", "positive ones")
    mount = se3.rigid(turn, fields.array("sensor2lidar_translation", (3,), finite=True))
    distortion = fields.array("distortion", (5,), finite=True) if fields.has("distortion") else np.zeros(5)
    return Camera(name, K, *_SIZE, lidar_to_ego @ mount, distortion)


def recorded_pictures(keyframes: Keyframes, rows: NDArray[np.int64], frames: int) -> RecordedPictures | None:
    """The pictures of the first ``E`` frames, which are the scene's frames ``rows [E]`` of ``frames``.

    A negative row is a frame of the log that is none of the scene's.
    """
    names: dict[str, list[str]] = {}
    for row, cameras in zip(rows, keyframes.cameras, strict=True):
        for name, fields in cameras.items():
            if row >= 0 and fields.has("data_path"):
                names.setdefault(name, [""] * frames)[row] = _inside(fields)
    if not names:
        return None
    return RecordedPictures(
        picture_folders(keyframes.path), {name: tuple(found) for name, found in names.items()}, LAYOUT
    )


def _inside(fields: Fields) -> str:
    """The path of a picture, which must not lead out of its folder."""
    path = fields.text("data_path")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise fields.error("data_path", repr(path)[:80], "a path within sensor_blobs")
    return path
