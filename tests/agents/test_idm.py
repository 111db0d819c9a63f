import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from crossroads import (
    GREEN,
    RED,
    YELLOW,
    along,
    circle_map,
    crossroads_map,
    lane_path,
    moving,
    scene_of,
    straight_map,
)

from simscale_gym.agents.reactive.idm import IDMConfig, IDMTraffic, idm_acceleration
from simscale_gym.agents.reactive.idm_kernel import following
from simscale_gym.agents.reactive.scene_arrays import scene_arrays
from simscale_gym.agents.traffic import make_traffic
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.scene import RoadMap, TrackType
from simscale_gym.sim.snapshot import from_bytes, state_hash, to_bytes
from simscale_gym.sim.step import advance, start

FIXTURES = Path(__file__).parents[1] / "data" / "motion.json.gz"
EVERYWHERE = IDMTraffic(IDMConfig(leave_distance=1e6))


def drive(scene, frames, model=EVERYWHERE):
    states = [start(scene, model)]
    for k in range(frames):
        states.append(advance(scene, model, states[-1], scene.ego.states[min(k + 1, scene.num_frames - 1)]))
    return states


def path_of(states, n):
    return np.array([s.traffic.poses[n] for s in states]), np.array([s.traffic.velocities[n] for s in states])


def speeds_of(states, n):
    return np.linalg.norm(path_of(states, n)[1], axis=1)


def overlaps(scene, states):
    count = 0
    for state in states:
        boxes = np.column_stack([state.traffic.poses, scene.tracks.sizes[:, :2]])
        present = state.traffic.valid[:, None] & state.traffic.valid[None]
        count += np.triu(box.overlap(boxes[:, None], boxes[None]) & present, 1).sum()
    return count


@pytest.mark.parametrize(("field", "exponent"), [("nuplan_next", 4.0), ("pdm_next", 10.0)])
def test_one_euler_step_equals_nuplans_and_pdms(field, exponent):
    with gzip.open(FIXTURES) as file:
        cases = json.load(file)["idm_steps"]
    for case in cases:
        (x, v), (lead_x, lead_v, lead_rear), p = case["state"], case["lead"], case["params"]
        config = IDMConfig(p["target_velocity"], p["min_gap"], p["headway"], p["accel_max"], p["decel_max"])
        value = idm_acceleration(
            v,
            lead_x - x - lead_rear,
            lead_v,
            target_speed=p["target_velocity"],
            config=config,
            exponent=exponent,
        )
        np.testing.assert_allclose([x + v * case["dt"], v + value * case["dt"]], case[field], atol=1e-9)


def test_the_compiled_model_is_the_published_one_where_no_collision_looms():
    config = IDMConfig()
    for speed, gap, lead in [(8.0, 40.0, 8.0), (3.0, 15.0, 2.0), (0.0, 5.0, 0.0), (9.0, 100.0, 7.0)]:
        expected = idm_acceleration(speed, gap, lead, target_speed=10.0, config=config)
        assert following(speed, 10.0, gap, lead, config.driver) == pytest.approx(expected, abs=1e-12)


def test_nobody_brakes_at_the_end_of_a_lane_segment():
    scene = scene_of(straight_map(pieces=8), [moving(20, 0, 0, 10.0, 50)], 50)
    assert speeds_of(drive(scene, 250), 0).min() > 9.9


def test_a_follower_stops_behind_a_standing_vehicle_at_the_minimum_gap():
    tracks = [moving(20, 0, 0, 10.0, 50), moving(100, 0, 0, 0.0, 50, TrackType.BARRIER, (1.0, 2.0, 1.0))]
    states = drive(scene_of(straight_map(), tracks, 50), 250)
    gap = states[-1].traffic.poses[1, 0] - states[-1].traffic.poses[0, 0] - 2.3 - 0.5
    assert 0.9 < gap < 1.3
    assert speeds_of(states, 0)[-1] < 0.05


def test_speed_never_goes_below_zero_and_acceleration_stays_in_bounds():
    tracks = [moving(20, 0, 0, 12.0, 50), moving(35, 0, 0, 2.0, 50)]
    states = drive(scene_of(straight_map(), tracks, 50), 200)
    speeds = np.array([s.traffic.memory["motion"][:, 1] for s in states])
    change = np.diff(speeds, axis=0) / 0.1
    assert speeds.min() >= 0.0
    assert change.min() >= -6.0 - 1e-9
    assert change.max() <= 1.0 + 1e-9
    assert overlaps(scene_of(straight_map(), tracks, 50), states) == 0


def test_the_ego_is_a_lead_where_its_box_is():
    scene = scene_of(straight_map(), [moving(20, 0, 0, 10.0, 50)], 50, ego=(100.0, 0.0, 0.0, 0.0))
    final = drive(scene, 250)[-1].traffic
    rear_bumper = 100.0 - scene.vehicle.rear_length
    assert 0.9 < rear_bumper - (final.poses[0, 0] + 2.3) < 1.3


def test_a_cut_in_is_braked_for_harder_than_comfortable():
    tracks = [moving(20, 0, 0, 10.0, 50), moving(33, 0, 0, 3.0, 50)]
    scene = scene_of(straight_map(), tracks, 50)
    states = drive(scene, 100)
    assert np.diff(speeds_of(states, 0)).min() / 0.1 < -2.5
    assert overlaps(scene, states) == 0


def test_an_initial_offset_fades_without_a_jump():
    scene = scene_of(straight_map(), [moving(20, 1.2, 0.15, 8.0, 50)], 50)
    poses, _ = path_of(drive(scene, 120), 0)
    np.testing.assert_allclose(poses[0], [20, 1.2, 0.15])
    assert np.abs(np.diff(poses[:, 1])).max() < 0.2
    assert np.abs(np.diff(poses[:, 2])).max() < 0.04  # 0.4 rad/s
    assert abs(poses[-1, 1]) < 0.05
    np.testing.assert_allclose(np.hypot(*np.diff(poses[:, :2], axis=0).T), 0.8, rtol=0.25)


def test_curves_are_taken_within_the_lateral_acceleration():
    scene = scene_of(circle_map(20.0), [moving(20.0, 0.0, np.pi / 2, 3.0, 50)], 50)
    states = drive(scene, 400)
    speeds = speeds_of(states, 0)
    assert 6.0 < speeds[-1] < 8.0
    assert (speeds**2 / 20.0).max() < 3.0
    radius = np.linalg.norm(path_of(states, 0)[0][:, :2], axis=1)
    assert np.abs(radius - 20.0).max() < 0.2


def light_scene(status, speed=8.0, at=20.0):
    road = crossroads_map()
    tracks = [along(lane_path(road, "in_2", "2>0", "out_0"), speed, 100, at)]
    return scene_of(road, tracks, 100, lights={"2>0": status, "2>1": status, "2>3": status})


def test_red_stops_a_vehicle_before_the_line_and_green_lets_it_go():
    changing = np.r_[np.full(95, RED), np.full(5, GREEN)]
    states = drive(light_scene(changing), 250)
    poses, _ = path_of(states, 0)
    front_at_95 = poses[95, 0] + 2.3
    assert -15.0 < front_at_95 < -12.4  # the stop line begins at x = -12.4
    assert poses[-1, 0] > 20.0


def test_yellow_stops_only_who_can():
    can = drive(light_scene(YELLOW, at=20.0), 120)
    cannot = drive(light_scene(YELLOW, at=70.0), 120)
    assert path_of(can, 0)[0][-1, 0] + 2.3 < -12.0
    assert path_of(cannot, 0)[0][-1, 0] > 20.0


def test_left_turn_waits_for_oncoming_traffic():
    road = crossroads_map()
    left = along(lane_path(road, "in_2", "2>1", "out_1"), 8.0, 100, 40.0)
    oncoming = along(lane_path(road, "in_0", "0>2", "out_2"), 8.0, 100, 35.0)
    scene = scene_of(road, [left, oncoming], 100)
    states = drive(scene, 200)
    assert overlaps(scene, states) == 0
    inside = next(s.frame for s in states if s.traffic.poses[0, 0] > -10.0)
    passed = next(s.frame for s in states if s.traffic.poses[1, 0] < -5.0)
    assert passed <= inside
    assert states[-1].traffic.poses[0, 1] > 15.0  # it did turn, as its log did
    assert speeds_of(states[:100], 1).min() > 7.5  # and did not hold up the other


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_four_arrive_at_once_and_all_get_through(turn):
    road = crossroads_map()
    tracks = [
        along(lane_path(road, f"in_{k}", f"{k}>{(k + turn) % 4}", f"out_{(k + turn) % 4}"), 8.0, 100, 40.0)
        for k in range(4)
    ]
    scene = scene_of(road, tracks, 100)
    states = drive(scene, 450)
    assert overlaps(scene, states) == 0
    for k in range(4):
        away = np.array([np.abs(s.traffic.poses[k, :2]).max() for s in states])
        assert away[-1] > 30.0 and away.min() < 16.0


def test_a_vehicle_keeps_to_the_way_of_its_log():
    road = crossroads_map()
    for target, column, sign in (("1", 1, 1), ("0", 0, 1), ("3", 1, -1)):
        tracks = [along(lane_path(road, "in_2", f"2>{target}", f"out_{target}"), 8.0, 150, 30.0)]
        final = drive(scene_of(road, tracks, 150), 150)[-1]
        assert sign * final.traffic.poses[0, column] > 15.0


def test_pedestrian_and_vehicle_yield_to_each_other():
    walker = moving(60, -6, np.pi / 2, 1.3, 200, TrackType.PEDESTRIAN, (0.6, 0.6, 1.7))
    scene = scene_of(straight_map(), [moving(20, 0, 0, 8.0, 200), walker], 200)
    states = drive(scene, 190)
    assert overlaps(scene, states) == 0
    assert states[-1].traffic.poses[1, 1] > 5.0
    assert states[-1].traffic.poses[0, 0] > 80.0


def test_a_pedestrian_waits_for_the_ego_in_its_way_and_then_goes_on():
    walker = moving(60, -6, np.pi / 2, 1.3, 300, TrackType.PEDESTRIAN, (0.6, 0.6, 1.7))
    scene = scene_of(straight_map(), [walker], 300)
    here, away = np.zeros(11), np.zeros(11)
    here[0], away[0] = 57.0, -100.0
    state = start(scene, EVERYWHERE, ego=here)
    for _ in range(100):
        state = advance(scene, EVERYWHERE, state, here)
    assert -4.0 < state.traffic.poses[0, 1] < -1.2
    for _ in range(60):
        state = advance(scene, EVERYWHERE, state, away)
    assert state.traffic.poses[0, 1] > 3.0


def test_a_pedestrian_comes_to_rest_after_its_log():
    walker = moving(60, -20, np.pi / 2, 1.5, 30, TrackType.PEDESTRIAN, (0.6, 0.6, 1.7))
    poses, velocities = path_of(drive(scene_of(straight_map(), [walker], 30), 100), 0)
    assert poses[-1, 1] == pytest.approx(-20 + 1.5 * 2.9 + 1.5 * 4.0 / 2, abs=0.1)
    assert np.all(velocities[-1] == 0.0)
    assert np.diff(poses[:, 1]).min() >= 0.0


def test_parked_and_static_stay_and_a_queue_is_not_parked():
    tracks = [
        moving(60, 2.6, 0, 0.0, 50),
        moving(80, 6.0, 0, 0.0, 50, TrackType.TRAFFIC_CONE, (0.4, 0.4, 0.8)),
        moving(120, 0.3, 0, 0.0, 50),
    ]
    scene = scene_of(straight_map(), tracks, 50)
    states = drive(scene, 100)
    np.testing.assert_array_equal(states[-1].traffic.poses[:2], scene.tracks.poses[:2, 0])
    assert states[-1].traffic.poses[2, 0] > 140.0


def test_later_tracks_appear_in_their_frame_if_there_is_room():
    late, blocked = moving(20, 0, 0, 8.0, 60, shown=(30, 60)), moving(20, 0, 0, 8.0, 60, shown=(30, 60))
    scene = scene_of(straight_map(), [late, blocked], 60)
    states = drive(scene, 59)
    assert not states[29].traffic.valid.any()
    assert states[30].traffic.valid.tolist() == [True, False]
    np.testing.assert_allclose(states[30].traffic.poses[0], scene.tracks.poses[0, 30])


def test_after_its_log_a_vehicle_drives_on_near_the_ego_and_leaves_far_from_it():
    tracks = [moving(20, 0, 0, 8.0, 80, shown=(0, 20)), moving(200, 0, 0, 8.0, 80, shown=(0, 20))]
    scene = scene_of(straight_map(), tracks, 80, ego=(30.0, 5.0, 0.0, 0.0))
    states = drive(scene, 60, IDMTraffic())
    assert states[15].traffic.valid.all()
    assert states[40].traffic.valid.tolist() == [True, False]
    assert states[40].traffic.poses[0, 0] > 45.0


def test_same_start_same_hashes_and_a_snapshot_goes_on_alike():
    scene = light_scene(GREEN)
    first, second = drive(scene, 40), drive(scene, 40)
    assert [state_hash(s) for s in first] == [state_hash(s) for s in second]
    resumed = from_bytes(to_bytes(first[20]))
    for k in range(20, 40):
        resumed = advance(scene, EVERYWHERE, resumed, scene.ego.states[k + 1])
    assert state_hash(resumed) == state_hash(first[40])


def test_a_step_leaves_the_state_before_it_alone():
    scene = light_scene(GREEN)
    state = start(scene, EVERYWHERE)
    before = state_hash(state)
    advance(scene, EVERYWHERE, state, scene.ego.states[1])
    assert state_hash(state) == before


def test_a_scene_without_tracks_or_lights_runs():
    states = drive(scene_of(straight_map(), [], 10), 12)
    assert states[-1].traffic.poses.shape == (0, 3)


def test_crossing_connectors_conflict_and_those_of_one_lane_do_not():
    road = crossroads_map()
    junctions = scene_arrays(scene_of(road, [], 5)).junctions
    index = road.lane_index

    def others(name):
        row = index[name]
        return {road.lane_ids[i] for i in junctions.others[junctions.starts[row] : junctions.starts[row + 1]]}

    assert {"1>3", "3>1", "0>3"} <= others("2>0")  # crossing from both sides, oncoming left turn
    assert not {"2>1", "2>3", "0>2"} & others("2>0")  # same lane, oncoming straight
    assert others("in_0") == set()
    assert junctions.stop_offsets[index["2>0"]] == pytest.approx(0.4)


def test_unknown_traffic_models_are_named_with_the_allowed_ones():
    with pytest.raises(
        ArgumentError, match=r"'idn', expected one of idm, mixed, log, constant_velocity.*\"idm\""
    ):
        make_traffic("idn")
    assert isinstance(make_traffic("idm"), IDMTraffic)


def test_without_lanes_vehicles_keep_to_their_log():
    scene = scene_of(RoadMap("blank", {}), [moving(20, 0, 0.3, 8.0, 50)], 50)
    states = drive(scene, 40)
    np.testing.assert_allclose(states[40].traffic.poses[0], scene.tracks.poses[0, 40], atol=1e-9)


def test_who_is_too_late_to_wait_brakes_for_who_crosses_inside():
    road = crossroads_map()
    late = along(lane_path(road, "in_0", "0>2", "out_2"), 10.0, 60, 68.0)
    crossing = along(lane_path(road, "in_1", "1>0", "out_0"), 5.0, 60, 82.0)
    scene = scene_of(road, [late, crossing], 60)
    assert overlaps(scene, drive(scene, 60)) == 0  # 20 without the rule


def test_several_vehicles_are_stepped_as_if_alone_where_they_cannot_meet():
    road = straight_map(800.0, 8)
    both = [moving(20, 0.5, 0, 6.0, 50), moving(500, -0.4, 0, 9.0, 50)]
    together = drive(scene_of(road, both, 50), 60)
    for n in range(2):
        alone = drive(scene_of(road, [both[n]], 50), 60)
        np.testing.assert_array_equal(path_of(together, n)[0], path_of(alone, 0)[0])
