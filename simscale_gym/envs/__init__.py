"""The Gymnasium shell."""

from simscale_gym.envs.env import SimScaleEnv
from simscale_gym.envs.episode import Snapshot
from simscale_gym.envs.rewards import RewardConfig

__all__ = ["RewardConfig", "SimScaleEnv", "Snapshot"]
