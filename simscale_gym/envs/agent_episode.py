"""An episode driven by an agent, from reset to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from simscale_gym.agents.agent import Agent, AgentContext, Observation, is_plan
from simscale_gym.envs.actions import ActionType
from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line
from simscale_gym.scene import DT, Camera, Scene


@dataclass(frozen=True, eq=False)
class Episode:
    """Outcome of an episode that an agent drove.

    Attributes:
        steps: Steps of the environment.
        total_reward: Sum of their rewards.
        info: The ``info`` of the last step.
    """

    steps: int
    total_reward: float
    info: Mapping[str, Any]

    __repr__ = one_line

    @property
    def epdms(self) -> Mapping[str, float]:
        """Subscores by NAVSIM's columns and the total as ``score``, of the whole drive."""
        return self.info["epdms"]

    @property
    def ending(self) -> str:
        """Why it ended: "collision", "out_of_road", "goal", or the truncation (``info["truncation"]``)."""
        return ending(self.info)


class EpisodeStep(NamedTuple):
    """A step of an episode.

    Attributes:
        observation: What the agent saw.
        info: The ``info`` that came with it.
        action: What was given to the environment.
        reward: What it paid for that.
        terminated: Whether the episode has ended by what happened.
        truncated: Whether it was cut.
        next_observation: What is seen after it.
        next_info: The ``info`` after it.
    """

    observation: Observation
    info: Mapping[str, Any]
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    next_observation: Observation
    next_info: Mapping[str, Any]

    __repr__ = one_line


def run_episode(
    env: gym.Env, agent: Agent, *, seed: int | None = None, options: Mapping[str, Any] | None = None
) -> Episode:
    """Let an agent drive an episode.

    Its plans become actions as the environment's own experts' do (``env.unwrapped.action_of``), whatever the kind
    of actions; whatever else it gives is taken as an action.

    Args:
        env: A ``SimScale-v0``, wrapped or not. Wrappers that change actions are for agents that give actions.
        agent: Agent that drives; it is told first what it drives (:func:`agent_context`).
        seed: Seed of the reset.
        options: Options of the reset.

    Raises:
        ArgumentError: The agent gave a plan that is not finite, or a plan where a wrapper has changed what actions
            mean, or what is neither plan nor action.
    """
    steps, total = 0, 0.0
    for step in episode_steps(env, agent, seed=seed, options=options):
        steps, total = steps + 1, total + step.reward
    return Episode(steps, total, step.next_info)


def episode_steps(
    env: gym.Env, agent: Agent, *, seed: int | None = None, options: Mapping[str, Any] | None = None
) -> Iterator[EpisodeStep]:
    """The steps of an episode that an agent drives, one by one, as :func:`run_episode` drives it."""
    observation, info = env.reset(seed=seed, options=options)
    agent.reset(agent_context(env))
    over = False
    while not over:
        answer = agent.act(observation)
        action = _action_of_plan(env, answer) if is_plan(answer) else answer
        following, reward, terminated, truncated, info_after = env.step(action)
        yield EpisodeStep(
            observation, info, action, float(reward), terminated, truncated, following, info_after
        )
        observation, info, over = following, info_after, terminated or truncated


def ending(info: Mapping[str, Any]) -> str:
    """Why an episode ended with ``info``, as :attr:`Episode.ending` says it; "" where it goes on."""
    causes = {"collision": "at_fault", "out_of_road": "left_road", "goal": "arrive_dest"}
    return next((name for name, key in causes.items() if info[key]), info["truncation"])


def agent_context(env: gym.Env) -> AgentContext:
    """What an agent may know of the episode that ``env`` has begun."""
    plain = env.unwrapped
    return context_in(
        plain.scene, plain.camera_names, env.observation_space, env.action_space, plain.action_type
    )


def context_in(
    scene: Scene,
    cameras: Sequence[str],
    observation_space: spaces.Dict,
    action_space: spaces.Space,
    action: ActionType,
) -> AgentContext:
    """What an agent may know that drives in ``scene``.

    Args:
        scene: The scene; of it only the vehicle and its cameras are told.
        cameras: Names of the cameras, in order; those count that the observation space has.
        observation_space: Observation space.
        action_space: Action space.
        action: What actions are, and how long one lasts.
    """
    entries = observation_space.spaces
    observed = scene.rig.select(tuple(name for name in cameras if name in entries))
    return AgentContext(
        vehicle=scene.vehicle,
        cameras={camera.name: _observed(camera, *entries[camera.name].shape[-3:-1]) for camera in observed},
        observation_space=observation_space,
        action_space=action_space,
        action=action.name,
        period=action.steps * DT,
    )


def _observed(camera: Camera, height: int, width: int) -> Camera:
    """``camera`` as it takes the observation's pictures: resized, and without its lens's distortion."""
    K = camera.scaled_intrinsics(height, width)
    return replace(camera, K=K, width=width, height=height, distortion=np.zeros(5))


def _action_of_plan(env: gym.Env, plan: Any) -> Any:
    if env.action_space != env.unwrapped.action_space:
        raise ArgumentError(
            f"agent: gave a plan, but a wrapper changed the actions to {env.action_space}; expected an action of "
            "these. Leave the wrapper out, or let the agent give actions."
        )
    return env.unwrapped.action_of(plan)
