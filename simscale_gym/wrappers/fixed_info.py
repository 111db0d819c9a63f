"""Infos that have one structure in all scenes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

_VARYING = ("controllers", "inferred")  # entries of info whose length is another in every scene


class FixedInfo(gym.Wrapper, RecordConstructorArgs):
    """``info`` as texts and arrays by path (``epdms.score``), of the same names and shapes in all scenes.

    Minari's ``DataCollector``, and whoever stacks infos, such as Gymnasium's ``SyncVectorEnv``, wants that. Entries as
    long as the scene has tracks, or things that were inferred, are left out.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, NDArray | str]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, flat_info(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, NDArray | str]]:
        """Drive on."""
        *rest, info = self.env.step(action)
        return *rest, flat_info(info)


def flat_info(info: Mapping[str, Any], path: str = "") -> dict[str, NDArray | str]:
    """Entries of ``info`` by their path, texts and arrays; those whose shape depends on the scene are left out."""
    flat: dict[str, NDArray | str] = {}
    for name, value in info.items():
        if isinstance(value, Mapping):
            flat |= flat_info(value, f"{path}{name}.")
        elif name not in _VARYING:
            flat[f"{path}{name}"] = value if isinstance(value, str) else np.asarray(value)
    return flat
