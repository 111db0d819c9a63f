"""Observations of the last seconds, at a rate of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import DT


class ObservedHistory(gym.Wrapper, RecordConstructorArgs):
    """The last observations, ``spacing`` seconds apart: each entry becomes ``[K, ...]``, the present one last.

    Whatever an action lasts: planners of NAVSIM see 2 Hz, while "control" steps at 10 Hz. (For every step, take
    Gymnasium's ``FrameStackObservation``.) Before the reset nothing was observed: the first observation stands there,
    and the entry ``known``, float32 ``[K]``, is 0.

    Args:
        env: Environment, wrapped or not.
        frames: Number K of observations.
        spacing: Time between them [s].

    Raises:
        ArgumentError: No step ends at these times, or nothing is to be kept.
    """

    def __init__(self, env: gym.Env, frames: int = 4, spacing: float = 0.5) -> None:
        RecordConstructorArgs.__init__(self, frames=frames, spacing=spacing)
        gym.Wrapper.__init__(self, env)
        period = DT * env.unwrapped.action_type.steps
        self._stride = round(spacing / period)
        if frames < 1 or self._stride < 1 or abs(self._stride * period - spacing) > 1e-6:
            raise ArgumentError(
                f"ObservedHistory: {frames} frames every {spacing} s, expected 1 or more, at a multiple of the step of "
                f"{period:g} s."
            )
        self._frames = frames
        self._seen: deque[Mapping[str, NDArray]] = deque(maxlen=(frames - 1) * self._stride + 1)
        known = {"known": spaces.Box(0.0, 1.0, (frames,), np.float32)}
        self.observation_space = spaces.Dict(batch_space(env.observation_space, frames).spaces | known)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Begin with the first observation alone."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._seen.clear()
        self._seen.append(observation)
        return self._stacked(), info

    def step(self, action: Any) -> tuple[dict[str, NDArray], float, bool, bool, dict[str, Any]]:
        """Drive on."""
        observation, *rest = self.env.step(action)
        self._seen.append(observation)
        return self._stacked(), *rest

    def _stacked(self) -> dict[str, NDArray]:
        back = self._stride * np.arange(self._frames - 1, -1, -1)
        shown = [self._seen[max(len(self._seen) - 1 - k, 0)] for k in back]
        stacked = {name: np.stack([one[name] for one in shown]) for name in shown[-1]}
        return stacked | {"known": (back < len(self._seen)).astype(np.float32)}
