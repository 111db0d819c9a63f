"""Cyclists and pedestrians: exactly as logged while nobody disturbs them, and plausible when somebody does."""

import numpy as np
import pytest
from crossroads import crossroads_map, moving, scene_of, straight_map

from simscale_gym.agents.reactive.idm import IDMConfig, IDMTraffic
from simscale_gym.agents.reactive.mixed_traffic import MixedConfig, MixedTraffic
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import box
from simscale_gym.scene import LightStatus, TrackType
from simscale_gym.sim import Controller
from simscale_gym.sim.snapshot import from_bytes, state_hash, to_bytes
from simscale_gym.sim.step import advance, start

EVERYWHERE = IDMTraffic(IDMConfig(leave_distance=1e6))
WALKER, BIKE = (TrackType.PEDESTRIAN, (0.6, 0.6, 1.7)), (TrackType.BICYCLE, (1.8, 0.6, 1.7))


def ego_at(x, y, heading=0.0, speed=0.0):
    ego = np.zeros(11)
    ego[:4] = x, y, heading, speed
    return ego


def drive(scene, egos, model=EVERYWHERE):
    states = [start(scene, model, ego=egos[0])]
    for ego in egos[1:]:
        states.append(advance(scene, model, states[-1], ego))
    return states


def path_of(states, n=0):
    return np.array([s.traffic.poses[n] for s in states])


def hits(scene, states, n=0):
    boxes = np.column_stack([path_of(states, n), np.tile(scene.tracks.sizes[n, :2], (len(states), 1))])
    return box.overlap(scene.vehicle.boxes(np.array([s.ego for s in states])), boxes).any()


def assert_smooth(poses, speed, acceleration, turn):
    velocity = np.diff(poses[:, :2], axis=0) / 0.1
    assert np.linalg.norm(velocity, axis=1).max() <= speed
    assert np.linalg.norm(np.diff(velocity, axis=0), axis=1).max() / 0.1 <= acceleration
    assert np.abs((np.diff(poses[:, 2]) + np.pi) % (2 * np.pi) - np.pi).max() / 0.1 <= turn


def test_whom_nobody_disturbs_follows_its_log_to_the_bit():
    tracks = [
        moving(10, -8, 0.4, 1.3, 80, *WALKER),
        moving(0, -4, 0, 5.0, 80, *BIKE),
        moving(9, 0, 0, 6.0, 80),
    ]
    scene = scene_of(straight_map(), tracks, 80)
    for state in drive(scene, [ego_at(0, -300.0)] * 80):
        np.testing.assert_array_equal(state.traffic.poses[:2], scene.tracks.poses[:2, state.frame])
        np.testing.assert_array_equal(state.traffic.velocities[:2], scene.tracks.velocities[:2, state.frame])


@pytest.mark.parametrize("speed", [3.0, 5.0, 8.0])
def test_a_cyclist_stops_behind_the_ego_on_its_path_and_goes_on_when_it_leaves(speed):
    scene = scene_of(straight_map(), [moving(0, -5, 0, speed, 200, *BIKE)], 200)
    standing = [ego_at(40, -5)] * 150
    states = drive(scene, standing + [ego_at(40, -300)] * 80)
    assert not hits(scene, states[:150])
    front = path_of(states)[149, 0] + 0.9
    assert 0.3 < 40 - scene.vehicle.rear_length - front < 2.0
    assert np.linalg.norm(states[-1].traffic.velocities[0]) > 0.9 * speed
    assert_smooth(path_of(states), 1.2 * speed, 3.5, 0.1)


def test_a_cyclist_behind_a_slower_one_does_not_run_into_it():
    slow, fast = moving(20, -5, 0, 4.0, 200, *BIKE), moving(0, -5, 0, 4.0, 200, *BIKE)
    scene = scene_of(straight_map(), [slow, fast], 200)
    states = drive(scene, [ego_at(60, -5)] * 200)
    gaps = path_of(states, 0)[:, 0] - path_of(states, 1)[:, 0] - 1.8
    assert gaps.min() > 0.4
    assert path_of(states, 1)[-1, 0] > 40.0


def test_a_cyclist_that_was_held_up_stops_at_a_red_light_that_its_log_met_green():
    road = crossroads_map()
    bike = moving(-80, -1.75, 0, 5.0, 300, *BIKE)
    lights = {"2>0": np.r_[np.full(170, LightStatus.GREEN), np.full(130, LightStatus.RED)].astype(np.uint8)}
    scene = scene_of(road, [bike], 300, lights=lights)
    states = drive(scene, [ego_at(-50, -1.75)] * 120 + [ego_at(0, -300)] * 170)
    assert path_of(states)[-1, 0] + 0.9 < -11.5
    assert drive(scene, [ego_at(0, -300)] * 290)[-1].traffic.poses[0, 0] > 20.0  # undisturbed it was through


@pytest.mark.parametrize("speed", [3.0, 6.0])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_pedestrian_gets_out_of_the_way_of_a_vehicle_off_the_road(speed, side):
    scene = scene_of(straight_map(), [moving(60, -8, 0, 1.3, 200, *WALKER)], 200)
    begin, reach = np.array([63.2, -8.0 - side * speed * 2.5]), speed * 0.1
    egos = [ego_at(begin[0], begin[1] + side * reach * k, side * np.pi / 2, speed) for k in range(60)]
    states = drive(scene, egos + [ego_at(0, -300)] * 130)
    assert not hits(scene, states[:60])
    assert_smooth(path_of(states), 2.55, 3.5, 2.6)
    np.testing.assert_allclose(path_of(states)[-1, 1], -8.0, atol=0.1)  # back on its path
    assert path_of(states)[-1, 0] > 75.0


def test_a_standing_pedestrian_steps_aside_for_a_vehicle_rolling_at_it():
    scene = scene_of(straight_map(), [moving(60, -8, np.pi / 2, 0.0, 200, *WALKER)], 200)
    egos = [ego_at(44 + 0.4 * k, -8.4, 0.0, 4.0) for k in range(60)]
    states = drive(scene, egos + [ego_at(0, -300)] * 100)
    assert not hits(scene, states[:60])
    assert np.abs(path_of(states)[:60, 1] + 8.0).max() > 0.5
    np.testing.assert_allclose(path_of(states)[-1, :2], [60, -8], atol=0.1)
    assert_smooth(path_of(states), 2.55, 3.5, 2.6)


def test_pedestrians_off_their_log_avoid_one_another():
    one, two = moving(40, -8, 0, 1.3, 250, *WALKER), moving(75, -8, np.pi, 1.3, 250, *WALKER)
    scene = scene_of(straight_map(), [one, two], 250)
    gone, held = [ego_at(0, -300)] * 190, [ego_at(46, -8.6, np.pi / 2)] * 60
    states = drive(scene, held + gone)
    apart = np.linalg.norm(path_of(states, 0)[:, :2] - path_of(states, 1)[:, :2], axis=1)
    assert apart.min() > 0.6
    assert path_of(states, 0)[-1, 0] > 60.0 and path_of(states, 1)[-1, 0] < 55.0


def test_reactions_are_deterministic_and_snapshots_go_on_alike():
    tracks = [
        moving(60, -8, 0, 1.3, 200, *WALKER),
        moving(30, -8, 0, 4.0, 200, *BIKE),
        moving(9, 0, 0, 6.0, 200),
    ]
    scene = scene_of(straight_map(), tracks, 200)
    egos = [ego_at(62.0, -18.0 + 0.4 * k, np.pi / 2, 4.0) for k in range(60)]
    for model in (EVERYWHERE, MixedTraffic()):
        first, second = drive(scene, egos, model), drive(scene, egos, model)
        assert [state_hash(s) for s in first] == [state_hash(s) for s in second]
        state = from_bytes(to_bytes(first[30]))
        for ego in egos[31:]:
            state = advance(scene, model, state, ego)
        assert state_hash(state) == state_hash(first[-1])


def test_mixed_drivers_differ_within_the_ranges_and_by_seed_only():
    ids = tuple(f"track{k}" for k in range(300))
    config = MixedConfig(seed=3)
    traits, replays = config.drivers(ids)
    for column, name in enumerate(("speed_factor", "min_gap", "headway", "acceleration")):
        low, high = sorted(getattr(config, name))
        assert traits[:, column].min() >= low and traits[:, column].max() <= high
        assert np.ptp(traits[:, column]) > 0.8 * (high - low)
    assert 0.2 < replays.mean() < 0.4
    np.testing.assert_array_equal(MixedConfig(seed=3).drivers(ids[::-1])[0], traits[::-1])
    assert (MixedConfig(seed=4).drivers(ids)[0] != traits).any()
    assert np.corrcoef(traits[:, 2], traits[:, 0])[0, 1] < -0.5  # who keeps a long headway drives slowly


def test_a_mixed_log_follower_does_what_it_did_until_somebody_is_in_its_way():
    model = MixedTraffic(MixedConfig(log_share=1.0, idm=IDMConfig(leave_distance=1e6)))
    scene = scene_of(straight_map(), [moving(20, 0.4, 0, 9.0, 200)], 200)
    free = drive(scene, [ego_at(0, -300.0)] * 100, model)
    for state in free:
        np.testing.assert_array_equal(state.traffic.poses, scene.tracks.poses[:, state.frame])
        assert model.controllers(scene, state.traffic) == [Controller.LOG]
    states = drive(scene, [ego_at(90, 0)] * 150, model)
    assert model.controllers(scene, states[-1].traffic) == [Controller.IDM]
    assert not hits(scene, states)
    assert 0.5 < 90 - scene.vehicle.rear_length - (path_of(states)[-1, 0] + 2.3) < 3.0


def test_mixed_shares_must_be_shares():
    with pytest.raises(ArgumentError, match=r"log_share is 1\.5"):
        MixedConfig(log_share=1.5)
