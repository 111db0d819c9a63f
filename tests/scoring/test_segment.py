"""What was driven, and its score."""

import numpy as np
import pytest

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.metrics import scene_situation, score
from simscale_gym.scene import StateIndex
from simscale_gym.scoring.segment import drive_segment, ego_history, score_segment
from simscale_gym.sim import start


@pytest.fixture(scope="module")
def driven(town_scene):
    state = start(town_scene, LogReplay(), 30)
    poses = town_scene.ego.poses[30:71]
    return state, drive_segment(town_scene, LogReplay(), [state], poses)


def test_the_human_drive_scores_as_in_a_situation_cut_from_the_log(town_scene, driven):
    state, segment = driven
    states = np.stack([s.ego for s in segment.states])
    history = ego_history(town_scene, [state])
    alone = score_segment(town_scene, segment.states, history)
    plain = score(scene_situation(town_scene, 30), states[None])
    for code in ("nc", "dac", "ddc", "ttc", "hc", "tlc"):
        assert getattr(alone, code)[0] == getattr(plain, code)[0], code
    assert alone.ep[0] == 1.0


def test_progress_is_judged_against_the_reference(town_scene, driven):
    state, segment = driven
    still = np.repeat(state.ego[None], len(segment.states), 0)
    history = ego_history(town_scene, [state])
    ahead = np.stack([s.ego for s in segment.states])
    states = [type(s)(s.frame, state.ego, s.traffic) for s in segment.states]
    assert score_segment(town_scene, states, history, ahead).ep[0] == 0.0
    assert score_segment(town_scene, segment.states, history, still).ep[0] == 1.0


def test_history_ends_two_steps_before_the_present(town_scene, driven):
    _, segment = driven
    simulated = ego_history(town_scene, segment.states)
    assert np.array_equal(simulated, np.stack([s.ego for s in segment.states[-16:-2]]))
    mixed = ego_history(town_scene, segment.states[:6])
    assert np.array_equal(mixed[:10], town_scene.ego.states[20:30])
    assert np.array_equal(mixed[10:], np.stack([s.ego for s in segment.states[:4]]))
    logged = ego_history(town_scene, segment.states[:1])
    assert np.array_equal(logged, town_scene.ego.states[15:29])
    early = start(town_scene, LogReplay(), 4)
    assert len(ego_history(town_scene, [early])) == 3


def test_hitting_somebody_shows_in_the_score(town_scene):
    """A drive straight through the nearest other vehicle."""
    state = start(town_scene, LogReplay(), 30)
    rows = np.flatnonzero(state.traffic.valid)
    gap = np.linalg.norm(state.traffic.poses[rows, :2] - state.ego[:2], axis=1)
    target = state.traffic.poses[rows[np.argmin(gap)], :2]
    share = np.linspace(0.0, 1.0, 41)[:, None]
    xy = state.ego[:2] + share * (target - state.ego[:2])
    heading = np.arctan2(*(target - state.ego[:2])[::-1])
    poses = np.column_stack([xy, np.full(41, heading)])
    ego = state.ego.copy()
    ego[StateIndex.HEADING] = heading
    begin = type(state)(state.frame, ego, state.traffic)
    segment = drive_segment(town_scene, LogReplay(), [begin], poses)
    assert segment.total < 0.8
