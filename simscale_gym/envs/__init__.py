"""The Gymnasium shell."""

from simscale_gym.envs.env import SimScaleEnv, Snapshot
from simscale_gym.envs.rewards import RewardConfig

__all__ = ["RewardConfig", "SimScaleEnv", "Snapshot"]
