"""The score of the drive so far in ``info``, and rewards made of it."""

import pickle

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.envs import EpdmsRewardConfig, SimScaleEnv
from simscale_gym.metrics import COLUMNS, RUNNING_COLUMNS
from simscale_gym.scene import StateIndex, TrackType
from simscale_gym.scoring.segment import ego_history, score_segment
from simscale_gym.sim import Controller

BRAKE, COAST, GO = np.array([-1.0, 0.0]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
ACTIONS = ["control", "curvature", "trajectory", "anchor"]


def make(scene, **changes):
    settings = {"observation": "state", "experts": (), "traffic": "log", "anchors": 16, "perturb": False}
    return SimScaleEnv([scene], **(settings | changes))


def finished(env, action, **options):
    """Every step's result under one action (or what ``action(info)`` says) until the episode ends."""
    _, info = env.reset(seed=0, options=options)
    steps = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(action(info) if callable(action) else action))
        info = steps[-1][4]
    return steps


def last(steps):
    return steps[-1][4]["epdms"]


@pytest.mark.parametrize("action", ACTIONS)
def test_navsims_columns_from_the_reset_on(town_scene, action):
    env = make(town_scene, action=action, horizon=2.0)
    env.action_space.seed(1)
    _, info = env.reset(seed=0)
    keys = set(info)
    for _ in range(6):
        assert tuple(info["epdms"]) == RUNNING_COLUMNS
        assert all(type(value) is float and 0.0 <= value <= 1.0 for value in info["epdms"].values())
        assert set(info) == keys
        *_, info = env.step(env.action_space.sample())


@pytest.mark.parametrize("perturb", [False, True])
@pytest.mark.parametrize("action", ACTIONS)
def test_equal_to_the_batched_scorer_at_every_step(town_log, action, perturb):
    for seed, scene in enumerate(town_log[1:4]):
        env = make(scene, action=action, perturb=perturb, horizon=4.0, traffic="idm")
        env.action_space.seed(seed)
        _, info = env.reset(seed=seed)
        assert info["reset"]["perturbed"] is perturb
        before, truncated = ego_history(scene, env.start.states), False
        while not truncated:
            driven = env.history[len(env.start.states) - 1 :]
            batch = score_segment(scene, driven, before)
            for code, name in COLUMNS.items():
                if code not in ("ep", "ec"):
                    assert info["epdms"][name] == getattr(batch, code)[0], (seed, len(driven), code)
            *_, truncated, info = env.step(env.action_space.sample())


def test_the_approach_counts_for_comfort(town_scene):
    """A perturbed start brings its history along, the log's where there was no perturbation."""
    env = make(town_scene, perturb=True)
    env.reset(seed=3)
    history = ego_history(town_scene, env.start.states)
    np.testing.assert_array_equal(history, np.stack([s.ego for s in env.start.states[-16:-2]]))
    env.reset(seed=3, options={"perturb": False})
    frame = env.sim_state.frame
    history = ego_history(town_scene, env.start.states)
    np.testing.assert_array_equal(history, town_scene.ego.states[frame - 15 : frame - 1])


def test_running_into_somebody_costs_everything(town_scene):
    scene = with_tracks(town_scene, (ahead_of(town_scene, 30, 14.0), 0.0, TrackType.VEHICLE))
    steps = finished(make(scene), COAST, time=3.0)
    assert steps[-1][4]["at_fault"]
    assert last(steps)["no_at_fault_collisions"] == 0.0 and last(steps)["score"] == 0.0
    assert all(step[4]["epdms"]["no_at_fault_collisions"] == 1.0 for step in steps[:-1])


def test_running_into_an_object_costs_half(town_scene):
    scene = with_tracks(town_scene, (ahead_of(town_scene, 30, 14.0), 0.0, TrackType.BARRIER))
    assert last(finished(make(scene), COAST, time=3.0))["no_at_fault_collisions"] == 0.5


def test_leaving_the_road_costs_everything(town_scene):
    steps = finished(make(with_tracks(town_scene)), np.array([0.5, 1.0]), time=3.0)
    assert steps[-1][4]["out_of_road"]
    assert last(steps)["drivable_area_compliance"] == 0.0 and last(steps)["score"] == 0.0


def test_standing_where_the_human_drove_is_no_progress(town_scene):
    steps = finished(make(with_tracks(town_scene)), BRAKE, time=3.0)
    progress = [step[4]["epdms"]["ego_progress"] for step in steps]
    assert progress[2] == 1.0 and progress[-1] < 0.3
    assert progress[20:] == sorted(progress[20:], reverse=True)


def test_standing_where_the_human_stood_is_as_good(red_light):
    scene, frame = red_light
    assert last(finished(make(scene), BRAKE, time=frame / 10))["ego_progress"] == 1.0


def test_driving_as_the_human_did_scores_well(town_scene):
    env = make(town_scene, action="trajectory", experts=("log",))
    steps = finished(env, lambda info: info["expert_action"], time=3.0)
    assert last(steps)["ego_progress"] > 0.97 and last(steps)["score"] > 0.9


def test_a_red_light_run(red_light):
    """Where the log waits at a light, who goes on nevertheless meets it."""
    scene, time = with_tracks(red_light[0]), red_light[1] / 10
    steps = finished(make(scene), GO, time=time)
    compliance = [step[4]["epdms"]["traffic_light_compliance"] for step in steps]
    assert compliance[0] == 1.0 and compliance[-1] == 0.0 and last(steps)["score"] == 0.0
    assert last(finished(make(scene), BRAKE, time=time))["traffic_light_compliance"] == 1.0


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("perturb", [False, True])
def test_rewards_add_up_to_the_final_score(town_scene, action, perturb):
    for reward, scale, follow in (("epdms", 1.0, True), (EpdmsRewardConfig(scale=5.0), 5.0, False)):
        env = make(town_scene, action=action, reward=reward, perturb=perturb, experts=("planner",))
        env.action_space.seed(0)
        _, info = env.reset(seed=5)
        assert set(info["rewards"]) == set(RUNNING_COLUMNS) - {"score"}
        total, over = 0.0, False
        while not over:
            done = info["expert_action"] if follow else env.action_space.sample()
            _, reward, terminated, truncated, info = env.step(done)
            assert reward == pytest.approx(sum(info["rewards"].values()))
            total, over = total + reward, terminated or truncated
            assert total == pytest.approx(scale * info["epdms"]["score"], abs=1e-9)
        # off the log a drive may begin against the traffic, and the nearest of sixteen anchors may lead anywhere
        if follow and action != "anchor" and not perturb:
            assert info["epdms"]["score"] > 0.5


def test_a_crash_takes_back_what_was_paid(town_scene):
    scene = with_tracks(town_scene, (ahead_of(town_scene, 30, 14.0), 0.0, TrackType.VEHICLE))
    steps = finished(make(scene, reward="epdms"), COAST, time=3.0)
    assert steps[-1][1] == pytest.approx(-sum(step[1] for step in steps[:-1])) and steps[-1][1] < -0.4
    assert steps[-1][4]["rewards"]["no_at_fault_collisions"] < -0.4


def test_snapshots_bring_the_score_along(town_scene):
    env, twin = (make(town_scene, reward="epdms", traffic="idm") for _ in range(2))
    env.action_space.seed(4)
    env.reset(seed=1)
    for _ in range(25):
        *_, info = env.step(env.action_space.sample())
    _, again = twin.reset(options={"state": pickle.loads(pickle.dumps(env.get_state()))})
    assert again["epdms"] == info["epdms"]
    fork, action = env.fork(1)[0], env.action_space.sample()
    foreseen = env.peek(action)
    for other in (fork, twin, env):
        _, reward, _, _, there = other.step(action)
        assert reward == foreseen[1] and there["epdms"] == foreseen[4]["epdms"]
        assert there["rewards"] == foreseen[4]["rewards"]


def test_forks_are_scored_apart(town_scene):
    env = make(town_scene)
    env.reset(seed=1, options={"time": 3.0})
    wild, calm = env.fork(2)
    for _ in range(30):
        *_, rough = wild.step(np.array([1.0, 0.6]))
        *_, smooth = calm.step(COAST)
    assert rough["epdms"]["score"] < smooth["epdms"]["score"]
    assert env.get_state().record.steps == 1


def test_controllers_are_told_by_the_traffic_model(town_scene):
    env = make(town_scene, traffic="idm")
    _, info = env.reset(seed=0)
    for _ in range(3):
        np.testing.assert_array_equal(info["controllers"] != Controller.ABSENT, env.sim_state.traffic.valid)
        assert set(info["controllers"]) - {Controller.ABSENT, Controller.STANDING, Controller.YIELDING_LOG}
        *_, info = env.step(COAST)
    *_, info = make(town_scene, traffic="log").reset(seed=0)
    assert set(info["controllers"]) <= {Controller.ABSENT, Controller.LOG}


def test_a_traffic_model_need_not_tell_controllers(town_scene):
    class Plain:
        def start(self, scene, frame, ego):
            return LogReplay().start(scene, frame, ego)

        def step(self, scene, frame, ego, traffic):
            return LogReplay().step(scene, frame, ego, traffic)

    told = make(town_scene, traffic=Plain()).reset(seed=0)[1]["controllers"]
    assert set(told) == {Controller.ABSENT, Controller.UNNAMED} and told.dtype == np.uint8


def test_the_score_is_of_what_was_driven_since_the_reset(town_scene):
    """Also beyond a horizon of NAVSIM's 4 s, and past the end of the log."""
    env = make(town_scene, horizon=30.0)
    env.reset(seed=0, options={"time": 12.0})
    for count in range(1, 121):
        *_, info = env.step(BRAKE)
        assert env.get_state().record.steps == count + 1
    assert info["ego_state"][StateIndex.VX] == 0.0 and info["epdms"]["ego_progress"] < 0.5
