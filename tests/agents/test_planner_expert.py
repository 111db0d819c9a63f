"""The planner expert on hand-made scenes."""

import numpy as np
import pytest
from crossing_states import KEEPS_ON, state_of, world_of
from crossroads import RED, SIDE, crossroads_map, moving

from simscale_gym.agents.pdm.config import PDMConfig
from simscale_gym.agents.pdm.planner_expert import PlannerExpert
from simscale_gym.errors import ArgumentError


def test_free_road():
    plan = PlannerExpert().plan(*world_of())
    assert plan.valid
    assert plan.poses.shape == (40, 3) and plan.trajectory.shape == (8, 3)
    assert plan.poses[-1, 0] > 34.0 and np.abs(plan.poses[:, 1:]).max() < 0.05
    assert plan.scores["score"] == pytest.approx(1.0)
    assert {"nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc", "offset", "speed_fraction"} < set(plan.scores)


def test_stops_for_a_red_light():
    plan = PlannerExpert().plan(*world_of(light=RED))
    assert plan.valid and plan.scores["tlc"] == 1.0
    assert plan.poses[-1, 0] + 4.049 < 28.0


def test_stops_behind_a_standing_car():
    plan = PlannerExpert().plan(*world_of([moving(15.0, SIDE, np.pi, 0.0, 60)]))
    assert plan.valid
    assert plan.poses[-1, 0] + 4.049 < 25.0 - 2.3


def test_cannot_vouch_for_a_crash():
    scene, state = state_of([moving(32.0, SIDE, np.pi, 0.0, 60, size=(4.6, 3.4, 1.5))])
    plan = PlannerExpert().plan(scene, state, KEEPS_ON)
    assert not plan.valid and plan.scores["nc"] == 0.0


def test_no_lane_no_vouching():
    scene, state = state_of(ego=(400.0, 400.0, 0.0, 5.0))
    plan = PlannerExpert().plan(scene, state, KEEPS_ON)
    assert not plan.valid and not any(plan.scores.values())
    assert plan.poses.shape == (40, 3) and np.isfinite(plan.poses).all()


def test_begins_where_the_ego_is():
    scene, state = state_of(ego=(40.0, SIDE + 1.2, np.pi - 0.1, 8.0))
    ours, navsim = (
        PlannerExpert().plan(scene, state, KEEPS_ON),
        PlannerExpert(PDMConfig.navsim()).plan(scene, state, KEEPS_ON),
    )
    assert np.hypot(*ours.poses[0, :2]) < 1.0 and abs(ours.poses[0, 1]) < 0.1
    assert abs(navsim.poses[0, 1]) > 1.0
    driven = PlannerExpert(PDMConfig.navsim(), driven=True).plan(scene, state, KEEPS_ON)
    assert abs(driven.poses[0, 1]) < 0.1


def test_same_state_same_plan():
    scene, state = state_of([moving(20.0, SIDE, np.pi, 3.0, 60)])
    first, again = PlannerExpert().plan(scene, state, KEEPS_ON), PlannerExpert().plan(scene, state, KEEPS_ON)
    np.testing.assert_array_equal(first.poses, again.poses)


def test_lanes_without_roadblocks_are_road():
    assert PlannerExpert().plan(*world_of(road_map=crossroads_map(), route=())).valid


def test_refuses_another_horizon():
    with pytest.raises(ArgumentError, match="steps is 30"):
        PlannerExpert(PDMConfig(steps=30))
