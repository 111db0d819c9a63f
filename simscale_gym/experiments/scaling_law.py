"""The law that SimScale fits to scores over the number of samples, and where it says that more do not help any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.evaluation import Interval, Measured
from simscale_gym.evaluation.statistics import interval_of, resampled_means
from simscale_gym.one_line import one_line

Array = NDArray[np.float64]

LEAST_POINTS = 4
"""Points that a fit of three numbers needs to say anything."""
_MOST = 300.0  # decades, after which a peak counts as none


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """S(N) = a log10(N)^2 + b log10(N) + c: SimScale's (arXiv 2511.23369), S from 0 to 1, N recorded and simulated.

    Attributes:
        samples: ``[K]`` N of the points.
        scores: ``[K]`` S of the points.
        coefficients: ``[3]`` a, b, c.
        resampled: ``[D, 3]`` those of fits to resamples of scenes and seeds, in each of which all points share them.
    """

    samples: Array
    scores: Array
    coefficients: Array
    resampled: Array

    __repr__ = one_line

    @classmethod
    def fitted(cls, samples: Sequence[float], several: Sequence[Measured]) -> ScalingLaw:
        """The law of points.

        Args:
            samples: N of each point.
            several: Its scores.

        Raises:
            ArgumentError: There are too few points, or they were measured on other scenes.
        """
        if len(set(samples)) < LEAST_POINTS:
            raise ArgumentError(
                f"scaling: {len(set(samples))} numbers of samples, expected {LEAST_POINTS} or more for a fit."
            )
        places, scores = np.log10(samples), np.array([measured.mean for measured in several])
        resampled = np.polyfit(places, resampled_means(several), 2).T
        return cls(np.asarray(samples, float), scores, np.polyfit(places, scores, 2), resampled)

    def at(self, samples: Array) -> Array:
        """Scores ``[M]`` that it says for ``samples [M]``."""
        return np.polyval(self.coefficients, np.log10(samples))

    def band(self, samples: Array) -> tuple[Array, Array]:
        """Bounds ``[M]`` of them, pointwise."""
        found = np.stack([np.polyval(row, np.log10(samples)) for row in self.resampled])
        low, high = np.percentile(found, [2.5, 97.5], axis=0)
        return low, high

    def intervals(self) -> tuple[Interval, Interval, Interval]:
        """a, b and c."""
        a, b, c = (
            interval_of(float(value), values)
            for value, values in zip(self.coefficients, self.resampled.T, strict=True)
        )
        return a, b, c

    @property
    def peak(self) -> float:
        """N at which it is the highest; infinite where it bends upwards, or nowhere."""
        return float(_peaks(self.coefficients[None])[0])

    def peak_interval(self) -> Interval:
        """The peak with its interval; bounds are infinite where resamples see none."""
        low, high = np.percentile(_peaks(self.resampled), [2.5, 97.5], method="nearest")
        return Interval(self.peak, float(low), float(high))

    @property
    def saturating(self) -> float:
        """Share of resamples that have their peak within the numbers of samples that were tried."""
        return float((_peaks(self.resampled) <= self.samples.max()).mean())


def _peaks(coefficients: Array) -> Array:
    """N of the highest score of each law ``[D, 3]``."""
    a, b = coefficients[:, 0], coefficients[:, 1]
    bends = a < 0.0
    place = np.where(bends, -b / np.where(bends, 2.0 * a, 1.0), np.inf)
    return np.where(place < _MOST, 10.0 ** np.minimum(place, _MOST), np.inf)
