"""The cameras of the ego vehicle: intrinsics, mounting, and nuPlan's nominal rig of eight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]

CAMERA_NAMES = ("cam_f0", "cam_l0", "cam_r0", "cam_l1", "cam_r1", "cam_l2", "cam_r2", "cam_b0")

_FOCAL_LENGTHS = 1.0, 1e6  # [pixel]
_MOST_PIXELS = 16_384  # of a side

# Camera axes (x right, y down, z forward) seen from the ego frame (x forward, y left, z up).
_OPTICAL_TO_EGO = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])

# Position [m], yaw and pitch (down +) [degree] of one public nuPlan vehicle (facts: NAVSIM sensor configs).
_NUPLAN_MOUNTS = {
    "cam_f0": (1.66, -0.01, 1.51, 0.0, 2.4),
    "cam_l0": (1.66, 0.17, 1.51, 55.0, 1.0),
    "cam_r0": (1.72, -0.16, 1.51, -55.0, 1.0),
    "cam_l1": (1.29, 0.65, 1.40, 111.0, 1.0),
    "cam_r1": (1.27, -0.65, 1.40, -112.0, 1.0),
    "cam_l2": (-0.49, 0.54, 1.38, 141.0, 1.0),
    "cam_r2": (-0.53, -0.57, 1.37, -141.0, 1.0),
    "cam_b0": (-0.53, 0.03, 1.47, 180.0, 1.0),
}


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera on the ego.

    Attributes:
        name: Lower case, e.g. ``cam_f0``.
        K: ``[3, 3]`` pinhole matrix for an image of ``width`` x ``height`` pixels.
        width, height: Size of the recorded image [pixel].
        cam_to_ego: ``[4, 4]`` optical axes (x right, y down, z forward) to the ego frame.
        distortion: ``[5]`` OpenCV k1, k2, p1, p2, k3 of the recorded images.
    """

    name: str
    K: Array
    width: int
    height: int
    cam_to_ego: Array
    distortion: Array = field(default_factory=lambda: np.zeros(5))

    __repr__ = one_line

    @property
    def flaw(self) -> str:
        """Focal lengths and size where no camera has such ones, "" where they can be."""
        lengths = self.K[0, 0], self.K[1, 1]
        fits = all(_FOCAL_LENGTHS[0] <= length <= _FOCAL_LENGTHS[1] for length in lengths)
        if fits and 0 < self.width <= _MOST_PIXELS and 0 < self.height <= _MOST_PIXELS:
            return ""
        return f"focal lengths {lengths[0]:g}, {lengths[1]:g} and {self.width} x {self.height} pixels"

    def scaled_intrinsics(self, height: int, width: int) -> Array:
        """Intrinsics ``[3, 3]`` for an image resized to ``height`` x ``width`` [pixel]."""
        return np.diag([width / self.width, height / self.height, 1.0]) @ self.K


@dataclass(frozen=True, eq=False)
class CameraRig:
    """Cameras by name."""

    cameras: Mapping[str, Camera]

    __repr__ = one_line

    def select(self, names: tuple[str, ...]) -> tuple[Camera, ...]:
        """The cameras called ``names``.

        Raises:
            ArgumentError: One of them is not on this rig.
        """
        missing = [name for name in names if name not in self.cameras]
        if missing:
            raise ArgumentError(
                f"cameras: {missing[0]!r} is not on this rig; it has {', '.join(self.cameras)}."
            )
        return tuple(self.cameras[name] for name in names)


def nuplan_rig() -> CameraRig:
    """NuPlan's eight 1920 x 1080 cameras at their nominal places, without lens distortion."""
    K = np.array([[1545.0, 0.0, 960.0], [0.0, 1545.0, 560.0], [0.0, 0.0, 1.0]])
    cameras = {}
    for name, (x, y, z, yaw, pitch) in _NUPLAN_MOUNTS.items():
        rotation = se3.rpy_to_matrix(0.0, np.radians(pitch), np.radians(yaw)) @ _OPTICAL_TO_EGO
        cameras[name] = Camera(name, K, 1920, 1080, se3.rigid(rotation, np.array([x, y, z])))
    return CameraRig(cameras)
