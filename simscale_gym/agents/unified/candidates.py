"""What the unified expert chooses from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.pdm.closed import PDMPlan
from simscale_gym.agents.pdm.route import PDMRoute
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.agents.recovery.recovery_expert import bent_to
from simscale_gym.agents.retrieval import Retrieval
from simscale_gym.agents.unified.config import UnifiedConfig
from simscale_gym.agents.unified.smooth_plans import smooth_plans, with_headings
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import DT, Scene, StateIndex
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

_SHORTEST_STOP = 1.0  # [s]
_SHARES = 0.25, 0.5, 0.75

SOURCES = ("planner", "recovery", "human", "smooth", "braking", "blend")
"""Origins of candidates: PDM-Closed's proposals; human futures that lead to the log; human futures that lead
where the planner goes; motions of least jerk along the route to the planner's ends; such motions to a stop; means
of two of these."""


@dataclass(frozen=True, eq=False)
class CandidatePlans:
    """``P`` plans.

    Attributes:
        poses: ``[P, 41, 3]`` scene frame, the ego's present pose first.
        sources: ``[P]`` index into :data:`SOURCES`.
    """

    poses: Array
    sources: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.poses)

    @classmethod
    def of(cls, families: Mapping[str, Array]) -> CandidatePlans:
        """All plans ``[*, 41, 3]`` of the families, by name of their source."""
        sources = [np.full(len(plans), SOURCES.index(name)) for name, plans in families.items()]
        return cls(np.concatenate(list(families.values())), np.concatenate(sources))

    def and_also(self, more: CandidatePlans) -> CandidatePlans:
        """All candidates of ``self``, then those of ``more``."""
        return CandidatePlans(
            np.concatenate([self.poses, more.poses]), np.concatenate([self.sources, more.sources])
        )


def propose(
    scene: Scene,
    state: SimState,
    route: PDMRoute,
    planned: PDMPlan,
    retrieval: Retrieval,
    config: UnifiedConfig,
) -> CandidatePlans:
    """All candidates for ``state``; the planner's proposals come first, in its order."""
    ego = state.ego
    logged = logged_pose(scene, state.frame + HORIZON_STEPS)
    ends = planned.proposals.poses[: _speeds(route, planned), HORIZON_STEPS]
    targets = se2.poses_to_local(ego[:3], np.concatenate([logged[None], ends]))
    return CandidatePlans.of(
        {
            "planner": _begun_at(ego, planned.proposals.poses[:, 1 : HORIZON_STEPS + 1]),
            "recovery": _world(ego, _humans(ego, targets[:1], config.recoveries, retrieval, config)),
            "human": _world(ego, _humans(ego, targets[1:], config.humans, retrieval, config)),
            "smooth": _smooth(scene, state, route, planned, config.returns),
            "braking": _stops(ego, route, config),
        }
    )


def propose_more(
    scene: Scene,
    state: SimState,
    route: PDMRoute,
    planned: PDMPlan,
    tried: CandidatePlans,
    totals: Array,
    config: UnifiedConfig,
) -> CandidatePlans:
    """A second look where none of ``tried`` is good enough.

    More ways back to the lane, some to its near side only, and means of the best of each source by ``totals [P]``.
    """
    present = [np.flatnonzero(tried.sources == source) for source in np.unique(tried.sources)]
    best = [rows[np.argmax(totals[rows])] for rows in present]
    pairs = np.array(list(combinations(best, 2)))
    ways = tried.poses[pairs][..., :2]
    means = [(1.0 - share) * ways[:, 0] + share * ways[:, 1] for share in _SHARES]
    side = np.sign(_place(route, state.ego)[1]) * config.near_side
    return CandidatePlans.of(
        {
            "smooth": _smooth(scene, state, route, planned, config.more_returns, (0.0, side)),
            "blend": with_headings(np.concatenate(means), float(state.ego[StateIndex.HEADING])),
        }
    )


def _humans(ego: Array, targets: Array, count: int, retrieval: Retrieval, config: UnifiedConfig) -> Array:
    """``[K * count, 40, 3]`` futures that start like ``ego [11]``, bent to ``targets [K, 3]``, in its frame."""
    velocity = ego[[StateIndex.VX, StateIndex.VY]]
    rows = retrieval.nearest(velocity, targets, min(count, len(retrieval.bank)))
    most = np.array(config.closing)
    return np.concatenate(
        [bent_to(retrieval.bank.poses[row], target, most) for row, target in zip(rows, targets, strict=True)]
    )


def _smooth(
    scene: Scene,
    state: SimState,
    route: PDMRoute,
    planned: PDMPlan,
    returns: Sequence[float],
    asides: Sequence[float] = (0.0,),
) -> Array:
    """Least-jerk motions to the ends of the planner's proposals, and to the log's."""
    proposals, horizon = planned.proposals, HORIZON_STEPS * DT
    speeds = _speeds(route, planned)
    ways = proposals.progress[:speeds, HORIZON_STEPS] - proposals.progress[:speeds, 0]
    ends = np.column_stack([ways, proposals.speeds[:speeds, HORIZON_STEPS], np.full(speeds, horizon)])
    logged = logged_pose(scene, state.frame + HORIZON_STEPS)
    ahead = (
        float(polyline.project(route.ahead.centerline, logged[None, :2])[0][0]) - _place(route, state.ego)[0]
    )
    if ahead > 0.0:
        last = min(state.frame + HORIZON_STEPS, scene.num_frames - 1)
        ends = np.concatenate([ends, [[ahead, scene.ego.states[last, StateIndex.VX], horizon]]])
    return _returning(state.ego, route, ends, returns, asides)


def _stops(ego: Array, route: PDMRoute, config: UnifiedConfig) -> Array:
    """Least-jerk motions to a stop."""
    speed = max(float(ego[StateIndex.VX]), 0.0)
    times = np.maximum(speed / np.array(config.brakings), _SHORTEST_STOP)
    ends = np.column_stack([speed * times / 2, np.zeros_like(times), times])
    return _returning(ego, route, ends, config.returns[:1])


def _returning(
    ego: Array, route: PDMRoute, ends: Array, returns: Sequence[float], asides: Sequence[float] = (0.0,)
) -> Array:
    """Every end with every time and place of return."""
    ways = np.array(list(product(returns, asides)))
    return smooth_plans(
        route.paths[0],
        ego,
        np.tile(ends, (len(ways), 1)),
        np.repeat(ways, len(ends), 0),
        steps=HORIZON_STEPS,
        within=route.start_length,
    )


def _place(route: PDMRoute, ego: Array) -> tuple[float, float]:
    """Way of the ego along the centreline [m], and its offset from it [m, left +]."""
    count = max(2, int(np.searchsorted(route.paths[0].lengths, route.start_length)) + 1)
    s, d = polyline.project(route.ahead.centerline[:count], ego[None, :2])
    return float(s[0]), float(d[0])


def _speeds(route: PDMRoute, planned: PDMPlan) -> int:
    """Number of speeds that the planner tries on each path; the first proposals are along the centreline."""
    return len(planned.scores) // len(route.paths)


def _world(ego: Array, plans: Array) -> Array:
    """Plans ``[P, 40, 3]`` of the ego's frame as ``[P, 41, 3]`` in the scene's, the ego's pose first."""
    return _begun_at(ego, se2.poses_to_world(ego[:3], plans.reshape(-1, 3)).reshape(plans.shape))


def _begun_at(ego: Array, poses: Array) -> Array:
    """``[P, 41, 3]``: the ego's pose and ``poses [P, 40, 3]``."""
    return np.concatenate([np.broadcast_to(ego[:3], (len(poses), 1, 3)), poses], axis=1)
