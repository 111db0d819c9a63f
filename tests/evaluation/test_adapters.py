"""Planners of others as agents: a NAVSIM agent by its methods, a policy by its predict."""

from types import SimpleNamespace

import numpy as np
import pytest

from simscale_gym.agents import ConstantVelocityAgent, make_traffic
from simscale_gym.evaluation import NavsimAgent, PolicyAgent, Sensing
from simscale_gym.evaluation.pictures import Shown
from simscale_gym.evaluation.queries import query_pairs


@pytest.fixture
def moment(small_suite, town_scene):
    """The first moment."""
    return next(query_pairs(town_scene, small_suite.scenes[0], small_suite))[0]


class ForeignPlanner:
    """Keeps its speed, in NAVSIM's manner, and remembers what it was given."""

    ready, given = False, None

    def initialize(self):
        self.ready = True

    def compute_trajectory(self, agent_input):
        self.given = agent_input
        speed = float(np.hypot(*agent_input.ego_statuses[-1].ego_velocity))
        poses = np.zeros((8, 3))
        poses[:, 0] = speed * 0.5 * np.arange(1, 9)
        return SimpleNamespace(poses=poses)


def test_a_navsim_agent_sees_what_ours_see_and_its_plan_is_ours(moment, town_scene, one_renderer_per_scene):
    foreign = ForeignPlanner()
    agent = NavsimAgent(foreign, ("cam_f0", "cam_l0"), (36, 64))
    shown = Shown(town_scene, agent.sensing, make_traffic("idm"))
    agent.reset(shown.context())
    observation = shown.observe(moment)
    assert np.allclose(agent.act(observation), ConstantVelocityAgent().act(observation))
    cameras, status = foreign.given.cameras[-1], foreign.given.ego_statuses[-1]
    assert foreign.ready and cameras.cam_b0.image is None
    assert (
        np.array_equal(cameras.cam_f0.image, observation["cam_f0"])
        and cameras.cam_f0.intrinsics[0, 2] == 32.0
    )
    assert status.driving_command.sum() == 1 and np.allclose(status.ego_velocity, observation["ego"][:2])
    ahead = cameras.cam_f0.sensor2lidar_rotation @ np.array([0.0, 0.0, 1.0])
    assert ahead[0] > 0.99


def test_a_policy_is_asked_with_what_its_wrappers_made_of_an_observation():
    asked = []
    model = SimpleNamespace(
        predict=lambda seen, deterministic: (asked.append((seen, deterministic)) or np.ones(2), None)
    )
    agent = PolicyAgent(model, Sensing(("state",), action="control"), lambda seen: seen["state"] * 2)
    assert agent.act({"state": np.ones(3)}).tolist() == [1.0, 1.0]
    assert asked[0][0].tolist() == [2.0, 2.0, 2.0] and asked[0][1] is True
