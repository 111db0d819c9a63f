import numpy as np
from crossroads import moving, scene_of, straight_map

from simscale_gym.agents.traffic import make_traffic
from simscale_gym.sim.step import advance, start


def test_tracks_are_replayed_and_end_with_the_log():
    scene = scene_of(straight_map(), [moving(0, 0, 0, 5.0, 20), moving(9, 3, 1, 2.0, 20, shown=(5, 10))], 20)
    model = make_traffic("log")
    state = start(scene, model, frame=3)
    for frame in range(3, 25):
        assert state.frame == frame
        if frame < 20:
            np.testing.assert_array_equal(state.traffic.poses, scene.tracks.poses[:, frame])
            np.testing.assert_array_equal(state.traffic.velocities, scene.tracks.velocities[:, frame])
            np.testing.assert_array_equal(state.traffic.valid, scene.tracks.valid[:, frame])
        else:
            assert not state.traffic.valid.any()
            assert np.isfinite(state.traffic.poses).all()
        state = advance(scene, model, state, state.ego)


def test_the_scene_is_not_shared_with_the_state():
    scene = scene_of(straight_map(), [moving(0, 0, 0, 5.0, 20)], 20)
    state = start(scene, make_traffic("log"))
    state.traffic.poses[:] = 7.0
    assert scene.tracks.poses[0, 0, 0] == 0.0
