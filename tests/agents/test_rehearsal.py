"""The traffic run ahead."""

from dataclasses import replace

import numpy as np
import pytest
from crossing_states import KEEPS_ON, START, world_of
from crossroads import SIDE, moving

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.log_replay import LogReplay, all_driven_by, logged_traffic
from simscale_gym.agents.navsim.traffic import NavsimTraffic
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.reactive.idm import IDMConfig, IDMTraffic
from simscale_gym.agents.reactive.mixed_traffic import MixedConfig, MixedTraffic
from simscale_gym.agents.rehearsal import rehearse
from simscale_gym.scene import DT, TrackType
from simscale_gym.sim import rollout, stacked, track

LEAD = moving(25.0, SIDE, np.pi, 4.0, 60)
FOLLOWER = moving(60.0, SIDE, np.pi, 9.0, 60)
OTHERS = [
    LEAD,
    FOLLOWER,
    moving(-40.0, -SIDE, 0.0, 8.0, 60),
    moving(SIDE, -30.0, np.pi / 2, 7.0, 60),
    moving(14.0, -8.0, np.pi / 2, 1.2, 60, TrackType.PEDESTRIAN, (0.6, 0.6, 1.7)),
    moving(55.0, SIDE + 1.0, np.pi, 5.0, 60, TrackType.BICYCLE, (1.8, 0.6, 1.7)),
]


class Fleeing:
    """A model that a user might write: everybody drives the faster the nearer the ego is."""

    def start(self, scene, frame, ego):
        return replace(logged_traffic(scene, frame), memory={"steps": np.zeros(1)})

    def step(self, scene, frame, ego, traffic):
        away = traffic.poses[:, :2] - ego[:2]
        poses = traffic.poses.copy()
        poses[:, :2] += DT * away / np.hypot(*away.T)[:, None] ** 1.5
        return replace(traffic, poses=poses, memory={"steps": traffic.memory["steps"] + 1})

    def controllers(self, scene, traffic):
        return all_driven_by("fleeing", scene, traffic)


MODELS = {
    "idm": IDMTraffic(),
    "distant idm": IDMTraffic(IDMConfig(headway=3.0)),
    "mixed": MixedTraffic(),
    "other mixed": MixedTraffic(MixedConfig(log_share=0.0, seed=3)),
    "navsim": NavsimTraffic(),
    "log": LogReplay(),
    "constant velocity": KEEPS_ON,
    "own": Fleeing(),
}


def same_others(agents, driven):
    _, others, velocities, valid = stacked(driven)
    return (
        np.array_equal(agents.valid, valid.T)
        and np.array_equal(agents.boxes[..., :3], np.swapaxes(others, 0, 1))
        and np.array_equal(agents.velocities, np.swapaxes(velocities, 0, 1))
    )


@pytest.mark.parametrize("traffic", MODELS.values(), ids=MODELS)
def test_the_rehearsal_is_what_happens_when_the_plan_is_driven(traffic):
    scene, state, _ = world_of(OTHERS, traffic=traffic)
    state = rollout(scene, traffic, state, scene.ego.poses[:41], steps=PLAN_STRIDE)[-1]
    plan = PlannerExpert().plan(scene, state, traffic).poses_world(state.ego)
    agents = rehearse(scene, state, track(state.ego, plan, vehicle=scene.vehicle), traffic)
    assert same_others(agents, [state, *rollout(scene, traffic, state, plan)])


@pytest.mark.parametrize("name", [name for name in MODELS if name != "idm"])
def test_models_differ_in_what_they_foresee(name):
    """Else the test above would not notice that another model was asked."""
    scene, state, traffic = world_of(OTHERS, traffic=MODELS[name])
    poses = scene.ego.poses[:41]
    usual = world_of(OTHERS, traffic=MODELS["idm"])[1]
    egos = track(state.ego, poses, vehicle=scene.vehicle)
    assert not same_others(
        rehearse(scene, state, egos, traffic), [usual, *rollout(scene, MODELS["idm"], usual, poses)]
    )


def test_others_react_to_what_is_rehearsed():
    scene, state, traffic = world_of([FOLLOWER], traffic=IDMTraffic())
    on = np.repeat(state.ego[None], 41, 0)
    on[:, 0] -= 0.8 * np.arange(41)
    still = np.repeat(state.ego[None], 41, 0)
    still[:, 3] = 0.0
    free, blocked = rehearse(scene, state, on, traffic), rehearse(scene, state, still, traffic)
    assert blocked.boxes[0, -1, 0] > free.boxes[0, -1, 0] + 5.0
    assert blocked.boxes[0, -1, 0] - 2.3 > START[0]
