"""Episodes as films on disk, with what the viewer draws beside the cameras."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from simscale_gym.errors import ArgumentError
from simscale_gym.viewer import FilmWriter


class RecordFilms(gym.Wrapper, RecordConstructorArgs):
    """Writes ``render()`` of each step into ``folder/episode-000000.mp4``: cameras, bird's-eye view, plans and rewards.

    Like Gymnasium's ``RecordVideo``, which needs MoviePy; this needs nothing more. A film appears when its episode has
    ended, or was broken off.

    Args:
        env: Environment with ``render_mode="rgb_array"``.
        folder: Where to write; made if absent.
        every: Only every so many episodes, the first among them.

    Raises:
        ArgumentError: The environment renders no pictures, or ``every`` is less than 1.
    """

    def __init__(self, env: gym.Env, folder: str | Path, every: int = 1) -> None:
        RecordConstructorArgs.__init__(self, folder=str(folder), every=every)
        gym.Wrapper.__init__(self, env)
        if env.render_mode != "rgb_array":
            raise ArgumentError(f'RecordFilms: render_mode {env.render_mode!r}, expected "rgb_array".')
        if every < 1:
            raise ArgumentError(f"RecordFilms: every {every}, expected 1 or more.")
        self._folder, self._every, self._episodes = Path(folder), every, 0
        self._open, self._film = ExitStack(), None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and its film."""
        self._end()
        observation, info = self.env.reset(seed=seed, options=options)
        if self._episodes % self._every == 0:
            path = self._folder / f"episode-{self._episodes:06d}.mp4"
            self._film = self._open.enter_context(FilmWriter(path, self.env.metadata["render_fps"]))
            self._film.add(self.env.render())
        self._episodes += 1
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive on."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._film is not None:
            self._film.add(self.env.render())
        if terminated or truncated:
            self._end()
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """End the film, and close the environment."""
        self._end()
        super().close()

    def _end(self) -> None:
        self._open.close()
        self._film = None
