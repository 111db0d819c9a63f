import numpy as np
from crossroads import moving, scene_of, straight_map

from simscale_gym.agents.traffic import TRAFFIC_MODELS, make_traffic
from simscale_gym.scene import TrackType
from simscale_gym.sim import Controller
from simscale_gym.sim.step import advance, start

WALKER = (0.6, 0.6, 1.7)


def mixed_road_users():
    tracks = [
        moving(20, 0, 0, 8.0, 60),
        moving(60, -6, np.pi / 2, 0.3, 60, TrackType.PEDESTRIAN, WALKER),
        moving(10, -3, 0, 4.0, 60, TrackType.BICYCLE, (1.8, 0.6, 1.7)),
        moving(90, 5.0, 0, 0.0, 60, TrackType.TRAFFIC_CONE, (0.4, 0.4, 0.8)),
        moving(50, 9.0, 1.5, 2.0, 60),
        moving(150, 0, 0, 8.0, 60, shown=(50, 60)),
    ]
    return scene_of(straight_map(), tracks, 60)


def test_every_present_track_has_a_controller_and_absent_ones_none():
    scene = mixed_road_users()
    state = start(scene, make_traffic("idm"))
    expected = ["IDM", "PEDESTRIAN", "CYCLIST", "STANDING", "YIELDING_LOG"]
    found = [Controller(n).name for n in make_traffic("idm").controllers(scene, state.traffic)]
    assert found[:5] == expected and set(found[5:]) == {"ABSENT"}


def test_every_named_model_says_who_drives_whom_at_each_step():
    scene = mixed_road_users()
    for name in TRAFFIC_MODELS:
        model = make_traffic(name)
        state = start(scene, model)
        for _ in range(10):
            found = model.controllers(scene, state.traffic)
            np.testing.assert_array_equal(found != Controller.ABSENT, state.traffic.valid)
            if name in ("log", "constant_velocity"):
                assert set(found[state.traffic.valid]) == {Controller[name.upper()]}
            state = advance(scene, model, state, state.ego)
