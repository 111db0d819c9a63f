"""The traffic run ahead."""

from dataclasses import replace

import numpy as np
from crossing_states import state_of
from crossroads import RED, SIDE, moving

from simscale_gym.agents.constant_velocity import ConstantVelocity
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.reactive.idm import IDMTraffic
from simscale_gym.agents.rehearsal import closed_lanes, model_behind, rehearse
from simscale_gym.scene import TrafficLights
from simscale_gym.sim import rollout, stacked

LEAD = moving(25.0, SIDE, np.pi, 4.0, 60)


def test_the_model_is_told_from_the_memory():
    assert isinstance(model_behind(*state_of([LEAD], traffic=IDMTraffic())), IDMTraffic)
    assert isinstance(model_behind(*state_of([LEAD], traffic=ConstantVelocity())), ConstantVelocity)


def test_the_rehearsal_is_what_happens():
    scene, state = state_of([LEAD, moving(60.0, SIDE, np.pi, 9.0, 60)], traffic=IDMTraffic())
    poses = scene.ego.poses[:41]
    egos, others, velocities, valid = stacked([state, *rollout(scene, IDMTraffic(), state, poses)])
    agents = rehearse(scene, state, egos)
    np.testing.assert_array_equal(agents.valid, valid.T)
    np.testing.assert_array_equal(agents.boxes[..., :3], np.swapaxes(others, 0, 1))
    np.testing.assert_array_equal(agents.velocities, np.swapaxes(velocities, 0, 1))


def test_others_react_to_what_is_rehearsed():
    scene, state = state_of([moving(60.0, SIDE, np.pi, 9.0, 60)], traffic=IDMTraffic())
    on = np.repeat(state.ego[None], 41, 0)
    on[:, 0] -= 0.8 * np.arange(41)
    still = np.repeat(state.ego[None], 41, 0)
    still[:, 3] = 0.0
    free, blocked = rehearse(scene, state, on), rehearse(scene, state, still)
    assert blocked.boxes[0, -1, 0] > free.boxes[0, -1, 0] + 5.0
    assert blocked.boxes[0, -1, 0] - 2.3 > state.ego[0]


def test_without_its_memory_everybody_keeps_speed_and_heading():
    scene, state = state_of([LEAD])
    agents = rehearse(scene, state, np.repeat(state.ego[None], 41, 0))
    np.testing.assert_allclose(agents.boxes[0, :, 0], 25.0 - 0.4 * np.arange(41), atol=1e-9)
    replayed = rehearse(scene, state, np.repeat(state.ego[None], 11, 0), LogReplay())
    np.testing.assert_allclose(replayed.boxes[0, :, :2], LEAD[2][:11, :2])


def test_closed_lanes_are_the_red_ones():
    scene, _ = state_of(light=RED)
    assert closed_lanes(scene, 0, 3) == [["0>2"]] * 3
    assert closed_lanes(state_of()[0], 0, 2) == [[], []]


def test_lights_at_which_no_lane_of_the_map_ends_close_nothing():
    scene, _ = state_of(light=RED)
    lights = TrafficLights(("gone", "0>2"), np.full((2, 60), RED, np.uint8))
    assert closed_lanes(replace(scene, lights=lights), 58, 4) == [["0>2"]] * 4
