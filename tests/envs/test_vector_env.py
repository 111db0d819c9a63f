"""Many environments at once, against as many single ones: number for number."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from simscale_gym import futures_bank
from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.envs import SimScaleEnv, SimScaleVectorEnv
from simscale_gym.envs.pictures import Pictures
from simscale_gym.sim import traffic_batch
from simscale_gym.sim.traffic_batch import LoopedTraffic

COUNT, SEED = 3, 5
STEPS = {"control": 30, "curvature": 30, "trajectory": 6, "anchor": 6}


@pytest.fixture
def pair(town_log, monkeypatch):
    """``pair(**settings)``: single environments, and a vector of as many, on three scenes of different traffic."""
    monkeypatch.setattr(futures_bank, "VOCABULARY_SIZE", 256)

    def make(mode=AutoresetMode.NEXT_STEP, count=COUNT, **changes):
        scenes = [town_log[0], town_log[2], town_log[4]]
        settings = {"scenes": scenes, "observation": "state", "experts": (), "perturb": False} | changes
        singles = [SimScaleEnv(**settings) for _ in range(count)]
        return singles, SimScaleVectorEnv(count, mode, threads=2, **settings)

    return make


def assert_row(values, row, expected, name=""):
    """Row ``row`` of what a vector environment gives, against what a single one gives."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert values[f"_{key}"][row], f"{name}.{key}"
            assert_row(values[key], row, value, f"{name}.{key}")
        assert {key for key in values if not key.startswith("_")} >= set(expected), name
    else:
        np.testing.assert_array_equal(values[row], expected, err_msg=name)
        assert np.asarray(values[row]).dtype.kind == np.asarray(expected).dtype.kind, name


def assert_seen(observations, row, expected):
    assert set(observations) == set(expected)
    for name, value in expected.items():
        assert observations[name].dtype == value.dtype
        np.testing.assert_array_equal(observations[name][row], value, err_msg=name)


def actions_for(singles, rng):
    space = singles[0].action_space
    if isinstance(space, gym.spaces.Discrete):
        return rng.integers(0, space.n, len(singles))
    scale = np.float32([1.0, 0.3]) if space.shape == (2,) else np.float32(1.0)
    if space.shape == (2,):
        return rng.uniform(-1.0, 1.0, (len(singles), 2)).astype(np.float32) * scale
    plans = np.zeros((len(singles), 8, 3), np.float32)
    plans[..., 0] = rng.uniform(0.0, 8.0, (len(singles), 1)) * np.arange(1, 9) / 2.0
    plans[..., 1] = rng.normal(0.0, 0.5, (len(singles), 1))
    return plans


def compare(singles, vector, steps, rng):
    """Drive both to and beyond the ends of episodes; the ends that were met."""
    seen, infos = vector.reset(seed=SEED)
    for row, single in enumerate(singles):
        observation, info = single.reset(seed=SEED + row)
        assert_seen(seen, row, observation)
        assert_row(infos, row, info)
    over, ends = np.zeros(len(singles), bool), []
    for _ in range(steps):
        actions = actions_for(singles, rng)
        seen, rewards, terminated, truncated, infos = vector.step(actions)
        for row, single in enumerate(singles):
            if over[row]:
                (observation, info), expected = single.reset(), (0.0, False, False)
            else:
                observation, *expected, info = single.step(actions[row])
            assert_seen(seen, row, observation)
            assert (rewards[row], terminated[row], truncated[row]) == tuple(expected)
            assert_row(infos, row, info)
        over = terminated | truncated
        ends += [infos["truncation"][row] or "terminated" for row in np.flatnonzero(over)]
    return ends


@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("traffic", ["idm", "mixed", "log", "constant_velocity", "navsim"])
def test_the_same_numbers_among_all_traffic_with_all_actions(pair, traffic, action):
    singles, vector = pair(traffic=traffic, action=action, anchors=32, horizon=1.5)
    assert compare(singles, vector, STEPS[action], np.random.default_rng(1))


@pytest.mark.parametrize("action", ["curvature", "trajectory"])
def test_the_same_numbers_where_actions_are_repeated(pair, action):
    singles, vector = pair(action=action, action_repeat=3, horizon=3.0)
    assert compare(singles, vector, 12, np.random.default_rng(9))


@pytest.mark.parametrize("reward", ["driving", "epdms"])
def test_perturbed_starts_experts_and_both_rewards(pair, reward):
    singles, vector = pair(perturb=True, reward=reward, experts=("planner", "log"), horizon=0.8)
    assert "horizon" in compare(singles, vector, 20, np.random.default_rng(2))


@pytest.mark.parametrize("settings", [{}, {"camera_effects": {"drop_rate": 0.5, "read_noise": 0.02}}])
def test_pictures_and_ranges(pair, one_renderer_per_scene, settings):
    size = {"cameras": ("cam_f0", "cam_l0"), "image_size": (24, 40), "lidar": {"channels": 4, "azimuths": 24}}
    singles, vector = pair(observation=("camera", "lidar", "state"), horizon=0.6, **size, **settings)
    compare(singles, vector, 8, np.random.default_rng(3))


def test_pictures_of_a_scene_are_drawn_in_one_call(pair, town_log, one_renderer_per_scene, monkeypatch):
    calls, draw = [], Pictures.draw
    monkeypatch.setattr(
        Pictures, "draw", lambda self, wanted: calls.append(len(wanted)) or draw(self, wanted)
    )
    size = {"cameras": ("cam_f0", "cam_l0", "cam_r0"), "image_size": (18, 32)}
    singles, vector = pair(observation=("camera", "state"), scenes=town_log[:1], horizon=2.0, **size)
    vector.reset(seed=SEED)
    vector.step(actions_for(singles, np.random.default_rng(10)))
    assert calls == [COUNT, COUNT]


def test_episodes_end_for_all_reasons_on_the_way(pair):
    singles, vector = pair(horizon=4.0)
    ends = compare(singles, vector, 120, np.random.default_rng(4))
    assert {"terminated", "horizon"} <= set(ends)


def test_a_model_of_the_users_own_is_stepped_one_by_one(pair, town_log):
    class Slow:
        reacts = True

        def __init__(self):
            from simscale_gym.agents.log_replay import LogReplay

            self.log = LogReplay()

        def start(self, scene, frame, ego):
            return self.log.start(scene, frame, ego)

        def step(self, scene, frame, ego, traffic):
            after = self.log.step(scene, frame, ego, traffic)
            after.memory["places"] = np.array([*ego[:2], frame])  # remembers whom it saw
            return after

    singles, vector = pair(traffic=Slow())
    compare(singles, vector, 12, np.random.default_rng(5))
    assert type(traffic_batch(Slow(), 2, None)).__name__ == "LoopedTraffic"


@pytest.mark.parametrize("action", ["control", "trajectory"])
def test_a_model_that_raises_leaves_no_half_steps(pair, action):
    """Those that moved with it are begun anew; nothing of what was half done is to be seen."""

    class Failing(LogReplay):
        calls = 0

        def batch(self, count, crew):
            return LoopedTraffic(self, count)

        def step(self, *arguments):
            Failing.calls += 1
            if Failing.calls == 8:
                raise RuntimeError("of the user's own")
            return super().step(*arguments)

    singles, vector = pair(traffic=Failing(), action=action)
    vector.reset(seed=SEED)
    actions = np.stack([single.action_space.sample() for single in singles])
    with pytest.raises(RuntimeError, match="of the user's own"):
        for _ in range(3):
            vector.step(actions)
    for look in (lambda: vector.step(actions), lambda: vector.get_state(0)):
        with pytest.raises(gym.error.ResetNeeded):
            look()
    compare(singles, vector, 4, np.random.default_rng(6))


def test_the_same_step_resets_and_keeps_what_was_before(pair):
    singles, vector = pair(AutoresetMode.SAME_STEP, horizon=1.0)
    vector.reset(seed=SEED)
    for row, single in enumerate(singles):
        single.reset(seed=SEED + row)
    rng, finals = np.random.default_rng(6), []
    for _ in range(25):
        actions = actions_for(singles, rng)
        seen, rewards, terminated, truncated, infos = vector.step(actions)
        for row, single in enumerate(singles):
            observation, *expected, info = single.step(actions[row])
            assert (rewards[row], terminated[row], truncated[row]) == tuple(expected)
            over = terminated[row] or truncated[row]
            assert ("final_obs" in infos and infos["_final_obs"][row]) == over
            if over:
                assert_seen({k: v[None] for k, v in infos["final_obs"][row].items()}, 0, observation)
                finals.append((infos["final_info"], row, info))
                observation, info = single.reset()
            assert_seen(seen, row, observation)
            assert_row({k: v for k, v in infos.items() if "final" not in k}, row, info)
    assert len(finals) >= 2 * COUNT
    for entries, row, info in finals:  # also those that take long, and long after
        assert_row(entries, row, info)


def test_disabled_resets_wait_for_the_mask(pair):
    singles, vector = pair(AutoresetMode.DISABLED, horizon=1.0)
    vector.reset(seed=SEED)
    rng = np.random.default_rng(7)
    for _ in range(10):
        _, _, terminated, truncated, _ = vector.step(actions_for(singles, rng))
    assert truncated.all() and not terminated.any()
    with pytest.raises(gym.error.ResetNeeded, match="environment 0 is at its end"):
        vector.step(actions_for(singles, rng))
    mask = np.array([True, False, True])
    seen, infos = vector.reset(seed=[40, None, 42], options={"reset_mask": mask})
    for row in (0, 2):
        observation, info = singles[row].reset(seed=40 + row)
        assert_seen(seen, row, observation)
        assert_row(infos, row, info)
    for name in ("scene", "state_hash", "epdms", "rewards"):
        np.testing.assert_array_equal(infos[f"_{name}"], mask)
    with pytest.raises(gym.error.ResetNeeded, match="environment 1 is at its end"):
        vector.step(actions_for(singles, rng))


def test_seeds_are_a_number_or_one_each_or_chance(pair):
    _, vector = pair(perturb=True)
    first = vector.reset(seed=7)[1]["state_hash"].tolist()
    again = vector.reset(seed=[7, 8, 9])[1]["state_hash"].tolist()
    assert first == again and len(set(first)) == COUNT
    assert vector.reset(seed=8)[1]["state_hash"].tolist()[:2] == first[1:]
    other = vector.reset()[1]["state_hash"].tolist()
    assert other != first
    assert [int(seed) for seed in vector.np_random_seed] == [8, 9, 10]


def test_snapshots_go_to_and_fro(pair):
    singles, vector = pair(experts=("log",))
    vector.reset(seed=SEED)
    rng = np.random.default_rng(8)
    for _ in range(7):
        vector.step(actions_for(singles, rng))
    snapshot, others = vector.get_state(1), [vector.envs[row].sim_state for row in (0, 2)]
    singles[0].set_state(snapshot)
    vector.set_state(2, snapshot)
    assert vector.envs[0].sim_state is others[0] and vector.envs[2].sim_state is not others[1]
    actions = actions_for(singles, rng)
    actions[2] = actions[1]
    seen, rewards, *_, infos = vector.step(actions)
    observation, reward, *_, info = singles[0].step(actions[1])
    for row in (1, 2):
        assert_seen(seen, row, observation)
        assert_row(infos, row, info)
        assert rewards[row] == reward
    vector.set_state(0, singles[0].get_state())
    assert vector.envs[0].get_state().history[-1].frame == singles[0].sim_state.frame
    many = vector.reset(options={"state": snapshot})[1]
    assert len(set(many["state_hash"])) == 1


def test_an_environment_can_be_looked_at_and_forked(pair):
    singles, vector = pair(experts=("log",), render_mode="rgb_array", cameras=())
    vector.reset(seed=SEED)
    singles[1].reset(seed=SEED + 1)
    for _ in range(3):
        vector.step(np.zeros((COUNT, 2), np.float32))
        singles[1].step(np.zeros(2, np.float32))
    seat, single = vector.envs[1], singles[1]
    np.testing.assert_array_equal(seat.plans["log"].poses, single.plans["log"].poses)
    np.testing.assert_array_equal(seat.history.egos, single.history.egos)
    np.testing.assert_array_equal(vector.render()[1], single.render())
    plan = single.plans["log"].trajectory
    np.testing.assert_array_equal(vector.call("action_of", plan)[1], single.action_of(plan))
    assert vector.get_attr("scene")[1] is single.scene
    peeked = seat.peek(np.ones(2, np.float32))
    assert peeked[4]["state_hash"] == single.peek(np.ones(2, np.float32))[4]["state_hash"]
    assert seat.sim_state.frame == single.sim_state.frame
    (twin,) = seat.fork(1)
    twin.step(np.ones(2, np.float32))
    assert twin.sim_state.frame == seat.sim_state.frame + 1


def test_gymnasium_makes_it_and_wraps_it(town_scene):
    settings = {
        "scenes": [town_scene],
        "observation": "state",
        "experts": (),
        "perturb": False,
        "horizon": 0.5,
    }
    envs = gym.make_vec("SimScale-v0", num_envs=4, **settings)
    assert isinstance(envs, SimScaleVectorEnv) and envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.action_space.shape == (4, 2) and envs.single_action_space.shape == (2,)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    seen, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(seen)
    for _ in range(5):
        seen, _, _, truncated, infos = envs.step(envs.action_space.sample())
    assert truncated.all() and (infos["episode"]["l"] == 5).all()
    assert envs.observation_space.contains(seen)


def test_starts_are_begun_once(pair, monkeypatch):
    from simscale_gym.envs import starts

    begun, begin = [], starts.Drive.begin
    monkeypatch.setattr(starts.Drive, "begin", lambda *given: begun.append(1) or begin(*given))
    _, vector = pair()
    first = vector.reset(seed=1)[1]["state_hash"].tolist()
    count = len(begun)
    assert vector.reset(seed=1)[1]["state_hash"].tolist() == first and len(begun) == count
