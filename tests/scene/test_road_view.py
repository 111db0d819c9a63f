"""The kernel behind commands, rewards and observations, against the same said plainly."""

import numpy as np
import pytest

from simscale_gym.envs.observations import COMMANDS, driving_command
from simscale_gym.geometry import polyline, se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene.road_view import RoadView, road_view


def plain_view(scene, ego):
    s, d = polyline.project(scene.route_path, ego[None, :2])
    here, there = polyline.at_arc_length(scene.route_path, s + np.array([0.0, max(15.0, 3.0 * ego[3])]))
    lateral = se2.points_to_local(here, there[None, :2])[0, 1]
    command = 0 if lateral > 2.0 else 2 if lateral < -2.0 else 1
    lanes = [scene.map.lanes[i] for i in scene.map.lanes_at(ego[:2])]
    along = []
    for lane in lanes:
        nearest = np.argmin(((lane.centerline[:, :2] - ego[:2]) ** 2).sum(1))
        if abs(wrap_angle(lane.centerline[nearest, 2] - ego[2])) < np.pi / 4:
            along.append(lane.speed_limit or 0.0)
    limit = max((lane.speed_limit or 0.0 for lane in lanes), default=0.0)
    return RoadView(s[0], d[0], limit, max(along, default=0.0), 3 if abs(d[0]) > 20.0 else command)


def test_the_road_at_a_state(odd_places):
    met = set()
    for scene, state in odd_places:
        view, plain = road_view(scene, state.ego), plain_view(scene, state.ego)
        assert view == pytest.approx(plain, abs=1e-9)
        met |= {("command", view.command), ("limit", view.limit > 0.0), ("along", view.limit_along > 0.0)}
        command = driving_command(view)
        assert command.sum() == 1.0 and command[view.command] == 1.0 and len(command) == len(COMMANDS)
    assert {("command", k) for k in (0, 1, 2)} < met and len(met) >= 7
