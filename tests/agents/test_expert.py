import numpy as np

from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.geometry import se2


def test_the_trajectory_is_every_fifth_pose():
    poses = np.arange(120.0).reshape(40, 3)
    trajectory = ExpertPlan(poses, True).trajectory
    np.testing.assert_array_equal(trajectory, poses[[4, 9, 14, 19, 24, 29, 34, 39]])


def test_in_the_world_the_ego_comes_first(town_scene):
    ego = town_scene.ego.states[80]
    plan = ExpertPlan(se2.poses_to_local(ego[:3], town_scene.ego.poses[81:121]), True)
    world = plan.poses_world(ego)
    np.testing.assert_allclose(world[:, :2], town_scene.ego.poses[80:121, :2], atol=1e-9)
    np.testing.assert_array_equal(world[0], ego[:3])
