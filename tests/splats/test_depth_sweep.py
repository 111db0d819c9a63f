"""Sweeps of ranges against walls, grounds and balls whose distance is known."""

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.splats.cpu_pack import pack
from simscale_gym.splats.cpu_rasterizer import CpuRasterizer
from simscale_gym.splats.depth_sweep import FACES, SweepPattern, SweepViews, depth_sweep
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.rasterize import Raster

COARSE = SweepPattern(beams=24, azimuth_step=np.radians(2.0))
FINE = SweepPattern(beams=32, azimuth_step=np.radians(1.0))
SHARP = SweepPattern(sharpness=2.0)


def analytic(distance_along):
    """A rasteriser that sees a surface at ``distance_along(directions [..., 3])`` [m] from every camera."""

    def rasterize(viewmats, Ks, size):
        height, width = size
        raster = Raster.empty(len(viewmats), width, height)
        v, u = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
        for c, (view, K) in enumerate(zip(viewmats, Ks, strict=True)):
            seen = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], -1)
            length = np.linalg.norm(seen, axis=-1)
            distance = distance_along((seen / length[..., None]) @ view[:3, :3])
            hit = np.isfinite(distance)
            raster.alpha[c], raster.depth[c] = hit, np.where(hit, distance / length, 0.0)
            raster.rgb[c] = 0.5
        return raster

    return rasterize


def ground_below(height):
    def distance(directions):
        with np.errstate(divide="ignore"):
            found = height / -directions[..., 2]
        return np.where(found > 0, found, np.inf)

    return distance


def sheet(low, high, spacing=0.06, spread=0.7):
    """Flat Gaussians on the plane z = 0 between two corners [m]."""
    x, y = np.meshgrid(np.arange(low[0], high[0], spacing), np.arange(low[1], high[1], spacing))
    means = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    scales = np.tile([spread * spacing, spread * spacing, 0.001], (len(means), 1))
    quats, rgb = np.tile([1.0, 0, 0, 0], (len(means), 1)), np.full((len(means), 3), 0.4)
    return Gaussians.from_rgb(means, quats, scales, np.full(len(means), 0.99), rgb)


def placed(gaussians, roll, pitch, place):
    return gaussians.transformed(se3.rigid(se3.rpy_to_matrix(roll, pitch, 0.0), place))


def street():
    """A ground, a wall 12 m ahead and one 6 m to the left, 4 m high, of Gaussians 6 cm apart."""
    ahead = placed(sheet((-4, -6), (0, 6)), 0.0, np.pi / 2, [12.0, 0, 0])
    left = placed(sheet((-12, 0), (12, 4)), np.pi / 2, 0.0, [0.0, 6.0, 0.0])
    return Gaussians.concatenate([sheet((-12, -8), (12, 6)), ahead, left])


def gaussian_rasterizer(gaussians):
    rasterizer = CpuRasterizer([pack(gaussians)], threads=1)
    return lambda viewmats, Ks, size: rasterizer.render(
        viewmats, Ks, size[1], size[0], antialiased=True, near=0.1
    )


@pytest.mark.parametrize(
    "pattern", [COARSE, FINE, SweepPattern(64, -0.4, 0.1, 0.02), SweepPattern(1, 0.0, 0.0, 0.1)]
)
def test_every_ray_falls_on_the_picture_that_looks_its_way(pattern):
    views = SweepViews.of(pattern)
    assert views.faces.shape == (pattern.beams, len(pattern.azimuths))
    assert views.size[0] * views.size[1] * FACES < 40 * views.faces.size + 20_000
    row, col = np.moveaxis(views.places, -1, 0)
    assert row.min() >= 1 and row.max() < views.size[0] - 2
    assert col.min() >= 1 and col.max() < views.size[1] - 2
    seen = np.stack(
        [(col + 0.5 - views.K[0, 2]) / views.K[0, 0], (row + 0.5 - views.K[1, 2]) / views.K[1, 1]], -1
    )
    rays = np.concatenate([seen, np.ones_like(seen[..., :1])], -1) / views.stretches[..., None]
    back = np.einsum("baij,baj->bai", views.cam_to_ego[views.faces][..., :3, :3], rays)
    np.testing.assert_allclose(back, pattern.directions, atol=1e-9)


def test_a_ball_around_the_sensor_is_equally_far_everywhere():
    rasterize = analytic(lambda directions: np.full(directions.shape[:-1], 20.0))
    sweep = depth_sweep(rasterize, np.eye(4), SweepViews.of(FINE))
    assert sweep.valid.all()
    np.testing.assert_allclose(sweep.ranges, 20.0, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(sweep.points - sweep.mount, axis=1), 20.0, atol=0.01)


@pytest.mark.parametrize("yaw", [0.0, 0.3, 2.0])
def test_a_plane_is_a_plane(yaw):
    ego = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, yaw), [5.0, -3.0, 0.0])
    sweep = depth_sweep(analytic(ground_below(COARSE.mount[2])), ego, SweepViews.of(COARSE))
    expected = COARSE.mount[2] / -COARSE.directions[..., 2]
    within = (expected > 1.0) & (expected < 74.0)
    assert (
        sweep.valid[within].mean() > 0.95
        and not sweep.valid[~within & ((expected < 0) | (expected > 76))].any()
    )
    np.testing.assert_allclose(sweep.points[:, 2], 0.0, atol=0.005)


def test_a_wall_and_a_ground_of_gaussians_lie_where_they_are():
    sweep = depth_sweep(gaussian_rasterizer(street()), np.eye(4), SweepViews.of(SHARP))
    x, y, z = sweep.points.T
    ahead = (np.abs(y) < 4.0) & (z > 0.5) & (z < 3.6) & (x > 8.0)
    left = (np.abs(x) < 8.0) & (z > 0.5) & (z < 3.6) & (y > 3.0)
    below = (z < 0.3) & (np.hypot(x - sweep.mount[0], y) < 8.0) & (x < 10.0) & (y < 5.5)
    for group, error in ((ahead, x - 12.0), (left, y - 6.0), (below, z)):
        assert group.sum() > 500
        assert np.abs(error[group]).max() < 0.05


def test_no_point_floats_between_a_post_and_the_wall_behind_it():
    post = placed(sheet((-3, -0.5), (0, 0.5), 0.04, spread=1.5), 0.0, np.pi / 2, [8.0, 0, 0])
    wall = placed(sheet((-6, -8), (0, 8), 0.08), 0.0, np.pi / 2, [20.0, 0, 0])
    sweep = depth_sweep(
        gaussian_rasterizer(Gaussians.concatenate([post, wall])), np.eye(4), SweepViews.of(SHARP)
    )
    x = sweep.points[:, 0]
    assert (x < 8.2).sum() > 50 and (x > 19.8).sum() > 200
    assert ((x > 8.2) & (x < 19.8)).sum() == 0


def test_thin_air_gives_nothing():
    def faint(viewmats, Ks, size):
        raster = analytic(lambda directions: np.full(directions.shape[:-1], 10.0))(viewmats, Ks, size)
        raster.alpha[:] = 0.6
        return raster

    sweep = depth_sweep(faint, np.eye(4), SweepViews.of(COARSE))
    assert not sweep.valid.any() and not sweep.ranges.any() and len(sweep.points) == 0


@pytest.mark.parametrize("distance", [0.5, 80.0])
def test_beyond_its_limits_it_sees_nothing(distance):
    rasterize = analytic(lambda directions: np.full(directions.shape[:-1], distance))
    assert not depth_sweep(rasterize, np.eye(4), SweepViews.of(COARSE)).valid.any()


def test_intensity_is_the_luminance():
    rasterize = analytic(lambda directions: np.where(directions[..., 0] > 0, 10.0, np.inf))
    sweep = depth_sweep(rasterize, np.eye(4), SweepViews.of(COARSE))
    np.testing.assert_allclose(sweep.intensity[sweep.valid], 0.5, rtol=1e-5)
    assert not sweep.intensity[~sweep.valid].any() and 0.4 < sweep.valid.mean() < 0.6


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"beams": 0}, "beams"),
        ({"lowest": 0.5, "highest": 0.1}, "lowest"),
        ({"azimuth_step": 0.0}, "azimuth_step"),
        ({"range": 0.5}, "range"),
        ({"mount": (0.0, 0.0)}, "mount"),
        ({"sharpness": float("inf")}, "sharpness"),
    ],
)
def test_patterns_that_make_no_sense_are_named(settings, told):
    with pytest.raises(ArgumentError, match=told):
        SweepPattern(**settings)
