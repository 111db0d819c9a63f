"""Bridges: what passes over the ego's way meets neither the ego nor its road."""

import pickle

import numpy as np
import pytest
import shapely

from simscale_gym.dressing.ground.decks import decks
from simscale_gym.dressing.ground.terrain import Terrain
from simscale_gym.dressing.surroundings.infer_shapes import infer_shapes
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import SceneError
from simscale_gym.scene import on_other_level
from simscale_gym.scoring import fit_frames
from simscale_gym.scoring.fitness import off_road
from simscale_gym.sources import read_scenario_description

FRAMES, SLOPE, CLEARANCE = 90, 0.02, 6.0


def line(*ends):
    return np.linspace(*np.array(ends, float), 80)


def track(kind, positions, heading, velocity, size):
    return {
        "type": kind,
        "state": {
            "position": positions,
            "heading": np.full(FRAMES, heading),
            "velocity": np.tile(np.array(velocity, float), (FRAMES, 1)),
            "valid": np.ones(FRAMES, bool),
            **{k: np.full(FRAMES, v) for k, v in zip(("length", "width", "height"), size, strict=True)},
        },
    }


@pytest.fixture(params=[CLEARANCE, 0.0], ids=["bridge", "crossing"])
def scene(request, tmp_path):
    """A street that climbs by 2 %, a road across it, and a car that stands where they meet."""
    x = 10.0 * 0.1 * np.arange(FRAMES)
    meet = np.array([60.0, 0.0, 60.0 * SLOPE + request.param])
    ego = np.column_stack([x, 0 * x, SLOPE * x + 0.8])
    lanes = {
        "street": line((-60, 0, -60 * SLOPE), (200, 0, 200 * SLOPE)),
        "over": line((60, -100, meet[2]), (60, 100, meet[2])),
    }
    record = {
        "id": "levels",
        "length": FRAMES,
        "metadata": {"ts": 0.1 * np.arange(FRAMES), "sdc_id": "ego", "dataset": "waymo"},
        "tracks": {
            "ego": track("VEHICLE", ego, 0.0, (10, 0), (4.8, 2.0, 1.6)),
            "other": track(
                "VEHICLE", np.tile(np.add(meet, (0, 0, 0.8)), (FRAMES, 1)), np.pi / 2, (0, 0), (4.5, 1.9, 1.6)
            ),
        },
        "dynamic_map_states": {},
        "map_features": {k: {"type": "LANE_SURFACE_STREET", "polyline": v} for k, v in lanes.items()},
    }
    file = tmp_path / "sd_levels.pkl"
    file.write_bytes(pickle.dumps(record))
    return request.param > 0, read_scenario_description(file)


def test_roads_above_each_other_are_no_intersection(scene):
    bridge, scene = scene
    assert list(scene.map.lanes) == (["street"] if bridge else ["street", "over"])
    assert list(scene.map.elsewhere) == (["over"] if bridge else [])
    assert all(lane.connector != bridge for lane in scene.map.lanes.values())
    assert on_other_level(scene).tolist() == [bridge]
    assert fit_frames(scene).all() == bridge


def test_a_bridge_is_no_road_of_the_ego(scene):
    """Beside the street, under the bridge or on the crossing road."""
    bridge, scene = scene
    place = np.array([[60.0, 20.0, np.pi / 2]])
    assert off_road(scene, place).tolist() == [bridge]
    if bridge:
        with pytest.raises(SceneError):
            scene.map.nearest_lane(place[0])
    else:
        assert scene.map.nearest_lane(place[0])[0] == "over"


def test_a_bridge_is_drawn_at_its_height_over_the_street(scene):
    bridge, scene = scene
    shapes = infer_shapes(scene)
    surfels, shadows = decks(scene, Terrain.of(scene, shapes), np.random.default_rng(0))
    assert (len(surfels) > 0) == bridge == (len(shadows.plates) > 0)
    if bridge:
        road = 60.0 * SLOPE + CLEARANCE
        assert road - 1.3 < surfels.centers[:, 2].min() and surfels.centers[:, 2].max() < road + 1.0
        over = np.abs(surfels.centers[:, :2] - [60.0, 0.0]) < [2.0, 4.0]
        top, below = (
            (surfels.normals[over.all(1), 2] > 0.9).sum(),
            (surfels.normals[over.all(1), 2] < -0.9).sum(),
        )
        assert top > 10 and below > 10 and np.ptp(surfels.centers[:, 1]) > 150.0
        assert np.allclose(shadows.plates[:, 2], road - 1.2, atol=0.01)
        paint = surfels.centers[surfels.albedo.min(1) > 0.7]
        assert len(paint) > 100 and np.allclose(paint[:, 2], road + 0.02, atol=0.01)
        np.testing.assert_allclose(np.abs(paint[:, 0] - 60.0), 1.75, atol=0.01)
        blocked = shapely.LineString([(60.0, -60.0), (60.0, 60.0)])
        things = [shapely.Polygon(b.footprint) for b in shapes.buildings]
        things += [shapely.Point(thing.x, thing.y) for thing in (*shapes.trees, *shapes.fixtures)]
        assert things and not any(thing.intersects(blocked.buffer(1.75)) for thing in things)


@pytest.mark.parametrize("traffic", ["log", "idm"])
def test_the_ego_meets_who_is_on_its_own_level_alone(scene, traffic):
    bridge, scene = scene
    env = SimScaleEnv(
        scenes=[scene], observation="state", experts=("log",), perturb=False, traffic=traffic, horizon=6.0
    )
    _, info = env.reset(seed=0, options={"time": 2.0})
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(info["expert_action"])
        over = terminated or truncated
    if not bridge and traffic == "idm":  # it drives off before the ego comes
        return
    assert (info["epdms"]["no_at_fault_collisions"] == 1.0) == bridge
    assert (env.sim_state.ego[0] > 70.0) == bridge
    other = env.sim_state.traffic
    assert other.valid.all() and np.allclose(other.poses[0, :2], [60.0, 0.0])


def test_the_ground_follows_the_road(scene):
    scene = scene[1]
    terrain = Terrain.of(scene, infer_shapes(scene))
    x = np.array([20.0, 60.0, 120.0])
    assert np.allclose(terrain.height(np.column_stack([x, np.zeros(3)])), SLOPE * x, atol=0.1)
    beside = terrain.height(np.array([[60.0, 60.0]]))[0]
    assert abs(beside - 60.0 * SLOPE) < 0.3
