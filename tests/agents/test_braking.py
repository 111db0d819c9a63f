"""Emergency stops."""

import numpy as np
import pytest

from simscale_gym.agents.braking import braking_plan
from simscale_gym.geometry import polyline, se2


@pytest.mark.parametrize("deceleration", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("frame", [40, 110])
def test_an_emergency_stop_stops(town_scene, frame, deceleration):
    ego = town_scene.ego.states[frame]
    plan = braking_plan(town_scene, ego, deceleration)
    speed = ego[3]
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(plan[:, :2], axis=0, prepend=0.0).T))])
    expected = min(speed**2 / 2 / deceleration, speed * 4.0 - deceleration * 8.0)
    whole = speed / deceleration <= 4.0
    assert travelled[-1] == pytest.approx(speed**2 / 2 / deceleration if whole else expected, rel=0.02)
    assert (np.diff(travelled) >= -1e-9).all()


def test_an_emergency_stop_at_rest_stays(town_scene):
    ego = town_scene.ego.states[60].copy()
    ego[3] = 0.0
    plan = braking_plan(town_scene, ego, 3.0)
    np.testing.assert_allclose(plan[:, :2], 0.0, atol=1e-9)


def test_an_emergency_stop_turns_back_to_the_route(town_scene):
    ego = town_scene.ego.states[120].copy()
    ego[:2] += 0.9 * np.array([-np.sin(ego[2]), np.cos(ego[2])])
    world = se2.poses_to_world(ego[:3], braking_plan(town_scene, ego, 2.0))
    offsets = np.abs(polyline.project(town_scene.route_path, world[:, :2])[1])
    assert offsets[-1] < 0.3 < offsets[0]
