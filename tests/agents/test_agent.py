"""Plans of agents, and the agents that come with the package."""

from types import SimpleNamespace

import numpy as np
import pytest
from crossing_states import KEEPS_ON, state_of
from crossroads import SIDE, moving

from simscale_gym.agents.agent import ExpertAgent, dense_plan, is_plan
from simscale_gym.agents.constant_velocity_agent import ConstantVelocityAgent
from simscale_gym.agents.log_expert import LogExpert
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se2


@pytest.mark.parametrize(
    ("shape", "plan"),
    [((8, 3), True), ((40, 3), True), ((2,), False), ((), False), ((7, 3), False), ((8, 2), False)],
)
def test_plans_are_told_from_actions_by_shape(shape, plan):
    assert is_plan(np.zeros(shape, np.float32)) == plan


def test_a_sparse_plan_is_filled_in_between_its_poses():
    sparse = np.column_stack([4.0 * np.arange(1, 9), np.zeros(8), np.linspace(0.1, 0.8, 8)])
    dense = dense_plan(sparse)
    assert dense.shape == (40, 3)
    np.testing.assert_allclose(dense[4::5], sparse, atol=1e-12)
    np.testing.assert_allclose(dense[0], [0.8, 0.0, 0.02], atol=1e-12)
    np.testing.assert_array_equal(dense_plan(dense), dense)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (np.zeros((41, 3)), r"plan: shape \(41, 3\), expected \[8, 3\]"),
        (np.zeros(2), r"plan: shape \(2,\)"),
        (np.full((8, 3), np.nan), "plan: .*not finite"),
    ],
)
def test_what_is_no_plan_is_refused(plan, message):
    with pytest.raises(ArgumentError, match=message):
        dense_plan(plan)


def test_constant_velocity_goes_straight_on():
    plan = ConstantVelocityAgent().act({"ego": np.array([6.0, 0.0, 1.0, 0.0, 0.3, 0.1], np.float32)})
    np.testing.assert_allclose(plan, np.column_stack([3.0 * np.arange(1, 9), np.zeros((8, 2))]))


def test_an_expert_at_the_wheel_gives_its_plan_for_the_world_as_it_is():
    scene, state = state_of([moving(15.0, SIDE, np.pi, 0.0, 60)])
    agent = ExpertAgent(PlannerExpert(), SimpleNamespace(scene=scene, sim_state=state, traffic=KEEPS_ON))
    np.testing.assert_array_equal(agent.act({}), PlannerExpert().plan(scene, state, KEEPS_ON).poses)


def test_the_log_driver_drives_to_where_the_log_was():
    scene, state = state_of()
    agent = ExpertAgent(LogExpert(), SimpleNamespace(scene=scene, sim_state=state, traffic=KEEPS_ON))
    world = se2.poses_to_world(state.ego[:3], agent.act({}))
    expected = np.stack([logged_pose(scene, state.frame + k) for k in range(1, 41)])
    np.testing.assert_allclose(world[:, :2], expected[:, :2], atol=1e-9)
