"""Environments on scenes with trained assets."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer
from simscale_gym.sim import moment_of
from simscale_gym.splats.assets.asset_folder import attach_asset, save_asset
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.gaussians import Gaussians


def block(size, rgb):
    rng = np.random.default_rng(0)
    means = rng.uniform(-0.5, 0.5, (300, 3)) * size
    quats = np.tile([1.0, 0, 0, 0], (300, 1))
    return Gaussians.from_rgb(
        means, quats, np.full((300, 3), 0.2), np.full(300, 0.95), np.tile(rgb, (300, 1))
    )


@pytest.fixture(scope="module")
def asset(town_scene):
    """Bare ground in one color, and a red box for every track."""
    low, high = town_scene.ego.poses[:, :2].min(0) - 60, town_scene.ego.poses[:, :2].max(0) + 60
    x, y = (
        axis.ravel() for axis in np.meshgrid(*(np.arange(a, b, 1.0) for a, b in zip(low, high, strict=True)))
    )
    count = len(x)
    ground = Gaussians.from_rgb(
        np.column_stack([x, y, np.zeros(count)]), np.tile([1.0, 0, 0, 0], (count, 1)),
        np.tile([0.7, 0.7, 0.02], (count, 1)), np.full(count, 0.97), np.tile([0.2, 0.6, 0.3], (count, 1)),
    )  # fmt: skip
    tracks = town_scene.tracks
    nodes = [
        NodeAsset(name, "rigid", block(size, (0.9, 0.1, 0.1)))
        for name, size in zip(tracks.ids, tracks.sizes, strict=True)
    ]
    return SceneAsset(ground, se3.rigid(np.eye(3), town_scene.origin), tuple(nodes))


@pytest.fixture(scope="module")
def folder(asset, town_scene, tmp_path_factory):
    """A folder of assets by the ids of scenes."""
    root = tmp_path_factory.mktemp("assets")
    save_asset(root / town_scene.id, asset)
    return root


SETTINGS = {"observation": "camera", "cameras": ("cam_f0", "cam_r0"), "image_size": (32, 64), "experts": ()}


def test_cameras_see_the_asset(make_env, town_scene, asset, folder):
    env = make_env(assets=folder, **SETTINGS)
    renderer = AssetRenderer(town_scene, asset, threads=1)
    seen, _ = env.reset(seed=3)
    for _ in range(3):
        state = env.unwrapped.get_state().history[-1]
        expected = renderer.render([moment_of(town_scene, state)], SETTINGS["cameras"], (32, 64)).images[0]
        for name, picture in zip(SETTINGS["cameras"], expected, strict=True):
            assert np.abs(seen[name].astype(int) - picture).max() <= 1
        seen = env.step(env.action_space.sample())[0]
    ground, sky = seen["cam_f0"][-1].astype(int), seen["cam_f0"][0]
    np.testing.assert_allclose(ground.mean(0), [51, 153, 76.5], atol=12)
    assert not sky.any()


def test_tracks_that_were_not_trained_have_stand_ins(make_env, town_scene, asset, tmp_path):
    """Nobody is invisible: where the asset has no node, the picture shows more than its background."""
    bare = replace(asset, nodes=())
    cameras = ("cam_f0", "cam_r0")
    env = make_env(assets=save_asset(tmp_path / "bare", bare), **(SETTINGS | {"perturb": False}))
    renderer = AssetRenderer(town_scene, bare, threads=1)
    assert renderer.missing_tracks == town_scene.tracks.ids
    shown = 0
    for seed in range(4):
        seen, _ = env.reset(seed=seed)
        state = env.unwrapped.get_state().history[-1]
        empty = renderer.render([moment_of(town_scene, state)], cameras, (32, 64)).images[0].astype(int)
        differs = [
            (abs(seen[name] - picture) > 30).any(-1).sum()
            for name, picture in zip(cameras, empty, strict=True)
        ]
        shown = max(shown, *differs)
    assert shown > 5  # pixels


def test_a_scene_brings_its_own(make_env, town_scene, folder):
    here = make_env(scenes=[attach_asset(town_scene, folder)], **SETTINGS)
    there = make_env(assets=str(folder / town_scene.id), **SETTINGS)
    a, b = (env.reset(seed=5)[0] for env in (here, there))
    for name in SETTINGS["cameras"]:
        np.testing.assert_array_equal(a[name], b[name])


def test_scenes_without_an_asset_are_dressed(make_env, town_scene, asset, one_renderer_per_scene, tmp_path):
    save_asset(tmp_path / "some-other-scene", asset)
    seen = make_env(assets=tmp_path, **SETTINGS).reset(seed=3)[0]
    plain = make_env(**SETTINGS).reset(seed=3)[0]
    np.testing.assert_array_equal(seen["cam_f0"], plain["cam_f0"])
    assert seen["cam_f0"][0].any()


def test_a_folder_without_assets_is_answered_at_once(tmp_path):
    with pytest.raises(DataError, match=r"found no asset\.json"):
        gym.make("SimScale-v0", scenes="town", assets=tmp_path)
    with pytest.raises(DataError, match=r"found no asset\.json"):
        gym.make("SimScale-v0", scenes="town", assets=tmp_path / "gone")
