"""The CPU rasteriser against a plain one: random scenes and hard cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_scenes import FRONT, HEIGHT, WIDTH, K, decibel, look, random_gaussians
from reference_rasterizer import reference_rasterize

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import rasterize


def assert_matches(
    gaussians, viewmats=FRONT[None], Ks=K[None], size=(WIDTH, HEIGHT), *, least=45.0, **settings
):
    """Compares colour, alpha and depth; returns the raster."""
    raster = rasterize(gaussians, viewmats, Ks, *size, **settings)
    rgb, alpha, depth = reference_rasterize(gaussians, viewmats, Ks, *size, **settings)
    assert alpha.max() > 0.05, "the case shows nothing"
    figures = {
        "rgb": decibel(raster.rgb, rgb),
        "alpha": decibel(raster.alpha, alpha),
        "depth": decibel(raster.depth * alpha, depth * alpha, peak=depth.max()),
    }
    assert min(figures.values()) >= least, figures
    np.testing.assert_allclose(raster.transmittance, 1.0 - raster.alpha, atol=1e-7)
    return raster


SCENES = {
    "ordinary": ((-6, -4, 2), (6, 4, 20), (0.05, 1.0)),
    "huge ones beside the frustum and at the near plane": ((-30, -30, -5), (30, 30, 20), (0.5, 20.0)),
    "around and behind the camera": ((-3, -3, -3), (3, 3, 3), (0.05, 1.0)),
    "tiny": ((-2, -1, 2), (2, 1, 6), (3e-3, 2e-2)),
    "needles and flakes": ((-6, -4, 2), (6, 4, 20), (1e-5, 3.0)),
    "just before the near plane": ((-0.1, -0.1, 0.0), (0.1, 0.1, 0.05), (1e-3, 0.05)),
    "far away": ((-300, -200, 900), (300, 200, 2000), (1.0, 40.0)),
}


@pytest.mark.parametrize("opacity", [(0.02, 0.4), (0.3, 1.0), (1.0, 1.0)], ids=["faint", "dense", "opaque"])
@pytest.mark.parametrize("antialiased", [False, True], ids=["classic", "antialiased"])
@pytest.mark.parametrize("name", SCENES)
def test_matches_the_reference(name, antialiased, opacity):
    gaussians = random_gaussians(np.random.default_rng(7), *SCENES[name], opacity=opacity, terms=16)
    assert_matches(gaussians, antialiased=antialiased)


@pytest.mark.parametrize("antialiased", [False, True])
def test_a_gaussian_at_the_near_plane_itself_counts(antialiased):
    means = [[0.001, 0.0, 0.25], [0.0, 0.01, 0.5], [0.0, 0.0, 0.2499999]]
    gaussians = Gaussians.from_rgb(means, [[1, 0, 0, 0]] * 3, np.full((3, 3), 0.02), [0.9] * 3, np.eye(3))
    raster = assert_matches(gaussians, near=0.25, far=0.5, antialiased=antialiased, least=60.0)
    assert (
        raster.rgb[..., 0].max() > 0.5 and raster.rgb[..., 1].max() > 0.05 and raster.rgb[..., 2].max() == 0.0
    )


@pytest.mark.parametrize("opacity", [1.0, 0.9, 0.3, 0.02])
def test_alpha_falls_off_exactly_down_to_its_last_pixel(opacity):
    gaussians = Gaussians.from_rgb(
        [[0.1, 0.2, 5.0]], [[1, 0, 0, 0]], [[0.6] * 3], [opacity], [[1.0, 0.5, 0.0]]
    )
    raster = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT)
    _, alpha, _ = reference_rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT)
    assert 0.0 < alpha[alpha > 0.0].min() < 0.0042
    np.testing.assert_allclose(raster.alpha, alpha, atol=1e-5)


def test_accumulated_depth_is_what_the_weights_add_up_to():
    gaussians = random_gaussians(np.random.default_rng(12), (-3, -2, 2), (3, 2, 9), (0.05, 0.4), count=60)
    raster = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT)
    _, alpha, depth = reference_rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT)
    np.testing.assert_allclose(raster.accumulated_depth, depth * alpha, atol=2e-3)
    assert np.abs(raster.accumulated_depth - raster.depth).max() > 1.0


@pytest.mark.parametrize("seed", range(5))
def test_matches_the_reference_for_any_seed(seed):
    rng = np.random.default_rng(seed)
    assert_matches(random_gaussians(rng, (-15, -10, -5), (15, 10, 25), (0.05, 3.0)))


@pytest.mark.parametrize("terms", [4, 9, 16])
def test_view_dependent_colour(terms):
    rng = np.random.default_rng(terms)
    gaussians = random_gaussians(rng, (-6, -4, 2), (6, 4, 20), (0.1, 1.0), terms=terms)
    raster = assert_matches(gaussians, look(yaw=0.3, position=(1.0, 0.5, -2.0))[None], least=60.0)
    plain = reference_rasterize(
        replace(gaussians, sh=gaussians.sh[:, :1]), FRONT[None], K[None], WIDTH, HEIGHT
    )
    assert np.abs(raster.rgb - plain[0]).max() > 0.05


def test_several_cameras_with_off_centre_principal_points_at_once():
    gaussians = random_gaussians(np.random.default_rng(3), (-9, -5, -9), (9, 5, 9), (0.05, 1.0), count=500)
    viewmats = np.stack([look(0.0), look(1.0, (0.5, 0.0, 0.2)), look(-2.0)])
    Ks = np.stack([K, K, K])
    Ks[1, :2, 2] = [5.0, 30.0]
    Ks[2, 0, 2] = -20.0
    Ks[2, [0, 1], [0, 1]] = [80.0, 40.0]
    raster = assert_matches(gaussians, viewmats, Ks)
    for camera in range(3):
        single = rasterize(gaussians, viewmats[camera : camera + 1], Ks[camera : camera + 1], WIDTH, HEIGHT)
        np.testing.assert_array_equal(single.rgb[0], raster.rgb[camera])
        np.testing.assert_array_equal(single.depth[0], raster.depth[camera])


@pytest.mark.parametrize("size", [(1, 1), (33, 95), (70, 3), (32, 32)])
def test_image_sizes_that_are_no_multiple_of_a_tile(size):
    gaussians = random_gaussians(np.random.default_rng(4), (-3, -3, 2), (3, 3, 9), (0.05, 1.0))
    Ks = np.array([[[40.0, 0.0, size[0] / 2], [0.0, 40.0, size[1] / 2], [0.0, 0.0, 1.0]]])
    assert_matches(gaussians, Ks=Ks, size=size)


def test_opaque_layers_stop_before_the_gaussian_that_closes_the_pixel():
    means = [[0.0, 0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 4.0]]
    rgb = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    gaussians = Gaussians.from_rgb(means, [[1, 0, 0, 0]] * 3, np.full((3, 3), 50.0), [1.0, 1.0, 0.05], rgb)
    raster = assert_matches(gaussians, least=90.0)
    # alpha is clamped to 0.999; the second would bring T from 1e-3 to 1e-6: the pixel is finished without it.
    np.testing.assert_allclose(raster.rgb[0, 18, 32], [0.999, 0.0, 0.0], atol=1e-6)
    assert raster.transmittance[0, 18, 32] == pytest.approx(1e-3, rel=1e-3)
    assert raster.depth[0, 18, 32] == pytest.approx(2.0, rel=1e-5)


def test_a_splat_ends_at_one_255th():
    gaussians = Gaussians.from_rgb([[0, 0, 5]], [[1, 0, 0, 0]], [[0.8, 0.3, 0.1]], [0.9], [[1, 1, 1]])
    raster = assert_matches(gaussians, least=80.0)
    assert raster.alpha[raster.alpha > 0].min() >= 1.0 / 255.0 * 0.999
    assert (raster.alpha == 0.0).any()
    assert (raster.depth[raster.alpha == 0.0] == 0.0).all()


@pytest.mark.parametrize("pixel", [(-0.5, 18.0), (64.5, 18.0), (32.0, -0.5), (32.0, 36.5)])
def test_the_blur_of_a_speck_beside_the_image_reaches_into_it(pixel):
    mean = [(pixel[0] - 32.0) / 50.0, (pixel[1] - 18.0) / 50.0, 1.0]
    speck = Gaussians.from_rgb([mean], [[1, 0, 0, 0]], [[1e-4] * 3], [1.0], [[1, 1, 1]])
    assert_matches(speck, least=60.0)


def test_near_and_far_cut_by_the_mean():
    gaussians = random_gaussians(np.random.default_rng(5), (-3, -3, 1), (3, 3, 9), (0.1, 0.5))
    raster = assert_matches(gaussians, near=3.0, far=6.0)
    assert 3.0 <= raster.depth[raster.alpha > 0.5].min() <= raster.depth.max() <= 6.0


@pytest.mark.parametrize("eps2d", [0.0, 1.0])
def test_other_blurs(eps2d):
    gaussians = random_gaussians(np.random.default_rng(6), (-6, -4, 2), (6, 4, 20), (0.05, 1.0))
    assert_matches(gaussians, eps2d=eps2d)


def test_background_shows_by_transmittance():
    gaussians = random_gaussians(np.random.default_rng(8), (-3, -2, 2), (3, 2, 9), (0.05, 0.4), count=60)
    plain = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT)
    painted = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT, background=[0.1, 0.5, 2.0])
    expected = plain.rgb + plain.transmittance[..., None] * np.array([0.1, 0.5, 2.0])
    np.testing.assert_allclose(painted.rgb, expected, atol=1e-6)


@pytest.mark.parametrize("count", [0, 50])
def test_nothing_visible(count):
    gaussians = random_gaussians(np.random.default_rng(9), (-3, -3, -9), (3, 3, -2), (0.1, 0.5), count=count)
    raster = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT, background=[0.2, 0.3, 0.4])
    assert (raster.rgb == np.float32([0.2, 0.3, 0.4])).all()
    assert not raster.alpha.any() and not raster.depth.any()


def test_degenerate_gaussians_leave_no_nan():
    rng = np.random.default_rng(10)
    gaussians = random_gaussians(rng, (-1, -1, -0.5), (1, 1, 0.5), (1e-20, 1e6), count=500)
    gaussians.scales[::3, 0] = 0.0
    gaussians.scales[::7] = 0.0
    gaussians.means[::11, 2] = 0.0
    gaussians.means[::13] = 0.0
    for settings in ({}, {"eps2d": 0.0}, {"antialiased": True}, {"near": 1e-30, "antialiased": True}):
        raster = rasterize(gaussians, FRONT[None], K[None], WIDTH, HEIGHT, **settings)
        assert all(np.isfinite(image).all() for image in (raster.rgb, raster.alpha, raster.depth)), settings
        assert raster.alpha.max() <= 1.0 and raster.alpha.min() >= 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "gpu"}, "'gpu'.*'auto', 'cpu'"),
        ({"width": 0}, "width is 0"),
        ({"height": 1.5}, "height is 1.5"),
        ({"near": 2.0, "far": 1.0}, "near, far"),
        ({"Ks": np.zeros((1, 3, 3))}, "focal"),
        ({"viewmats": np.full((1, 4, 4), np.nan)}, "viewmats"),
        ({"viewmats": np.eye(4)}, r"viewmats.*\(1, 4, 4\)"),
        ({"viewmats": np.zeros((0, 4, 4)), "Ks": np.zeros((0, 3, 3))}, "viewmats"),
        ({"background": [1.0, 0.0]}, r"background.*\(2,\)"),
        ({"background": np.zeros((2, 3))}, "background"),
        ({"background": [np.nan, 0.0, 0.0]}, "background"),
    ],
)
def test_wrong_arguments_are_named(settings, message):
    gaussians = random_gaussians(np.random.default_rng(11), (-3, -3, 1), (3, 3, 9), (0.1, 0.5), count=5)
    arguments = {"viewmats": FRONT[None], "Ks": K[None], "width": WIDTH, "height": HEIGHT, **settings}
    with pytest.raises(ArgumentError, match=message):
        rasterize(gaussians, **arguments)
