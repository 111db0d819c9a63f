"""Moments of a simulation: who shows brake lamps."""

from dataclasses import replace

import numpy as np
import pytest
from placed_tracks import with_tracks

from simscale_gym.scene import TrackType
from simscale_gym.sim import SimState, TrafficState, moment_of


@pytest.fixture
def scene(town_scene):
    """A car that drives, one that never does, and a person who walks."""
    here = town_scene.ego.poses[0]
    placed = (
        (here, 8.0, TrackType.VEHICLE),
        (here, 0.0, TrackType.VEHICLE),
        (here, 1.5, TrackType.PEDESTRIAN),
    )
    return with_tracks(town_scene, *placed)


def state(scene, *speeds):
    velocities = np.column_stack([speeds, np.zeros(3)])
    traffic = TrafficState(scene.tracks.poses[:, 3], velocities, np.array([True, True, False]))
    return SimState(3, scene.ego.states[5], traffic)


def test_a_moment_is_where_the_state_is(scene):
    now = state(scene, 8.0, 0.0, 1.5)
    moment = moment_of(scene, now)
    np.testing.assert_array_equal(moment.ego, now.ego[:3])
    assert moment.poses is now.traffic.poses and moment.valid is now.traffic.valid
    np.testing.assert_array_equal(moment.lights, scene.lights.column(3))
    late = replace(now, frame=10_000)
    np.testing.assert_array_equal(moment_of(scene, late).lights, scene.lights.column(scene.num_frames - 1))


@pytest.mark.parametrize(
    ("before", "now", "lit"),
    [
        ((8.0, 0.0, 1.5), (8.0, 0.0, 1.5), (False, False, False)),
        ((8.0, 0.0, 1.5), (7.95, 0.0, 1.5), (False, False, False)),  # rolls
        ((8.0, 0.0, 1.5), (7.9, 0.0, 1.3), (True, False, True)),
        ((0.05, 0.0, 1.5), (0.05, 0.0, 1.6), (True, False, False)),  # stands in traffic; the other is parked
        ((7.0, 0.0, 1.5), (8.0, 0.0, 1.5), (False, False, False)),
    ],
)
def test_who_slows_down_or_stands_in_traffic_brakes(scene, before, now, lit):
    moment = moment_of(scene, state(scene, *now), state(scene, *before))
    np.testing.assert_array_equal(moment.braking, lit)


def test_without_a_state_before_nobody_slows_down(scene):
    np.testing.assert_array_equal(moment_of(scene, state(scene, 0.0, 0.0, 1.5)).braking, [True, False, False])
