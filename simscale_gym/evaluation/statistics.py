"""Means with intervals over scenes and seeds, and differences of planners on the same scenes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]

DRAWS = 4000
"""Resamples of a bootstrap."""
LEVEL = 0.95
"""Of intervals."""


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap interval.

    Attributes:
        mean: Mean of all items.
        low, high: Bounds of the interval.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Measured:
    """Items of a figure, such as scores of groups, by seed and scene.

    Attributes:
        scenes: Names of the ``N`` scenes.
        sums: ``[S, N]`` sum of the items by seed and scene.
        counts: ``[S, N]`` number of items.
    """

    scenes: tuple[Hashable, ...]
    sums: Array
    counts: Array

    __repr__ = one_line

    @classmethod
    def of(cls, items: Sequence[tuple[int, Hashable, float]]) -> Measured:
        """From (seed, scene, value) of each item.

        Raises:
            ArgumentError: There are none, or a value is not finite.
        """
        if not items or not np.isfinite([value for *_, value in items]).all():
            raise ArgumentError(f"Measured: {len(items)} items, expected at least one, and finite ones.")
        scenes = tuple(dict.fromkeys(scene for _, scene, _ in items))
        seeds = sorted({seed for seed, _, _ in items})
        row = {scene: n for n, scene in enumerate(scenes)}
        sums, counts = np.zeros((len(seeds), len(scenes))), np.zeros((len(seeds), len(scenes)))
        for seed, scene, value in items:
            sums[seeds.index(seed), row[scene]] += value
            counts[seeds.index(seed), row[scene]] += 1
        return cls(scenes, sums, counts)

    @property
    def mean(self) -> float:
        """Mean of all items."""
        return float(self.sums.sum() / self.counts.sum())

    def interval(self, seed: int = 0) -> Interval:
        """The mean with its interval over scenes and, where there are several, over seeds."""
        return interval_of(self.mean, _resampled(self, *_choices(*self.sums.shape, seed)))


def resampled_means(several: Sequence[Measured], seed: int = 0) -> Array:
    """Means ``[K, D]`` of :data:`DRAWS` resamples of ``K`` planners, in each of which all have the same scenes.

    They have the same seeds too where they have equally many.

    Raises:
        ArgumentError: They were measured on other scenes.
    """
    first, alike = several[0], {}
    for measured in several:
        if measured.scenes != first.scenes or not np.array_equal(measured.counts[0], first.counts[0]):
            raise ArgumentError(
                f"difference: {len(first.scenes)} and {len(measured.scenes)} scenes or other items, expected the same."
            )
        alike.setdefault(len(measured.sums), _choices(*measured.sums.shape, seed + len(alike))[1])
    scenes, _ = _choices(*first.sums.shape, seed)
    return np.stack([_resampled(measured, scenes, alike[len(measured.sums)]) for measured in several])


def difference(first: Measured, second: Measured, seed: int = 0) -> Interval:
    """How much higher the mean of ``first`` is than that of ``second``, paired scene by scene.

    Raises:
        ArgumentError: They were measured on other scenes.
    """
    ours, others = resampled_means([first, second], seed)
    return interval_of(first.mean - second.mean, ours - others)


@lru_cache(maxsize=8)  # tables ask for the same ones again and again
def _choices(seeds: int, scenes: int, seed: int) -> tuple[Array, Array]:
    """How often each of some scenes ``[D, N]`` and each seed ``[D, S]`` is drawn in each resample."""
    rng = np.random.default_rng(seed)
    return (
        rng.multinomial(scenes, np.full(scenes, 1.0 / scenes), DRAWS).astype(float),
        rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), DRAWS).astype(float),
    )


def _resampled(measured: Measured, scenes: Array, seeds: Array) -> Array:
    """Means ``[D]`` of the resamples; one that drew no item at all has the mean of all."""
    sums, counts = (((seeds @ values) * scenes).sum(1) for values in (measured.sums, measured.counts))
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), measured.mean)


def interval_of(mean: float, resampled: Array) -> Interval:
    """A mean with its interval, from the means of resamples ``[D]``."""
    tail = 100.0 * (1.0 - LEVEL) / 2.0
    low, high = np.percentile(resampled, [tail, 100.0 - tail])
    return Interval(mean, float(low), float(high))
