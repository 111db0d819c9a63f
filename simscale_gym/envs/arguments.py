"""Checks of the environment's arguments: each failure names the argument, its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from simscale_gym.agents.traffic import make_traffic
from simscale_gym.envs.rewards import REWARDS, EpdmsRewardConfig, RewardConfig
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.scene import CAMERA_NAMES, DT
from simscale_gym.sim import TrafficModel
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.depth_sweep import LidarConfig

RENDER_MODES = ("rgb_array", "human")


def checked_render_mode(mode: str | None) -> str | None:
    """One of None, "rgb_array", "human"."""
    if mode is not None and mode not in RENDER_MODES:
        raise ArgumentError(f"render_mode: {mode!r}, expected None, {' or '.join(map(repr, RENDER_MODES))}.")
    return mode


def checked_names(argument: str, names: str | Sequence[str]) -> tuple[str, ...]:
    """``names`` as a tuple; one name may stand alone."""
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ArgumentError(f"{argument}: {names!r}, expected a name or several.")
    return tuple(names)


def checked_cameras(cameras: str | Sequence[str], needed: bool) -> tuple[str, ...]:
    """Names of nuPlan's rig, none twice; at least one if ``needed``."""
    names = checked_names("cameras", cameras)
    if needed and not names:
        raise ArgumentError(
            f'cameras: none, but observation "camera" needs some of {", ".join(CAMERA_NAMES)}.'
        )
    unknown = [name for name in names if name not in CAMERA_NAMES]
    if unknown:
        raise ArgumentError(
            f"cameras: {unknown[0]!r} is unknown, expected some of {', '.join(CAMERA_NAMES)}."
        )
    if len(set(names)) < len(names):
        raise ArgumentError(f"cameras: {list(names)} names one twice.")
    return names


def checked_image_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width [pixel], both 8 to 4096."""
    fits = isinstance(size, Sequence | np.ndarray) and len(size) == 2
    if not fits or not all(isinstance(n, Integral) and 8 <= n <= 4096 for n in size):
        raise ArgumentError(f"image_size: {size!r}, expected (height, width), each 8 to 4096 pixels.")
    return int(size[0]), int(size[1])


def checked_horizon(horizon: float) -> int:
    """Simulation steps of an episode of ``horizon`` [s]."""
    if not (isinstance(horizon, Real) and math.isfinite(horizon) and horizon >= DT):
        raise ArgumentError(f"horizon: {horizon!r} s, expected {DT} s or more.")
    return round(horizon / DT)


def checked_traffic(traffic: str | TrafficModel) -> TrafficModel:
    """A traffic model, made by name or taken as it is."""
    if isinstance(traffic, str):
        return make_traffic(traffic)
    if not all(callable(getattr(traffic, method, None)) for method in ("start", "step")):
        raise ArgumentError(f"traffic: {traffic!r}, expected a name or a TrafficModel (start and step).")
    return traffic


def checked_perturb(perturb: bool | PerturbConfig) -> PerturbConfig | None:
    """The settings of perturbed starts; None for starts on the log."""
    if isinstance(perturb, PerturbConfig):
        return perturb
    if isinstance(perturb, bool | np.bool_):
        return PerturbConfig() if perturb else None
    raise ArgumentError(f"perturb: {perturb!r}, expected True, False or a PerturbConfig.")


def checked_reward(
    reward: str | RewardConfig | EpdmsRewardConfig,
) -> RewardConfig | EpdmsRewardConfig:
    """The settings of a reward; a preset by its name."""
    if isinstance(reward, RewardConfig | EpdmsRewardConfig):
        return reward
    if isinstance(reward, str) and reward in REWARDS:
        return REWARDS[reward]()
    names = " or ".join(map(repr, REWARDS))
    raise ArgumentError(f"reward: {reward!r}, expected {names}, a RewardConfig or an EpdmsRewardConfig.")


def checked_camera_effects(effects: CameraEffects | None) -> CameraEffects | None:
    """The cameras' imperfections, or None."""
    if effects is None or isinstance(effects, CameraEffects):
        return effects
    raise ArgumentError(f"camera_effects: {effects!r}, expected None or a CameraEffects.")


def checked_lidar(lidar: LidarConfig | Mapping[str, Any] | None) -> LidarConfig:
    """The LiDAR; by its fields, as a dictionary, or None for the default one."""
    if isinstance(lidar, LidarConfig):
        return lidar
    if lidar is None:
        return LidarConfig()
    if not isinstance(lidar, Mapping):
        raise ArgumentError(f"lidar: {lidar!r}, expected None, a LidarConfig or a dictionary of its fields.")
    known = [field.name for field in fields(LidarConfig)]
    unknown = [name for name in lidar if name not in known]
    if unknown:
        raise ArgumentError(f"lidar: {unknown[0]!r} is unknown, expected some of {', '.join(known)}.")
    return LidarConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in lidar.items()})


def checked_least_quality(score: float) -> float:
    """A score of pictures, 0 to 1."""
    if isinstance(score, Real) and 0.0 <= score <= 1.0:
        return float(score)
    raise ArgumentError(f"min_render_quality: {score!r}, expected 0 (never) to 1.")
