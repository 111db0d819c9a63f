"""The Gymnasium shell."""

from simscale_gym.envs.env import SimScaleEnv
from simscale_gym.envs.episode import Snapshot
from simscale_gym.envs.rewards import EpdmsRewardConfig, RewardConfig

__all__ = ["EpdmsRewardConfig", "RewardConfig", "SimScaleEnv", "Snapshot"]
