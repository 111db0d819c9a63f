"""Trained scenes drawn by gsplat: the pictures are those of the CPU, and so is what is known of them."""

from dataclasses import replace

import numpy as np
import pytest
from asset_street import along, background, street, street_asset, wide_asset
from gsplat_stand_in import decibel, stand_in

from simscale_gym.rendering import AssetRenderer
from simscale_gym.scene import Moment
from simscale_gym.splats.assets.node_asset import NodeShapes
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.gpu.gsplat_backend import GsplatRasterizer, gsplat_is_there
from simscale_gym.splats.rasterizer import make_rasterizer

SIZE, CAMERAS = (54, 96), ("cam_f0", "cam_l0", "cam_r0")
on_gpu = pytest.mark.skipif(not gsplat_is_there(), reason="no CUDA device, or gsplat is not installed")


@pytest.fixture
def frames(monkeypatch):
    return stand_in(monkeypatch)


def cube_map():
    return np.random.default_rng(4).uniform(0, 1, (6, 8, 8, 3)).astype(np.float32)


def sky_shell():
    """Gaussians far around."""
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(500, 3))
    directions *= 900.0 / np.linalg.norm(directions, axis=1, keepdims=True)
    quats, scales = np.tile([1.0, 0, 0, 0], (500, 1)), np.full((500, 3), 40.0)
    return Gaussians.from_rgb(
        directions, quats, scales, np.full(500, 0.9), np.tile([0.5, 0.7, 0.9], (500, 1))
    )


def bent_nodes():
    """The car with colors by directions of the asset's frame, and a longer shape from the sixth pose on."""
    node = street_asset(0.4).nodes[0]
    sh = node.gaussians.sh.copy()
    sh[:, 1:] = np.random.default_rng(6).normal(size=sh[:, 1:].shape) * 0.1
    plain = replace(node.gaussians, sh=sh)
    longer = plain.means * np.float32([1.6, 1.0, 1.0])
    shapes = NodeShapes(
        np.array([0, 6]), np.stack([plain.means, longer]), np.stack([plain.quats, plain.quats])
    )
    return (replace(node, gaussians=plain, shapes=shapes, fixed_colors=True),)


TINT = np.array([[0.8, 0.1, 0.0, 0.1], [0.0, 0.9, 0.0, 0.0], [0.1, 0.0, 0.7, 0.05]])
ASSETS = {
    "plain": lambda: street_asset(0.7),
    "antialiased": lambda: street_asset(-1.9, antialiased=True),
    "cube map and tints": lambda: street_asset(0.6, cube_map=cube_map(), appearance={"cam_l0": TINT}),
    "sky of Gaussians": lambda: street_asset(0.2, sky=sky_shell()),
    "shapes, fixed colors and limits": lambda: street_asset(
        0.4, nodes=bent_nodes(), brightest=0.8, near=0.2, far=40.0
    ),
    "empty": lambda: street_asset(background=background().subset(slice(0, 0)), nodes=()),
}


def moments(scene):
    """On the log, and off it with the car turned and gone."""
    turned = np.stack([np.array([*along(16.0, -1.0)[:2], 2.0]), scene.tracks.poses[1, 0]])
    off, gone = Moment.of_log(scene, 3), np.array([False, False])
    return [
        Moment.of_log(scene, 4),
        replace(off, ego=off.ego + np.array([0.2, 0.7, 0.3]), poses=turned, valid=~gone),
        replace(off, poses=turned, valid=gone),
    ]


def assert_the_same_pictures(asset):
    scene = street()
    cpu, device = (AssetRenderer(scene, asset, backend=b, threads=1) for b in ("cpu", "gsplat"))
    wanted, made = (renderer.render(moments(scene), CAMERAS, SIZE) for renderer in (cpu, device))
    assert made.images.dtype == np.uint8 and made.images.shape == (3, len(CAMERAS), *SIZE, 3)
    for moment in range(3):
        pictures = zip(made.images[moment], wanted.images[moment], strict=True)
        assert all(decibel(a, b) > 45 for a, b in pictures)
        viewed = wanted.viewed(moment), made.viewed(moment).in_memory()
        np.testing.assert_allclose(viewed[1].alpha, viewed[0].alpha, atol=0.02)
        judged = wanted.qualities[moment], made.qualities[moment]
        np.testing.assert_allclose(judged[1].scores, judged[0].scores, atol=0.01)
        np.testing.assert_allclose(judged[1].coverage, judged[0].coverage, atol=0.01)


@pytest.mark.parametrize("name", ASSETS)
def test_the_same_pictures(frames, name):
    assert_the_same_pictures(ASSETS[name]())
    assert frames or name == "empty"


@on_gpu
@pytest.mark.parametrize("name", ASSETS)
def test_the_same_pictures_on_a_device(name):
    assert_the_same_pictures(ASSETS[name]())


def test_a_good_picture_is_judged_alike(frames):
    scene = street()
    alone = replace(Moment.of_log(scene, 4), valid=np.array([False, False]))
    scores = []
    for backend in ("cpu", "gsplat"):
        renderer = AssetRenderer(scene, wide_asset(), backend=backend, threads=1)
        scores.append(renderer.render([alone], CAMERAS, SIZE).qualities[0].scores)
    assert scores[0].min() > 0.2
    np.testing.assert_allclose(scores[1], scores[0], atol=0.01)


def test_what_stands_still_is_not_moved(frames):
    """However the frame of the asset lies in the scene's: gsplat gets its background as it was trained."""
    asset, scene = street_asset(1.1), street()
    renderer = AssetRenderer(scene, asset, backend="gsplat")
    for moment in moments(scene):
        renderer.render([moment], CAMERAS, SIZE)
    count = len(asset.background)
    assert [len(means) for means in frames] == [count + 650, count + 650, count]
    assert all((means[:count] == asset.background.means).all() for means in frames)
    assert (frames[0][count:] != frames[1][count:]).any()


def test_images_for_others_are_arrays(frames):
    scene = street()
    viewmats, Ks = np.eye(4)[None, None], np.array([[[[50.0, 0, 48], [0, 50, 27], [0, 0, 1]]]])
    moment = Moment.of_log(scene, 0)
    for backend in ("cpu", "gsplat"):
        renderer = AssetRenderer(scene, street_asset(), backend=backend)
        raster = renderer.rasterize([moment], viewmats, Ks, SIZE)
        assert all(isinstance(image, np.ndarray) for image in (raster.rgb, raster.alpha, raster.depth))


def test_auto_is_gsplat_where_it_is(frames, monkeypatch):
    parts = [background()]
    assert isinstance(make_rasterizer(parts), GsplatRasterizer)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert not isinstance(make_rasterizer(parts), GsplatRasterizer)
