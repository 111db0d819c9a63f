"""A moment of a scene: where the ego and the others are, and which lamps shine. What pictures are drawn of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.scene.scene import Scene

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moment:
    """One time in a scene, on the log or off it.

    Attributes:
        ego: ``[3]`` pose of the rear axle: x, y [m], heading [rad].
        poses: ``[N, 3]`` poses of the scene's tracks: box centre x, y [m], heading [rad].
        valid: ``[N]`` whether the track is present.
        lights: ``[L]`` :class:`LightStatus` of the lanes ``scene.lights.lane_ids``.
        braking: ``[N]`` whether the track shows brake lamps.

    Raises:
        ArgumentError: Shapes do not fit each other, or a pose is not finite.
    """

    ego: Array
    poses: Array
    valid: NDArray[np.bool_]
    lights: NDArray[np.uint8]
    braking: NDArray[np.bool_]

    __repr__ = one_line

    def __post_init__(self) -> None:
        tracks = self.valid.shape[-1:]
        expected = {"ego": (3,), "poses": (*tracks, 3), "valid": tracks, "braking": tracks}
        for name, shape in expected.items():
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ArgumentError(
                    f"moment.{name} has shape {value.shape} or is not finite, expected finite {shape}."
                )

    @classmethod
    def of_log(cls, scene: Scene, frame: int) -> Moment:
        """What was recorded at ``frame``; logs do not say who brakes, so nobody does."""
        tracks = scene.tracks
        return cls(
            scene.ego.poses[frame], tracks.poses[:, frame], tracks.valid[:, frame], scene.lights.column(frame),
            np.zeros(len(tracks), bool),
        )  # fmt: skip

    def check(self, scene: Scene) -> None:
        """Checks that this can be a moment of a scene.

        Raises:
            ArgumentError: It has other tracks or other lights.
        """
        found, expected = (
            (len(self.valid), len(self.lights)),
            (len(scene.tracks), len(scene.lights.lane_ids)),
        )
        if found != expected:
            raise ArgumentError(
                f"the moment has {found[0]} tracks and {found[1]} lights, scene {scene.id!r} has {expected[0]} and "
                f"{expected[1]}: give a moment of this scene (Moment.of_log, or sim.moment_of a state)."
            )
