from dataclasses import dataclass

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import EgoLog, RoadMap, Scene, StateIndex, Tracks, TrafficLights
from simscale_gym.sim import TrafficState, bicycle_step, plan_to_poses, rollout, stacked, start, step, track


def empty_scene(frames=10, speed=5.0):
    states = np.zeros((frames, 11))
    states[:, StateIndex.VX] = speed
    states[:, StateIndex.X] = speed * 0.1 * np.arange(frames)
    lane_less = RoadMap("nowhere", {})
    tracks = Tracks(
        ("a",), np.zeros(1, np.uint8), np.zeros((1, frames, 3)), np.zeros((1, frames, 2)), np.zeros((1, frames)),
        np.ones((1, 3)), np.ones((1, frames), bool),
    )  # fmt: skip
    zeros = np.zeros(frames)
    return Scene(
        "s", "l", "test", np.zeros(3), np.arange(frames) * 100_000, lane_less, EgoLog(states, zeros, zeros, zeros),
        tracks, TrafficLights((), np.zeros((0, frames), np.uint8)), (),
    )  # fmt: skip


@dataclass(frozen=True)
class Shadow:
    """Puts its one vehicle where it saw the ego."""

    def start(self, scene, frame, ego):
        return TrafficState(np.array([ego[:3]]), np.zeros((1, 2)), np.ones(1, bool))

    def step(self, scene, frame, ego, traffic):
        return TrafficState(np.array([ego[:3]]), np.full((1, 2), float(frame)), traffic.valid)


def test_traffic_sees_the_ego_of_the_frame_before():
    scene = empty_scene()
    state = start(scene, Shadow(), frame=3)
    after = step(scene, Shadow(), state, np.array([1.0, 0.1]))
    assert after.frame == 4
    np.testing.assert_array_equal(after.traffic.poses[0], state.ego[:3])
    np.testing.assert_array_equal(after.traffic.velocities, 3.0)
    np.testing.assert_array_equal(after.ego, bicycle_step(state.ego, np.array([1.0, 0.1])))


def test_braking_ends_at_rest_unless_reversing_is_asked_for():
    scene = empty_scene(speed=1.0)
    for reverse in (False, True):
        state = start(scene, Shadow())
        for _ in range(40):
            state = step(scene, Shadow(), state, np.array([-3.0, 0.0]), reverse=reverse)
        assert (state.ego[StateIndex.VX] < -1.0) if reverse else (state.ego[StateIndex.VX] == 0.0)
    for _ in range(3):
        state = step(scene, Shadow(), start(scene, Shadow()), np.array([2.0, 0.0]))
    assert state.ego[StateIndex.VX] > 1.0


def test_rollout_is_the_tracked_plan_and_goes_on_past_the_log():
    scene = empty_scene()
    state = start(scene, Shadow(), frame=5)
    plan = np.column_stack([np.arange(1, 9) * 2.5, np.linspace(0.1, 2.0, 8), np.zeros(8)])
    poses = plan_to_poses(state.ego[:3], plan)
    states = rollout(scene, Shadow(), state, poses)
    egos, others, _, valid = stacked(states)
    assert [s.frame for s in states] == list(range(6, 46))
    np.testing.assert_array_equal(egos, track(state.ego, poses)[1:])
    np.testing.assert_array_equal(others[1:, 0], egos[:-1, :3])
    assert valid.shape == (40, 1)
    assert len(rollout(scene, Shadow(), state, poses, steps=5)) == 5


def test_bad_commands_and_frames_are_named():
    scene = empty_scene()
    state = start(scene, Shadow())
    with pytest.raises(ArgumentError, match="command is"):
        step(scene, Shadow(), state, np.array([np.nan, 0.0]))
    with pytest.raises(ArgumentError, match="frame is 10"):
        start(scene, Shadow(), frame=10)
    with pytest.raises(ArgumentError, match="ego is"):
        start(scene, Shadow(), ego=np.zeros(10))
