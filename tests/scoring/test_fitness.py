"""Whether the ego touches somebody or is off the road, on scenes with road users placed by hand."""

from dataclasses import replace

import numpy as np
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.metrics.contacts import touching
from simscale_gym.scene import StateIndex, TrackType
from simscale_gym.scoring.fitness import fit_frames, off_road, touched
from simscale_gym.sim import start

BARRIER = TrackType.BARRIER


def test_touching_begins_at_the_bumper(town_scene):
    front = town_scene.vehicle.front_length
    near, far = (ahead_of(town_scene, 30, front + gap) for gap in (0.2, 0.6))
    scene = with_tracks(town_scene, (near, 0.0, BARRIER), (far, 0.0, BARRIER))
    assert touched(scene, start(scene, LogReplay(), 30)).tolist() == [True, False]


def test_nobody_is_overlooked(town_scene):
    """Whoever the boxes say is touched is found, wherever the ego is put among the tracks."""
    rng, tracks = np.random.default_rng(0), town_scene.tracks
    state, met = start(town_scene, LogReplay(), 30), 0
    for row in np.repeat(np.flatnonzero(state.traffic.valid), 20):
        ego = state.ego.copy()
        ego[:3] = tracks.poses[row, 30] + rng.normal(size=3) * np.array([4.0, 4.0, 2.0])
        expected = touching(town_scene.vehicle.boxes(ego), tracks.boxes(30), state.traffic.valid)
        np.testing.assert_array_equal(touched(town_scene, replace(state, ego=ego)), expected)
        met += expected.any()
    assert met > 20


def test_the_log_keeps_to_the_road_and_a_step_aside_does_not(town_scene):
    states = town_scene.ego.states[::20].copy()
    assert not off_road(town_scene, states).any()
    heading = states[:, StateIndex.HEADING]
    states[:, :2] += 40.0 * np.stack([-np.sin(heading), np.cos(heading)], 1)
    assert off_road(town_scene, states[None]).shape == (1, len(states))
    assert off_road(town_scene, states).any()


def test_frames_at_which_the_log_touches_somebody_are_unfit(town_log):
    moving = max(town_log, key=lambda scene: np.hypot(*(scene.ego.states[60] - scene.ego.states[30])[:2]))
    scene = with_tracks(moving, (ahead_of(moving, 60, 0.0), 0.0, BARRIER))
    unfit = np.flatnonzero(~fit_frames(scene))
    assert 60 in unfit and fit_frames(with_tracks(moving)).sum() > scene.num_frames - 3
    touches = [bool(touched(scene, start(scene, LogReplay(), frame)).any()) for frame in (30, 60)]
    assert touches == [False, True]
