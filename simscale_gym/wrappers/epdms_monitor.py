"""How episodes end and what they score, while something trains on them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from simscale_gym.envs.agent_episode import ending
from simscale_gym.scene import DT


class EpdmsMonitor(gym.Wrapper, RecordConstructorArgs):
    """Keeps EPDMS and ending of the last episodes; at an episode's end ``info["episode_epdms"]`` has them.

    That entry holds NAVSIM's columns and ``score``, ``return`` (sum of rewards), ``seconds``, ``scene``, and ``ending``
    as in :attr:`simscale_gym.envs.Episode.ending`.

    Args:
        env: Environment, wrapped or not.
        window: Number of episodes that :meth:`summary` looks at.
    """

    def __init__(self, env: gym.Env, window: int = 100) -> None:
        RecordConstructorArgs.__init__(self, window=window)
        gym.Wrapper.__init__(self, env)
        self.episodes: deque[dict[str, Any]] = deque(maxlen=window)
        self._period = DT * env.unwrapped.action_type.steps
        self._return, self._steps = 0.0, 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; one that was broken off is not counted."""
        self._return, self._steps = 0.0, 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive on."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._return, self._steps = self._return + float(reward), self._steps + 1
        if terminated or truncated:
            told = {"return": self._return, "seconds": self._steps * self._period}
            self.episodes.append({**info["epdms"], **told, "scene": info["scene"], "ending": ending(info)})
            info = {**info, "episode_epdms": self.episodes[-1]}
        return observation, reward, terminated, truncated, info

    def summary(self) -> dict[str, float]:
        """Means of the last episodes by name, and the share of each ending (``ending/goal``); {} before the first."""
        if not self.episodes:
            return {}
        names = [name for name, value in self.episodes[0].items() if not isinstance(value, str)]
        means = {name: float(np.mean([episode[name] for episode in self.episodes])) for name in names}
        endings = Counter(episode["ending"] for episode in self.episodes)
        return means | {f"ending/{name}": count / len(self.episodes) for name, count in endings.items()}
