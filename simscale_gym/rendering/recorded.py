"""A log's own pictures as a planner is shown them, and the moments that they show."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from simscale_gym.errors import DataError, SceneError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import Camera, Moment, Scene
from simscale_gym.splats.lens import distort

Array = NDArray[np.float64]

CAMERA_SOURCES = ("render", "log")
"""Pictures are drawn, or are the log's own where the moment is the log's."""

ON_LOG, TURNED = 0.1, np.radians(1.0)
"""An ego this near to its log [m, rad] sees what was recorded."""
OTHERS = 0.5
"""So it does while each track is this near to where it was recorded [m]."""

_BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises


def is_of_log(scene: Scene, moment: Moment, frame: int) -> bool:
    """Whether a moment is what was recorded at ``frame``: the ego and all tracks are where they were."""
    if not 0 <= frame < scene.num_frames:
        return False
    pose, valid = scene.ego.poses[frame], scene.tracks.valid[:, frame]
    near = np.linalg.norm(moment.ego[:2] - pose[:2]) <= ON_LOG
    straight = abs(wrap_angle(moment.ego[2] - pose[2])) <= TURNED
    off = np.linalg.norm(moment.poses[:, :2] - scene.tracks.poses[:, frame, :2], axis=1)
    return bool(near and straight and (moment.valid == valid).all() and (off[valid] <= OTHERS).all())


def recorded_images(
    scene: Scene, frame: int, cameras: Sequence[str], size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    """The pictures ``[C, H, W, 3]`` that ``cameras`` took at ``frame``; None where one of them took none.

    They are resized and freed from the lens's distortion, so that the scaled intrinsics of the rig hold for them as for
    drawn ones.

    Raises:
        DataError: A file is no picture, or has another size than the camera.
    """
    files = scene.recorded.files(cameras, frame) if scene.recorded is not None else ()
    if not files:
        return None
    rig = scene.rig.select(tuple(cameras))
    return np.stack([_shown(file, camera, size) for file, camera in zip(files, rig, strict=True)])


def check_recorded(scene: Scene, cameras: Sequence[str]) -> None:
    """Checks that each of ``cameras`` took pictures of a scene, and that one of them is there.

    Raises:
        SceneError: It is not.
    """
    missing = [camera for camera in cameras if not _took_some(scene, camera)]
    if missing:
        layout = f" They are expected in {scene.recorded.layout}." if scene.recorded else ""
        raise SceneError(
            f"scene {scene.id}: camera_source 'log' needs recorded pictures, and there are none of {missing[0]}."
            f"{layout} Fetch them, name cameras that have some, or use camera_source 'render'."
        )


def _took_some(scene: Scene, camera: str) -> bool:
    pictures = scene.recorded
    return pictures is not None and any(pictures.file(camera, k) for k in range(scene.num_frames))


def _shown(file: Path, camera: Camera, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    finer = 2 if 2 * width <= camera.width else 1  # so that the second sampling blurs nothing
    image = _read(file, camera, (finer * height, finer * width))
    if not camera.distortion.any():
        return np.asarray(image.resize((width, height), Image.Resampling.BOX))
    lens = (camera.K.tobytes(), camera.distortion.tobytes(), camera.width, camera.height)
    at, pixels = _places(lens, finer * height, finer * width), np.asarray(image, np.float32)
    straight = np.stack([map_coordinates(pixels[..., k], at, order=1) for k in range(3)], -1)
    straight = straight.reshape(height, finer, width, finer, 3).mean(axis=(1, 3))
    return np.rint(straight).astype(np.uint8)


def _read(file: Path, camera: Camera, size: tuple[int, int]) -> Image.Image:
    """The picture at ``size``."""
    found, expected = "", f"a picture of {camera.width} x {camera.height} pixels"
    try:
        with Image.open(file) as image:
            if image.size != (camera.width, camera.height):
                found = f"{image.size[0]} x {image.size[1]} pixels"
            else:
                image.draft("RGB", size[::-1])  # a JPEG is decoded no larger than it needs to be
                return image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
    except _BROKEN as error:
        found = f"no whole picture ({error})"[:200]
    raise DataError(file, found=found, expected=expected, hint="Fetch it again.")


@lru_cache(maxsize=32)
def _places(lens: tuple[bytes, bytes, int, int], height: int, width: int) -> Array:
    """Rows and columns ``[2, H, W]`` of the distorted picture that pixels without distortion show."""
    matrix, coefficients, full_width, full_height = lens
    K = np.diag([width / full_width, height / full_height, 1.0]) @ np.frombuffer(matrix).reshape(3, 3)
    rows, columns = np.mgrid[:height, :width] + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(K).T
    bent = distort(rays[..., :2], np.frombuffer(coefficients))
    pixels = np.concatenate([bent, np.ones((height, width, 1))], -1) @ K.T
    return np.stack([pixels[..., 1], pixels[..., 0]]) - 0.5
