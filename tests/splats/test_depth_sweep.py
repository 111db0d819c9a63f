"""Sweeps of ranges against a float64 caster, and against walls and grounds whose distance is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_scenes import random_gaussians
from reference_caster import reference_cast

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.depth_sweep import LidarConfig, depth_sweep, disturbed
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.instances import Instances

SENSOR = LidarConfig()
COARSE = LidarConfig(channels=12, azimuths=90)
UNEVEN = LidarConfig(elevations=(-0.9, -0.3, -0.28, -0.1, 0.0, 0.05, 0.6), azimuths=53)
EVERYWHERE = {
    "small": ((-5, -5, -2), (5, 5, 2), (0.1, 0.5)),
    "wide and thin": ((-9, -9, -3), (9, 9, 3), (0.005, 2.0)),
    "around the sensor": ((-1, -1, -1), (1, 1, 1), (0.1, 1.5)),
    "far": ((-60, -60, -10), (60, 60, 10), (0.2, 6.0)),
    "huge": ((-20, -20, -9), (20, 20, 9), (0.01, 30.0)),
}


def sheet(low, high, spacing=0.06, spread=0.7, opacity=0.99, rgb=0.4):
    """Flat Gaussians on the plane z = 0 between two corners [m]."""
    x, y = np.meshgrid(np.arange(low[0], high[0], spacing), np.arange(low[1], high[1], spacing))
    means = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    scales = np.tile([spread * spacing, spread * spacing, 0.001], (len(means), 1))
    quats, colors = np.tile([1.0, 0, 0, 0], (len(means), 1)), np.full((len(means), 3), rgb)
    return Gaussians.from_rgb(means, quats, scales, np.full(len(means), opacity), colors)


def placed(gaussians, roll, pitch, place, yaw=0.0):
    return gaussians.transformed(se3.rigid(se3.rpy_to_matrix(roll, pitch, yaw), place))


def wall(distance, yaw=0.0, size=4.0, **kind):
    """Upright, `distance` [m] away, turned about the origin by `yaw`."""
    upright = placed(sheet((-size, -size), (size, size), **kind), 0.0, np.pi / 2, [distance, 0.0, 0.0])
    return placed(upright, 0.0, 0.0, [0.0, 0.0, 0.0], yaw)


def casting(gaussians, levels=1, threads=1):
    return CpuRasterizer([pack(gaussians, levels=levels)], threads=threads)


def ego(x=0.0, y=0.0, yaw=0.0, pitch=0.0):
    return se3.rigid(se3.rpy_to_matrix(0.0, pitch, yaw), [x, y, 0.0])


def expected(gaussians, config, ego_to_world=None):
    """Ranges `[B, A]` of the reference, and which Gaussian."""
    ego_to_world = np.eye(4) if ego_to_world is None else ego_to_world
    origin = (ego_to_world @ config.sensor_to_ego)[:3, 3]
    rays = config.directions.reshape(-1, 3) @ ego_to_world[:3, :3].T
    found = reference_cast(gaussians, origin, rays, most=config.most_range)
    return tuple(values.reshape(config.shape) for values in found)


def assert_as_expected(sweep, ranges, least, share=0.995):
    """But for a few rays whose light is just about half."""
    wanted = np.where(np.isfinite(ranges) & (ranges >= least), ranges, 0.0)
    good = np.abs(sweep.ranges - wanted) <= 1e-3 * (1.0 + wanted)
    assert good.mean() >= share, (good.mean(), sweep.ranges[~good][:9], wanted[~good][:9])


@pytest.mark.parametrize("kind", EVERYWHERE)
@pytest.mark.parametrize("config", [COARSE, UNEVEN], ids=["even", "uneven"])
def test_rays_end_where_the_reference_says(kind, config):
    low, high, scales = EVERYWHERE[kind]
    for seed in range(2):
        gaussians = random_gaussians(np.random.default_rng(seed), low, high, scales, count=250)
        pose = ego(1.0, -2.0, yaw=0.4 + seed, pitch=0.1)
        sweep = depth_sweep(casting(gaussians), pose, config)
        ranges, _ = expected(gaussians, config, pose)
        assert np.isfinite(ranges).mean() > 0.02
        assert_as_expected(sweep, ranges, config.least_range)


@given(st.integers(0, 2**32 - 1), st.integers(4, 70), st.floats(-3.1, 3.1), st.floats(-1.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_rays_of_any_pattern_end_where_the_reference_says(seed, azimuths, yaw, tilt):
    rng = np.random.default_rng(seed)
    gaussians = random_gaussians(rng, (-8, -8, -4), (8, 8, 4), (0.01, 4.0), count=60)
    rows = tuple(np.sort(rng.uniform(-1.2, 1.2, rng.integers(1, 9))))
    config = LidarConfig(elevations=rows, azimuths=azimuths, tilt=(tilt, -tilt, yaw), least_range=0.0)
    ranges, _ = expected(gaussians, config)
    assert_as_expected(depth_sweep(casting(gaussians), np.eye(4), config), ranges, 0.0, share=0.98)


@pytest.mark.parametrize("height", [-1.5, -0.7, 0.7, 1.5])
@pytest.mark.parametrize("yaw", [0.0, 2.9])
def test_long_bars_across_the_view_are_met_out_to_their_ends(height, yaw):
    bar = Gaussians.from_rgb([[2.0, 0, height]], [[1.0, 0, 0, 0]], [[0.1, 4.0, 0.1]], [0.95], [[0.5] * 3])
    bar = placed(bar, 0.0, 0.0, [0.0, 0.0, 0.0], yaw)
    # 70 rows where the bar is, from its far ends to its middle, and a little beyond
    rows = np.sort(np.sign(height) * np.linspace(0.05, 0.8, 70))
    config = replace(SENSOR, mount=(0.0, 0.0, 0.0), elevations=tuple(rows), least_range=0.0)
    ranges, _ = expected(bar, config)
    assert (np.isfinite(ranges).any(0)).mean() > 0.3
    assert_as_expected(depth_sweep(casting(bar), np.eye(4), config), ranges, 0.0, share=0.99995)


@pytest.mark.parametrize("spacing", [0.15, 0.3, 0.6, 1.2, 2.4])
@pytest.mark.parametrize("levels", [1, 6])
def test_the_ground_is_flat_however_wide_its_gaussians_are(spacing, levels):
    half = 32.0 if spacing >= 0.3 else 10.0
    gaussians = sheet((-half, -half), (half, half), spacing, spread=0.58)
    sweep = depth_sweep(casting(gaussians, levels), ego(0.13, 0.07, yaw=0.3), SENSOR)
    truth = np.broadcast_to(SENSOR.mount[2] / np.maximum(np.sin(-SENSOR.rows), 1e-9)[:, None], SENSOR.shape)
    within = (truth > 1.0) & (truth < half - 4.0)
    assert sweep.valid[within].all() and within.sum() > 2000
    error = np.abs(sweep.ranges - truth)[within]
    assert np.median(error) < 0.003 and np.quantile(error, 0.99) < 0.02
    assert not sweep.valid[SENSOR.rows > 0.0].any()


@pytest.mark.parametrize("spacing", [0.1, 0.5])
def test_walls_at_a_slant_are_straight(spacing):
    gaussians = wall(10.0, yaw=0.8, size=12.0, spacing=spacing)
    for yaw in (0.0, 1.5, 3.0):  # ahead, beside, and across the end of a turn
        points = SENSOR.points(depth_sweep(casting(gaussians), ego(yaw=yaw), SENSOR).ranges)
        world = points @ ego(yaw=yaw)[:3, :3].T
        off = world[:, :2] @ [np.cos(0.8), np.sin(0.8)] - 10.0
        assert len(points) > 1500 and np.abs(off).max() < 0.01


def test_no_point_floats_between_a_post_and_the_wall_behind_it():
    post = placed(sheet((-3, -0.5), (3, 0.5), 0.04, spread=1.5), 0.0, np.pi / 2, [8.0, 0, 0])
    both = Gaussians.concatenate([post, wall(20.0, size=8.0, spacing=0.08)])
    x = SENSOR.points(depth_sweep(casting(both), np.eye(4), SENSOR).ranges)[:, 0]
    assert (np.abs(x - 8.0) < 0.05).sum() > 50 and (np.abs(x - 20.0) < 0.05).sum() > 200
    assert ((np.abs(x - 8.0) > 0.05) & (np.abs(x - 20.0) > 0.05)).sum() == 0


def test_a_wide_layer_below_the_ground_stays_below_it():
    """Its means are nearer than those of the ground that a ray meets: a picture shows it in front."""
    ground, below = sheet((-30, -30), (30, 30), 0.3, 0.58), sheet((-30, -30), (30, 30), 1.2, 0.7)
    both = Gaussians.concatenate([placed(below, 0.0, 0.0, [0.0, 0.0, -0.6]), ground])
    points = SENSOR.points(depth_sweep(casting(both, 6), np.eye(4), SENSOR).ranges)
    assert len(points) > 3000 and np.quantile(np.abs(points[:, 2]), 0.995) < 0.01


def test_turning_the_sensor_rolls_the_sweep():
    gaussians = Gaussians.concatenate([wall(9.0, yaw, size=6.0) for yaw in np.arange(6) * np.pi / 3])
    config = replace(SENSOR, mount=(0.0, 0.0, 0.0), azimuths=100)
    still = depth_sweep(casting(gaussians), np.eye(4), config).ranges
    assert (still > 0).mean() > 0.9
    for steps in (1, 17, 50):
        turned = depth_sweep(casting(gaussians), ego(yaw=2 * np.pi * steps / 100), config).ranges
        near = np.isclose(np.roll(turned, steps, axis=1), still, atol=1e-3)
        assert near.mean() > 0.998


def test_threads_change_nothing():
    gaussians = random_gaussians(np.random.default_rng(5), (-9, -9, -3), (9, 9, 3), (0.01, 2.0), count=4000)
    one, two = (depth_sweep(casting(gaussians, 6, threads), np.eye(4), SENSOR) for threads in (1, 2))
    for name in ("ranges", "intensity", "instances"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_half_of_the_light_decides():
    for alpha, far in ((0.45, 20.0), (0.75, 10.0)):
        veil = Gaussians.from_rgb([[10.0, 0, 0]], [[1.0, 0, 0, 0]], [[0.01, 9, 9]], [alpha], [[1.0, 1, 1]])
        sweep = depth_sweep(casting(Gaussians.concatenate([veil, wall(20.0)])), np.eye(4), SENSOR)
        middle = sweep.ranges[20, 179:181]
        np.testing.assert_allclose(middle, (far - SENSOR.mount[0]) / np.cos(SENSOR.rows[20]), rtol=0.01)


@pytest.mark.parametrize("layers", [20, 24, 40, 90])
def test_mist_of_many_layers(layers):
    """More than are kept by ray: the range is right to a layer or two."""
    places = [[5.0 + 0.1 * k, 0.0, 0.0] for k in range(layers)]
    scales, quats = [[0.01, 9.0, 9.0]] * layers, [[1.0, 0, 0, 0]] * layers
    mist = Gaussians.from_rgb(places, quats, scales, [0.02] * layers, [[0.5] * 3] * layers)
    config = replace(SENSOR, mount=(0.0, 0.0, 0.0), elevations=(0.0,))
    ranges, _ = expected(mist, config)
    sweep = depth_sweep(casting(mist), np.eye(4), config)
    ahead = np.abs(config.directions[..., 1]) < 0.2
    np.testing.assert_array_equal(sweep.valid[ahead], np.isfinite(ranges[ahead]))
    met = ahead & sweep.valid
    assert not met.any() or np.abs(sweep.ranges - ranges)[met].max() < 0.25


def test_limits_of_range():
    near, far = wall(1.2), wall(30.0)
    config = replace(SENSOR, mount=(0.5, 0.0, 0.0))
    assert depth_sweep(casting(far), np.eye(4), config).valid.any()
    assert not depth_sweep(casting(far), np.eye(4), replace(config, most_range=25.0)).valid.any()
    hidden = depth_sweep(casting(Gaussians.concatenate([near, far])), np.eye(4), config)
    middle = (config.directions[..., 0] > 0.9) & (np.abs(config.rows) < 0.2)[:, None]
    assert not hidden.valid[middle].any()  # what is too near hides what is behind
    assert not hidden.ranges[~hidden.valid].any() and (hidden.instances[~hidden.valid] == -1).all()


def test_instances_intensity_and_poses():
    bright, dark = (sheet((-3, -3), (3, 3), 0.1, rgb=value) for value in (0.8, 0.2))
    rasterizer = CpuRasterizer([pack(bright), pack(dark)], threads=1)
    poses = [se3.rigid(se3.rpy_to_matrix(0.0, np.pi / 2, 0.0), [x, 0.0, 0.0]) for x in (12.0, -12.0)]
    sweep = depth_sweep(rasterizer, np.eye(4), SENSOR, Instances([1, 0], np.stack(poses)))
    x = SENSOR.directions[..., 0]
    for place, side, luminance, distance in ((0, x > 0, 0.2, 12.0), (1, x < 0, 0.8, 12.0)):
        met = sweep.valid & side
        assert met.sum() > 300 and (sweep.instances[met] == place).all()
        np.testing.assert_allclose(sweep.intensity[met], luminance, atol=1e-3)
        np.testing.assert_allclose(np.abs(SENSOR.points(sweep.ranges * side)[:, 0]), distance, atol=0.01)


def test_nothing_gives_nothing():
    faint = wall(10.0, opacity=0.003)
    for gaussians in (faint, faint.subset(np.zeros(0, int)), wall(300.0)):
        sweep = depth_sweep(casting(gaussians), np.eye(4), COARSE)
        assert not sweep.valid.any() and not sweep.ranges.any() and len(COARSE.points(sweep.ranges)) == 0


def test_noise_and_dropout_are_seeded_and_as_large_as_asked():
    config = replace(SENSOR, noise=0.05, dropout=0.2)
    sweep = depth_sweep(casting(sheet((-20, -20), (20, 20), 0.3)), np.eye(4), config)
    first, again = (disturbed(sweep, config, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.ranges, again.ranges)
    assert (first.ranges != disturbed(sweep, config, np.random.default_rng(4)).ranges).any()
    assert not first.valid[~sweep.valid].any()
    assert first.valid[sweep.valid].mean() == pytest.approx(0.8, abs=0.03)
    error = (first.ranges - sweep.ranges)[first.valid]
    assert error.std() == pytest.approx(0.05, rel=0.1) and abs(error.mean()) < 0.005


@pytest.mark.parametrize("elevations", [[0.2, 0.1], [0.0, np.nan], [0.0, 1.6], 0.1])
def test_elevations_that_no_sweep_has_are_refused(elevations):
    wall = Gaussians.from_rgb([[5.0, 0.0, 0.0]], [[1, 0, 0, 0]], [[0.1, 9.0, 9.0]], [1.0], [[1, 1, 1]])
    with pytest.raises(ArgumentError, match="elevations"):
        CpuRasterizer([pack(wall)], threads=1).cast(np.eye(4), elevations, 64)


def test_only_the_cpu_casts_rays():
    with pytest.raises(ArgumentError, match="object casts no rays"):
        depth_sweep(object(), np.eye(4), SENSOR)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"channels": 0}, "channels"),
        ({"azimuths": 3}, "azimuths"),
        ({"azimuths": 360.0}, "azimuths"),
        ({"lowest": 0.5, "highest": 0.1}, "lowest"),
        ({"elevations": (0.1, 0.0)}, "elevations"),
        ({"elevations": (0.1, 1.4)}, "elevations"),
        ({"elevations": np.zeros(3)}, "elevations"),
        ({"most_range": 0.5}, "most_range"),
        ({"most_range": float("inf")}, "most_range"),
        ({"mount": (0.0, 0.0)}, "mount"),
        ({"mount": "roof"}, "mount"),
        ({"tilt": 0.1}, "tilt"),
        ({"noise": -0.1}, "noise"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_sensors_that_make_no_sense_are_named(settings, told):
    with pytest.raises(ArgumentError, match=told):
        LidarConfig(**settings)
