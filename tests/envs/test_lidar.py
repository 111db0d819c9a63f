"""The LiDAR of the environment: what it sees, and the same whenever a state is come to again."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gsplat_stand_in import stand_in
from gymnasium.utils.env_checker import check_env

from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.splats.assets.asset_folder import save_asset
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.depth_sweep import LidarConfig
from simscale_gym.splats.gaussians import Gaussians

ACTION = np.array([0.3, 0.05])
SMALL = LidarConfig(channels=16, azimuths=90, noise=0.03, dropout=0.05)


@pytest.fixture
def make(town_scene, one_renderer_per_scene):
    def made(lidar=SMALL, **settings):
        defaults = {"experts": (), "observation": "lidar", "perturb": False}
        return SimScaleEnv([town_scene], lidar=lidar, **{**defaults, **settings})

    return made


def ranges(results):
    return np.stack([observation["lidar"] for observation, *_ in results])


def open_road(scene):
    """The time [s] at which the log's car is farthest from tree crowns and street furniture."""
    shapes = scene.shapes
    discs = np.array(
        [(t.x, t.y, t.radius) for t in shapes.trees] + [(f.x, f.y, 0.0) for f in shapes.fixtures]
    )
    away = np.linalg.norm(scene.ego.poses[20:150, None, :2] - discs[:, :2], axis=-1) - discs[:, 2]
    return 2.0 + 0.1 * float(away.min(1).argmax())


def among_vehicles(scene):
    """The time [s] at which most cars are within 20 m of the log's."""
    tracks, window = scene.tracks, slice(20, 150)
    away = np.linalg.norm(tracks.poses[:, window, :2] - scene.ego.poses[window, :2], axis=-1)
    near = tracks.valid[:, window] & (tracks.sizes[:, :1] > 3.5) & (away < 20.0)
    return 2.0 + 0.1 * float(near.sum(0).argmax())


def test_the_ground_around_the_ego_lies_at_its_wheels(make, town_scene):
    config = LidarConfig()
    env = make(config)
    observation, _ = env.reset(seed=1, options={"time": open_road(town_scene)})
    assert env.observation_space["lidar"].shape == (32, 360) == observation["lidar"].shape
    assert env.observation_space.contains(observation)
    points = config.points(observation["lidar"])
    near = np.hypot(points[:, 0] - config.mount[0], points[:, 1]) < 6.0
    level = np.abs(points[near, 2]) < 0.2  # road and pavements; the rest are cars, trees and posts
    assert near.sum() > 1000 and level.mean() > 0.9
    assert np.median(np.abs(points[near, 2][level])) < 0.03
    high = points[:, 2] > 3.0
    assert high.sum() > 300 and (observation["lidar"] > 0).mean() > 0.6


def test_other_vehicles_are_met_where_they_are(make, town_scene):
    config = LidarConfig(channels=48, azimuths=720)
    env = make(config)
    env.reset(seed=1, options={"time": among_vehicles(town_scene)})
    for _ in range(5):
        observation, *_ = env.step(ACTION)
    state, scene = env.sim_state, env.scene
    points = config.points(observation["lidar"]) @ scene.ego_to_world(state.ego[:3])[:3, :3].T
    points += scene.ego_to_world(state.ego[:3])[:3, 3]
    sizes, met = scene.tracks.sizes, 0
    for row in np.flatnonzero(state.traffic.valid & (sizes[:, 0] > 3.5)):
        x, y, heading = state.traffic.poses[row]
        if np.hypot(x - state.ego[0], y - state.ego[1]) > 25.0:
            continue
        turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
        local = (points[:, :2] - [x, y]) @ turn
        half = sizes[row, :2] / 2.0
        above = (points[:, 2] - scene.ego_to_world(state.ego[:3])[2, 3] > 0.35) & (points[:, 2] < 3.0)
        inside = (np.abs(local) < half + 0.15).all(1) & above
        if inside.sum() <= 20:  # hidden
            continue
        met += 1
        around = (np.abs(local) < half + 1.5).all(1) & above & (points[:, 2] < 1.0)
        depth = (half - np.abs(local[around])).min(1)
        assert (np.abs(depth) < 0.25).mean() > 0.6  # rays end on its sides, neither within nor before them
    assert met >= 1


def test_same_seed_same_ranges_and_other_seeds_other_noise(make):
    first, second, other = make(), make(), make()
    a, b = first.reset(seed=4)[0]["lidar"], second.reset(seed=4)[0]["lidar"]
    np.testing.assert_array_equal(a, b)
    drives = [[env.step(ACTION) for _ in range(4)] for env in (first, second)]
    np.testing.assert_array_equal(ranges(drives[0]), ranges(drives[1]))
    one, two = (other.reset(seed=seed, options={"time": 5.0})[0]["lidar"] for seed in (1, 2))
    assert ((one > 0) & (two > 0) & (one != two)).mean() > 0.4
    assert np.median(np.abs(one - two)[(one > 0) & (two > 0)]) < 0.1


def test_forks_peeks_and_snapshots_see_the_same(make):
    env = make()
    env.reset(seed=4)
    env.step(ACTION)
    snapshot = pickle.loads(pickle.dumps(env.get_state()))
    fork, peeked = env.fork(1)[0], env.peek(ACTION)
    went = [env.step(ACTION) for _ in range(3)]
    np.testing.assert_array_equal(peeked[0]["lidar"], went[0][0]["lidar"])
    np.testing.assert_array_equal(ranges([fork.step(ACTION) for _ in range(3)]), ranges(went))
    other = make()
    other.reset(seed=9)
    observation, _ = other.reset(options={"state": snapshot})
    assert (observation["lidar"] > 0).any()
    np.testing.assert_array_equal(ranges([other.step(ACTION) for _ in range(3)]), ranges(went))


def test_it_leaves_the_simulation_and_the_pictures_alone(make):
    settings = {"cameras": ("cam_f0",), "image_size": (32, 64)}
    plain = make(None, observation=("camera", "state"), **settings)
    swept = make(LidarConfig(channels=8, azimuths=60), observation=("camera", "lidar"), **settings)
    a, b = plain.reset(seed=4), swept.reset(seed=4)
    for _ in range(4):
        assert a[-1]["state_hash"] == b[-1]["state_hash"]
        np.testing.assert_array_equal(a[0]["cam_f0"], b[0]["cam_f0"])
        a, b = plain.step(ACTION), swept.step(ACTION)


def test_trained_scenes_are_swept_too_and_on_the_cpu_where_gsplat_draws(
    make_env, town_scene, tmp_path, monkeypatch
):
    stand_in(monkeypatch)
    low, high = town_scene.ego.poses[:, :2].min(0) - 40, town_scene.ego.poses[:, :2].max(0) + 40
    x, y = (a.ravel() for a in np.meshgrid(*(np.arange(*ends, 2.0) for ends in zip(low, high, strict=True))))
    means, quats = np.column_stack([x, y, np.zeros(len(x))]), np.tile([1.0, 0, 0, 0], (len(x), 1))
    scales, gray = np.tile([1.5, 1.5, 0.01], (len(x), 1)), np.full((len(x), 3), 0.5)
    ground = Gaussians.from_rgb(means, quats, scales, np.full(len(x), 0.97), gray)
    turn = se3.rpy_to_matrix(0.0, 0.0, 0.8)
    asset = SceneAsset(
        ground.transformed(se3.rigid(turn.T, np.zeros(3))), se3.rigid(turn, town_scene.origin), ()
    )
    folder = save_asset(tmp_path / town_scene.id, asset)
    config = LidarConfig(elevations=(-0.4, -0.2, -0.1), azimuths=60, mount=(1.0, 0.0, 2.0))
    settings = {"observation": ("camera", "lidar"), "cameras": ("cam_f0",), "image_size": (16, 32)}
    seen = [
        make_env(assets=folder, renderer=name, lidar=config, experts=(), perturb=False, **settings).reset(
            seed=2
        )
        for name in ("cpu", "gsplat")
    ]
    (first, _), (second, _) = seen
    np.testing.assert_array_equal(first["lidar"], second["lidar"])
    height = 2.0 + town_scene.ego.z[0]  # above the asset's ground
    wanted = np.broadcast_to(height / np.sin([[0.4], [0.2], [0.1]]), (3, 60))
    on_stand_ins = first["lidar"] < wanted - 0.2
    assert on_stand_ins.mean() < 0.3
    np.testing.assert_allclose(first["lidar"][~on_stand_ins], wanted[~on_stand_ins], rtol=0.01)


def test_observations_are_the_callers_own(make):
    env = make(LidarConfig(channels=4, azimuths=30))
    first, _ = env.reset(seed=4)
    kept = first["lidar"].copy()
    first["lidar"][:] = 0.0
    again, _ = env.reset(options={"state": env.get_state()})
    np.testing.assert_array_equal(again["lidar"], kept)


def test_the_checkers_of_gymnasium_and_stable_baselines_pass(make_env, one_renderer_per_scene):
    plain = {"channels": 8, "elevations": [-0.3, -0.2, -0.1, 0.0], "azimuths": 24, "noise": 0.02}
    env = make_env(observation=("lidar", "state"), lidar=plain, experts=())
    assert env.observation_space["lidar"].shape == (4, 24)
    check_env(env.unwrapped, skip_render_check=True)
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_checker import check_env as check_for_baselines

    check_for_baselines(env.unwrapped)


def test_gymnasium_keeps_the_settings(town_cache):
    env = gym.make(
        "SimScale-v0",
        observation="lidar",
        lidar={"channels": 8, "azimuths": 24, "most_range": 40.0},
        experts=(),
    )
    assert env.observation_space["lidar"] == gym.spaces.Box(0.0, 40.0, (8, 24), np.float32)
    assert gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())).observation_space == (
        env.observation_space
    )


@pytest.mark.parametrize(
    ("lidar", "told"), [({"beams": 3}, "beams"), ("fine", "lidar"), ({"channels": -1}, "channels")]
)
def test_settings_that_make_no_sense_are_named(make, lidar, told):
    with pytest.raises(ArgumentError, match=told):
        make(lidar)
