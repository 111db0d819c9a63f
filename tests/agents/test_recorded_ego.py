"""The log's poses, and on."""

import numpy as np

from simscale_gym.agents.recorded_ego import logged_pose


def test_the_log_goes_on_past_its_end(town_scene):
    last = town_scene.num_frames - 1
    np.testing.assert_array_equal(logged_pose(town_scene, last), town_scene.ego.poses[last])
    speed = town_scene.ego.states[-1, 3]
    poses = np.stack([logged_pose(town_scene, last + k) for k in (1, 11, 21)])
    np.testing.assert_allclose(np.hypot(*np.diff(poses[:, :2], axis=0).T), speed, rtol=0.05)
    assert np.hypot(*(poses[0, :2] - town_scene.ego.poses[last, :2])) < 0.1 * speed + 0.5
