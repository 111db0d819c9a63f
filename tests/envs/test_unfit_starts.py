"""Logs that touch somebody or stand beside the road where the drive begins: judged as NAVSIM does, and avoided."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from placed_tracks import ahead_of, passing, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.envs import SimScaleEnv
from simscale_gym.envs.outcome import judge
from simscale_gym.metrics import COLUMNS
from simscale_gym.scene import EgoLog, StateIndex, TrackType
from simscale_gym.scoring.fitness import fit_frames, off_road
from simscale_gym.scoring.running_segment import RunningSegment
from simscale_gym.sim import start

COAST = np.zeros(2)
NC, DAC = COLUMNS["nc"], COLUMNS["dac"]


def fast_frame(scene):
    """Where the log is fastest, with a history before it and time left behind it."""
    return 30 + int(scene.ego.states[30:100, StateIndex.VX].argmax())


def make(scene, **changes):
    settings = {"observation": "state", "experts": (), "perturb": False, "horizon": 2.0}
    return SimScaleEnv([scene], **(settings | changes))


@pytest.fixture(scope="module")
def moving(town_log):
    """The town's scene in which the ego is fastest at :func:`fast_frame`."""
    return max(town_log, key=lambda scene: scene.ego.states[fast_frame(scene), StateIndex.VX])


@pytest.fixture(scope="module")
def in_touch(moving):
    """Where it is fastest the ego drives with a car at its bumper that goes as fast as it does."""
    frame = fast_frame(moving)
    speed = float(moving.ego.states[frame, StateIndex.VX])
    place = ahead_of(moving, frame, moving.vehicle.front_length + 2.1)
    return with_tracks(moving, (passing(place, speed, frame), speed, TrackType.VEHICLE))


@pytest.fixture(scope="module")
def beside_the_road(moving):
    """Up to 8 s into the clip the log runs 3 km to the right of where it did, past all streets."""
    states = moving.ego.states.copy()
    heading = states[:80, StateIndex.HEADING]
    states[:80, :2] += 3000.0 * np.stack([np.sin(heading), -np.cos(heading)], 1)
    ego = moving.ego
    scene = replace(with_tracks(moving), ego=EgoLog(states, ego.z, ego.roll, ego.pitch))
    assert off_road(scene, states[:80]).all() and not off_road(scene, states[80:]).any()
    return scene


@pytest.mark.parametrize(("traffic", "fault"), [("log", False), ("constant_velocity", False), ("idm", True)])
def test_whom_the_ego_touches_at_the_start_is_dropped_where_traffic_does_not_react(in_touch, traffic, fault):
    """NAVSIM's log replay drops it; its reactive traffic does not. Nobody is hit anew, so nothing ends."""
    env = make(in_touch, traffic=traffic)
    _, info = env.reset(seed=0, options={"time": fast_frame(in_touch) / 10})
    for _ in range(10):
        assert info["epdms"][NC] == (0.0 if fault else 1.0)
        *_, terminated, _, told = env.step(COAST)
        assert not terminated and not told["at_fault"]
        assert fault or not told["crash_vehicle"]
    assert info["at_fault"] == info["crash_vehicle"] == fault


@pytest.mark.parametrize("perturb", [False, True])
def test_frames_whose_log_is_fit_are_chosen_first(in_touch, beside_the_road, perturb):
    for scene in (in_touch, beside_the_road):
        assert not fit_frames(scene).all() and fit_frames(scene).any()
        env = make(scene, perturb=perturb, traffic="log", horizon=1.0)
        for seed in range(8):
            _, info = env.reset(seed=seed)
            assert fit_frames(scene)[env.start.states[0].frame]
            assert not info["at_fault"] and not info["out_of_road"] and info["epdms"][DAC] == 1.0
            assert info["reset"]["rejections"]["log_start_unfit"] == 0


def test_beside_the_road_from_the_start_is_told_and_ends_nothing(beside_the_road):
    env = make(beside_the_road)
    _, info = env.reset(seed=0, options={"time": 3.0})
    for _ in range(5):
        assert info["out_of_road"] and info["epdms"][DAC] == 0.0
        *_, terminated, _, info = env.step(COAST)
        assert not terminated and info["rewards"]["off_road"] == 0.0


def test_the_road_is_left_where_the_ego_was_on_it(beside_the_road):
    """Off at first, then on, then off again: only the last is leaving, within one step as over several."""
    scene, log = beside_the_road, beside_the_road.ego.states
    states = [
        start(scene, LogReplay(), 30),
        *(start(scene, LogReplay(), f, log[f]) for f in (79, 80, 81, 30, 31)),
    ]
    drives = [RunningSegment.begin(scene, states[:1])]
    for state in states[1:]:
        drives.append(drives[-1].after(state))
    running = [segment.running for segment in drives]
    assert [drive.off_road for drive in running] == [True, True, False, False, True, True]
    left = [judge(scene, [now], False, then).left_road for then, now in pairwise(running)]
    assert left == [False, False, False, True, False]
    assert not judge(scene, running[:1], False, None).left_road
    assert judge(scene, running[1:], False, running[0]).left_road
