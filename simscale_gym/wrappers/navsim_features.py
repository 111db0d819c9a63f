"""What NAVSIM's TransFuser takes, as an observation."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from simscale_gym.wrappers.cameras import FRONT, Observation, Panorama

NAVSIM_TRIM = (28 / 1080, 416 / 1920)
"""Shares that NAVSIM's `transfuser_features.py` cuts off: of rows above and below, of columns of the side cameras."""


class NavsimFeatures(gym.ObservationWrapper, RecordConstructorArgs):
    """Features of NAVSIM's TransFuser and LTF in place of all entries.

    `camera_feature`, uint8 ``[H, W, 3]``: the front three cameras, cropped and side by side (theirs is float
    ``[3, H, W]``, 0 to 1). `status_feature`, float32 ``[8]``: the command, one-hot left, straight, right, unknown;
    velocity x, y [m/s]; acceleration x, y [m/s^2], in the ego frame.

    Args:
        env: Environment with ``cam_l0``, ``cam_f0`` and ``cam_r0``.
        size: Height, width of `camera_feature` [px].

    Raises:
        ArgumentError: A camera is not observed.
    """

    def __init__(self, env: gym.Env, size: tuple[int, int] = (256, 1024)) -> None:
        RecordConstructorArgs.__init__(self, size=size)
        gym.ObservationWrapper.__init__(self, env)
        self._panorama = Panorama(env, FRONT, size, NAVSIM_TRIM)
        ego, command = env.observation_space["ego"], env.observation_space["command"]
        low, high = (
            np.concatenate([command_end, ego_end[:4]])
            for command_end, ego_end in ((command.low, ego.low), (command.high, ego.high))
        )
        self.observation_space = spaces.Dict(
            {
                "camera_feature": self._panorama.observation_space["panorama"],
                "status_feature": spaces.Box(low, high, dtype=np.float32),
            }
        )

    def observation(self, observation: Observation) -> dict[str, NDArray]:
        """The features."""
        status = np.concatenate([observation["command"], observation["ego"][:4]])
        return {
            "camera_feature": self._panorama.observation(observation)["panorama"],
            "status_feature": status.astype(np.float32),
        }
