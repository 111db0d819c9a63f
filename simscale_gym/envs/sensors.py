"""What an environment observes: the ego and its command always, states, pictures and ranges as asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.info import picture_info
from simscale_gym.envs.observations import (
    driving_command,
    ego_observation,
    observation_space,
    state_observation,
)
from simscale_gym.envs.pictures import Pictures
from simscale_gym.envs.renderers import Renderers
from simscale_gym.envs.sweeps import Sweeps
from simscale_gym.scene import Scene
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.depth_sweep import LidarConfig
from simscale_gym.splats.render_validity import RenderQuality


class Sensors:
    """All that an environment and its forks observe with.

    Args:
        kinds: Kinds of observation: some of "camera", "state", "lidar".
        cameras: Names of the cameras.
        size: Height, width of pictures [px].
        effects: Exposure, noise and the like of the cameras; None shows what was drawn.
        source: "log" shows the log's own pictures where a state is the log's.
        lidar: Settings of the LiDAR.
        renderers: Renderers that draw and cast rays, by scene.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        cameras: Sequence[str],
        size: tuple[int, int],
        effects: CameraEffects | None,
        source: str,
        lidar: LidarConfig,
        renderers: Renderers,
    ) -> None:
        self._settings = kinds, cameras, size, effects, source, lidar, renderers
        self._kinds = tuple(kinds)
        self.space = observation_space(kinds, cameras, size, lidar)
        self._pictures = Pictures(renderers, cameras, size, effects, source)
        self._sweeps = Sweeps(renderers, lidar)
        self.draws_chance = effects is not None or ("lidar" in kinds and lidar.is_noisy)

    def another(self) -> Sensors:
        """The same sensors of another environment, drawn by the same renderers."""
        return Sensors(*self._settings)

    @property
    def see(self) -> bool:
        """Pictures are observed."""
        return "camera" in self._kinds

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of observation: some of "camera", "state", "lidar"."""
        return self._kinds

    @property
    def pictures(self) -> Pictures:
        """The cameras."""
        return self._pictures

    def observed(
        self, drive: Drive, pictures: Mapping[str, NDArray[np.uint8]] | None = None
    ) -> dict[str, NDArray]:
        """The observation at the present state of ``drive``; the caller's own.

        Args:
            drive: The drive.
            pictures: Pictures by camera that were observed of it before; None to draw them.
        """
        out = {"ego": ego_observation(drive.state), "command": driving_command(drive.view)}
        out |= self.perceived(drive, pictures)
        if "state" in self._kinds:
            out["state"] = state_observation(drive.scene, drive.state, drive.view, drive.goal)
        return out

    def perceived(
        self, drive: Drive, pictures: Mapping[str, NDArray[np.uint8]] | None = None
    ) -> dict[str, NDArray]:
        """The part of :meth:`observed` that cameras and LiDAR give."""
        out: dict[str, NDArray] = {}
        if self.see:
            out |= self._pictures.observed(drive) if pictures is None else pictures
        if "lidar" in self._kinds:
            out["lidar"] = self._sweeps.observed(drive)
        return out

    def drawn(self, drive: Drive, row: int | None = None) -> dict[str, NDArray[np.uint8]]:
        """Pictures ``[H, W, 3]`` by camera, as they were drawn, whether they are observed or not.

        Args:
            drive: The drive.
            row: Row of its history; the present if None.
        """
        return self._pictures.drawn(drive, row)

    def quality(self, drive: Drive) -> RenderQuality | None:
        """Scores of how far the pictures can be trusted; None where none are observed."""
        return self._pictures.quality(drive) if self.see else None

    def info(self, drive: Drive) -> dict[str, Any]:
        """The entries of ``info`` about pictures; none where none are observed."""
        if not self.see:
            return {}
        pictures = self._pictures
        return picture_info(pictures.quality(drive), pictures.dropped(drive), pictures.source(drive))

    def recorded_frames(self, scene: Scene, frames: Sequence[int]) -> Sequence[int]:
        """Those of ``frames`` to start an episode on the log at: see :meth:`Pictures.recorded_frames`."""
        return self._pictures.recorded_frames(scene, frames) if self.see else frames
