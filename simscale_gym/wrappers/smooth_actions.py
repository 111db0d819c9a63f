"""Actions that do not jump."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError


class SmoothActions(gym.Wrapper, RecordConstructorArgs):
    """Control actions mixed with those before them, so that exploring does not shake the vehicle.

    What is driven is ``weight * action + (1 - weight) * what was driven before``, zeros at first; it stands in
    ``info["driven_action"]``.

    Args:
        env: Environment with action "control": plans are smooth by themselves, and relative to where they are made.
        weight: Share of the new action, more than 0 to 1 (as given).

    Raises:
        ArgumentError: The environment takes other actions, or the weight is none.
    """

    def __init__(self, env: gym.Env, weight: float = 0.3) -> None:
        RecordConstructorArgs.__init__(self, weight=weight)
        gym.Wrapper.__init__(self, env)
        kind = env.unwrapped.action_type.name
        if kind != "control":
            raise ArgumentError(f'SmoothActions: action "{kind}", expected an environment with "control".')
        if not 0.0 < weight <= 1.0:
            raise ArgumentError(f"SmoothActions: weight {weight}, expected more than 0, and 1 at most.")
        self._weight = weight
        self._driven = np.zeros(env.action_space.shape, env.action_space.dtype)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Forget what was driven."""
        self._driven = np.zeros_like(self._driven)
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, "driven_action": self._driven.copy()}

    def step(self, action: NDArray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive on."""
        space = self.action_space
        wanted = np.clip(np.asarray(action, space.dtype), space.low, space.high)
        self._driven = self._weight * wanted + (1.0 - self._weight) * self._driven
        self._driven = self._driven.astype(space.dtype)
        observation, reward, terminated, truncated, info = self.env.step(self._driven)
        return observation, reward, terminated, truncated, {**info, "driven_action": self._driven.copy()}
