"""Checks of the environment's arguments: each failure names the argument, its value and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import CAMERA_NAMES, DT

RENDER_MODES = ("rgb_array", "human")


def checked_render_mode(mode: str | None) -> str | None:
    """One of None, "rgb_array", "human"."""
    if mode is not None and mode not in RENDER_MODES:
        raise ArgumentError(f"render_mode: {mode!r}, expected None, {' or '.join(map(repr, RENDER_MODES))}.")
    return mode


def checked_cameras(cameras: Sequence[str]) -> tuple[str, ...]:
    """Names of nuPlan's rig, none twice."""
    names = (cameras,) if isinstance(cameras, str) else tuple(cameras)
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
    if len(size) != 2 or not all(8 <= int(n) <= 4096 for n in size):
        raise ArgumentError(f"image_size: {size}, expected (height, width), each 8 to 4096 pixels.")
    return int(size[0]), int(size[1])


def checked_horizon(horizon: float) -> int:
    """Simulation steps of an episode of ``horizon`` [s]."""
    if not (np.isfinite(horizon) and horizon >= DT):
        raise ArgumentError(f"horizon: {horizon} s, expected {DT} s or more.")
    return round(horizon / DT)
