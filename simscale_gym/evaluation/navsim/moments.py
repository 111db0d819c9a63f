"""What an export shows NAVSIM of a pair of moments: everything each half second, from 2 s before to 4 s after."""

from __future__ import annotations

import numpy as np

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD, Moments, make_moments
from simscale_gym.evaluation.queries import Query
from simscale_gym.evaluation.suite import PREVIOUS
from simscale_gym.geometry import se2
from simscale_gym.scene import Scene
from simscale_gym.sim import SimState, TrafficModel, rollout, start


def pair_moments(scene: Scene, now: Query, traffic: TrafficModel) -> Moments:
    """The moments around a pair, of which ``now`` is the later member.

    On the log they are the log's. Off it, those behind the present are what comes about while PDM-Closed drives among
    the suite's traffic; NAVSIM takes from them who walks, cycles or lies where, as it drives the vehicles itself.
    """
    states = _logged(scene, now.state.frame) if now.stage == 1 else _driven(scene, now, traffic)
    return make_moments(scene, states)


def _logged(scene: Scene, frame: int) -> dict[int, SimState]:
    replay = LogReplay()
    return {step: start(scene, replay, frame + PREVIOUS * step) for step in range(EARLIEST, LEAST_AHEAD + 1)}


def _driven(scene: Scene, now: Query, traffic: TrafficModel) -> dict[int, SimState]:
    plan, pose = PlannerExpert().plan(scene, now.state, traffic), now.state.ego[:3]
    poses = np.concatenate([pose[None], se2.poses_to_world(pose, plan.poses)])
    states = [*now.states, *rollout(scene, traffic, now.state, poses)]
    present = len(now.states) - 1
    return {step: states[present + PREVIOUS * step] for step in range(EARLIEST, LEAST_AHEAD + 1)}
