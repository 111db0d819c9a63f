"""Who is seen is what a camera's light rays say; labels that depend on the rest are told and dropped."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.datagen import DataSet, write_data_set
from simscale_gym.datagen.line_of_sight import _meets_box, _meets_wall, seen_tracks
from simscale_gym.datagen.unseen import depends_on_unseen
from simscale_gym.geometry import se2
from simscale_gym.scene import Building, Shapes
from simscale_gym.sim import SimState

FRONT, SIZE = ("cam_f0",), (144, 256)


@pytest.fixture(scope="module")
def scene(town_log):
    """A drive on flat ground without buildings."""
    return replace(town_log[2], shapes=Shapes())


def placed(scene, *places, frame=60):
    """The state in which the first tracks stand at ``places`` [3] in the ego frame and nobody else is there."""
    state = SimState(frame, scene.ego.states[frame], LogReplay().start(scene, frame, scene.ego.states[frame]))
    traffic = state.traffic
    poses, valid = traffic.poses.copy(), np.zeros_like(traffic.valid)
    poses[: len(places)] = se2.poses_to_world(state.ego[:3], np.array(places, float))
    valid[: len(places)] = True
    still = np.zeros_like(traffic.velocities)
    return replace(state, traffic=replace(traffic, poses=poses, valid=valid, velocities=still, memory={}))


def with_cars(scene, count, height=1.6):
    """The scene whose first ``count`` tracks are cars that stand on the ground."""
    tracks = scene.tracks
    sizes, z = tracks.sizes.copy(), tracks.z.copy()
    sizes[:count] = 4.5, 1.8, height
    z[:count] = scene.ego.z.mean() + height / 2
    return replace(scene, tracks=replace(tracks, sizes=sizes, z=z))


def seen(scene, state, cameras=FRONT, size=SIZE):
    found = seen_tracks(scene, state, cameras, size)
    assert not found[~state.traffic.valid].any()
    return found[state.traffic.valid].tolist()


def test_a_camera_sees_what_is_before_it(scene):
    cars = with_cars(scene, 4)
    state = placed(cars, (15, 0, 0), (-10, 0, 0), (12, 18, 0), (3, -20, 0))
    assert seen(cars, state) == [True, False, False, False]
    assert seen(cars, state, ("cam_f0", "cam_l0")) == [True, False, True, False]
    assert seen(cars, state, ("cam_b0",)) == [False, True, False, False]


def test_who_stands_behind_another_is_hidden_until_higher_or_beside(scene):
    cars = with_cars(scene, 2)
    assert seen(cars, placed(cars, (12, 0, 0), (20, 0, 0))) == [True, False]
    assert seen(cars, placed(cars, (12, 0, 0), (20, 3, 0))) == [True, True]
    lorry = replace(
        cars.tracks, sizes=cars.tracks.sizes * np.where(np.arange(len(cars.tracks)) == 1, 2, 1)[:, None]
    )
    taller = replace(cars, tracks=replace(lorry, z=cars.tracks.z + 0.8))
    assert seen(taller, placed(taller, (12, 0, 0), (20, 0, 0)))[1]


def test_walls_hide_what_is_behind_them(scene):
    cars = with_cars(scene, 2)
    state = placed(cars, (12, 0, 0), (30, 0, 0))
    corners = np.array([[18.0, -8.0], [22.0, -8.0], [22.0, 8.0], [18.0, 8.0]])
    footprint = se2.points_to_world(state.ego[:3], corners)
    for height, expected in ((9.0, False), (0.1, True)):
        walled = replace(cars, shapes=Shapes((Building(footprint, height, "brick", 0),)))
        open_road = with_cars(walled, 2)
        beside = placed(open_road, (12, -1.5, 0), (30, 3, 0))  # the first does not hide the second
        assert seen(open_road, beside) == [True, expected]


def test_what_is_too_small_in_the_picture_is_not_seen(scene):
    cars = with_cars(scene, 1)
    state = placed(cars, (180, 0, 0))
    assert seen(cars, state) == [False] and seen(cars, state, size=(1080, 1920)) == [True]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_lines_of_sight_are_held_against_many_points_on_them(seed):
    rng = np.random.default_rng(seed)
    eye, target = rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3)
    angle, half = rng.uniform(-3, 3), rng.uniform(0.5, 2.0, 2)
    low = rng.uniform(-3, 1)
    box = np.array(
        [*rng.uniform(-3, 3, 2), np.cos(angle), np.sin(angle), *half, low, low + rng.uniform(0.5, 3)]
    )
    points = eye + np.linspace(0, 1, 4001)[:, None] * (target - eye)
    away = points[:, :2] - box[:2]
    along, across = away @ box[2:4], away @ np.array([-box[3], box[2]])
    depth = np.minimum.reduce(
        [half[0] - abs(along), half[1] - abs(across), points[:, 2] - box[6], box[7] - points[:, 2]]
    ).max()
    if abs(depth) > 0.01:
        assert _meets_box(eye, *target, box) == (depth > 0)
    wall = np.array([*rng.uniform(-4, 4, 4), rng.uniform(-3, 3)])
    side = (wall[2] - wall[0]) * (points[:, 1] - wall[1]) - (wall[3] - wall[1]) * (points[:, 0] - wall[0])
    crossings = np.flatnonzero(np.diff(np.sign(side)))
    met = False
    for k in crossings:
        share = (points[k, :2] - wall[:2]) @ (wall[2:4] - wall[:2]) / ((wall[2:4] - wall[:2]) ** 2).sum()
        if min(abs(share), abs(share - 1), abs(points[k, 2] - wall[4])) < 0.02:
            return  # too close to tell
        met |= 0 < share < 1 and points[k, 2] < wall[4]
    assert _meets_wall(eye, *target, wall) == met


def test_a_plan_depends_on_whom_it_brakes_for(scene):
    cars = with_cars(scene, 2)
    state = placed(cars, (14, 0, 0), (-12, 0, 0))
    valid, planner, log = state.traffic.valid, PlannerExpert(), LogReplay()
    blind_before, blind_behind = valid.copy(), valid.copy()
    blind_before[0] = blind_behind[1] = False
    assert depends_on_unseen(cars, state, blind_before, planner, log)
    assert not depends_on_unseen(cars, state, blind_behind, planner, log)
    assert not depends_on_unseen(cars, state, valid, planner, log)
    plan = planner.plan(cars, state, log)
    assert depends_on_unseen(cars, state, blind_before, planner, log, plan)


def test_samples_say_it_and_are_dropped_where_asked(log_spec, one_renderer_per_scene, tmp_path):
    """Seen through the back window alone, who drives ahead is not seen."""
    spec = replace(log_spec, cameras=("cam_b0",), clips=None, stride=2.0)
    list(write_data_set(tmp_path / "all", spec, workers=1))
    everything = DataSet(tmp_path / "all")
    depends = everything.rows["depends_on_unseen"].to_pylist()
    assert 0 < sum(depends) < len(depends)
    for sample in everything:
        arrays = sample.arrays
        assert arrays.box_seen.shape == (len(arrays.boxes),) and arrays.box_seen.dtype == bool
        assert not arrays.box_seen[arrays.boxes[:, 0] > 3.0].any()
    reports = list(write_data_set(tmp_path / "seen", replace(spec, visible_only=True), workers=1))
    flows = [report.head.telemetry.flow("sight", expert="log") for report in reports]
    assert sum(flow.rejected["depends on the unseen"] for flow in flows) == sum(depends)
    kept = DataSet(tmp_path / "seen").rows
    expected = [
        key for key, hidden in zip(everything.rows["key"].to_pylist(), depends, strict=True) if not hidden
    ]
    assert kept["key"].to_pylist() == expected and not any(kept["depends_on_unseen"].to_pylist())


def test_a_search_goes_on_where_a_label_depends_on_the_unseen(data_spec, one_renderer_per_scene, tmp_path):
    spec = replace(data_spec, cameras=("cam_b0",), history=0, visible_only=True)
    reports = list(write_data_set(tmp_path / "a", spec, workers=1))
    flows = [report.head.telemetry.flow("sight", expert="planner") for report in reports]
    assert sum(flow.rejected.total() for flow in flows) > 0
    accepted = sum(report.head.telemetry.accepted("planner") for report in reports)
    assert accepted == sum(report.samples for report in reports) == sum(flow.passed for flow in flows)
