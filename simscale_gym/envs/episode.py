"""How an episode starts: which scene, which moment, on the log or thrown off it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.errors import ArgumentError, ResetError, SceneError, shown
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.one_line import one_line
from simscale_gym.perturbation import Perturbation, PerturbConfig
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import SimState, TrafficModel, start

_LEAST_STEPS = 10  # what an episode must be able to last

OPTIONS = ("scene", "time", "perturb", "state")


@dataclass(frozen=True, eq=False)
class Start:
    """Where an episode begins.

    Attributes:
        states: Simulation states up to the present, one per frame; the last one is the present.
        perturbed: Whether the ego was thrown off its log.
        plan: ``[41, 3]`` world poses that the ego was told to drive to get there, or None.
        attempts: Reactive rollouts that were run to find it.
        rejections: Number of candidates and start frames that fell, by reason.
        camera_seed: Seed of the sensors' noise and of the cameras' effects.
    """

    states: tuple[SimState, ...]
    perturbed: bool
    plan: np.ndarray | None = None
    attempts: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    camera_seed: int = 0

    __repr__ = one_line


def checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of a reset.

    Raises:
        ArgumentError: They are no dictionary, one is unknown, "scene" is no text, or others are given beside "state".
    """
    if not isinstance(options, Mapping | None):
        raise ArgumentError(
            f"reset options: {shown(options)}, expected a dictionary of some of {', '.join(OPTIONS)}."
        )
    unknown = sorted(set(options or {}) - set(OPTIONS))
    if unknown:
        raise ArgumentError(
            f"reset options: {unknown[0]!r} is unknown, expected some of {', '.join(OPTIONS)}."
        )
    given = dict(options or {})
    if "state" in given and len(given) > 1:
        others = ", ".join(name for name in given if name != "state")
        raise ArgumentError(
            f"reset options: a state already holds scene, time and perturbation; leave out {others}."
        )
    if "scene" in given and not isinstance(given["scene"], str):
        raise ArgumentError(
            f"reset options: scene {given['scene']!r}, expected an id, as info['scene'] has it."
        )
    return given


def start_frames(scene: Scene, horizon_steps: int, perturbed: bool) -> range:
    """Frames at which the log may be left so that history, perturbation and horizon fit.

    Where the clip is too short for the whole horizon, the episode will be cut at the log's end instead.

    Raises:
        SceneError: The clip is too short even so.
    """
    before = HORIZON_STEPS if perturbed else 0
    last = scene.num_frames - 1 - before
    if last - _LEAST_STEPS < HISTORY_STEPS:
        needed = (HISTORY_STEPS + before + _LEAST_STEPS) * DT
        raise SceneError(
            f"scene {scene.id}: lasts {scene.duration:.1f} s, a start here needs {needed:.1f} s."
        )
    return range(HISTORY_STEPS, max(HISTORY_STEPS, last - horizon_steps - HORIZON_STEPS) + 1)


def frame_at(scene: Scene, time: float, frames: range, perturbed: bool) -> range:
    """The one frame at ``time`` [s] of the clip.

    Raises:
        ArgumentError: Too near the clip's ends to start there.
    """
    last = scene.num_frames - 1 - _LEAST_STEPS - (HORIZON_STEPS if perturbed else 0)
    finite = isinstance(time, Real) and math.isfinite(time)
    if not finite or not frames.start <= round(time / DT) <= last:
        raise ArgumentError(
            f"reset options: time {time!r} s, expected {frames.start * DT:.1f} to {last * DT:.1f} s in {scene.id}."
        )
    return range(round(time / DT), round(time / DT) + 1)


def start_on_log(scene: Scene, traffic: TrafficModel, frame: int) -> Start:
    """Begin where the log was."""
    return Start((start(scene, traffic, frame),), perturbed=False)


def start_off_log(scene: Scene, traffic: TrafficModel, found: Perturbation, config: PerturbConfig) -> Start:
    """Begin where a perturbation led.

    Raises:
        ResetError: None was found and ``config.on_failure`` is "error".
    """
    if not found.found and config.on_failure == "error":
        raise ResetError(
            f"scene {scene.id}: no perturbation survived {found.attempts} reactive attempts at up to "
            f"{config.starts} frames; rejected: {dict(found.rejections)}. Raise PerturbConfig.attempts, widen its "
            f"bounds, or set on_failure='log'."
        )
    states = found.states or start_on_log(scene, traffic, found.frame).states
    return Start(states, found.found, found.plan, found.attempts, found.rejections)
