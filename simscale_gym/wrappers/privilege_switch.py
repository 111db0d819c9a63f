"""From what only a simulator knows to what a car sees, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError

SIDES = ("privileged", "sensors")


class PrivilegeSwitch(gym.Wrapper, RecordConstructorArgs):
    """Shows the privileged entries or the sensors', and hands the other ones on in ``info["unseen"]``.

    A teacher learns from "privileged"; a student then drives with "sensors", and the teacher, asked with
    ``info["unseen"]``, labels what the student comes to. What both may see (`ego`, `command`) is always shown.

    Args:
        env: Environment with both, such as ``observation=("camera", "state")``.
        shown: Which is shown at first: "privileged" or "sensors".
        privileged: Names of the privileged entries.
        shared: Names of entries that both sides see.

    Raises:
        ArgumentError: There is no such side, or one of them has no entries.
    """

    def __init__(
        self,
        env: gym.Env,
        shown: str = "privileged",
        privileged: Sequence[str] = ("state",),
        shared: Sequence[str] = ("ego", "command"),
    ) -> None:
        RecordConstructorArgs.__init__(self, shown=shown, privileged=privileged, shared=shared)
        gym.Wrapper.__init__(self, env)
        names = env.observation_space.spaces
        sides = {
            "privileged": [name for name in names if name in privileged],
            "sensors": [name for name in names if name not in (*privileged, *shared)],
        }
        if not all(sides.values()):
            raise ArgumentError(
                f"PrivilegeSwitch: the environment observes {', '.join(names)}, expected {', '.join(privileged)} and "
                'something else: make it with observation=("camera", "state").'
            )
        self._sides = sides
        self.show(shown)

    def show(self, side: str) -> None:
        """Show "privileged" or "sensors" from the next observation on; the observation space changes with it."""
        if side not in SIDES:
            raise ArgumentError(f"PrivilegeSwitch: {side!r}, expected one of {', '.join(SIDES)}.")
        self.shown = side
        self._hidden = self._sides[SIDES[1 - SIDES.index(side)]]
        entries = self.env.observation_space.spaces
        self.observation_space = spaces.Dict(
            {name: entries[name] for name in entries if name not in self._hidden}
        )

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Begin an episode."""
        return self._shown(*self.env.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[dict[str, NDArray], float, bool, bool, dict[str, Any]]:
        """Drive on."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._shown(observation, info)
        return observation, reward, terminated, truncated, info

    def _shown(
        self, observation: dict[str, NDArray], info: dict[str, Any]
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        unseen = {name: observation[name] for name in self._hidden}
        seen = {name: value for name, value in observation.items() if name not in unseen}
        return seen, {**info, "unseen": unseen}
