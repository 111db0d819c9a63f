"""How episodes end, and what that is worth: on scenes with road users placed by hand."""

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from placed_tracks import ahead_of, passing, with_tracks

from simscale_gym.envs import RewardConfig, SimScaleEnv
from simscale_gym.scene import StateIndex, TrackType

BRAKE, COAST, GO = np.array([-1.0, 0.0]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
START = 3.0  # [s] into the clip


@pytest.fixture(scope="module")
def empty(town_scene):
    return with_tracks(town_scene)


def make(scene, **changes):
    return SimScaleEnv([scene], **({"observation": "state", "experts": (), "traffic": "log"} | changes))


def drive(env, action, time=START, seed=0):
    """Every step's result under one action (or what ``action(info)`` says) until the episode ends."""
    _, info = env.reset(seed=seed, options={"time": time, "perturb": False})
    steps = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(action(info) if callable(action) else action))
        info = steps[-1][4]
    return steps


def test_who_steps_on_after_the_end_is_warned(empty):
    env = make(empty, horizon=1.0)
    drive(env, BRAKE)
    with pytest.warns(UserWarning, match="after the end of the episode: call reset"):
        env.step(BRAKE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drive(env, BRAKE)


def test_horizon(empty):
    steps = drive(make(empty, horizon=2.0), BRAKE)
    *_, terminated, truncated, info = steps[-1]
    assert len(steps) == 20 and truncated and not terminated and info["truncation"] == "horizon"
    assert all(step[4]["truncation"] == "" for step in steps[:-1])


def test_horizon_counts_from_the_end_of_the_perturbation(make_env):
    env = make_env(horizon=1.0)
    _, info = env.reset(seed=1)
    assert info["reset"]["perturbed"]
    ends = [env.step(info["expert_action"])[3] for _ in range(10)]
    assert ends == [False] * 9 + [True]


def test_horizon_of_trajectory_actions(empty):
    steps = drive(make(empty, horizon=2.0, action="trajectory"), np.zeros((8, 3)))
    assert len(steps) == 4 and steps[-1][4]["truncation"] == "horizon"


def test_end_of_the_log(empty):
    steps = drive(make(empty, horizon=60.0), BRAKE, time=17.0)
    assert len(steps) == empty.num_frames - 1 - 170
    assert steps[-1][3] and steps[-1][4]["truncation"] == "log_end"


def test_goal(empty):
    """Where the log ended, reached before the log does."""
    steps = drive(
        make(empty, horizon=60.0, experts=("recovery",), action="control"), faster_than_the_log, time=13.0
    )
    info = steps[-1][4]
    assert steps[-1][2] and info["arrive_dest"] and info["route_completion"] == 1.0
    assert not info["out_of_road"] and not info["at_fault"]
    assert info["rewards"]["goal"] == RewardConfig().goal
    assert not any(step[4]["arrive_dest"] for step in steps[:-1])
    completions = [step[4]["route_completion"] for step in steps]
    assert completions == sorted(completions) and 0.0 < completions[0] < 0.2


def faster_than_the_log(info):
    return np.array([0.6, info["expert_action"][1]], np.float32)


@pytest.mark.parametrize("ahead", [9.0, 11.0])
def test_no_goal_where_the_log_stands(empty, ahead):
    """A log that ends less than 10 m ahead: nothing to reach, the route counts as completed."""
    states = empty.ego.states.copy()
    way = np.linalg.norm(np.diff(states[30:, :2], axis=0), axis=1).cumsum()
    halt = 31 + int(np.searchsorted(way, ahead))
    states[halt:] = states[halt]
    states[halt:, StateIndex.VX :] = 0.0
    env = make(replace(empty, ego=replace(empty.ego, states=states)))
    _, info = env.reset(options={"time": START, "perturb": False})
    assert info["route_completion"] == (1.0 if ahead < 10.0 else 0.0)
    assert not env.step(BRAKE)[4]["arrive_dest"]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_off_the_road(empty, side):
    steps = drive(make(empty), lambda info: np.array([0.5, side]))
    *_, terminated, truncated, info = steps[-1]
    assert terminated and not truncated and info["out_of_road"] and not info["at_fault"]
    assert info["rewards"]["off_road"] == RewardConfig().off_road
    assert all(not step[4]["out_of_road"] for step in steps[:-1])


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        (TrackType.VEHICLE, "crash_vehicle"),
        (TrackType.PEDESTRIAN, "crash_pedestrian"),
        (TrackType.BICYCLE, "crash_pedestrian"),
        (TrackType.BARRIER, "crash_object"),
        (TrackType.TRAFFIC_CONE, "crash_object"),
    ],
)
def test_running_into_what_stands(town_scene, kind, flag):
    scene = with_tracks(town_scene, (ahead_of(town_scene, 30, 14.0), 0.0, kind))
    steps = drive(make(scene), COAST)
    info = steps[-1][4]
    assert steps[-1][2] and info["at_fault"] and info[flag]
    flags = {"crash_vehicle", "crash_pedestrian", "crash_object"}
    assert not any(info[other] for other in flags - {flag})
    assert info["rewards"]["collision"] == RewardConfig().collision
    assert all(step[4]["rewards"]["collision"] == 0.0 for step in steps[:-1])


def test_running_into_a_slower_lead(town_scene):
    lead = passing(ahead_of(town_scene, 30, 12.0), 1.0, 30)
    info = drive(make(with_tracks(town_scene, (lead, 1.0, TrackType.VEHICLE))), COAST)[-1][4]
    assert info["at_fault"] and info["crash_vehicle"]


def test_being_run_into_while_standing_is_no_fault(town_scene):
    behind = passing(town_scene.ego.poses[30], 8.0, 90)  # 6 s after the ego began to brake there
    steps = drive(make(with_tracks(town_scene, (behind, 8.0, TrackType.VEHICLE)), horizon=16.0), BRAKE)
    touched = [step[4]["crash_vehicle"] for step in steps]
    assert any(touched), "the car behind should have arrived"
    assert not any(step[4]["at_fault"] or step[2] for step in steps)
    assert all(step[4]["rewards"]["collision"] == 0.0 for step in steps)


def test_idm_traffic_does_not_run_into_the_standing_ego(town_scene):
    behind = ahead_of(town_scene, 0, 0.0)
    scene = with_tracks(town_scene, (behind, 4.0, TrackType.VEHICLE))
    steps = drive(make(scene, traffic="idm", horizon=8.0), BRAKE, time=4.0)
    assert not any(step[4]["crash_vehicle"] for step in steps)


def test_braking_ends_at_rest(empty):
    steps = drive(make(empty, horizon=6.0), BRAKE)
    speeds = [step[4]["ego_state"][3] for step in steps]
    assert speeds[-1] == 0.0 and min(speeds) >= 0.0


def test_actions_beyond_their_limits_are_cut(empty):
    env = make(empty)
    ends = []
    for action in ([1.0, -1.0], [50.0, -7.0]):
        env.reset(seed=0, options={"time": START, "perturb": False})
        ends.append(env.step(np.array(action))[4]["state_hash"])
    assert ends[0] == ends[1]


def test_the_reward_is_the_sum_of_its_terms(make_env):
    env = make_env()
    _, info = env.reset(seed=6)
    for _ in range(10):
        _, reward, _, _, info = env.step(info["expert_action"])
        assert reward == pytest.approx(sum(info["rewards"].values()))
        weighted = [
            f.name for f in fields(RewardConfig) if f.name != "lane_slack" and not f.name.startswith("max_")
        ]
        assert list(info["rewards"]) == weighted


def test_weights_are_the_callers(empty):
    only_progress = RewardConfig(progress=1.0, lane=0.0, comfort=0.0, speed=0.0)
    env = make(empty, reward=only_progress)
    _, info = env.reset(seed=0, options={"time": START, "perturb": False})
    before = info["ego_state"][:2]
    _, reward, _, _, info = env.step(GO)
    assert reward == pytest.approx(np.hypot(*(info["ego_state"][:2] - before)), abs=0.01)


def test_progress_adds_up_over_an_episode(empty):
    env = make(empty, reward=RewardConfig(progress=2.0), horizon=3.0)
    steps = drive(env, COAST)
    gained = sum(step[4]["rewards"]["progress"] for step in steps) / 2.0
    driven = sum(np.hypot(*np.diff(np.stack([s.ego[:2] for s in env.history]), axis=0).T))
    assert gained == pytest.approx(driven, rel=0.02)


def test_driving_badly_costs(empty):
    env = make(empty, horizon=2.0)
    rough = drive(env, lambda info: np.array([1.0, 0.1]))
    gentle = drive(env, COAST)
    assert sum(s[4]["rewards"]["comfort"] for s in rough) < 0.0
    assert sum(s[4]["rewards"]["comfort"] for s in gentle) == 0.0


@pytest.mark.parametrize("action", ["control", "trajectory"])
def test_following_the_expert_ends_well(town_log, action):
    """Fewer seeds than benchmarks/expert.py, which measures the share; none of these may fail."""
    env = SimScaleEnv(town_log, observation="state", action=action, horizon=5.0)
    endings = []
    for seed in range(10 if action == "control" else 5):
        _, info = env.reset(seed=seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(info["expert_action"])
            over = terminated or truncated
        endings.append((seed, info["at_fault"], info["out_of_road"]))
    assert [e for e in endings if e[1] or e[2]] == []
