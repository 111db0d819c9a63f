"""Snapshots, forks and peeks: an episode can be left and taken up anywhere, and leaves no trace elsewhere."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from placed_tracks import ahead_of, with_tracks

from simscale_gym.envs import SimScaleEnv, Snapshot
from simscale_gym.errors import ArgumentError, SceneError
from simscale_gym.scene import TrackType

GENTLE = np.array([0.2, 0.0])
SHARP = np.array([-1.0, 0.3])


@pytest.fixture(scope="module")
def env(town_scene):
    return SimScaleEnv([town_scene], observation="state", experts=())


@pytest.fixture
def under_way(env):
    """The environment, three steps into an episode."""
    env.reset(seed=2)
    for _ in range(3):
        env.step(GENTLE)
    return env


def drive_on(env, steps=5, action=GENTLE):
    out = [env.step(action) for _ in range(steps)]
    return [
        (info["state_hash"], reward, terminated, truncated) for _, reward, terminated, truncated, info in out
    ]


def random_state(env):
    return repr(env.np_random.bit_generator.state)


def test_back_to_a_snapshot(under_way):
    snapshot = under_way.get_state()
    first = drive_on(under_way)
    under_way.set_state(snapshot)
    assert drive_on(under_way) == first


def test_a_snapshot_is_not_changed_by_driving_on(under_way):
    snapshot = under_way.get_state()
    steps, ego = len(snapshot.history), snapshot.history[-1].ego.copy()
    drive_on(under_way, 10)
    assert len(snapshot.history) == steps
    np.testing.assert_array_equal(snapshot.history[-1].ego, ego)


def test_snapshot_by_pickle_in_another_environment(under_way, town_scene):
    twin = SimScaleEnv([town_scene], observation="state", experts=())
    twin.reset(seed=99)
    observation, _ = twin.reset(options={"state": pickle.loads(pickle.dumps(under_way.get_state()))})
    assert observation["state"].shape == twin.observation_space["state"].shape
    assert drive_on(twin) == drive_on(under_way)
    assert twin.reset()[1]["state_hash"] == under_way.reset()[1]["state_hash"]  # the random state came along


def test_a_snapshot_remembers_how_the_episode_began(town_scene):
    """Route completion, goal and horizon count from the start, not from the snapshot."""
    settings = {"observation": "state", "experts": (), "horizon": 1.0, "perturb": False}
    one, twin = (SimScaleEnv([town_scene], **settings) for _ in range(2))
    one.reset(options={"time": 4.0})
    for _ in range(3):
        one.step(GENTLE)
    twin.reset(options={"state": one.get_state()})
    completions = drive_to_the_end(twin)
    assert len(completions) == 7
    assert completions == drive_to_the_end(one)
    assert len(twin.start.states) == 1


def drive_to_the_end(env):
    completions, over = [], False
    while not over:
        _, _, terminated, truncated, info = env.step(np.array([0.0, 0.0]))
        completions.append(info["route_completion"])
        over = terminated or truncated
    return completions


def test_forks_go_their_own_ways(under_way):
    snapshot = under_way.get_state()
    one, two = under_way.fork(2)
    sharp = drive_on(one, action=SHARP)
    gentle = drive_on(two)
    assert sharp != gentle
    assert under_way.get_state().history == snapshot.history
    assert drive_on(under_way) == gentle


def test_forks_share_no_random_numbers(under_way):
    one, two = under_way.fork(2)
    here = random_state(under_way)
    first = one.reset()[1]["state_hash"]
    assert random_state(under_way) == here == random_state(two)
    assert two.reset()[1]["state_hash"] == first
    under_way.reset()
    assert random_state(under_way) == random_state(one)


def test_peek_is_the_step_not_taken(under_way):
    before, snapshot, plans = random_state(under_way), under_way.get_state(), under_way.plans
    foreseen = under_way.peek(SHARP)
    assert random_state(under_way) == before
    assert under_way.get_state().history is snapshot.history
    assert under_way.plans is plans
    taken = under_way.step(SHARP)
    assert foreseen[1:4] == taken[1:4]
    assert (
        foreseen[4]["state_hash"] == taken[4]["state_hash"] and foreseen[4]["rewards"] == taken[4]["rewards"]
    )
    np.testing.assert_array_equal(foreseen[0]["state"], taken[0]["state"])


def test_peek_draws_pictures_elsewhere(town_scene, one_renderer_per_scene):
    env = SimScaleEnv([town_scene], image_size=(32, 64), render_mode="rgb_array")
    env.reset(seed=2)
    before = env.render()
    foreseen = env.peek(SHARP)[0]
    np.testing.assert_array_equal(env.render(), before)
    np.testing.assert_array_equal(env.step(SHARP)[0]["cam_l0"], foreseen["cam_l0"])


def test_only_snapshots_are_taken(env):
    with pytest.raises(ArgumentError, match=r"state: dict, expected what get_state\(\) gave"):
        env.reset(options={"state": {}})


def test_a_snapshot_of_another_scene_is_refused(under_way, town_log):
    other = SimScaleEnv([town_log[3]], observation="state", experts=())
    with pytest.raises(SceneError, match="no scene"):
        other.reset(options={"state": under_way.get_state()})
    assert isinstance(under_way.get_state(), Snapshot)


def test_a_pickled_snapshot_is_small_however_long_the_drive(town_scene):
    env = SimScaleEnv([town_scene], observation="state", experts=(), horizon=99.0)
    env.reset(seed=2)
    sizes = []
    for _ in range(3):
        drive_on(env, 35, np.array([0.0, 0.0]))
        sizes.append(len(pickle.dumps(env.get_state())))
    assert sizes[-1] - sizes[0] < 100 * 70 and sizes[-1] < 150_000
    restored = pickle.loads(pickle.dumps(env.get_state()))
    np.testing.assert_array_equal(restored.history.egos, env.history.egos)
    np.testing.assert_array_equal(restored.history[-1].traffic.poses, env.sim_state.traffic.poses)


def test_a_history_is_shared_and_does_not_change(under_way):
    history = under_way.history
    states = list(history)
    [twin] = under_way.fork(1)
    drive_on(twin, 2, SHARP)
    drive_on(under_way, 3)
    assert (
        list(history) == states == list(twin.history)[: len(states)] == list(under_way.history)[: len(states)]
    )
    assert history[0] is states[0] and history[-2] is states[-2] and history[1:3] == states[1:3]
    with pytest.raises(IndexError, match="no state"):
        history[len(states)]


def test_forks_draw_actions_of_their_own(under_way):
    under_way.action_space.seed(0)
    one, two = under_way.fork(2)
    mine, sampled = under_way.action_space, [space.sample() for space in (one.action_space, two.action_space)]
    np.testing.assert_array_equal(*sampled)
    np.testing.assert_array_equal(mine.sample(), sampled[0])


@pytest.mark.parametrize("state", [{}, {"bit_generator": "MT19937"}, None, 3])
def test_a_bad_random_state_leaves_the_episode_alone(under_way, state):
    before = under_way.history
    snapshot = replace(under_way.get_state(), random_state=state)
    with pytest.raises(ArgumentError, match=r"random_state .*expected that of a PCG64"):
        under_way.set_state(snapshot)
    assert under_way.history is before


def test_a_snapshot_of_the_same_name_from_another_source_is_refused(under_way, town_scene):
    other = SimScaleEnv([with_tracks(town_scene)], observation="state", experts=())
    with pytest.raises(ArgumentError, match=r"with .* tracks, but here that scene has 0"):
        other.reset(options={"state": under_way.get_state()})


def test_after_a_collision_within_a_plan_a_reset_says_what_the_step_said(town_log):
    moving = max(town_log, key=lambda scene: scene.ego.states[30:100, 3].max())
    frame = 30 + int(moving.ego.states[30:100, 3].argmax())  # where it is fastest
    scene = with_tracks(moving, (ahead_of(moving, frame, 7.4), 0.0, TrackType.VEHICLE))
    settings = {
        "observation": "state",
        "experts": (),
        "action": "trajectory",
        "traffic": "log",
        "perturb": False,
    }
    env = SimScaleEnv([scene], **settings)
    env.reset(seed=0, options={"time": frame / 10})
    ahead = np.stack([np.arange(1, 9) * 4.0, np.zeros(8), np.zeros(8)], 1)
    told = env.step(ahead)[4]
    assert told["at_fault"] and told["crash_vehicle"]
    again = env.reset(options={"state": pickle.loads(pickle.dumps(env.get_state()))})[1]
    for key in (
        "at_fault",
        "crash_vehicle",
        "crash_object",
        "out_of_road",
        "left_road",
        "epdms",
        "state_hash",
    ):
        assert again[key] == told[key]


def test_nothing_of_the_abandoned_state_is_left(town_scene):
    env = SimScaleEnv([town_scene], observation="state", perturb=False)
    env.reset(seed=2)
    snapshot, plan = env.get_state(), env.plans["planner"].poses
    drive_on(env, 8)
    assert (env.plans["planner"].poses != plan).any()
    env.set_state(snapshot)
    np.testing.assert_array_equal(env.plans["planner"].poses, plan)
