"""Lights that a log saw now and then: held, contradicted, told by who waits, and by numbers as well as by words."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents import IDMTraffic
from simscale_gym.scene import LightStatus
from simscale_gym.sim import advance, start
from simscale_gym.sources import read_scenario_description

FRAMES = 120
RED, GREEN, UNKNOWN = LightStatus.RED, LightStatus.GREEN, LightStatus.UNKNOWN
LANES = {
    "in": [(-80, 0), (-10, 0)], "through": [(-10, 0), (10, 0)], "out": [(10, 0), (80, 0)],
    "south": [(3, -80), (3, -10)], "across": [(3, -10), (3, 10)], "north": [(3, 10), (3, 80)],
}  # fmt: skip
EXITS = {"in": ["through"], "through": ["out"], "south": ["across"], "across": ["north"]}


def track(positions, heading):
    positions = np.asarray(positions, float)
    return {
        "type": "VEHICLE",
        "state": {
            "position": np.column_stack([positions, np.zeros(len(positions))]),
            "heading": np.full(len(positions), heading),
            "velocity": np.gradient(positions, 0.1, axis=0),
            "valid": np.ones(len(positions), bool),
            **{k: np.full(len(positions), v) for k, v in (("length", 4.0), ("width", 2.0), ("height", 1.5))},
        },
    }


def waits_until(frame):
    """Stands 1 m before the line until ``frame``, then drives off with 2 m/s^2."""
    t = np.maximum(0.1 * (np.arange(FRAMES) - frame), 0.0)
    x = -13.0 + np.minimum(t * t, 8.0 * t)
    return np.column_stack([x, 0 * x])


def crossing(from_frame, speed=10.0):
    y = -10.0 + speed * 0.1 * (np.arange(FRAMES) - from_frame)
    return np.column_stack([np.full(FRAMES, 3.0), y])


@pytest.fixture
def read(tmp_path):
    def make(waiter, other, states=None):
        features = {
            key: {
                "type": "LANE_SURFACE_STREET",
                "polyline": np.linspace(*np.array(ends, float), 40),
                "exit_lanes": EXITS.get(key, []),
                "entry_lanes": [k for k, v in EXITS.items() if key in v],
            }
            for key, ends in LANES.items()
        }
        lights = {} if states is None else {"through": {"lane": "through", "state": {"object_state": states}}}
        record = {
            "id": "lights",
            "length": FRAMES,
            "metadata": {"ts": 0.1 * np.arange(FRAMES), "sdc_id": "ego", "dataset": "waymo"},
            "tracks": {
                "ego": track(np.column_stack([30 + 0.5 * np.arange(FRAMES), np.zeros(FRAMES)]), 0.0),
                "waiter": track(waiter, 0.0),
                "other": track(other, np.pi / 2),
            },
            "dynamic_map_states": lights,
            "map_features": features,
        }
        file = tmp_path / "sd_lights.pkl"
        file.write_bytes(pickle.dumps(record))
        return read_scenario_description(file)

    return make


def status(scene, lane="through"):
    return scene.lights.status[scene.lights.lane_ids.index(lane)]


def test_an_unseen_light_keeps_its_state_for_five_seconds(read):
    states = ["LANE_STATE_GO"] * 20 + ["LANE_STATE_UNKNOWN"] * 90 + [None] * 10
    lights = status(read(waits_until(0), crossing(200), states))
    assert (lights[:70] == GREEN).all() and (lights[70:] == UNKNOWN).all()


def test_red_is_not_held_against_who_drives_in(read):
    states = ["LANE_STATE_STOP"] * 20 + [None] * 100
    lights = status(read(waits_until(40), crossing(200), states))
    entered = 50  # 1 m from rest at 2 m/s^2
    assert (lights[: entered - 15] == RED).all() and (lights[entered - 5 :] == UNKNOWN).all()


def test_numbers_of_waymo_are_states(read):
    assert (
        status(read(waits_until(0), crossing(200), [4] * 60 + [6] * 60)) == [RED] * 60 + [GREEN] * 60
    ).all()


def test_who_waits_while_others_cross_stands_at_red(read):
    scene = read(waits_until(60), crossing(30))
    lights = status(scene)
    assert (lights[:45] == RED).all() and (lights[70:] == UNKNOWN).all()
    assert any("count as red" in sentence for sentence in scene.inferred)
    assert "through" not in read(waits_until(60), crossing(300)).lights.lane_ids  # nobody crosses


def test_who_is_parked_at_the_side_waits_at_no_light(read):
    parked = np.tile([-13.0, -1.6], (FRAMES, 1))
    assert "through" not in read(parked, crossing(30)).lights.lane_ids
    assert "through" in read(parked * [1.0, 0.5], crossing(30)).lights.lane_ids


@pytest.mark.parametrize("known", [False, True])
def test_traffic_waits_as_its_log_did_where_no_light_is_known(read, known):
    """Nobody crosses, no light is seen: the one that waits for six seconds does so, and then drives."""
    scene = read(waits_until(60), crossing(300))
    scene = replace(scene, lights=replace(scene.lights, complete=known))
    model = IDMTraffic()
    state = start(scene, model, 10)
    row, moved = scene.tracks.ids.index("waiter"), []
    for frame in range(11, 100):
        state = advance(scene, model, state, scene.ego.states[frame])
        moved.append(state.traffic.poses[row, 0] - scene.tracks.poses[row, 10, 0])
    assert (moved[35] < 0.3) != known
    assert moved[-1] > 3.0
