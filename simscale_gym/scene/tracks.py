"""The other road users of a scene over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import SceneError
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]


class TrackType(IntEnum):
    """nuPlan's seven categories."""

    VEHICLE = 0
    BICYCLE = 1
    PEDESTRIAN = 2
    TRAFFIC_CONE = 3
    BARRIER = 4
    CZONE_SIGN = 5
    GENERIC_OBJECT = 6


@dataclass(frozen=True, eq=False)
class Tracks:
    """``N`` tracks over the ``T`` frames of a scene, in the scene frame.

    Attributes:
        ids: Token of each track.
        types: ``[N]`` kinds (:class:`TrackType`).
        poses: ``[N, T, 3]`` box centre x, y [m] and heading [rad].
        velocities: ``[N, T, 2]`` velocities [m/s].
        z: ``[N, T]`` height of the box centre above the scene origin [m].
        sizes: ``[N, 3]`` length, width, height [m].
        valid: ``[N, T]`` whether it was seen at that frame; elsewhere the other arrays hold finite fillers.
    """

    ids: tuple[str, ...]
    types: NDArray[np.uint8]
    poses: Array
    velocities: Array
    z: Array
    sizes: Array
    valid: NDArray[np.bool_]

    __repr__ = one_line

    def __post_init__(self) -> None:
        n, t = len(self.ids), self.valid.shape[-1]
        expected = {
            "types": (n,), "poses": (n, t, 3), "velocities": (n, t, 2), "z": (n, t), "sizes": (n, 3), "valid": (n, t),
        }  # fmt: skip
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise SceneError(f"tracks.{name}: shape {array.shape} or NaN, expected finite {shape}.")

    def __len__(self) -> int:
        return len(self.ids)

    def boxes(self, frame: int) -> Array:
        """Boxes ``[N, 5]`` (see :mod:`simscale_gym.geometry.box`) at ``frame``, whether valid or not."""
        return np.concatenate([self.poses[:, frame], self.sizes[:, :2]], axis=1)
