"""Effects of cameras in the environment: on observations alone, and the same whenever a state is come to again."""

import pickle

import numpy as np
import pytest

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError
from simscale_gym.splats.camera_effects import CameraEffects

ACTION = np.array([0.3, 0.05])
ALL = CameraEffects(
    exposure=0.3,
    exposure_spread=0.3,
    gamma=1.1,
    white_balance=(1.1, 1.0, 0.9),
    shutter_time=0.02,
    readout_time=0.03,
    shot_noise=0.02,
    read_noise=0.005,
    drop_rate=0.4,
)
CAMERAS = ("cam_f0", "cam_l0")


@pytest.fixture
def make(town_scene, one_renderer_per_scene):
    def made(effects=ALL, **settings):
        defaults = {"experts": (), "image_size": (32, 64), "cameras": CAMERAS, "perturb": False}
        return SimScaleEnv([town_scene], camera_effects=effects, **{**defaults, **settings})

    return made


def drive(env, steps=8):
    return [env.step(ACTION) for _ in range(steps)]


def pictures(results):
    return [np.stack([observation[name] for name in CAMERAS]) for observation, *_ in results]


def assert_same(a, b):
    np.testing.assert_array_equal(np.stack(pictures(a)), np.stack(pictures(b)))
    assert [r[-1]["dropped_frames"] for r in a] == [r[-1]["dropped_frames"] for r in b]


def test_same_seed_same_pictures(make):
    a, b = make(), make()
    first, _ = a.reset(seed=4)
    second, _ = b.reset(seed=4)
    for name in CAMERAS:
        np.testing.assert_array_equal(first[name], second[name])
    assert_same(drive(a), drive(b))


def test_other_seeds_other_noise(make):
    env = make(CameraEffects(shot_noise=0.05))
    options = {"time": 5.0}
    first, second = (env.reset(seed=seed, options=options)[0] for seed in (1, 2))
    assert (first["cam_f0"] != second["cam_f0"]).mean() > 0.3


def test_effects_leave_the_simulation_alone(make):
    plain, taken = make(None), make()
    assert plain.reset(seed=4)[1]["state_hash"] == taken.reset(seed=4)[1]["state_hash"]
    for a, b in zip(drive(plain, 4), drive(taken, 4), strict=True):
        assert a[-1]["state_hash"] == b[-1]["state_hash"] and a[1] == b[1]
        assert (a[0]["cam_f0"] != b[0]["cam_f0"]).any()


def test_rendered_pictures_show_what_was_drawn(make):
    plain, taken = make(None, render_mode="rgb_array"), make(render_mode="rgb_array")
    plain.reset(seed=4)
    taken.reset(seed=4)
    np.testing.assert_array_equal(plain.render(), taken.render())


def test_forks_peeks_and_snapshots_see_the_same(make):
    env = make()
    env.reset(seed=4)
    drive(env, 3)
    snapshot = pickle.loads(pickle.dumps(env.get_state()))
    [twin] = env.fork(1)
    peeked = env.peek(ACTION)
    other = make()
    other.reset(seed=77)
    other.reset(options={"state": snapshot})
    expected = drive(env)
    assert_same([peeked], expected[:1])
    assert_same(drive(twin), expected)
    assert_same(drive(other), expected)
    env.set_state(snapshot)
    assert_same(drive(env), expected)


def test_lost_frames_show_the_last_picture_and_are_told(make):
    env = make(CameraEffects(drop_rate=0.5))
    clean = make(None)
    observation, info = env.reset(seed=9)
    clean.reset(seed=9)
    assert info["dropped_frames"] == dict.fromkeys(CAMERAS, False)
    lost, before = 0, observation
    for (seen, *_, told), (drawn, *_) in zip(drive(env, 12), drive(clean, 12), strict=True):
        for name in CAMERAS:
            dropped = told["dropped_frames"][name]
            lost += dropped
            np.testing.assert_array_equal(seen[name], before[name] if dropped else drawn[name])
        before = seen
    assert 4 < lost < 20


def test_a_picture_shown_again_has_the_noise_that_it_had(make):
    env, lost = make(), 0
    before, _ = env.reset(seed=9)
    for seen, *_, told in drive(env, 10):
        for name in CAMERAS:
            dropped = told["dropped_frames"][name]
            lost += dropped
            assert np.array_equal(seen[name], before[name]) == dropped
        before = seen
    assert lost > 2


def test_pictures_belong_to_who_asked(make):
    env = make(CameraEffects(drop_rate=0.9))
    observation, _ = env.reset(seed=9)
    kept = observation["cam_f0"].copy()
    observation["cam_f0"][:] = 0
    seen, *_, info = env.step(ACTION)
    if info["dropped_frames"]["cam_f0"]:
        np.testing.assert_array_equal(seen["cam_f0"], kept)
    assert seen["cam_f0"].any()


def test_other_things_are_refused(make):
    with pytest.raises(ArgumentError, match="camera_effects"):
        make({"exposed": 1.0})
