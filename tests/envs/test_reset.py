"""How episodes start."""

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError, ResetError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.perturbation import REJECTIONS, Bounds, PerturbConfig
from simscale_gym.scoring.fitness import off_road, touched

H = 40


@pytest.fixture(scope="module")
def env(town_log):
    return SimScaleEnv(town_log, observation="state", experts=())


def test_the_scene_that_was_asked_for(env, town_log):
    for scene in town_log[1:3]:
        _, info = env.reset(seed=0, options={"scene": scene.id, "perturb": False})
        assert info["scene"] == scene.id and env.scene is scene


def test_any_scene_if_none_was_asked_for(env):
    met = {env.reset(seed=seed, options={"perturb": False})[1]["scene"] for seed in range(12)}
    assert len(met) > 2


def test_an_unperturbed_start_is_the_log(env, town_scene):
    for seed in range(4):
        _, info = env.reset(seed=seed, options={"scene": town_scene.id, "perturb": False})
        frame = env.sim_state.frame
        np.testing.assert_array_equal(info["ego_state"], town_scene.ego.states[frame])
        np.testing.assert_array_equal(env.sim_state.traffic.valid, town_scene.tracks.valid[:, frame])
        there = town_scene.tracks.valid[:, frame]
        np.testing.assert_allclose(
            env.sim_state.traffic.poses[there], town_scene.tracks.poses[there, frame], atol=1e-9
        )
        assert info["time_us"] == town_scene.timestamps_us[frame]
        assert info["reset"] == {
            "perturbed": False,
            "attempts": 0,
            "rejections": dict.fromkeys(REJECTIONS, 0),
        }
        assert len(env.history) == 1


def test_a_start_leaves_room_for_history_and_horizon(env, town_scene):
    for perturb in (False, True):
        frames = set()
        for seed in range(8):
            env.reset(seed=seed, options={"scene": town_scene.id, "perturb": perturb})
            frames.add(env.start.states[0].frame)
            assert env.start.states[0].frame >= HISTORY_STEPS
            assert env.start.states[-1].frame + env.horizon_steps <= town_scene.num_frames - 1
        assert len(frames) > 3


def test_time_is_when_the_log_is_left(env, town_scene):
    _, info = env.reset(options={"scene": town_scene.id, "time": 6.3, "perturb": False})
    np.testing.assert_array_equal(info["ego_state"], town_scene.ego.states[63])
    env.reset(seed=0, options={"scene": town_scene.id, "time": 6.3, "perturb": True})
    np.testing.assert_array_equal(env.start.states[0].ego, town_scene.ego.states[63])
    assert env.sim_state.frame == (63 + H if env.start.perturbed else 63)


@pytest.mark.parametrize(
    "config", [PerturbConfig(), PerturbConfig(Bounds(longitudinal=5.0, lateral=1.0, heading=0.1))]
)
def test_a_perturbed_start_is_off_the_log_but_not_too_far(env, town_log, config):
    for seed in range(10):
        scene = town_log[seed % len(town_log)]
        _, info = env.reset(seed=seed, options={"scene": scene.id, "perturb": config})
        if not info["reset"]["perturbed"]:
            assert config != PerturbConfig()  # with SimScale's bounds every one of these finds a way
            continue
        end, states = env.sim_state.frame, env.start.states
        assert len(states) == len(env.history) == H + 1
        assert [s.frame for s in states] == list(range(end - H, end + 1))
        np.testing.assert_array_equal(states[0].ego, scene.ego.states[end - H])
        x, y, turn = np.abs(se2.poses_to_local(scene.ego.poses[end], info["ego_state"][None, :3]))[0]
        bounds = config.bounds
        assert x <= bounds.longitudinal and y <= bounds.lateral and turn <= bounds.heading
        assert np.hypot(x, y) + 5.0 * turn >= bounds.minimum
        assert not any(touched(scene, s).any() for s in states)
        assert not off_road(scene, np.stack([s.ego for s in states])).any()
        assert env.start.plan.shape == (H + 1, 3)


def test_rejections_are_counted_by_reason(env, town_scene):
    wide = PerturbConfig(Bounds(lateral=0.5), road_margin=0.6)  # few trajectories will do
    _, info = env.reset(seed=0, options={"scene": town_scene.id, "perturb": wide})
    told = info["reset"]
    assert told["attempts"] >= 1
    assert told["rejections"]["out_of_bounds"] > 0
    assert set(told["rejections"]) == set(REJECTIONS)
    assert all(isinstance(n, int) for n in told["rejections"].values())
    rolled = sum(told["rejections"].get(r, 0) for r in ("collision", "imminent_collision"))
    assert told["attempts"] >= rolled + told["perturbed"]


IMPOSSIBLE = Bounds(longitudinal=0.001, lateral=0.001, minimum=100.0)


def test_failure_to_perturb_raises_if_so_configured(env, town_scene):
    config = PerturbConfig(IMPOSSIBLE, on_failure="error")
    with pytest.raises(
        ResetError, match=r"no perturbation survived 0 reactive.*out_of_bounds.*on_failure='log'"
    ) as e:
        env.reset(seed=0, options={"scene": town_scene.id, "perturb": config})
    assert town_scene.id in str(e.value)


def test_failure_to_perturb_falls_back_to_the_log(env, town_scene):
    config = PerturbConfig(IMPOSSIBLE, on_failure="log", starts=2)
    _, info = env.reset(seed=0, options={"scene": town_scene.id, "perturb": config})
    assert not info["reset"]["perturbed"] and len(env.history) == 1
    assert info["reset"]["rejections"]["out_of_bounds"] == 2 * len(env._resources.vocabulary)
    np.testing.assert_array_equal(info["ego_state"], town_scene.ego.states[env.sim_state.frame])


def test_an_environment_without_perturbation_can_be_asked_for_one(town_scene):
    env = SimScaleEnv([town_scene], observation="state", experts=(), perturb=False)
    assert not env.reset(seed=0)[1]["reset"]["perturbed"]
    assert env.reset(seed=0, options={"perturb": True})[1]["reset"]["perturbed"]


def test_unknown_options_are_named(env):
    with pytest.raises(
        ArgumentError, match="'sceen' is unknown, expected some of scene, time, perturb, state"
    ):
        env.reset(options={"sceen": "x"})


def test_options_that_exclude_each_other_are_named(env, town_scene):
    env.reset(seed=0)
    with pytest.raises(
        ArgumentError, match="a state already holds scene, time and perturbation; leave out time"
    ):
        env.reset(options={"state": env.get_state(), "time": 3.0})
    with pytest.raises(ArgumentError, match="scene 3, expected an id"):
        env.reset(options={"scene": 3})


def test_unknown_scenes_are_answered_with_near_names(env, town_log):
    with pytest.raises(
        SceneError, match=f"no scene '{town_log[0].id[:-1]}9' among 5. Nearest: {town_log[0].id[:-1]}"
    ):
        env.reset(options={"scene": town_log[0].id[:-1] + "9"})


@pytest.mark.parametrize("time", [0.0, 1.4, 15.0, 99.0, -3.0, float("nan"), float("inf"), "soon", None])
def test_times_that_do_not_fit_are_named(env, town_scene, time):
    with pytest.raises(ArgumentError, match=f"time {time!r}.*expected 1.5 to 14.9 s in {town_scene.id}"):
        env.reset(options={"scene": town_scene.id, "time": time, "perturb": True})


@pytest.mark.parametrize("perturb", ["yes", 3, None])
def test_perturb_is_a_bool_or_a_config(env, town_scene, perturb):
    with pytest.raises(ArgumentError, match=r"perturb: .*expected True, False or a PerturbConfig"):
        env.reset(options={"scene": town_scene.id, "perturb": perturb})


def test_a_failed_reset_leaves_the_episode_alone(env, town_scene):
    env.reset(seed=1, options={"scene": town_scene.id})
    before = env.get_state()
    with pytest.raises(ArgumentError):
        env.reset(options={"time": 99.0})
    assert env.get_state().history is before.history


def test_a_clip_that_is_too_short_is_refused(town_scene):
    env = SimScaleEnv([cut(town_scene, 30)], observation="state", experts=())
    with pytest.raises(SceneError, match=r"lasts 2.9 s, a start here needs 6.5 s"):
        env.reset(seed=0)
    assert env.reset(seed=0, options={"perturb": False})[1]["reset"]["perturbed"] is False


def cut(scene, frames):
    from dataclasses import replace

    from simscale_gym.scene import EgoLog, Tracks, TrafficLights

    ego, tracks, lights = scene.ego, scene.tracks, scene.lights
    return replace(
        scene,
        timestamps_us=scene.timestamps_us[:frames],
        ego=EgoLog(*(a[:frames] for a in (ego.states, ego.z, ego.roll, ego.pitch))),
        tracks=Tracks(
            tracks.ids,
            tracks.types,
            *(a[:, :frames] for a in (tracks.poses, tracks.velocities, tracks.z)),
            tracks.sizes,
            tracks.valid[:, :frames],
        ),
        lights=TrafficLights(lights.lane_ids, lights.status[:, :frames]),
    )
