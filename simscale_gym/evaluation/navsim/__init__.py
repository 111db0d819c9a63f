"""Suites judged by NAVSIM's rules, and written for NAVSIM itself."""

from simscale_gym.evaluation.navsim.names import navsim_token
from simscale_gym.evaluation.navsim.yardstick import navsim_yardsticks

__all__ = ["navsim_token", "navsim_yardsticks"]
