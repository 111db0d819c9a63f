"""Rewards of many drives at once, by the same rules as of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.envs.drive_batch import DriveBatch
from simscale_gym.envs.reward_kernel import TERMS, fill_terms
from simscale_gym.envs.rewards import EpdmsRewardConfig, RewardConfig, RewardWeights, score_parts
from simscale_gym.scene import DT

Array = NDArray[np.float64]


class Standing(NamedTuple):
    """Where drives ``[P]`` stand, as far as a reward asks.

    Attributes:
        steps: ``[P]`` simulation steps since the start.
        egos: ``[P, 11]`` states of the egos.
        views: ``[P, 4]`` arc, offset, limit, limit along (:class:`simscale_gym.scene.road_view.RoadView`).
        events: ``[P, 3]`` an at-fault collision, leaving the road, arrival.
        subscores: Of the drives by EPDMS code, ``[P]`` each.
    """

    steps: NDArray[np.int64]
    egos: Array
    views: Array
    events: NDArray[np.bool_]
    subscores: dict[str, Array]

    @classmethod
    def of(cls, batch: DriveBatch, rows: NDArray[np.int64]) -> Standing:
        """Where the drives ``rows`` stand now."""
        found = batch.found
        return cls(
            steps=batch.steps[rows],
            egos=batch.egos[rows],
            views=np.stack([array[rows] for array in found[:4]], axis=-1),
            events=np.stack([found.faults[rows] != 0, found.left_road[rows], batch.arrived[rows]], axis=-1),
            subscores={code: values[rows] for code, values in batch.subscores.items()},
        )


def batch_terms(
    reward: RewardConfig | EpdmsRewardConfig, before: Standing, after: Standing
) -> dict[str, Array]:
    """The terms ``[P]`` of ``reward`` for steps from ``before`` to ``after``, by name."""
    if isinstance(reward, EpdmsRewardConfig):
        now, then = score_parts(after.subscores), score_parts(before.subscores)
        gained = {name: value - np.where(before.steps > 0, then[name], 0.0) for name, value in now.items()}
        return {name: reward.scale * value for name, value in gained.items()}
    out, seconds = np.empty((len(after.steps), len(TERMS))), (after.steps - before.steps) * DT
    lost = np.stack(
        [before.subscores[code] - after.subscores[code] for code in ("tlc", "ddc", "ttc")], axis=-1
    )
    _fill(
        out, reward.weights, before.egos, after.egos, seconds, before.views, after.views, after.events, lost
    )
    return dict(zip(TERMS, out.T.copy(), strict=True))


@njit(cache=True)
def _fill(
    out: Array, weights: RewardWeights, egos: Array, moved: Array, seconds: Array, views: Array, seen: Array,
    events: NDArray, lost: Array,
):  # fmt: skip
    for n in range(len(out)):
        fill_terms(
            out[n], weights, egos[n], moved[n], seconds[n], seen[n, 0] - views[n, 0], seen[n, 1], seen[n, 3],
            events[n, 0], events[n, 1], lost[n, 0], lost[n, 1], lost[n, 2], events[n, 2],
        )  # fmt: skip
