import numpy as np
import pytest
from straight_road import rectangle

from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.metrics import MapLayers, logged_agents, scene_situation, score, simulated_agents
from simscale_gym.scene import (
    Area,
    EgoLog,
    Intersection,
    Lane,
    LightStatus,
    Roadblock,
    RoadMap,
    Scene,
    Tracks,
    TrackType,
    TrafficLights,
)

FRAMES = 70


def lane(key, x0, x1, **more):
    line = np.column_stack([np.linspace(x0, x1, 21), np.zeros(21), np.zeros(21)])
    sides = (line[:, :2] + [0, 2], line[:, :2] - [0, 2])
    connector = more.pop("connector", False)
    return Lane(key, connector, f"block {key}", line, rectangle(x0, -2, x1, 2), *sides, **more)


@pytest.fixture
def scene():
    """Straight on over a junction; one car ahead that stands, and one that is seen for ten frames."""
    lanes = [
        lane("in", -10, 30, successors=("over",)),
        lane("over", 30, 40, connector=True, intersection_id="cross", successors=("out",)),
        lane("out", 40, 120),
    ]
    road_map = RoadMap(
        "straight", {x.id: x for x in lanes},
        {x.roadblock_id: Roadblock(x.roadblock_id, x.connector, x.polygon, (x.id,)) for x in lanes},
        {"cross": Intersection("cross", rectangle(30, -6, 40, 6))},
        carparks={"lot": Area("lot", rectangle(50, -9, 60, 0))},
        generic_drivable={"wide": Area("wide", rectangle(-20, -20, 130, 20))},
    )  # fmt: skip
    states = np.zeros((FRAMES, 11))
    states[:, 0], states[:, 3] = 0.8 * np.arange(FRAMES), 8.0
    zeros = np.zeros(FRAMES)
    poses = np.zeros((2, FRAMES, 3))
    poses[0, :, 0], poses[1, :, 1] = 56.0, 15.0
    valid = np.ones((2, FRAMES), bool)
    valid[1, 10:] = False
    tracks = Tracks(
        ("parked", "gone"), np.array([TrackType.VEHICLE, TrackType.BICYCLE], np.uint8), poses,
        np.zeros((2, FRAMES, 2)), np.zeros((2, FRAMES)), np.tile([4.0, 2.0, 1.5], (2, 1)), valid,
    )  # fmt: skip
    status = np.full((1, FRAMES), LightStatus.RED, np.uint8)
    status[0, 40:] = LightStatus.GREEN
    return Scene(
        "s", "log", "test", np.zeros(3), 100_000 * np.arange(FRAMES, dtype=np.int64), road_map,
        EgoLog(states, zeros, zeros, zeros), tracks, TrafficLights(("over",), status),
        ("block in", "block over", "block out"),
    )  # fmt: skip


def test_layers_are_those_that_navsim_queries(scene):
    layers = MapLayers.from_road_map(scene.map)
    assert sorted(zip(layers.layers, layers.tokens, strict=True)) == [
        ("CARPARK_AREA", "lot"), ("INTERSECTION", "cross"), ("LANE", "in"), ("LANE", "out"),
        ("LANE_CONNECTOR", "over"), ("ROADBLOCK", "block in"), ("ROADBLOCK", "block out"),
    ]  # fmt: skip
    assert "wide" in MapLayers.from_road_map(scene.map, generic_drivable=True).tokens


def test_the_log_scored_in_its_own_scene(scene):
    now = scene_situation(scene, 20)
    assert now.agents.tokens == ("parked",)
    assert len(now.history) == 14
    np.testing.assert_array_equal(now.history[:, 0], 0.8 * np.arange(5, 19))
    assert set(now.route_lane_ids) == {"in", "over", "out"}
    result = score(now, scene.ego.states[None, 20:61])
    assert (result.dac, result.ddc, result.lk, result.hc) == (1.0, 1.0, 1.0, 1.0)
    assert result.nc == 1.0  # the window ends 1.95 m short of the parked car
    assert result.tlc == 0.0
    assert result.progress == pytest.approx(32.0)
    assert score(scene_situation(scene, 24), scene.ego.states[None, 24:65]).nc == 0.0


def test_lights_are_those_of_each_frame(scene):
    now = scene_situation(scene, 20)
    assert [bool(x) for x in now.red_lights] == [True] * 20 + [False] * 21


def test_the_past_is_what_there_is(scene):
    assert len(scene_situation(scene, 5).history) == 4
    assert len(scene_situation(scene, 0).history) == 0
    assert score(scene_situation(scene, 0), scene.ego.states[None, :41]).hc == 1.0


def test_traffic_of_a_simulation(scene):
    tracks = scene.tracks
    poses = np.swapaxes(tracks.poses, 0, 1)[:41].copy()
    poses[:, 0, 0] -= 40.0
    agents = simulated_agents(
        scene, poses, np.swapaxes(tracks.velocities, 0, 1)[:41], np.swapaxes(tracks.valid, 0, 1)[:41]
    )
    assert agents.tokens == ("parked", "gone")
    now = scene_situation(scene, 0, agents=agents)
    assert score(now, scene.ego.states[None, :41]).nc == 0.0
    with pytest.raises(ArgumentError, match="simulated_agents"):
        simulated_agents(scene, poses[:, :1], np.zeros((41, 2, 2)), np.ones((41, 2), bool))


def test_frames_outside_of_the_scene_are_named(scene):
    with pytest.raises(SceneError, match="no frame 70"):
        scene_situation(scene, 70)
    with pytest.raises(SceneError, match="40 frames from frame 30 on, expected 41"):
        scene_situation(scene, 30)
    assert logged_agents(scene, 30, 40).valid.shape == (1, 40)
