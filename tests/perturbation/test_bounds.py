import numpy as np

from simscale_gym.perturbation.bounds import Bounds, bound_broken, end_offsets, vocabulary_plans


def test_offsets_stand_in_the_frame_of_the_logged_pose():
    logged = np.array([10.0, 20.0, np.pi / 2])  # faces +y
    ends = np.array([[10.0, 25.0, np.pi / 2], [9.0, 20.0, np.pi / 2 + 0.1]])
    np.testing.assert_allclose(end_offsets(ends, logged), [[5.0, 0.0, 0.0], [0.0, 1.0, 0.1]], atol=1e-12)


def test_the_first_bound_that_breaks_is_named():
    offsets = np.array(
        [
            [20.0, 2.0, np.radians(20.0)],  # on every edge
            [-20.1, 2.1, 1.0],
            [0.0, -2.1, 1.0],
            [0.0, 0.0, np.radians(-20.1)],
            [0.1, 0.1, 0.0],
            [0.3, 0.0, 0.05],
        ]
    )
    found = bound_broken(offsets, Bounds()).tolist()
    assert found == ["", "longitudinal", "lateral", "heading", "minimum", ""]
    assert bound_broken(offsets[4:5], Bounds(minimum=0.0)).tolist() == [""]


def test_plans_begin_where_the_ego_is(bank):
    pose = np.array([3.0, -4.0, np.pi])
    plans = vocabulary_plans(pose, bank)
    assert plans.shape == (len(bank), 41, 3)
    np.testing.assert_array_equal(plans[:, 0], np.broadcast_to(pose, (len(bank), 3)))
    np.testing.assert_allclose(plans[7, 1:, 0], 3.0 - bank.poses[7, :, 0], atol=1e-9)
