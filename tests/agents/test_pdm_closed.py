"""PDM-Closed: NAVSIM's own numbers, and what each correction changes."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simscale_gym.agents.pdm.closed import least_bad, plan, tuplan_brake_speed
from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.route import find_route
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.metrics import COLUMNS, MapLayers
from simscale_gym.parity.pdm_closed import case_map, plan_case
from simscale_gym.scene import StateIndex, TrackType

CASES = json.loads(gzip.decompress((Path(__file__).parents[1] / "data/pdm_closed.json.gz").read_bytes()))[
    "pdm_closed"
]
BY_NAME = {case["name"]: case for case in CASES}
NAVSIM = PDMConfig.navsim()


def lane(name, block, points, *, width=3.5, limit=12.0, outgoing=()):
    points = np.asarray(points, float)
    side = (
        np.diff(points[[0, -1]], axis=0)[0]
        @ np.array([[0, 1], [-1, 0]])
        / np.hypot(*(points[-1] - points[0]))
    )
    ring = np.concatenate([points + side * width / 2, (points - side * width / 2)[::-1]])
    return {
        "id": name, "roadblock": block, "speed_limit_mps": limit, "outgoing": list(outgoing),
        "centerline": points.tolist(), "polygon": ring.tolist(),
    }  # fmt: skip


def case(agents=(), *, speed=8.0, red=(), closed="200"):
    """A straight lane of 160 m, then another one of 160 m; ``red`` names closed lanes."""
    x = np.linspace(-60, 100, 81)
    first = lane("100", "rb0", np.column_stack([x, 0 * x]), outgoing=["200"])
    second = lane("200", "rb1", np.column_stack([x + 160, 0 * x]))
    blocks = [{"id": item["roadblock"], "polygon": item["polygon"]} for item in (first, second)]
    return {
        "map": {"lanes": [first, second], "roadblocks": blocks},
        "route_roadblock_ids": ["rb0", "rb1"],
        "ego_initial": [0.0, 0.0, 0.0, speed, *[0.0] * 7],
        "agents": list(agents),
        "red_lights": list(red),
    }


def agent(x, y, heading=0.0, speed=0.0, kind="VEHICLE", size=(4.6, 1.9)):
    velocity = [speed * np.cos(heading), speed * np.sin(heading)]
    return {
        "token": "a",
        "type": kind,
        "length": size[0],
        "width": size[1],
        "state": [x, y, heading, *velocity],
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_equals_navsim(name):
    item = BY_NAME[name]
    route, ours = plan_case(item)
    stride = item["proposal_poses_stride"]
    assert np.abs(route.ahead.centerline - item["centerline"]).max() < 1e-6
    for mine, theirs in (
        (ours.proposals.poses[:, ::stride], item["proposal_poses"]),
        (ours.driven[:, ::stride], item["simulated_states"]),
        (ours.poses, item["trajectory_poses"]),
    ):
        difference = np.abs(mine - np.array(theirs))
        difference[..., 2] = np.abs(wrap_angle(difference[..., 2]))
        assert difference.max() < 1e-6
    columns = ours.scores.columns()
    for column in item["subscores"][0]:
        assert column in COLUMNS.values()
        np.testing.assert_allclose(columns[column], [row[column] for row in item["subscores"]], atol=1e-9)
    np.testing.assert_allclose(ours.scores.total, item["scores"], atol=1e-9)
    assert ours.chosen == item["chosen"]


def test_blocked_takes_the_first_of_all_zeros():
    _, ours = plan_case(BY_NAME["blocked"])
    assert not ours.scores.total.any()
    assert ours.chosen == 0


def test_first_step_brakes_on_an_empty_road_unless_corrected():
    _, navsim = plan_case(case())
    _, ours = plan_case(case(), replace(NAVSIM, lead_at_once=True))
    at_limit = 4
    assert navsim.proposals.speeds[at_limit, :2] == pytest.approx([8.0, 7.7])
    assert ours.proposals.speeds[at_limit, 1] > 8.1


def test_leaders_leak_between_speeds_unless_corrected():
    crossing = agent(10.0, -9.0, np.pi / 3, 5.0)  # the fast ones are past it when it comes
    _, navsim = plan_case(case([crossing]))
    _, ours = plan_case(case([crossing]), replace(NAVSIM, separate_leads=True))

    def speed_of_nothing(outcome):
        leads = outcome.proposals.leads[:5, 2:41]
        return np.abs(leads[..., 1][leads[..., 0] > 319.0]).max()  # at the end of the path

    assert speed_of_nothing(navsim) > 1.0
    assert speed_of_nothing(ours) == 0.0


def test_proposals_roll_backwards_unless_corrected():
    stopped = case([agent(12.0, 0.0, np.pi, 10.0)], speed=0.4)  # it comes towards the ego
    _, navsim = plan_case(stopped)
    _, ours = plan_case(stopped, replace(NAVSIM, hold_at_rest=True))
    assert navsim.proposals.speeds.min() < -1e-3
    assert ours.proposals.speeds.min() >= 0.0


def test_emergency_brakes():
    near = case([agent(9.0, 0.0)], speed=4.0)
    _, none = plan_case(near)
    _, tuplan = plan_case(near, replace(NAVSIM, emergency_brake="tuplan"))
    _, stop = plan_case(near, replace(NAVSIM, emergency_brake="stop"))
    assert not none.braking and tuplan.braking and stop.braking
    assert tuplan.poses[10, 0] == pytest.approx(1.1 * (4.0 - 4.05))  # after 1 s, a little backwards
    assert stop.poses[-1, 0] == pytest.approx(4.0**2 / (2 * 4.05))
    assert np.diff(stop.poses[:, 0]).min() >= 0.0
    _, fast = plan_case(case([agent(15.0, 0.0)], speed=9.0), replace(NAVSIM, emergency_brake="stop"))
    assert not fast.scores.nc.any() and not fast.braking  # above 5 m/s it is left alone


def test_tuplan_brake_speed_by_hand():
    ego = np.zeros(11)
    ego[StateIndex.VX], ego[StateIndex.AX] = 0.1, -0.3
    assert tuplan_brake_speed(ego) == pytest.approx(-0.4 + 0.3)
    ego[StateIndex.VX] = 0.3
    assert tuplan_brake_speed(ego) == pytest.approx(1.1 * (0.3 - 3.0))


def test_paths_join_from_the_ego_when_asked():
    beside = case()
    beside["ego_initial"][1:3] = [1.5, -0.05]
    _, navsim = plan_case(beside)
    _, ours = plan_case(beside, replace(NAVSIM, join_time=3.0))
    assert navsim.proposals.poses[4, 0] == pytest.approx([0.0, 0.0, 0.0])
    assert ours.proposals.poses[:, 0] == pytest.approx(np.tile([0.0, 1.5, -0.05], (15, 1)), abs=2e-5)
    assert abs(ours.proposals.poses[4, 40, 1]) < 1e-6  # on the centreline after 4 s
    assert ours.proposals.poses[4, 5, 1] > 1.0


def test_slows_down_for_curves_when_asked():
    item = BY_NAME["curve"]  # a quarter circle of 30 m after 20 m
    _, navsim = plan_case(item)
    _, ours = plan_case(item, replace(NAVSIM, curve_acceleration=1.5))
    in_curve = ours.proposals.poses[4, :41, 0] > 5.0
    assert ours.proposals.speeds[4, :41][in_curve].max() < np.sqrt(1.5 * 30.0) + 0.2
    assert navsim.proposals.speeds[4, 20:25].max() > np.sqrt(1.5 * 30.0) + 1.0


def test_least_bad_where_all_fail():
    _, navsim = plan_case(BY_NAME["blocked"])
    scores = navsim.scores
    late = int(np.argmax(scores.collision_step))
    changed = replace(scores, collision_step=scores.collision_step.copy())
    changed.collision_step[7] = 39
    assert scores.collision_step[late] < 39
    assert least_bad(changed) == 7
    _, free = plan_case(BY_NAME["free"])
    assert least_bad(free.scores) == free.chosen == 4


def test_red_light_is_a_leader_without_speed():
    _, free = plan_case(case())
    _, ours = plan_case(case(red=["200"]), replace(NAVSIM, lead_at_once=True))
    far, near = case(red=["200"]), case(red=["200"])
    near["ego_initial"][0] = 75.0
    _, ours = plan_case(near)
    assert ours.proposals.leads[4, 10, 0] == pytest.approx(100.0 + 60.0 - 4.049, abs=0.01)  # along the path
    assert not ours.proposals.leads[:, :41, 1].any()
    assert ours.scores.tlc[ours.chosen] == 1.0
    assert ours.poses[-1, 0] + 4.049 < 100.0
    _, early = plan_case(far)
    np.testing.assert_array_equal(early.proposals.leads[:, 1], free.proposals.leads[:, 1])
    elsewhere = near | {"red_lights": ["not on the map"]}
    assert plan_case(elsewhere)[1].poses[-1, 0] > 100.0


def test_ego_inside_a_closed_lane_goes_on():
    inside = case(red=["200"])
    inside["ego_initial"][0] = 120.0
    _, ours = plan_case(inside)
    assert ours.proposals.leads[0, 10, 0] == pytest.approx(160.0)  # nothing ahead but the end of the lane
    assert not ours.scores.tlc.any()  # and yet the light counts, as in NAVSIM


def test_whom_the_ego_touches_is_no_leader():
    _, ours = plan_case(case([agent(2.0, 1.5)]))
    assert ours.scores.nc.all()
    assert ours.proposals.leads[4, 10, 0] == pytest.approx(320.0)


@pytest.mark.parametrize("bad", [np.zeros(10), np.full(11, np.nan)])
def test_refuses_a_bad_ego(bad):
    road_map = case_map(case()["map"])
    route = find_route(road_map, ["rb0", "rb1"], np.zeros(11))
    none = np.zeros((0, 5)), np.zeros((0, 2)), ()
    with pytest.raises(ArgumentError, match="ego"):
        plan(MapLayers.from_road_map(road_map), route, bad, *none)


def test_refuses_objects_that_do_not_match():
    road_map = case_map(case()["map"])
    route = find_route(road_map, ["rb0", "rb1"], np.zeros(11))
    layers = MapLayers.from_road_map(road_map)
    with pytest.raises(ArgumentError, match="1 boxes, 1 velocities, 0 types"):
        plan(layers, route, np.zeros(11), np.ones((1, 5)), np.ones((1, 2)), ())
    with pytest.raises(ArgumentError, match="not all finite"):
        plan(layers, route, np.zeros(11), np.full((1, 5), np.nan), np.ones((1, 2)), (TrackType.VEHICLE,))


@pytest.mark.parametrize(
    ("name", "value"),
    [("speed_fractions", ()), ("stride", 0), ("output_steps", 30), ("emergency_brake", "hard")],
)
def test_refuses_a_bad_config(name, value):
    with pytest.raises(ArgumentError, match=name):
        PDMConfig(**{name: value})
