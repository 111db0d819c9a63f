"""The Gymnasium shell, and agents in it."""

from simscale_gym.envs.agent_episode import (
    Episode,
    EpisodeStep,
    agent_context,
    episode_steps,
    run_episode,
)
from simscale_gym.envs.env import SimScaleEnv
from simscale_gym.envs.rewards import EpdmsRewardConfig, RewardConfig
from simscale_gym.envs.snapshot import Snapshot
from simscale_gym.envs.state_layout import STATE_LAYOUT, StateLayout
from simscale_gym.envs.vector_env import SimScaleVectorEnv

__all__ = [
    "STATE_LAYOUT",
    "EpdmsRewardConfig",
    "Episode",
    "EpisodeStep",
    "RewardConfig",
    "SimScaleEnv",
    "SimScaleVectorEnv",
    "Snapshot",
    "StateLayout",
    "agent_context",
    "episode_steps",
    "run_episode",
]
