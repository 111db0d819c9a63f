"""A vector environment of Gymnasium as Stable-Baselines3 takes one (extra ``rl``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from simscale_gym.errors import ArgumentError

INFO_KEYS = ("at_fault", "left_road", "route_completion", "truncation")
"""Entries of the last ``info`` of an episode that are handed on."""


class Sb3VecEnv(VecEnv):
    """What ``gym.make_vec`` gives, for Stable-Baselines3, such as ``PPO("MlpPolicy", Sb3VecEnv(envs, "state"))``.

    Where an episode ends, ``info`` has what Stable-Baselines3 asks for (``terminal_observation``,
    ``TimeLimit.truncated``), the entries ``info_keys`` and ``epdms``, the score of the drive.

    Args:
        envs: The environments; they must reset in the step that ends an episode (``AutoresetMode.SAME_STEP``).
        entry: The one entry of the observation to show; None for all.
        info_keys: Entries of the last ``info`` of an episode to hand on.

    Raises:
        ArgumentError: They reset otherwise.
    """

    def __init__(
        self, envs: VectorEnv, entry: str | None = None, info_keys: Sequence[str] = INFO_KEYS
    ) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ArgumentError(
                f"envs: autoreset_mode is {mode}, expected AutoresetMode.SAME_STEP: give it to make_vec."
            )
        self._envs, self._entry, self._keys = envs, entry, tuple(info_keys)
        space = envs.single_observation_space
        super().__init__(envs.num_envs, space[entry] if entry else space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin all episodes, with the seeds of :meth:`seed` where it was called."""
        observation, _ = self._envs.reset(seed=None if self._seeds[0] is None else list(self._seeds))
        self._reset_seeds()
        return self._shown(observation)

    def step_async(self, actions: NDArray) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray, NDArray, list[dict[str, Any]]]:
        """Drive on."""
        observation, rewards, terminated, truncated, info = self._envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for n in np.flatnonzero(terminated | truncated):
            last = info["final_info"]
            infos[n] = {key: last[key][n] for key in self._keys} | {
                "epdms": {"score": last["epdms"]["score"][n]}
            }
            infos[n]["terminal_observation"] = self._shown(info["final_obs"][n])
            infos[n]["TimeLimit.truncated"] = bool(truncated[n] and not terminated[n])
        return self._shown(observation), rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Close the environments."""
        self._envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the vector environment, once for each of ``indices``."""
        return [getattr(self._envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the vector environment."""
        setattr(self._envs, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment, once for all."""
        answer = getattr(self._envs, method_name)(*method_args, **method_kwargs)
        return [answer] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No single environment is wrapped."""
        return [False] * len(list(self._get_indices(indices)))

    def _shown(self, observation: Any) -> Any:
        return observation[self._entry] if self._entry else observation
