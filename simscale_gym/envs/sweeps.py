"""What an environment's LiDAR sees: swept once per state, with the sensor's noise."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from simscale_gym.envs.drive import Drive
from simscale_gym.envs.renderers import Renderers
from simscale_gym.sim import SimState, moment_of
from simscale_gym.splats.depth_sweep import LidarConfig, Sweep, disturbed

_NOISE = zlib.crc32(b"lidar")  # so that no other draw of the episode shares its numbers


class Sweeps:
    """The LiDAR of an environment and of its forks.

    Args:
        renderers: Renderers that cast the rays, by scene.
        config: Settings of the sensor.
    """

    def __init__(self, renderers: Renderers, config: LidarConfig) -> None:
        self._renderers, self._config = renderers, config
        self._last: tuple[SimState | None, Sweep | None] = None, None

    def observed(self, drive: Drive) -> NDArray[np.float32]:
        """Ranges ``[channels, azimuths]`` [m], 0 where nothing came back; the caller's own."""
        seed = drive.start.camera_seed
        sweep = self._of(drive)
        if self._config.is_noisy:
            sweep = disturbed(sweep, self._config, np.random.default_rng([seed, drive.state.frame, _NOISE]))
        return sweep.ranges.copy()

    def _of(self, drive: Drive) -> Sweep:
        """The sweep at the present state; made once per state."""
        state, sweep = self._last  # in one: a fork may set it meanwhile
        if sweep is None or state is not drive.state:
            before = drive.history[max(len(drive.history) - 2, 0)]
            moment = moment_of(drive.scene, drive.state, before)
            sweep = self._renderers.sweeping(drive.scene).sweep(moment, self._config)
            self._last = drive.state, sweep
        return sweep
