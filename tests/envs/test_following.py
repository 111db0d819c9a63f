"""Plans as control actions: what repeats a log stays on it, what brakes comes to rest."""

import numpy as np
import pytest

from simscale_gym.agents.braking import braking_plan
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.agents.recorded_ego import logged_pose
from simscale_gym.envs.actions import ControlAction, apply
from simscale_gym.geometry import se2
from simscale_gym.sim import start

CONTROL, OTHERS = ControlAction(), LogReplay()


def follow(scene, state, plan_of, steps):
    """The states of ``steps`` steps along ever new plans."""
    for _ in range(steps):
        action = CONTROL.of_plan(scene.vehicle, state.ego, plan_of(state))
        state = apply(CONTROL, scene, OTHERS, state, action)[-1]
        yield state


@pytest.mark.parametrize("frame", [0, 15, 60, 100])
def test_a_followed_log_is_never_left_by_more_than_a_foot(town_log, frame):
    for scene in town_log:

        def logged(state, scene=scene):
            ahead = np.stack([logged_pose(scene, state.frame + k) for k in range(1, 41)])
            return se2.poses_to_local(state.ego[:3], ahead)

        for state in follow(scene, start(scene, OTHERS, frame), logged, 80):
            assert np.hypot(*(state.ego[:2] - scene.ego.poses[state.frame, :2])) < 0.3


@pytest.mark.parametrize("deceleration", [2.0, 3.0])
@pytest.mark.parametrize("frame", [20, 60, 100])
def test_a_followed_stop_ends_at_rest(town_scene, frame, deceleration):
    begin = start(town_scene, OTHERS, frame)
    states = list(
        follow(town_scene, begin, lambda state: braking_plan(town_scene, state.ego, deceleration), 90)
    )
    speeds = np.array([state.ego[3] for state in states])
    stopped = int(np.argmax(speeds == 0.0))
    assert speeds[stopped] == 0.0 and (speeds[stopped:] == 0.0).all()
    assert stopped * 0.1 < begin.ego[3] / deceleration + 1.5
