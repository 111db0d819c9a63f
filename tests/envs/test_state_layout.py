"""The observation ``state``: its layout, and the kernel that writes it against the same said plainly."""

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.envs import STATE_LAYOUT
from simscale_gym.envs.observations import ego_observation, state_observation
from simscale_gym.envs.outcome import goal_arc
from simscale_gym.envs.state_kernel import KINDS
from simscale_gym.envs.state_layout import BEARINGS, EDGE_REACH, NEAREST_TRACKS, REACH, WAY_AHEAD
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import polyline, se2
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.metrics.area_index import flags_at
from simscale_gym.scene import LightStatus, StateIndex, TrackType
from simscale_gym.scene.road_view import road_view
from simscale_gym.scoring.scene_ground import map_layers
from simscale_gym.sim import SimState


def observed(scene, state, goal=None):
    """The vector, its parts in units, and the road."""
    view = road_view(scene, state.ego)
    values = state_observation(scene, state, view, goal)
    return values, STATE_LAYOUT.in_units(values), view


def clipped(part, column, value):
    """``value`` as far as the layout shows it."""
    (found,) = [c for p in STATE_LAYOUT.parts if p.name == part for c in p.columns if c.name == column]
    return np.clip(value, found.low * found.scale, found.high * found.scale)


def holds(units, part, column, value, atol=1e-4):
    np.testing.assert_allclose(units[part][column], clipped(part, column, value), rtol=1e-5, atol=atol)


def test_parts_lie_side_by_side_and_come_back_from_a_split():
    vector = np.arange(2 * STATE_LAYOUT.size, dtype=np.float32).reshape(2, -1)
    parts = STATE_LAYOUT.split(vector)
    assert list(parts) == [part.name for part in STATE_LAYOUT.parts]
    np.testing.assert_array_equal(np.concatenate([part.reshape(2, -1) for part in parts.values()], 1), vector)
    assert parts["tracks"].shape == (2, NEAREST_TRACKS, 14) and parts["lead"].shape == (2, 3)
    assert all(np.shares_memory(part, vector) for part in parts.values())
    with pytest.raises(ArgumentError, match=r"state: shape .* expected"):
        STATE_LAYOUT.split(vector[:, 1:])


def test_values_are_of_order_one_and_within_the_space(odd_places):
    vectors = np.stack([observed(scene, state, goal_arc(scene))[0] for scene, state in odd_places])
    assert vectors.dtype == np.float32 and all(STATE_LAYOUT.space.contains(vector) for vector in vectors)
    assert np.abs(vectors).mean() < 1.5 and np.abs(vectors).max() <= 6.0


def test_way_path_and_ego(odd_places):
    for scene, state in odd_places:
        _, units, view = observed(scene, state, goal_arc(scene))
        ego = state.ego
        poses = polyline.at_arc_length(scene.route_path, view.arc + np.array(WAY_AHEAD))
        local = se2.poses_to_local(ego[:3], poses)
        holds(units, "path", "x", local[:, 0])
        holds(units, "path", "y", local[:, 1])
        turns = wrap_angle(np.diff(poses[:, 2])) / np.diff(WAY_AHEAD)
        np.testing.assert_allclose(
            units["path"]["curvature"][1:], clipped("path", "curvature", turns), atol=1e-4
        )
        holds(units, "way", "offset", view.offset)
        holds(units, "way", "heading_sin", np.sin(ego[2] - poses[0, 2]))
        holds(units, "way", "heading_cos", np.cos(ego[2] - poses[0, 2]))
        holds(units, "way", "limit", view.limit)
        holds(units, "way", "limit_along", view.limit_along)
        holds(units, "way", "to_goal", goal_arc(scene) - view.arc)
        columns = ("speed", "acceleration", "yaw_rate", "steering", "steering_rate")
        places = (
            StateIndex.VX,
            StateIndex.AX,
            StateIndex.YAW_RATE,
            StateIndex.STEERING,
            StateIndex.STEERING_RATE,
        )
        for column, place in zip(columns, places, strict=True):
            holds(units, "ego", column, ego[place])


def test_without_a_goal_it_is_far_away(odd_places):
    units = observed(*odd_places[0])[1]["way"]
    assert units["has_goal"] == 0.0 and units["to_goal"] == pytest.approx(REACH)


def test_lights(odd_places):
    seen = set()
    for scene, state in odd_places:
        _, units, view = observed(scene, state)
        rows, places = scene.lights_on_route
        status = scene.lights.column(state.frame)
        for kind, name in ((LightStatus.RED, "red"), (LightStatus.YELLOW, "yellow")):
            ahead = np.array([p - view.arc for r, p in zip(rows, places, strict=True) if status[r] == kind])
            ways = ahead[ahead > 0.0] - scene.vehicle.front_length
            nearest = min(ways, default=np.inf)
            assert units["lights"][name] == float(nearest < REACH)
            holds(units, "lights", f"to_{name}", min(nearest, REACH))
            seen.add((name, nearest < REACH))
    assert {("red", True), ("red", False), ("yellow", False)} <= seen


def test_tracks_nearest_first(odd_places):
    for scene, state in odd_places:
        _, units, _ = observed(scene, state)
        traffic, tracks = state.traffic, units["tracks"]
        rows = np.flatnonzero(traffic.valid)
        away = np.linalg.norm(traffic.poses[rows, :2] - state.ego[:2], axis=1)
        rows = rows[np.argsort(away, kind="stable")][:NEAREST_TRACKS]
        count = len(rows)
        np.testing.assert_array_equal(tracks["present"], np.arange(NEAREST_TRACKS) < count)
        local = se2.poses_to_local(state.ego[:3], traffic.poses[rows])
        cos, sin = np.cos(state.ego[2]), np.sin(state.ego[2])
        moving = traffic.velocities[rows] @ np.array([[cos, -sin], [sin, cos]]) - state.ego[3:5]
        plain = {
            "x": local[:, 0], "y": local[:, 1], "heading_cos": np.cos(local[:, 2]), "heading_sin": np.sin(local[:, 2]),
            "vx": moving[:, 0], "vy": moving[:, 1], "length": scene.tracks.sizes[rows, 0],
            "width": scene.tracks.sizes[rows, 1],
        }  # fmt: skip
        kinds = dict(zip(("vehicle", "bicycle", "pedestrian"), KINDS, strict=True))
        plain |= {name: (scene.tracks.types[rows] == kind).astype(float) for name, kind in kinds.items()}
        for name, values in plain.items():
            np.testing.assert_allclose(
                tracks[name][:count], clipped("tracks", name, values), rtol=1e-5, atol=1e-4
            )
            assert not tracks[name][count:].any()


def test_edges_are_where_the_road_ends(odd_places):
    """On the road just before each edge, off it just behind."""
    found = 0
    for scene, state in odd_places[:20]:
        _, units, _ = observed(scene, state)
        road, vehicle = map_layers(scene.map).road, scene.vehicle
        x, y, heading = vehicle.boxes(state.ego)[:3]
        for n, room in enumerate(units["edges"]["room"]):
            angle = 2.0 * np.pi * n / BEARINGS
            cos, sin = max(abs(np.cos(angle)), 1e-9), max(abs(np.sin(angle)), 1e-9)
            reach = min(vehicle.length / 2 / cos, vehicle.width / 2 / sin)
            ahead = np.array([np.cos(heading + angle), np.sin(heading + angle)])
            around = [np.array([x, y]) + (reach + room + by) * ahead for by in np.linspace(-0.01, 0.2, 43)]
            drivable = [flags_at(*road[1:], *place) != 0 for place in around]
            if room > 0.05:
                assert drivable[0]
            if room < EDGE_REACH - 0.5:
                found += 1
                assert not all(drivable)
    assert found > 100


def standing(scene, frame):
    ego = scene.ego.states[frame].copy()
    return SimState(frame, ego, LogReplay().start(scene, frame, ego))


def test_the_lead_is_who_is_on_the_way(town_scene):
    """Somebody ahead and slower; a nearer one stands beside the way and does not count."""
    lead = ahead_of(town_scene, 30, 25.0)
    beside = ahead_of(town_scene, 30, 12.0)
    beside[:2] += 4.0 * np.array([-np.sin(beside[2]), np.cos(beside[2])])
    scene = with_tracks(town_scene, (beside, 0.0, TrackType.VEHICLE), (lead, 0.0, TrackType.VEHICLE))
    units = observed(scene, standing(scene, 30))[1]
    half = (scene.tracks.sizes[1, 0]) / 2.0
    assert units["lead"]["present"] == 1.0 and units["lead"]["speed"] == pytest.approx(0.0, abs=1e-6)
    assert units["lead"]["gap"] == pytest.approx(25.0 - scene.vehicle.front_length - half, abs=0.5)
    assert units["tracks"]["along"][1] == pytest.approx(25.0, abs=0.5)
    assert units["tracks"]["beside"][:2] == pytest.approx([4.0, 0.0], abs=0.5)
    empty = with_tracks(town_scene)
    nobody = observed(empty, standing(empty, 30))[1]["lead"]
    assert nobody["present"] == 0.0 and nobody["gap"] == pytest.approx(REACH)


def test_observations_are_cut_at_their_limits(odd_places):
    scene, state = odd_places[0]
    ego = np.full(11, 1e4)
    ego[2] = 0.0
    far = SimState(state.frame, ego, state.traffic)
    assert STATE_LAYOUT.space.contains(observed(scene, far)[0])
    np.testing.assert_array_equal(ego_observation(far), np.float32([80.0, 20.0, 30.0, 30.0, 5.0, 1.1]))
