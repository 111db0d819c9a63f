from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_town import FRAMES, make_scene, make_tracks

from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.scene import (
    CAMERA_NAMES,
    Building,
    EgoLog,
    Fixture,
    Ground,
    LightStatus,
    Shapes,
    TrafficLights,
    Tree,
    Vehicle,
    nuplan_rig,
)


def test_times():
    scene = make_scene()
    assert scene.num_frames == FRAMES and scene.duration == pytest.approx(1.1)


@pytest.mark.parametrize(
    "states", [np.zeros((FRAMES - 1, 11)), np.zeros((FRAMES, 10)), np.full((FRAMES, 11), np.nan)]
)
def test_ego_states_of_another_shape_or_nan_are_refused(states):
    level = np.zeros(len(states))
    with pytest.raises(SceneError, match=r"scene s: ego\.states"):
        make_scene(ego=EgoLog(states, level, level, level))


def test_tracks_of_another_length_are_refused():
    with pytest.raises(SceneError, match="tracks have 9 frames, expected 12"):
        make_scene(tracks=make_tracks(frames=9))


def test_lights_of_another_length_are_refused():
    with pytest.raises(SceneError, match=r"lights\.status"):
        make_scene(lights=TrafficLights(("x",), np.zeros((1, 3), np.uint8)))


@pytest.mark.parametrize(("name", "shape"), [("poses", (2, 12, 2)), ("sizes", (3, 3)), ("types", (1,))])
def test_track_arrays_of_another_shape_are_refused(name, shape):
    tracks = make_tracks()
    values = {k: getattr(tracks, k) for k in ("ids", "types", "poses", "velocities", "z", "sizes", "valid")}
    with pytest.raises(SceneError, match=rf"tracks\.{name}"):
        type(tracks)(**(values | {name: np.zeros(shape)}))


def test_boxes_of_a_frame():
    tracks = make_tracks()
    tracks.poses[1, 5] = [1.0, 2.0, 0.5]
    assert len(tracks) == 2
    assert tracks.boxes(5) == pytest.approx(np.array([[0, 0, 0, 4, 2], [1, 2, 0.5, 4, 2]]))


def test_lights_repeat_their_last_state():
    status = np.array([[LightStatus.RED, LightStatus.GREEN]], np.uint8)
    lights = TrafficLights(("x",), status)
    assert lights.at(0) == {"x": LightStatus.RED} and lights.at(50) == {"x": LightStatus.GREEN}
    assert TrafficLights((), np.zeros((0, 2), np.uint8)).at(1) == {}


def test_ego_to_world_takes_height_and_roll_of_the_nearest_logged_pose():
    scene = make_scene()
    transform = scene.ego_to_world(np.array([3.2, 1.0, np.pi / 2]))
    assert transform[:3, 3] == pytest.approx([3.2, 1.0, 0.3])
    assert transform[:3, 0] == pytest.approx([0.0, 1.0, 0.0])  # forward
    assert transform[2, 1] == pytest.approx(np.sin(0.05))  # its left side is lifted by the roll


def test_shapes_move_as_one():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    shapes = Shapes(
        (Building(square, 9.0, "brick", 1),),
        (Tree(1.0, 2.0, 6.0, 2.0, 3),),
        (Fixture("signal", 3.0, 4.0, 0.5, 5.0, lane_ids=("x",)),),
        (Ground("grass", square),),
    )
    moved = shapes.translated(np.array([10.0, -20.0]))
    assert moved.buildings[0].footprint == pytest.approx(square + np.array([10, -20]))
    assert (moved.trees[0].x, moved.trees[0].y) == (11.0, -18.0) and moved.trees[0].radius == 2.0
    assert (moved.fixtures[0].x, moved.fixtures[0].y, moved.fixtures[0].heading) == (13.0, -16.0, 0.5)
    assert moved.fixtures[0].lane_ids == ("x",)
    assert moved.grounds[0].polygon == pytest.approx(square + np.array([10, -20]))
    assert shapes.buildings[0].footprint == pytest.approx(square)


def test_an_asset_is_attached_without_reading_shapes():
    read, shapes = [], Shapes((), (), (), ())
    scene = replace(make_scene(), shapes=lambda: read.append(1) or shapes)
    trained = scene.with_asset(Path("asset"))
    assert trained.asset == Path("asset") and trained.ego is scene.ego and not read
    assert trained.shapes is shapes and read == [1]


def test_vehicle_dimensions():
    vehicle = Vehicle()
    assert vehicle.length == pytest.approx(5.176) and vehicle.rear_axle_to_center == pytest.approx(1.461)


def test_rig_looks_where_its_cameras_are_named():
    rig = nuplan_rig()
    assert tuple(rig.cameras) == CAMERA_NAMES
    forward = {name: camera.cam_to_ego[:3, 2] for name, camera in rig.cameras.items()}
    assert forward["cam_f0"][0] > 0.99 and forward["cam_f0"][2] < 0.0  # pitched down
    assert forward["cam_l0"][1] > 0.5 and forward["cam_r0"][1] < -0.5 and forward["cam_b0"][0] < -0.99
    for camera in rig.cameras.values():
        rotation = camera.cam_to_ego[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) == pytest.approx(1.0)
        assert rotation[2, 1] < -0.9  # image y points down


def test_intrinsics_scale_with_the_image():
    camera = nuplan_rig().cameras["cam_f0"]
    K = camera.scaled_intrinsics(540, 960)
    assert np.diag(K) == pytest.approx([772.5, 772.5, 1.0]) and K[:2, 2] == pytest.approx([480.0, 280.0])


def test_unknown_cameras_are_named():
    rig = nuplan_rig()
    assert [c.name for c in rig.select(("cam_b0", "cam_f0"))] == ["cam_b0", "cam_f0"]
    with pytest.raises(ArgumentError, match="'cam_x9' is not on this rig; it has cam_f0"):
        rig.select(("cam_f0", "cam_x9"))
