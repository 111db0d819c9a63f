"""The log expert: what the human did, where that still is a plan."""

from dataclasses import replace

import numpy as np
import pytest
from crossing_states import KEEPS_ON, START, state_of
from crossroads import SIDE

from simscale_gym.agents.log_expert import LogConfig, LogExpert
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.geometry import se2
from simscale_gym.sim import SimState


def moved(state, along=0.0, across=0.0, turn=0.0, speed=0.0):
    ego = state.ego.copy()
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    ego[:2] += along * np.array([cos, sin]) + across * np.array([-sin, cos])
    ego[2] += turn
    ego[3] += speed
    return replace(state, ego=ego)


def test_on_the_log_it_is_the_log():
    scene, state = state_of()
    plan = LogExpert().plan(scene, state, KEEPS_ON)
    assert plan.valid
    np.testing.assert_allclose(
        plan.poses, np.column_stack([0.8 * np.arange(1, 41), np.zeros((40, 2))]), atol=1e-9
    )
    np.testing.assert_allclose(plan.poses_world(state.ego)[1:, :2], scene.ego.poses[1:41, :2], atol=1e-9)
    assert plan.scores["distance"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("offset", "valid"),
    [
        ({"across": 0.4}, True),
        ({"across": -0.6}, False),
        ({"along": 0.4}, True),
        ({"along": -2.5}, False),
        ({"turn": 0.05}, True),
        ({"turn": 0.2}, False),
        ({"speed": 0.5}, True),
        ({"speed": -3.0}, False),
    ],
)
def test_valid_near_its_log_only(offset, valid):
    scene, state = state_of()
    plan = LogExpert(LogConfig(deviation=5.0)).plan(scene, moved(state, **offset), KEEPS_ON)
    assert plan.valid is valid
    name, value = next(iter(offset.items()))
    assert plan.scores[name] == pytest.approx(value)


def test_a_plan_that_the_tracker_cannot_drive_is_not_valid():
    scene, state = state_of()
    askew = moved(state, across=0.45, turn=0.09, speed=1.5)
    askew.ego[7] = 0.08  # the wheels point elsewhere
    plan = LogExpert().plan(scene, askew, KEEPS_ON)
    assert plan.scores["deviation"] > 0.1
    assert LogExpert(LogConfig(deviation=plan.scores["deviation"] + 0.01)).plan(scene, askew, KEEPS_ON).valid
    assert (
        not LogExpert(LogConfig(deviation=plan.scores["deviation"] - 0.01)).plan(scene, askew, KEEPS_ON).valid
    )


def test_off_the_road_is_not_valid():
    ego = (START[0], SIDE + 40.0, START[2], START[3])
    scene, state = state_of(ego=ego)
    plan = LogExpert().plan(scene, state, KEEPS_ON)
    assert plan.scores["distance"] == pytest.approx(0.0, abs=1e-9) and not plan.valid


def test_the_plan_leads_to_the_log_from_anywhere():
    scene, state = state_of()
    beside = moved(state, along=-6.0, across=2.0, turn=0.3)
    plan = LogExpert().plan(scene, beside, KEEPS_ON)
    assert not plan.valid
    end = plan.poses_world(beside.ego)[-1]
    np.testing.assert_allclose(se2.poses_to_local(scene.ego.poses[40], end[None])[0], 0.0, atol=1e-9)


def test_past_the_end_of_the_log_it_goes_on(town_scene):
    frame = town_scene.num_frames - 10
    state = SimState(frame, town_scene.ego.states[frame], state_of()[1].traffic)
    plan = LogExpert().plan(town_scene, state, KEEPS_ON)
    end = se2.poses_to_local(state.ego[:3], logged_pose(town_scene, frame + 40)[None])[0]
    np.testing.assert_allclose(plan.poses[-1], end, atol=1e-9)
