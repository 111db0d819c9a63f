"""Checks of the environment's arguments: each failure names the argument, its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from simscale_gym.agents.traffic import make_traffic
from simscale_gym.envs.configs import config_from, config_of
from simscale_gym.envs.rewards import REWARDS, EpdmsRewardConfig, RewardConfig
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.rendering.recorded import CAMERA_SOURCES
from simscale_gym.scene import CAMERA_NAMES, DT
from simscale_gym.sim import TrafficModel
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.depth_sweep import LidarConfig

RENDER_MODES = ("rgb_array", "human")
UNUSABLE = ("stop", "skip")
"""What becomes of a scene that cannot be used: an error, or another is drawn."""


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


def checked_repeat(count: int) -> int:
    """How often an action is given in a row."""
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ArgumentError(f"action_repeat: {count!r}, expected a whole number, 1 or more.")
    return int(count)


def checked_traffic(traffic: str | TrafficModel) -> TrafficModel:
    """A traffic model, made by name or taken as it is."""
    if isinstance(traffic, str):
        return make_traffic(traffic)
    if not all(callable(getattr(traffic, method, None)) for method in ("start", "step")):
        raise ArgumentError(f"traffic: {traffic!r}, expected a name or a TrafficModel (start and step).")
    return traffic


def checked_perturb(perturb: bool | PerturbConfig | Mapping[str, Any]) -> PerturbConfig | None:
    """The settings of perturbed starts; None for starts on the log."""
    if isinstance(perturb, bool | np.bool_):
        return PerturbConfig() if perturb else None
    if not isinstance(perturb, PerturbConfig | Mapping):
        raise ArgumentError(
            f"perturb: {perturb!r}, expected True, False or a PerturbConfig (or a dictionary of its fields)."
        )
    return config_from("perturb", PerturbConfig, perturb)


def checked_reward(
    reward: str | RewardConfig | EpdmsRewardConfig | Mapping[str, Any],
) -> RewardConfig | EpdmsRewardConfig:
    """The settings of a reward; a preset by its name."""
    if isinstance(reward, str) and reward in REWARDS:
        return REWARDS[reward]()
    if not isinstance(reward, RewardConfig | EpdmsRewardConfig | Mapping):
        names = " or ".join(map(repr, REWARDS))
        raise ArgumentError(
            f"reward: {reward!r}, expected {names}, a RewardConfig or an EpdmsRewardConfig (or its fields)."
        )
    return config_of("reward", (RewardConfig, EpdmsRewardConfig), reward)


def checked_camera_effects(
    effects: CameraEffects | Mapping[str, Any] | None, source: str = "render"
) -> CameraEffects | None:
    """The cameras' imperfections, or None; pictures whose ``source`` is the log have their own."""
    if source not in CAMERA_SOURCES:
        raise ArgumentError(f"camera_source: {source!r}, expected {' or '.join(map(repr, CAMERA_SOURCES))}.")
    if source == "log" and effects is not None:
        raise ArgumentError(
            "camera_effects: recorded pictures have their own. Leave them out, or use 'render'."
        )
    return None if effects is None else config_from("camera_effects", CameraEffects, effects)


def checked_lidar(lidar: LidarConfig | Mapping[str, Any] | None) -> LidarConfig:
    """The LiDAR; None for the default one."""
    return LidarConfig() if lidar is None else config_from("lidar", LidarConfig, lidar)


def checked_least_quality(score: float) -> float:
    """A score of pictures, 0 to 1."""
    if isinstance(score, Real) and 0.0 <= score <= 1.0:
        return float(score)
    raise ArgumentError(f"min_render_quality: {score!r}, expected 0 (never) to 1.")


def checked_unusable(unusable: str) -> str:
    """What becomes of a scene that cannot be used."""
    if unusable not in UNUSABLE:
        raise ArgumentError(f"unusable: {unusable!r}, expected {' or '.join(map(repr, UNUSABLE))}.")
    return unusable
