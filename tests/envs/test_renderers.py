"""Environments that draw on a device drive the same drives, see the same pictures, and share what lies there."""

import gc
import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from gsplat_stand_in import decibel, stand_in

from simscale_gym.envs import SimScaleEnv, renderers
from simscale_gym.envs.pictures import Pictures
from simscale_gym.errors import ArgumentError, MissingExtraError
from simscale_gym.geometry import se3
from simscale_gym.splats.assets.asset_folder import save_asset
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.cpu.pack import LEVELS
from simscale_gym.splats.depth_sweep import LidarConfig
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, gsplat_is_there

CAMERAS = ("cam_f0", "cam_r0")
on_gpu = pytest.mark.skipif(not gsplat_is_there(), reason="no CUDA device, or gsplat is not installed")


@pytest.fixture(scope="module")
def folder(town_scene, tmp_path_factory):
    """An asset of ground in the town and a box for every track, of a size that can be packed at every frame."""
    low, high = town_scene.ego.poses[:, :2].min(0) - 40, town_scene.ego.poses[:, :2].max(0) + 40
    x, y = (a.ravel() for a in np.meshgrid(*(np.arange(*ends, 3.0) for ends in zip(low, high, strict=True))))
    rng, count = np.random.default_rng(0), len(x)
    ground = Gaussians.from_rgb(
        np.column_stack([x, y, np.zeros(count)]), np.tile([1.0, 0, 0, 0], (count, 1)),
        np.tile([2.0, 2.0, 0.02], (count, 1)), np.full(count, 0.97), rng.uniform(0, 1, (count, 3)),
    )  # fmt: skip
    box = Gaussians.from_rgb(
        rng.uniform(-0.5, 0.5, (200, 3)), np.tile([1.0, 0, 0, 0], (200, 1)), np.full((200, 3), 0.2),
        np.full(200, 0.9), rng.uniform(0, 1, (200, 3)),
    )  # fmt: skip
    nodes = tuple(NodeAsset(name, "rigid", box) for name in town_scene.tracks.ids)
    turn = se3.rpy_to_matrix(0.0, 0.0, 0.8)
    ground = ground.transformed(se3.rigid(turn.T, np.zeros(3)))
    asset = SceneAsset(ground, se3.rigid(turn, town_scene.origin), nodes)
    return save_asset(tmp_path_factory.mktemp("assets") / town_scene.id, asset)


def settings(size=(48, 96), **changes):
    return {"observation": "camera", "cameras": CAMERAS, "image_size": size, "experts": (), **changes}


@pytest.fixture(autouse=True)
def nothing_left_over():
    """Of other tests, whose renderers would be shared."""
    gc.collect()


def assert_the_same_drives(make_env, steps, **changes):
    """As many steps after the reset; returns how alike the pictures are [dB], ``[steps + 1, C]``."""
    pair = [make_env(**settings(renderer=name, **changes)) for name in ("cpu", "gsplat")]
    (wanted, known), (made, told) = (env.reset(seed=3) for env in pair)
    seen = []
    for step in range(steps + 1):
        seen.append([decibel(made[name], wanted[name]) for name in wanted if name in CAMERAS])
        assert told["state_hash"] == known["state_hash"] and told["truncation"] == known["truncation"]
        assert told["render_quality"] == pytest.approx(known["render_quality"], abs=0.01)
        if step < steps:
            action = pair[0].action_space.sample()
            (wanted, *_, known), (made, *_, told) = (env.step(action) for env in pair)
    return np.array(seen)


def test_a_trained_scene(make_env, folder, monkeypatch):
    frames = stand_in(monkeypatch)
    assert assert_the_same_drives(make_env, 2, assets=folder).min() > 45
    assert len(frames) == 3


def test_a_dressed_scene(make_env, one_renderer_per_scene, monkeypatch):
    """Pictures of the CPU are merged ones, gsplat's are not: façades far off differ by a little."""
    frames = stand_in(monkeypatch)
    seen = assert_the_same_drives(make_env, 0, size=(144, 256), cameras=("cam_f0",))
    assert seen.min() > 40 and len(frames) == 1


@on_gpu
def test_the_same_on_a_device(make_env, folder, one_renderer_per_scene):
    assert assert_the_same_drives(make_env, 4, assets=folder).min() > 45
    assert assert_the_same_drives(make_env, 4, size=(144, 256)).mean() > 45


def test_cameras_that_move_find_their_depth(make_env, folder, monkeypatch):
    stand_in(monkeypatch)
    effects = CameraEffects(shutter_time=0.02, readout_time=0.03, drop_rate=0.3)
    assert assert_the_same_drives(make_env, 2, assets=folder, camera_effects=effects).min() > 45


def test_environments_of_a_process_share_what_is_on_the_device(make_env, folder, monkeypatch):
    stand_in(monkeypatch)
    made, make = [], GsplatRasterizer.__init__
    monkeypatch.setattr(
        GsplatRasterizer, "__init__", lambda self, templates: (made.append(1), make(self, templates))[0]
    )
    several = [make_env(**settings(renderer="gsplat", assets=folder)) for _ in range(3)]
    pictures = [env.reset(seed=seed)[0]["cam_f0"] for seed, env in enumerate(several)]
    alone = make_env(**settings(renderer="cpu", assets=folder))
    for seed, picture in enumerate(pictures):
        assert decibel(picture, alone.reset(seed=seed)[0]["cam_f0"]) > 45
    assert len(made) == 1
    scene = several[0].unwrapped.scene
    assert len(renderers._on_device(scene)) == 1
    for env in several:
        env.unwrapped._resources.renderers._drawing.clear()
    gc.collect()
    assert len(renderers._on_device(scene)) == 0  # nothing stays behind


def test_forks_in_threads_see_what_they_see_one_after_the_other(town_scene, one_renderer_per_scene):
    seen = {"observation": ("camera", "lidar"), "lidar": LidarConfig(channels=8, azimuths=60)}
    env = SimScaleEnv([town_scene], **settings((36, 64), perturb=False, **seen))
    env.reset(seed=2, options={"time": 4.0})
    actions = np.random.default_rng(0).uniform([-2.0, -0.3], [2.0, 0.3], (4, 6, 2))

    def drive(fork, own):
        results = [fork.step(action) for action in own]
        return [np.concatenate([value.ravel() for value in result[0].values()]) for result in results]

    wanted = [drive(fork, own) for fork, own in zip(env.fork(4), actions, strict=True)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(drive, env.fork(4), actions))
    np.testing.assert_array_equal(made, wanted)
    assert len({steps[-1].tobytes() for steps in wanted}) == 4


def test_a_fork_sees_its_own_pictures_whatever_another_keeps_meanwhile(
    town_scene, one_renderer_per_scene, monkeypatch
):
    env = SimScaleEnv([town_scene], **settings((36, 64), perturb=False))
    env.reset(seed=2, options={"time": 4.0})

    def seen(fork, pull):
        return [fork.step(np.array([pull, 0.0]))[0]["cam_f0"] for _ in range(3)][-1]

    wanted = [seen(fork, pull) for fork, pull in zip(env.fork(2), (-1, 1), strict=True)]
    assert (wanted[0] != wanted[1]).any()
    keep, between = Pictures.keep, env.unwrapped._sensors.pictures._recent[-1]
    monkeypatch.setattr(Pictures, "keep", lambda self, drawn: (keep(self, drawn), keep(self, between)))
    np.testing.assert_array_equal(seen(env.fork(1)[0], -1), wanted[0])


def kept_renderer(env):
    env.reset(seed=0)
    return env.unwrapped._resources.renderers.drawing(env.unwrapped.scene)


def test_auto_draws_with_gsplat_where_it_is(make_env, folder, monkeypatch):
    plain = kept_renderer(make_env(**settings(assets=folder)))
    assert gsplat_is_there() == isinstance(plain._rasterizer, GsplatRasterizer)
    renderers._on_device(plain.scene).clear()  # holds the real one where there is a device
    stand_in(monkeypatch)
    chosen = [kept_renderer(make_env(**settings(renderer=name, assets=folder))) for name in ("auto", "cpu")]
    assert [isinstance(one._rasterizer, GsplatRasterizer) for one in chosen] == [True, False]


def test_merged_pictures_are_asked_for(make_env, folder):
    exact, merged = (
        kept_renderer(make_env(**settings(renderer=name, assets=folder))) for name in ("cpu", "cpu-merged")
    )
    levels = [np.isfinite(one._rasterizer._store.grains).any(0).sum() for one in (exact, merged)]
    assert levels == [1, LEVELS]


def test_what_gsplat_lacks_is_said_when_the_environment_is_made(town_scene, monkeypatch):
    stand_in(monkeypatch)
    SimScaleEnv([town_scene], renderer="gsplat", experts=())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ArgumentError, match=r"'gsplat' was asked for.*no CUDA device"):
        SimScaleEnv([town_scene], renderer="gsplat", experts=())
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gsplat" else found(name))
    with pytest.raises(MissingExtraError, match=r"gsplat is not installed.*install .*\[gpu\]"):
        SimScaleEnv([town_scene], renderer="gsplat", experts=())
    SimScaleEnv([town_scene], renderer="auto", experts=())
