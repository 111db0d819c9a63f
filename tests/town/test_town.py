from itertools import pairwise

import numpy as np
import pytest
import shapely

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box, polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import StateIndex, TrackType, Vehicle
from simscale_gym.town.config import TownConfig
from simscale_gym.town.town import SPLIT_SEEDS, build_town, simulate_log, town_scenes
from simscale_gym.town.traffic import draw_drivers
from simscale_gym.town.walkers import WALK_STEP, _smoothed, _without_corners

SEEDS = (0, 3)
HARD = 120_005


@pytest.fixture(scope="module")
def driven():
    """Two towns with one short log each."""
    towns = [build_town(seed) for seed in SEEDS]
    return [(town, simulate_log(town, 0, duration=60.0)) for town in towns]


def ego_boxes(log):
    car = Vehicle()
    yaw = log.states[:, 2]
    center = log.states[:, :2] + car.rear_axle_to_center * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    return np.column_stack([center, yaw, np.full(len(yaw), car.length), np.full(len(yaw), car.width)])


def test_same_seed_gives_the_same_town_and_log(driven):
    town, log = driven[0]
    again = build_town(town.seed)
    other = simulate_log(again, 0, duration=60.0)
    assert town.map.lane_ids == again.map.lane_ids
    for lane_id, lane in town.map.lanes.items():
        np.testing.assert_array_equal(lane.centerline, again.map.lanes[lane_id].centerline)
    np.testing.assert_array_equal(log.states, other.states)
    np.testing.assert_array_equal(log.tracks.poses, other.tracks.poses)
    assert log.tracks.ids == other.tracks.ids


def test_other_logs_differ(driven):
    town, log = driven[0]
    assert np.abs(simulate_log(town, 1, duration=20.0).states[0, :2] - log.states[0, :2]).max() > 1.0


def test_splits_share_no_seed():
    ranges = sorted((r.start, r.stop) for r in SPLIT_SEEDS.values())
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))


def test_bad_arguments_are_named(driven):
    with pytest.raises(ArgumentError, match="seed: -1"):
        build_town(-1)
    with pytest.raises(ArgumentError, match="log_index: -2"):
        simulate_log(driven[0][0], -2)


def test_ego_touches_nobody(driven):
    for _, log in driven:
        ego, tracks = ego_boxes(log), log.tracks
        for frame in range(0, len(ego), 2):
            others = tracks.boxes(frame)[tracks.valid[:, frame]]
            assert not box.overlap(others, ego[frame]).any()


def test_others_do_not_run_into_each_other(driven):
    for _, log in driven:
        tracks = log.tracks
        vehicles = tracks.types != TrackType.PEDESTRIAN
        for frame in range(0, len(log.states), 5):
            boxes = tracks.boxes(frame)[tracks.valid[:, frame] & vehicles]
            boxes[:, 3:] -= 0.1
            hits = box.overlap(boxes[:, None], boxes[None]) & ~np.eye(len(boxes), dtype=bool)
            assert not hits.any()


def test_nobody_jumps_or_spins(driven):
    """Each step of 0.05 s is what the speed says, and no turn is quicker than its class can make."""
    faster, quickest = {}, {}
    for _, log in driven:
        tracks = log.tracks
        both = tracks.valid[:, 1:] & tracks.valid[:, :-1]
        steps = np.linalg.norm(np.diff(tracks.poses[..., :2], axis=1), axis=-1) / 0.05
        speeds = np.linalg.norm(tracks.velocities, axis=-1)
        turns = np.abs(wrap_angle(np.diff(tracks.poses[..., 2], axis=1))) / 0.05
        for kind in (TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN):
            here = both & (tracks.types == kind)[:, None]
            off = np.abs(steps - (speeds[:, 1:] + speeds[:, :-1]) / 2)[here]
            faster[kind] = max(faster.get(kind, 0.0), off.max())
            quickest[kind] = max(quickest.get(kind, 0.0), turns[here].max())
    assert all(off < 1.0 for off in faster.values()), faster  # [m/s]; people also step aside
    assert all(turn < 1.5 for turn in quickest.values()), quickest  # [rad/s]


@pytest.mark.parametrize("aside", [0.2, 0.85, -0.85])
@pytest.mark.parametrize("angle", [0.5, np.pi / 2, -np.pi / 2, 1.7])
def test_a_walk_around_a_corner_is_a_curve(angle, aside):
    legs = np.array([[-12.0, 0.0], [0.0, 0.0], [12 * np.cos(angle), 12 * np.sin(angle)]])
    line = polyline.resample(legs, WALK_STEP)[:, :2]
    walk = polyline.with_headings(polyline.offset_left(_smoothed(line), aside))
    rounded = _without_corners(walk)
    steps = np.hypot(*np.diff(rounded[3:-3, :2], axis=0).T)
    turns = np.abs(wrap_angle(np.diff(rounded[:, 2])))
    assert steps.min() > 0.15 and steps.max() < 0.55 and turns.max() < 0.25
    np.testing.assert_array_equal(rounded[:20], walk[:20])  # far from the corner it is the walk that it was
    np.testing.assert_array_equal(rounded[-20:], walk[-20:])
    assert np.linalg.norm(rounded[:, :2] - walk[:, :2], axis=1).max() < 1.5


def test_ego_stays_on_the_drivable_area(driven):
    for town, log in driven:
        region = town.map.drivable_region
        assert shapely.contains(region, shapely.polygons(box.corners(ego_boxes(log)[::5]))).all()


def test_ego_keeps_to_its_lane(driven):
    for town, log in driven:
        for frame in range(0, len(log.states), 10):
            lane = town.map.lanes[log.lane_ids[frame]]
            _, d = polyline.project(lane.centerline, log.states[frame, None, :2])
            assert abs(d[0]) < (1.0 if not log.tags["changing_lane"][frame] else 3.6)


def test_only_the_ego_of_the_hard_split_is_careful():
    town = build_town(HARD)
    drivers, _ = draw_drivers(np.random.default_rng(0), town.network, town.config, 40, 4)
    ego, others = drivers.traits[0], drivers.traits[1:40]
    assert ego["push"] >= 1.0 and (others["push"] < 1.0).all()
    for name in ("wave_a", "wave_b", "change"):
        assert ego[name] < others[name].min()
    assert ego["gap"] > others["gap"].mean()
    assert build_town(0).config == TownConfig()


def test_ego_of_the_hard_split_keeps_its_lane_beside_parked_cars():
    """EPDMS's lane keeping: nowhere, queues included, 0.5 m beside the lane's middle for 2 s."""
    town = build_town(HARD)
    log = simulate_log(town, 0)
    off = np.zeros(len(log.states), bool)
    for frame, ego in enumerate(ego_boxes(log)):
        lane = town.map.lanes[log.lane_ids[frame]]
        _, d = polyline.project(lane.centerline, ego[None, :2])
        off[frame] = abs(d[0]) > 0.5 and not lane.connector and not log.tags["changing_lane"][frame]
    assert not np.lib.stride_tricks.sliding_window_view(off, 40).all(1).any()
    assert log.states[:, 3].mean() > 1.0  # and drives


def test_ego_drives_like_a_person(driven):
    for _, log in driven:
        states = log.states
        assert np.abs(states[:, StateIndex.AX]).max() < 3.5
        assert np.abs(states[:, StateIndex.AY]).max() < 3.0
        assert states[:, StateIndex.VX].min() >= 0.0
        assert 5.0 < states[:, StateIndex.VX].max() < 15.5
        jerk = np.diff(states[:, StateIndex.AX]) / 0.05
        assert np.percentile(np.abs(jerk), 99.0) < 4.0


def test_ego_states_agree_with_each_other(driven):
    for _, log in driven:
        states = log.states
        moved = np.hypot(*np.diff(states[:, :2], axis=0).T) / 0.05
        np.testing.assert_allclose(moved, (states[1:, 3] + states[:-1, 3]) / 2, atol=0.03)
        turned = np.diff(np.unwrap(states[:, 2])) / 0.05
        rate = states[:, StateIndex.YAW_RATE]
        np.testing.assert_allclose(turned, (rate[1:] + rate[:-1]) / 2, atol=0.01)
        speeding_up = np.diff(states[:, 3]) / 0.05
        np.testing.assert_allclose(speeding_up, states[1:, StateIndex.AX], atol=1e-6)


def test_ego_does_not_cross_a_stop_line_at_red(driven):
    for town, log in driven:
        row = {lane: k for k, lane in enumerate(log.lights.lane_ids)}
        for frame in range(1, len(log.states)):
            lane = town.map.lanes[log.lane_ids[frame]]
            if log.lane_ids[frame - 1] == lane.id or lane.id not in row:
                continue
            before = town.map.lanes[log.lane_ids[frame - 1]]
            s = polyline.project(before.centerline, log.states[:frame, :2])[0]
            waiting = np.flatnonzero(s + Vehicle().front_length < before.length)
            crossed = int(waiting[-1]) if len(waiting) else 0  # when the front bumper reached the stop line
            assert log.lights.status[row[lane.id], max(0, crossed - 20)] != 2


def test_tracks_end_at_sensor_range(driven):
    for _, log in driven:
        distance = np.hypot(*(log.tracks.poses[..., :2] - log.states[None, :, :2]).transpose(2, 0, 1))
        np.testing.assert_array_equal(log.tracks.valid, distance < 120.0)


def test_scenes_are_pieces_of_the_log(driven):
    for town, log in driven:
        scenes = town_scenes(town, log)
        assert [s.id for s in scenes] == [f"town-{town.seed:06d}/log-00/scene-{k:03d}" for k in range(3)]
        for k, scene in enumerate(scenes):
            assert scene.num_frames == 200
            np.testing.assert_array_equal(scene.ego.states, log.states[400 * k : 400 * (k + 1) : 2])
            first = town.map.lanes[log.lane_ids[400 * k]].roadblock_id
            assert scene.route[0] == first
            for a, b in pairwise(scene.route):
                assert b in town.map.roadblocks[a].successors
            assert not town.map.roadblocks[scene.route[-1]].connector
            driven_over = {town.map.lanes[i].roadblock_id for i in log.lane_ids[400 * k : 400 * (k + 1)]}
            assert driven_over <= set(scene.route)


def test_log_has_traffic_of_all_kinds(driven):
    kinds = np.concatenate([log.tracks.types for _, log in driven])
    assert {TrackType.VEHICLE, TrackType.BICYCLE, TrackType.PEDESTRIAN} <= {TrackType(k) for k in kinds}
    moving = [np.hypot(*log.tracks.velocities.transpose(2, 0, 1)).max(1) > 1.0 for _, log in driven]
    assert all(m.sum() >= 10 for m in moving)
