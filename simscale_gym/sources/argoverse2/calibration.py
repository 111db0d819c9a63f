"""The ring cameras of a sensor log, under the names of nuPlan's that look the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError
from simscale_gym.geometry import se3
from simscale_gym.scene import Camera, CameraRig, nuplan_rig
from simscale_gym.sources.argoverse2.columns import read_columns
from simscale_gym.sources.argoverse2.kinds import AXLE_HEIGHT
from simscale_gym.sources.argoverse2.poses import POSE_COLUMNS, rotations, translations

RING_NAMES = {
    "ring_front_center": "cam_f0", "ring_front_left": "cam_l0", "ring_front_right": "cam_r0",
    "ring_side_left": "cam_l1", "ring_side_right": "cam_r1", "ring_rear_left": "cam_l2",
    "ring_rear_right": "cam_r2",
}  # fmt: skip
"""nuPlan's names of the ring cameras."""

_INTRINSICS = {
    "sensor_name": str, **dict.fromkeys(("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3"), float),
    "width_px": int, "height_px": int,
}  # fmt: skip


def read_rig(folder: Path) -> tuple[CameraRig, str]:
    """The cameras in ``calibration/``, and what their names are, as a sentence; nuPlan's where there is no such folder.

    Raises:
        DataError: A file is missing or broken, or one of the ring cameras is.
    """
    if not folder.is_dir():
        return nuplan_rig(), "There is no calibration: the cameras are nuPlan's."
    lens_file, mount_file = folder / "intrinsics.feather", folder / "egovehicle_SE3_sensor.feather"
    lenses = read_columns(lens_file, _INTRINSICS)
    mounts = read_columns(mount_file, {"sensor_name": str, **POSE_COLUMNS})
    places = translations(mounts) + np.array([0.0, 0.0, AXLE_HEIGHT])
    sensor_to_ego = se3.rigid(rotations(mount_file, mounts), places)
    cameras = {}
    for ring, name in RING_NAMES.items():
        lens, mount = (
            _row(lens_file, lenses["sensor_name"], ring),
            _row(mount_file, mounts["sensor_name"], ring),
        )
        fx, fy, cx, cy, k1, k2, k3 = (float(lenses[key][lens]) for key in list(_INTRINSICS)[1:8])
        width, height = (int(lenses[key][lens]) for key in ("width_px", "height_px"))
        K = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        distortion = np.array([k1, k2, 0.0, 0.0, k3])
        camera = cameras[name] = Camera(name, K, width, height, sensor_to_ego[mount], distortion)
        if camera.flaw:
            raise DataError(lens_file, field=ring, found=camera.flaw, expected="those of a camera")
    return CameraRig(cameras), "The ring cameras have nuPlan's names: " + ", ".join(
        f"{ring} is {name}" for ring, name in RING_NAMES.items()
    ) + "."


def _row(file: Path, names: np.ndarray, ring: str) -> int:
    rows = np.flatnonzero(names == ring)
    if len(rows) != 1:
        raise DataError(file, field="sensor_name", found=f"{len(rows)} rows of {ring}", expected="one")
    return int(rows[0])
