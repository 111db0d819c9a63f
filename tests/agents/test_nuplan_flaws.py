"""One test for each flaw of nuPlan's and NAVSIM's IDM agents that ours must not have; each fails on their behavior."""

import dataclasses

import numpy as np
import pytest
from crossroads import lane, moving, scene_of, straight_map

from simscale_gym.agents.reactive.idm import IDMConfig, IDMTraffic
from simscale_gym.scene import RoadMap, Tracks, TrackType
from simscale_gym.sim.step import advance, start

EVERYWHERE = IDMTraffic(IDMConfig(leave_distance=1e6))
TARGET = IDMConfig().target_speed


def drive(scene, frames, ego=None):
    states = [start(scene, EVERYWHERE, ego=ego)]
    for _ in range(frames):
        states.append(advance(scene, EVERYWHERE, states[-1], states[0].ego))
    return states


def speeds_of(states, n):
    return np.array([np.linalg.norm(s.traffic.velocities[n]) for s in states])


def test_braking_for_the_end_of_every_lane_segment():
    """NAVSIM never extends a route, so its agents slow from 10 to 2 m/s at each segment's end."""
    pieces = 10
    scene = scene_of(straight_map(500.0, pieces), [moving(10, 0, 0, 10.0, 40)], 40)
    states = drive(scene, 400)
    assert states[-1].traffic.poses[0, 0] > 400.0  # over eight ends
    assert speeds_of(states, 0).min() > 9.9


@pytest.mark.parametrize("heading", [0.0, np.pi])
def test_ego_box_146_cm_off(heading):
    """NAVSIM centers the ego's box on the rear axle: a follower would stop 1.46 m too early or too late."""
    scene = scene_of(straight_map(), [moving(20, 0, 0, 10.0, 50)], 50)
    ego = np.zeros(11)
    ego[0], ego[2] = 120.0, heading
    final = drive(scene, 300, ego)[-1].traffic
    behind = scene.vehicle.rear_length if heading == 0.0 else scene.vehicle.front_length
    gap = 120.0 - behind - (final.poses[0, 0] + 2.3)
    assert gap == pytest.approx(IDMConfig().min_gap, abs=0.3)


def test_leaking_target_speed():
    """nuPlan's builder hands the speed limit of one agent's lane on to the agents after it whose lane has none."""
    lanes = dict(straight_map(limit=4.0).lanes)
    for k in range(8):
        neighbors = (f"m{k - 1}",) if k else (), (f"m{k + 1}",) if k < 7 else ()
        points = [[50.0 * k, 50.0], [50.0 * k + 25.0, 50.0], [50.0 * k + 50.0, 50.0]]
        lanes[f"m{k}"] = lane(f"m{k}", points, limit=None, predecessors=neighbors[0], successors=neighbors[1])
    slow, after = moving(10, 0, 0, 4.0, 40), moving(10, 50, 0, 8.0, 40)
    states = drive(scene_of(RoadMap("two", lanes), [slow, after], 40), 200)
    assert speeds_of(states, 0)[-1] == pytest.approx(4.0, abs=0.1)
    assert speeds_of(states, 1)[-1] == pytest.approx(TARGET, abs=0.1)


def test_headway_subtracted_twice_through_projected_footprints():
    """nuPlan measures the gap from a footprint already stretched by v T: its steady gap is about twice too long."""
    config = IDMConfig()
    tracks = [moving(40, 0, 0, 6.0, 50), moving(70, 0, 0, 6.0, 50)]
    road = straight_map(3000.0, 8, limit=10.0)
    scene = scene_of(road, tracks, 50)
    leader = 6.0 * 0.1
    states = [start(scene, EVERYWHERE)]
    for _ in range(900):  # the leader is held at 6 m/s
        traffic = states[-1].traffic
        motion = traffic.memory["motion"].copy()
        motion[1, 1] = 6.0
        held = dataclasses.replace(traffic, memory={**traffic.memory, "motion": motion})
        states.append(
            advance(scene, EVERYWHERE, dataclasses.replace(states[-1], traffic=held), states[-1].ego)
        )
    ends = states[-1].traffic.poses[:, 0]
    assert ends[1] - states[-2].traffic.poses[1, 0] == pytest.approx(leader, abs=0.02)
    gap = ends[1] - ends[0] - 4.6
    published = (config.min_gap + 6.0 * config.headway) / np.sqrt(1.0 - (6.0 / 10.0) ** 4)
    assert gap == pytest.approx(published, abs=0.25)


def test_order_dependence_of_updating_one_after_another():
    """nuPlan updates agent after agent, each seeing those before it already moved: the order changes the outcome."""
    tracks = [
        moving(20, 0, 0, 9.0, 80),
        moving(32, 0, 0, 5.0, 80),
        moving(45, 0, 0, 2.0, 80),
        moving(70, -6, np.pi / 2, 1.3, 80, TrackType.PEDESTRIAN, (0.6, 0.6, 1.7)),
        moving(0, -1.2, 0, 7.0, 80, TrackType.BICYCLE, (1.8, 0.6, 1.7)),
    ]
    ego = np.zeros(11)
    ego[0], ego[1] = 66.0, -3.0
    there = drive(scene_of(straight_map(), tracks, 80), 100, ego)
    back = drive(scene_of(straight_map(), tracks[::-1], 80), 100, ego)
    for a, b in zip(there, back, strict=True):
        np.testing.assert_array_equal(a.traffic.poses, b.traffic.poses[::-1])
        np.testing.assert_array_equal(a.traffic.velocities, b.traffic.velocities[::-1])


def test_sight_of_the_ego_one_step_late():
    """NAVSIM's agents of step k see the ego of step k - 1; ours see it as it is when they decide."""
    scene = scene_of(straight_map(), [moving(20, 0, 0, 10.0, 50)], 50)
    away, here = np.zeros(11), np.zeros(11)
    away[1], here[0] = -300.0, 45.0
    state = start(scene, EVERYWHERE, ego=away)
    braked = advance(scene, EVERYWHERE, dataclasses.replace(state, ego=here), here)
    assert np.linalg.norm(braked.traffic.velocities[0]) < 9.9


def test_bicycles_are_neither_agents_nor_parked():
    """nuPlan's agents leave bicycles out, NAVSIM replays them through whoever stands there."""
    bike = moving(0, 0, 0, 5.0, 100, TrackType.BICYCLE, (1.8, 0.6, 1.7))
    ego = np.zeros(11)
    ego[0] = 40.0
    scene = scene_of(straight_map(), [bike], 100)
    assert isinstance(scene.tracks, Tracks)
    final = drive(scene, 99, ego)[-1].traffic
    assert 0.3 < 40.0 - scene.vehicle.rear_length - (final.poses[0, 0] + 0.9) < 2.0
