"""What ``info`` tells of contacts, fault and road is what the score of the drive says: on a thousand random drives."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from placed_tracks import with_tracks

from simscale_gym.envs import SimScaleEnv
from simscale_gym.metrics import COLUMNS, EgoArea
from simscale_gym.scene import TrackType
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sources import list_scenes, load_scene

ROOT = Path(os.environ.get("SIMSCALE_GYM_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
CODES = ("nc", "dac", "ddc", "tlc", "ttc", "lk", "hc")
NC, DAC = COLUMNS["nc"], COLUMNS["dac"]


@pytest.fixture(scope="module")
def scenes(town_log):
    """The town's, as they are and strewn with obstacles, and recorded ones where there are any."""
    recorded = (load_scene(list_scenes(file)[0]) for file in sorted(ROOT.glob("scenarios/*.pkl")))
    return [*town_log, *map(strewn, town_log[1:]), *recorded]


def strewn(scene):
    """Cars, cones and people that stand beside the middle of the log's way, 12 m apart."""
    path, kinds = scene.route_path, (TrackType.VEHICLE, TrackType.TRAFFIC_CONE, TrackType.PEDESTRIAN)
    places = path[:: max(1, round(12.0 / (scene.route_lengths[-1] / len(path))))]
    aside = 1.4 * np.column_stack([-np.sin(places[:, 2]), np.cos(places[:, 2]), 0 * places[:, 2]])
    placed = ((pose, 0.0, kinds[n % 3]) for n, pose in enumerate(places + aside))
    return replace(with_tracks(scene, *placed), id=f"{scene.id}/strewn")


def control(rng):
    """Commands that sway around a constant one."""
    lasting = rng.uniform([-0.3, -0.15], [1.0, 0.15])
    while True:
        yield np.clip(lasting + rng.normal(0.0, [0.2, 0.1]), -1.0, 1.0)


def trajectory(rng):
    """Plans along arcs."""
    while True:
        way, bend = 0.5 * np.arange(1, 9) * rng.uniform(0.0, 15.0), rng.uniform(-0.02, 0.02)
        yield np.stack([way, bend * way**2, np.arctan(2.0 * bend * way)], 1)


def touches(info):
    return info["crash_vehicle"] or info["crash_pedestrian"] or info["crash_object"]


def check_reset(info):
    """The first state alone: a contact may be the ego's fault, and a corner may be off the road."""
    assert (info["epdms"][NC] < 1.0) == info["at_fault"] <= touches(info)
    assert (info["epdms"][DAC] < 1.0) == info["out_of_road"]


def check_step(before, info, terminated):
    """NC falls when, and only when, a new contact is the ego's fault; DAC when a corner is off the road."""
    lost = {0.0} if info["crash_vehicle"] or info["crash_pedestrian"] else set()
    lost |= {0.5} if info["crash_object"] else set()
    then = before["epdms"][NC]
    assert info["epdms"][NC] in ({min(then, value) for value in lost} if info["at_fault"] else {then})
    assert info["epdms"][DAC] == (0.0 if info["out_of_road"] else before["epdms"][DAC])
    left = info["out_of_road"] and not before["out_of_road"]
    assert terminated >= (info["at_fault"] or left or info["arrive_dest"])


def check_drive(env, seed, actions, steps, replayed):
    """One drive that goes on whatever happens; returns what was met."""
    _, info = env.reset(seed=seed)
    check_reset(info)
    infos = [info]
    for _, action in zip(range(steps), actions, strict=False):
        _, _, terminated, _, info = env.step(action)
        check_step(infos[-1], info, terminated)
        infos.append(info)
    driven = env.history[len(env.start.states) - 1 :]
    batch = score_segment(env.scene, driven, ego_history(env.scene, env.start.states), replayed=replayed)
    for code in CODES:
        assert info["epdms"][COLUMNS[code]] == getattr(batch, code)[0], (seed, code)
    off = ((batch.areas[0] & EgoArea.NON_DRIVABLE) != 0).any()
    assert off == any(told["out_of_road"] for told in infos), seed
    return info["epdms"][NC] < 1.0, off, any(touches(told) for told in infos)


@pytest.mark.parametrize("action", [control, trajectory], ids=["control", "trajectory"])
@pytest.mark.parametrize("traffic", ["log", "idm"])
def test_info_and_subscores_agree_at_every_step(scenes, traffic, action):
    settings = {"traffic": traffic, "action": action.__name__, "perturb": False, "horizon": 99.0}
    env = SimScaleEnv(scenes, observation="state", experts=(), **settings)
    steps = 30 if action is control else 8
    met = [
        check_drive(env, seed, action(np.random.default_rng(seed)), steps, traffic == "log")
        for seed in range(250)
    ]
    assert (np.sum(met, 0) > 8).all(), f"faults, off the road, contacts: {np.sum(met, 0)}; too few to tell"
