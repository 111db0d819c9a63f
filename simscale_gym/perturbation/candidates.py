"""Candidates: vocabulary trajectories that end off the log and score well as the others were recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.metrics import logged_agents, take_agents, touching_ego
from simscale_gym.one_line import one_line
from simscale_gym.perturbation.bounds import bound_broken, end_offsets, vocabulary_plans
from simscale_gym.perturbation.config import AlgorithmConfig
from simscale_gym.perturbation.gate import proposal_failures
from simscale_gym.perturbation.grid import best_of_cells, cells, interleaved
from simscale_gym.perturbation.telemetry import Telemetry
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, track

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """``C`` trajectories that may be tried with reacting traffic, in the order in which they are.

    Attributes:
        indices: ``[C]`` into the vocabulary.
        plans: ``[C, 41, 3]`` in the scene frame, the ego's pose at T first.
        offsets: ``[C, 3]`` of the ends from the logged pose at T+H, in its frame [m, m, rad].
        totals: ``[C]`` EPDMS among the logged others.
        fallen: ``[V, 2]`` stage and reason of each trajectory of the vocabulary that was dropped; empty for these.
    """

    indices: NDArray[np.int64]
    plans: Array
    offsets: Array
    totals: Array
    fallen: NDArray[np.str_]

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.indices)


def find_candidates(
    scene: Scene,
    begin: SimState,
    reference: Array | None,
    vocabulary: HumanFutures,
    config: AlgorithmConfig,
    rng: np.random.Generator,
    telemetry: Telemetry,
) -> Candidates:
    """Track the whole vocabulary from ``begin``, which lies on the log; keep what is near, good and far apart.

    Args:
        scene: The scene, whose log reaches 4 s beyond ``begin``.
        begin: The world at T.
        reference: ``[41, 11]`` a drive whose progress counts as well (PDM-Closed's); None to leave progress aside.
        vocabulary: ``V`` futures.
        config: Bounds, gate and grid.
        rng: Settles ties and the order.
        telemetry: Where rejections are counted.
    """
    plans = vocabulary_plans(begin.ego[:3], vocabulary)
    driven = track(begin.ego, plans, vehicle=scene.vehicle)
    offsets = end_offsets(driven[:, -1, :3], scene.ego.poses[begin.frame + HORIZON_STEPS])
    broken = bound_broken(offsets, config.bounds)
    telemetry.many("bounds", broken)
    inside = np.flatnonzero(broken == "")

    agents = logged_agents(scene, begin.frame, HORIZON_STEPS + 1)
    agents = take_agents(agents, ~touching_ego(agents, begin.ego, scene.vehicle))  # NAVSIM's log replay
    totals, weak = proposal_failures(scene, begin, driven[inside], agents, reference, config.gate)
    telemetry.many("gate", weak)
    good, totals = inside[weak == ""], totals[weak == ""]
    telemetry.candidates.append(len(good))

    rows, thinned = _thinned(offsets[good], totals, config, rng)
    telemetry.many("grid", thinned)
    telemetry.cells.append(len(rows))
    kept, by_index, fallen = good[rows], np.zeros(len(vocabulary)), np.zeros((len(vocabulary), 2), "<U16")
    by_index[good] = totals
    for stage, which, reasons in (
        ("bounds", slice(None), broken),
        ("gate", inside, weak),
        ("grid", good, thinned),
    ):
        fallen[which] = np.stack([np.where(reasons == "", "", stage), reasons], axis=1)
    return Candidates(kept, plans[kept], offsets[kept], by_index[kept], fallen)


def _thinned(
    offsets: Array, totals: Array, config: AlgorithmConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Rows of ``offsets [P, 3]`` that the grid leaves, in the order of trial; and why the others go, ``[P]``."""
    indices = cells(offsets, config.cell)
    stays = np.flatnonzero(interleaved(indices))
    kept = stays[best_of_cells(indices[stays], totals[stays], rng)]
    reasons = np.full(len(offsets), "other cells", dtype="<U16")
    reasons[stays] = "cell taken"
    reasons[kept] = ""
    return kept, reasons
