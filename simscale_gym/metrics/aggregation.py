"""The score of an agent from scores of frames: one stage (navtest) and two stages (navhard).

NAVSIM: scene_aggregator.py, run_pdm_score_one_stage.py, run_pdm_score.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.metrics.comfort import LONGEST_INTERVAL
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]

SIGMA_SQUARED = 0.1
"""Variance [m^2] of the kernel that weighs second-stage scenes by their distance from a plan's end."""


def gaussian_weights(endpoint: Array, starts: Array, sigma_squared: float = SIGMA_SQUARED) -> Array:
    """Weights ``[S]`` of second-stage scenes, adding up to 1: the more the nearer they start to the plan's end.

    Args:
        endpoint: ``[2]`` end of the first-stage plan (as the agent returned it, not as driven) [m].
        starts: ``[S, 2]`` places of the rear axle at which the scenes start [m].
        sigma_squared: Variance of the kernel [m^2].

    Where the plan ends too far from all of them, they count alike.
    """
    endpoint, starts = np.asarray(endpoint, float), np.asarray(starts, float)
    if endpoint.shape != (2,) or starts.ndim != 2 or starts.shape[1] != 2 or len(starts) == 0:
        raise ArgumentError(
            f"gaussian_weights: endpoint {endpoint.shape}, starts {starts.shape}; expected [2] and [S, 2], S >= 1."
        )
    if not (np.isfinite(endpoint).all() and np.isfinite(starts).all()):
        raise ArgumentError("gaussian_weights: endpoint or starts are not finite.")
    weights = np.exp(-((starts - endpoint) ** 2).sum(1) / (2.0 * sigma_squared))
    total = weights.sum()
    return np.full(len(starts), 1.0 / len(starts)) if np.isclose(total, 0.0) else weights / total


@dataclass(frozen=True, eq=False)
class StageGroup:
    """An original frame, the one half a second before it, and the ``S`` pairs of scenes that continue them.

    Attributes:
        first: ``[2]`` scores of (now, previous) at the first stage.
        second: ``[S, 2]`` scores of the pairs at the second stage.
        weights: ``[S, 2]`` weights of the pairs, from :func:`gaussian_weights`, separately for now and previous.
    """

    first: Array
    second: Array
    weights: Array

    __repr__ = one_line

    def __post_init__(self) -> None:
        second, weights = np.shape(self.second), np.shape(self.weights)
        if (
            np.shape(self.first) != (2,)
            or len(second) != 2
            or second[1] != 2
            or second != weights
            or not second[0]
        ):
            raise ArgumentError(
                f"StageGroup: first {np.shape(self.first)}, second {second}, weights {weights}; "
                "expected [2], [S, 2], [S, 2] with S >= 1."
            )
        for name in ("first", "second", "weights"):
            if not np.isfinite(np.asarray(getattr(self, name), float)).all():
                raise ArgumentError(
                    f"StageGroup: {name} is not finite; leave out groups with a frame that failed."
                )
        if not (np.asarray(self.weights, float).sum(0) > 0.0).all():
            raise ArgumentError("StageGroup: weights add up to 0, expected those of gaussian_weights.")

    @property
    def second_means(self) -> Array:
        """Weighted second-stage score ``[2]`` of (now, previous)."""
        weights = np.asarray(self.weights, float)
        return (np.asarray(self.second) * weights).sum(0) / weights.sum(0)


@dataclass(frozen=True)
class TwoStageScore:
    """Means over groups. The combined score is the mean of products, not the product of the two means."""

    combined: float
    first_stage: float
    second_stage: float


def two_stage_score(groups: Sequence[StageGroup]) -> TwoStageScore:
    """The pseudo closed-loop score of all groups."""
    if not groups:
        raise ArgumentError("two_stage_score: no groups; expected at least one.")
    first = np.stack([np.asarray(group.first, float) for group in groups])
    second = np.stack([group.second_means for group in groups])
    return TwoStageScore(float((first * second).mean()), float(first.mean()), float(second.mean()))


def one_stage_score(scores: Array, valid: NDArray[np.bool_] | None = None) -> float:
    """Mean of the total scores of frames ``[F]``, those that failed (not ``valid``) left out.

    Raises:
        ArgumentError: All failed, or a valid score is not finite.
    """
    scores = np.asarray(scores, float)
    ran = np.ones(scores.shape, bool) if valid is None else np.asarray(valid, bool)
    if scores.ndim != 1 or ran.shape != scores.shape:
        raise ArgumentError(
            f"one_stage_score: scores {scores.shape}, valid {ran.shape}; expected [F] and the same."
        )
    kept = scores[ran]
    if kept.size == 0 or not np.isfinite(kept).all():
        raise ArgumentError(
            f"one_stage_score: {kept.size} valid scores, expected at least one and all finite."
        )
    return float(kept.mean())


def preceding_frames(logs: Sequence[str], times: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which frame extended comfort compares each frame with: the one before in its log, less than 0.55 s earlier.

    Give only frames that ran: NAVSIM passes over the others.

    Args:
        logs: ``F`` log names.
        times: ``[F]`` start times [s].

    Returns:
        Index ``[F]`` of the preceding frame, and whether there is one ``[F]``.
    """
    times = np.asarray(times, float)
    if times.shape != (len(logs),) or not np.isfinite(times).all():
        raise ArgumentError(
            f"preceding_frames: {len(logs)} logs, times {times.shape} or not finite; expected as many finite ones."
        )
    before, found = np.zeros(len(times), np.int64), np.zeros(len(times), bool)
    order = sorted(range(len(times)), key=lambda i: (logs[i], times[i]))
    for earlier, later in pairwise(order):
        if logs[earlier] != logs[later]:
            continue
        if times[later] == times[earlier]:
            raise ArgumentError(
                f"preceding_frames: log {logs[later]!r} has two frames at {times[later]} s, expected one."
            )
        if times[later] - times[earlier] < LONGEST_INTERVAL:
            before[later], found[later] = earlier, True
    return before, found
