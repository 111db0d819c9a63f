"""Which samples a step takes: known from seed and step alone, so nothing of it needs to be saved."""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray

_SLACK = 1e-9  # so that what is a whole number stays one


def rows_of_step(samples: int, batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Rows ``[batch_size]`` of one step: shuffled passes over all samples, one behind the other.

    Args:
        samples: Number of samples.
        batch_size: Rows of a step.
        seed: Seed of the shuffling.
        step: The step, from 0.
    """
    return rows_at(samples, step * batch_size + np.arange(batch_size), seed)


def rows_at(samples: int, places: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Rows at ``places`` of endless shuffled passes over all samples."""
    turns = {
        turn: np.random.default_rng((seed, turn)).permutation(samples) for turn in set(places // samples)
    }
    return np.array([turns[place // samples][place % samples] for place in places], np.int64)


def recorded_before(place: int, sim_ratio: float) -> int:
    """How many of the first ``place`` samples are recorded, with ``sim_ratio`` simulated ones for each of them."""
    return floor(place / (1.0 + sim_ratio) + _SLACK)


def seed_of_step(seed: int, step: int, rank: int = 0) -> int:
    """Seed of all chance within a step (noise, dropout) on one of several devices."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
