import numpy as np
from crossroads import circle_map, moving, scene_of, straight_map

from simscale_gym.agents.traffic import make_traffic
from simscale_gym.sim.step import advance, start


def test_everybody_goes_straight_on_also_past_the_log():
    tracks = [moving(20.0, 0.0, np.pi / 2, 4.0, 10), moving(5.0, 0.0, 0.5, 0.0, 10)]
    scene = scene_of(circle_map(), tracks, 10)
    model = make_traffic("constant_velocity")
    state = start(scene, model, frame=2)
    for _ in range(30):
        state = advance(scene, model, state, state.ego)
    np.testing.assert_allclose(state.traffic.poses[0], [20.0, 4.0 * (0.2 + 3.0), np.pi / 2], atol=1e-9)
    np.testing.assert_allclose(state.traffic.poses[1], [5.0, 0.0, 0.5])
    assert state.traffic.valid.all()


def test_those_who_are_not_there_at_the_start_do_not_come():
    scene = scene_of(straight_map(), [moving(0, 0, 0, 5.0, 10, shown=(5, 10))], 10)
    model = make_traffic("constant_velocity")
    state = start(scene, model)
    for _ in range(9):
        state = advance(scene, model, state, state.ego)
        assert not state.traffic.valid.any()
