"""All scenes, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs


class EveryScene(gym.Wrapper, RecordConstructorArgs):
    """Each reset goes on to the next scene, so that none comes twice before all have come once.

    Resets that name a scene, or a state, are left as they are, and do not count.

    Args:
        env: Environment, wrapped or not.
        shuffle: Seed of an order that is drawn anew for each pass; None keeps that of ``scene_ids``.
    """

    def __init__(self, env: gym.Env, shuffle: int | None = None) -> None:
        RecordConstructorArgs.__init__(self, shuffle=shuffle)
        gym.Wrapper.__init__(self, env)
        self._ids = tuple(env.unwrapped.scene_ids)
        self._shuffle, self._next = shuffle, 0

    @property
    def passes(self) -> int:
        """How often all scenes have been begun."""
        return self._next // len(self._ids)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in the next scene."""
        options = dict(options or {})
        if not {"scene", "state"} & options.keys():
            options["scene"] = self._ids[self._order()[self._next % len(self._ids)]]
            self._next += 1
        return self.env.reset(seed=seed, options=options)

    def _order(self) -> np.ndarray:
        if self._shuffle is None:
            return np.arange(len(self._ids))
        return np.random.default_rng([self._shuffle, self.passes]).permutation(len(self._ids))
