"""The kernels behind observations and rewards, against the same said plainly."""

import numpy as np
import pytest

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.envs.observations import (
    COMMANDS,
    KINDS,
    NEAREST_TRACKS,
    PATH_POINTS,
    PATH_SPACING,
    STATE_LIMIT,
    TRACK_FEATURES,
    driving_command,
    ego_observation,
    state_observation,
)
from simscale_gym.geometry import polyline, se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.scene.road_view import RoadView, road_view
from simscale_gym.sim import SimState


@pytest.fixture(scope="module")
def places(town_log):
    """Scenes with states on the log and off it, askew, fast, slow and far away."""
    rng, out = np.random.default_rng(0), []
    for _ in range(60):
        scene = town_log[int(rng.integers(len(town_log)))]
        frame = int(rng.integers(scene.num_frames))
        ego = scene.ego.states[frame].copy()
        ego[:2] += rng.normal(0.0, rng.choice([0.0, 2.0, 12.0]), 2)
        ego[StateIndex.HEADING] += rng.normal(0.0, rng.choice([0.0, 0.3, 2.0]))
        ego[StateIndex.VX] = rng.uniform(-1.0, 20.0)
        out.append((scene, SimState(frame, ego, LogReplay().start(scene, frame, ego))))
    return out


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


def test_the_road_at_a_state(places):
    met = set()
    for scene, state in places:
        view, plain = road_view(scene, state.ego), plain_view(scene, state.ego)
        assert view == pytest.approx(plain, abs=1e-9)
        met |= {("command", view.command), ("limit", view.limit > 0.0), ("along", view.limit_along > 0.0)}
        command = driving_command(view)
        assert command.sum() == 1.0 and command[view.command] == 1.0 and len(command) == len(COMMANDS)
    assert {("command", k) for k in (0, 1, 2)} < met and len(met) >= 7


def plain_tracks(scene, state):
    rows = np.flatnonzero(state.traffic.valid)
    away = np.linalg.norm(state.traffic.poses[rows, :2] - state.ego[:2], axis=1)
    out = np.zeros((NEAREST_TRACKS, TRACK_FEATURES))
    for k, row in enumerate(rows[np.argsort(away, kind="stable")][:NEAREST_TRACKS]):
        x, y, turn = se2.poses_to_local(state.ego[:3], state.traffic.poses[row : row + 1])[0]
        cos, sin = np.cos(state.ego[2]), np.sin(state.ego[2])
        velocity = np.array([[cos, sin], [-sin, cos]]) @ state.traffic.velocities[row] - state.ego[3:5]
        kinds = [scene.tracks.types[row] == kind for kind in KINDS]
        out[k] = 1.0, x, y, np.cos(turn), np.sin(turn), *velocity, *scene.tracks.sizes[row, :2], *kinds
    return out


def plain_tail(scene, state, view):
    rows, where = scene.lights_on_route
    ahead = [
        place - view.arc
        for row, place in zip(rows, where, strict=True)
        if scene.lights.column(state.frame)[row] == LightStatus.RED and 0.0 < place - view.arc < 80.0
    ]
    return [view.limit, float(bool(ahead)), min(ahead, default=0.0)]


def test_the_state_observation(places):
    lights = set()
    for scene, state in places:
        view = road_view(scene, state.ego)
        values = state_observation(scene, state, view)
        arcs = view.arc + PATH_SPACING * np.arange(1, PATH_POINTS + 1)
        path = se2.points_to_local(state.ego[:3], polyline.at_arc_length(scene.route_path, arcs)[:, :2])
        tail = plain_tail(scene, state, view)
        expected = np.concatenate([plain_tracks(scene, state).ravel(), path.ravel(), tail])
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-5)
        assert values.dtype == np.float32
        lights.add(tail[1])
    assert lights == {0.0, 1.0}


def test_observations_are_cut_at_their_limits(places):
    scene, state = places[0]
    ego = np.full(11, 1e4)
    ego[2] = 0.0
    far = SimState(state.frame, ego, state.traffic)
    assert np.abs(state_observation(scene, far, road_view(scene, ego))).max() == STATE_LIMIT
    np.testing.assert_array_equal(ego_observation(far), np.float32([80.0, 20.0, 30.0, 30.0, 5.0, 1.1]))
