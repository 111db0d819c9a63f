"""What the unified expert chooses from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.agents.pdm_centerline import PDMRoute
from simscale_gym.agents.pdm_closed import PDMPlan
from simscale_gym.agents.recovery import bent_to, braking_plan, logged_pose
from simscale_gym.agents.retrieval import Retrieval
from simscale_gym.agents.smooth_plans import smooth_plans
from simscale_gym.agents.unified_config import UnifiedConfig
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import Scene, StateIndex
from simscale_gym.sim import SimState

Array = NDArray[np.float64]

SOURCES = ("planner", "recovery", "human", "smooth", "braking")
"""Where candidates come from: PDM-Closed's proposals; human futures that lead to the log; human futures that lead
where the planner goes; motions of least jerk along the route to the planner's ends; stops."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """``P`` plans.

    Attributes:
        poses: ``[P, 41, 3]`` scene frame, the ego's present pose first.
        sources: ``[P]`` index into :data:`SOURCES`.
    """

    poses: Array
    sources: NDArray[np.int64]


def propose(
    scene: Scene,
    state: SimState,
    route: PDMRoute,
    planned: PDMPlan,
    retrieval: Retrieval,
    config: UnifiedConfig,
) -> Candidates:
    """All candidates for ``state``; the planner's proposals come first, in its order."""
    ego = state.ego
    logged = logged_pose(scene, state.frame + HORIZON_STEPS)
    speeds = len(planned.scores) // len(route.paths)
    ends = planned.proposals.poses[:speeds, HORIZON_STEPS]
    targets = se2.poses_to_local(ego[:3], np.concatenate([logged[None], ends]))
    families = [
        planned.proposals.poses[:, : HORIZON_STEPS + 1],
        _world(ego, _humans(ego, targets[:1], config.recoveries, retrieval, config)),
        _world(ego, _humans(ego, targets[1:], config.humans, retrieval, config)),
        _smooth(scene, state, route, planned, speeds, config),
        _world(ego, np.stack([braking_plan(scene, state, rate) for rate in config.brakings])),
    ]
    sources = np.repeat(np.arange(len(families)), [len(family) for family in families])
    return Candidates(np.concatenate(families), sources)


def _humans(ego: Array, targets: Array, count: int, retrieval: Retrieval, config: UnifiedConfig) -> Array:
    """``[K * count, 40, 3]`` futures that start like ``ego [11]``, bent to ``targets [K, 3]``, in its frame."""
    velocity = ego[[StateIndex.VX, StateIndex.VY]]
    rows = retrieval.nearest(velocity, targets, min(count, len(retrieval.bank)))
    most = np.array(config.closing)
    return np.concatenate(
        [bent_to(retrieval.bank.poses[row], target, most) for row, target in zip(rows, targets, strict=True)]
    )


def _smooth(
    scene: Scene, state: SimState, route: PDMRoute, planned: PDMPlan, speeds: int, config: UnifiedConfig
) -> Array:
    """Least-jerk motions to the ends of the planner's proposals, and to the log's."""
    proposals, path = planned.proposals, route.paths[0]
    ways = proposals.progress[:speeds, HORIZON_STEPS] - proposals.progress[:speeds, 0]
    ends = np.column_stack([ways, proposals.speeds[:speeds, HORIZON_STEPS]])
    count = max(2, int(np.searchsorted(path.lengths, route.start_length)) + 1)
    here = polyline.project(path.points[:count], state.ego[None, :2])[0][0]
    logged = logged_pose(scene, state.frame + HORIZON_STEPS)
    there = polyline.project(path.points, logged[None, :2])[0][0]
    last = min(state.frame + HORIZON_STEPS, scene.num_frames - 1)
    if there > here:
        ends = np.concatenate([ends, [[there - here, scene.ego.states[last, StateIndex.VX]]]])
    durations = np.repeat(config.returns, len(ends))
    returns = np.column_stack([durations, np.zeros_like(durations)])
    ends = np.tile(ends, (len(config.returns), 1))
    return smooth_plans(path, state.ego, ends, returns, steps=HORIZON_STEPS, within=route.start_length)


def _world(ego: Array, plans: Array) -> Array:
    """Plans ``[P, 40, 3]`` of the ego's frame as ``[P, 41, 3]`` in the scene's, the ego's pose first."""
    world = se2.poses_to_world(ego[:3], plans.reshape(-1, 3)).reshape(plans.shape)
    start = np.broadcast_to(ego[:3], (len(plans), 1, 3))
    return np.concatenate([start, world], axis=1)
