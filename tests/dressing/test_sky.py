import numpy as np
import pytest

from simscale_gym.dressing.light.sky import Sky, make_sky, table_directions
from simscale_gym.dressing.looks.camera_look import CameraLook, develop
from simscale_gym.scene import nuplan_rig


@pytest.fixture(scope="module")
def sky():
    return make_sky((0.5, 0.2, 0.6), np.random.default_rng(3))


def rig(height, width):
    cameras = nuplan_rig().select(("cam_f0", "cam_l0"))
    viewmats = np.stack([np.linalg.inv(c.cam_to_ego) for c in cameras])
    return viewmats, np.stack([c.scaled_intrinsics(height, width) for c in cameras])


def plain_rays(viewmats, Ks, height, width):
    v, u = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    pixels = np.stack([u, v, np.ones_like(u)], -1)
    out = []
    for viewmat, K in zip(viewmats, Ks, strict=True):
        out.append(pixels @ np.linalg.inv(K).T @ viewmat[:3, :3])
    return np.stack(out)


def test_a_lookup_returns_the_texel_in_its_direction():
    directions = table_directions(64)
    table = np.random.default_rng(0).random((64, 64, 3), np.float32)
    sky = Sky(table, np.ones(3, np.float32))
    assert np.allclose(sky.radiance(directions), table, atol=2e-3)
    assert np.allclose(sky.radiance(5.0 * directions), sky.radiance(directions), atol=1e-4)


def test_the_table_covers_the_upper_half_and_below_shows_the_horizon(sky):
    directions = table_directions(32)
    assert (directions[..., 2] >= 0).all() and directions[..., 2].max() > 0.99
    low = sky.radiance([[1.0, 0.2, -0.7]])
    assert np.allclose(low, sky.radiance([[1.0, 0.2, 0.0]]))


def test_the_sky_is_bluer_overhead_and_brightest_at_the_sun(sky):
    zenith, horizon, sun = sky.radiance([[0, 0, 1], [-1, -0.4, 0.01], [0.5, 0.2, 0.6]])
    assert zenith[2] - zenith[0] > horizon[2] - horizon[0]
    assert sun.sum() > horizon.sum() and sky.table.min() >= 0.0 and sky.table.max() <= 1.0


def test_more_clouds_cover_more():
    white = [
        make_sky((0, 0.5, 0.5), np.random.default_rng(8), clouds=c).table[..., 0].mean()
        for c in (0.0, 0.5, 1.0)
    ]
    assert white[0] < white[1] < white[2]


def test_composite_fills_what_is_open_along_each_pixels_ray(sky):
    height, width = 18, 32
    viewmats, Ks = rig(height, width)
    rng = np.random.default_rng(5)
    alpha = rng.random((2, height, width), np.float32)
    rgb = rng.random((2, height, width, 3), np.float32) * alpha[..., None]
    rays = plain_rays(viewmats, Ks, height, width)
    expected = rgb + (1 - alpha[..., None]) * sky.radiance(rays)
    assert np.allclose(sky.composite(rgb, alpha, viewmats, Ks), expected, atol=2e-3)


def test_develop_agrees_with_a_plain_version(sky):
    height, width = 18, 32
    viewmats, Ks = rig(height, width)
    rng = np.random.default_rng(6)
    alpha = rng.random((2, height, width), np.float32)
    rgb = (0.2 + 0.5 * rng.random((2, height, width, 3), np.float32)) * alpha[..., None]
    depth = 300.0 * rng.random((2, height, width), np.float32)
    look = CameraLook(sharpness=0.5)
    rays = plain_rays(viewmats, Ks, height, width)
    kept = np.exp(-np.maximum(depth * np.linalg.norm(rays, axis=-1) - look.clear, 0) / look.haze)[..., None]
    cover = alpha[..., None]
    x = rgb * kept + sky.haze * cover * (1 - kept) + (1 - cover) * sky.radiance(rays)
    x = np.clip(x, 0, 1)
    x = x + look.contrast * (x * x * (3 - 2 * x) - x)
    rows = np.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), "edge")
    soft = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    soft[:, :, 1:-1] = (soft[:, :, :-2] + 2 * soft[:, :, 1:-1] + soft[:, :, 2:]) / 4
    expected = np.clip(x + look.sharpness * (x - soft), 0, 1)
    expected[:, :, [0, -1]] = x[:, :, [0, -1]]
    assert np.allclose(develop(rgb, alpha, depth, viewmats, Ks, sky, look), expected, atol=3e-3)


def test_grain_only_on_request_and_from_the_generator(sky):
    viewmats, Ks = rig(9, 16)
    zeros = np.zeros((2, 9, 16), np.float32)
    args = (np.zeros((2, 9, 16, 3), np.float32), zeros, zeros, viewmats, Ks, sky)
    assert np.array_equal(develop(*args), develop(*args))
    grainy = CameraLook(grain=0.02)
    first, second = (develop(*args, grainy, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, second) and 0.005 < (first - develop(*args)).std() < 0.03
