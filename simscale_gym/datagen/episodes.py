"""Episodes recorded step by step, as arrays, for the formats of offline reinforcement learning and imitation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import Agent
from simscale_gym.envs import episode_steps
from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.wrappers.fixed_info import flat_info


@dataclass(frozen=True, eq=False)
class RecordedEpisode:
    """An episode of ``T`` steps.

    Attributes:
        seed: Seed of its reset.
        observations: ``[T + 1, ...]`` by entry, that of the reset first.
        actions: ``[T, ...]`` what was given to the environment.
        rewards: ``[T]``.
        terminations: ``[T]`` whether the episode ended by what happened.
        truncations: ``[T]`` whether it was cut.
        infos: ``[T + 1, ...]`` by path of the entry, such as ``epdms.score``; of all episodes the same, so entries as
            long as the scene has tracks, or things that were inferred, are left out.
    """

    seed: int | None
    observations: Mapping[str, NDArray]
    actions: NDArray
    rewards: NDArray[np.float64]
    terminations: NDArray[np.bool_]
    truncations: NDArray[np.bool_]
    infos: Mapping[str, NDArray]

    __repr__ = one_line


@dataclass(frozen=True, eq=False)
class Transitions:
    """``M`` steps without order; fields, shapes and types are those of ``imitation.data.types.Transitions``.

    ``imitation.data.types.Transitions(**vars(transitions))`` is one.

    Attributes:
        obs: ``[M, D]`` what was observed.
        acts: ``[M, ...]`` what was done, or what the expert would have done.
        infos: ``[M]`` a dictionary for each step.
        next_obs: ``[M, D]`` what was observed then.
        dones: ``[M]`` whether the episode ended there by what happened.
    """

    obs: NDArray[np.float32]
    acts: NDArray
    infos: NDArray[np.object_]
    next_obs: NDArray[np.float32]
    dones: NDArray[np.bool_]

    __repr__ = one_line


def record_episode(
    env: gym.Env, agent: Agent, *, seed: int | None = None, options: Mapping[str, Any] | None = None
) -> RecordedEpisode:
    """Drive an episode, as :func:`simscale_gym.envs.run_episode` does, and keep all of it."""
    steps = list(episode_steps(env, agent, seed=seed, options=options))
    seen = [step.observation for step in steps] + [steps[-1].next_observation]
    told = [flat_info(step.info) for step in steps] + [flat_info(steps[-1].next_info)]
    return RecordedEpisode(
        seed=seed,
        observations={name: np.stack([one[name] for one in seen]) for name in seen[0]},
        actions=np.stack([step.action for step in steps]).astype(env.action_space.dtype),
        rewards=np.array([step.reward for step in steps]),
        terminations=np.array([step.terminated for step in steps]),
        truncations=np.array([step.truncated for step in steps]),
        infos={name: np.stack([one[name] for one in told]) for name in told[0]},
    )


def transitions(
    episodes: Iterable[RecordedEpisode],
    entries: Sequence[str] = ("ego", "command", "state"),
    *,
    expert: bool = False,
) -> Transitions:
    """The steps of ``episodes``.

    Args:
        episodes: Episodes of one environment.
        entries: Entries of the observation that are laid side by side, flattened.
        expert: Actions are what the environment's expert advised (``info["expert_action"]``), not what was done.

    Raises:
        ArgumentError: There is no episode, no such entry, or no expert in the environment.
    """
    episodes = list(episodes)
    if not episodes:
        raise ArgumentError("transitions: no episode, expected one or more.")
    known, asked = episodes[0].observations, episodes[0].infos
    missing = [name for name in entries if name not in known]
    if missing or not entries:
        raise ArgumentError(f"transitions: entries {list(entries)}, expected some of {', '.join(known)}.")
    if expert and "expert_action" not in asked:
        raise ArgumentError("transitions: the environment had no expert; make it with experts=('planner',).")
    rows = [np.hstack([e.observations[n].reshape(len(e.actions) + 1, -1) for n in entries]) for e in episodes]
    acts = [e.infos["expert_action"][:-1] if expert else e.actions for e in episodes]
    infos = [
        {name: e.infos[name][k + 1] for name in e.infos} for e in episodes for k in range(len(e.actions))
    ]
    return Transitions(
        obs=np.concatenate([row[:-1] for row in rows]).astype(np.float32),
        acts=np.concatenate(acts),
        infos=np.array(infos, object),
        next_obs=np.concatenate([row[1:] for row in rows]).astype(np.float32),
        dones=np.concatenate([e.terminations for e in episodes]),
    )
