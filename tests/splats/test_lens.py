"""Lens distortion against exact projection of points, and against OpenCV where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_scenes import FRONT, decibel, look, random_gaussians

from simscale_gym.errors import ArgumentError
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.lens import Lens, distort, fold_radius, render_distorted, undistort
from simscale_gym.splats.rasterize import rasterize

NUPLAN = np.array([-0.356123, 0.172545, -0.00213, 0.000464, -0.05231])
PINCUSHION = np.array([0.2, 0.05, 0.004, -0.003, 0.01])
WIDTH, HEIGHT = 240, 135
K = np.array([[193.0, 0.0, 120.0], [0.0, 193.0, 70.0], [0.0, 0.0, 1.0]])  # NuPlan's, at an eighth
FRAME = (FRONT[None], K[None], WIDTH, HEIGHT)


def opencv_pixel(point, coefficients):
    """OpenCV's projection of one point, as its manual writes it out (calib3d, "Detailed Description")."""
    k1, k2, p1, p2, k3 = coefficients
    a, b = point[0] / point[2], point[1] / point[2]
    r = np.hypot(a, b)
    stretch = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
    return np.array(
        [
            K[0, 0] * (a * stretch + 2 * p1 * a * b + p2 * (r**2 + 2 * a**2)) + K[0, 2],
            K[1, 1] * (b * stretch + p1 * (r**2 + 2 * b**2) + 2 * p2 * a * b) + K[1, 2],
        ]
    )


def speck(point, size=0.003):
    return Gaussians.from_rgb([point], [[1, 0, 0, 0]], [[size] * 3], [0.9], [[1, 1, 1]])


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


@pytest.mark.parametrize(
    "coefficients", [NUPLAN, PINCUSHION, np.zeros(5)], ids=["barrel", "pincushion", "none"]
)
def test_points_land_where_opencv_projects_them(coefficients):
    lens = Lens.of(K[None], coefficients, WIDTH, HEIGHT)
    offsets = []
    for column in np.linspace(8.0, WIDTH - 8.0, 5):
        for row in np.linspace(8.0, HEIGHT - 8.0, 4):
            seen = (np.array([column, row]) - K[:2, 2]) / 193.0
            (x, y), valid = undistort(seen, coefficients)
            assert valid
            point = np.array([x, y, 1.0]) * 7.0
            pixel = opencv_pixel(point, coefficients)
            np.testing.assert_allclose(pixel, [column, row], atol=1e-5)
            image = render_distorted(CpuRasterizer([pack(speck(point))]), lens, FRONT[None]).rgb[0, ..., 0]
            offsets.append(np.abs(centroid(image) - pixel).max())
    assert max(offsets) < 0.15, offsets
    plain = rasterize(speck((3.5, 2.0, 7.0)), *FRAME).rgb[0, ..., 0]
    moved = rasterize(speck((3.5, 2.0, 7.0)), *FRAME, distortion=coefficients).rgb[0, ..., 0]
    assert np.abs(centroid(plain) - centroid(moved)).max() > 3.0 or not coefficients.any()


@pytest.mark.parametrize("coefficients", [NUPLAN, PINCUSHION])
def test_the_model_is_opencvs(coefficients):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    points = np.random.default_rng(0).uniform([-3, -2, 4], [3, 2, 8], (200, 3))
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, coefficients)
    pixels = distort(points[:, :2] / points[:, 2:], coefficients) * 193.0 + K[:2, 2]
    np.testing.assert_allclose(pixels, expected[:, 0], atol=1e-6)


@given(
    st.floats(-0.9, 0.9),
    st.floats(-0.8, 0.8),
    st.floats(-0.4, 0.3),
    st.floats(-0.1, 0.2),
    st.floats(-0.005, 0.005),
    st.floats(-0.005, 0.005),
    st.floats(-0.06, 0.06),
)
def test_undistort_inverts_distort_within_the_fold(x, y, k1, k2, p1, p2, k3):
    coefficients = np.array([k1, k2, p1, p2, k3])
    point = np.array([x, y])
    if np.linalg.norm(point) > 0.93 * fold_radius(coefficients):
        return
    found, valid = undistort(distort(point, coefficients), coefficients)
    assert valid
    np.testing.assert_allclose(found, point, atol=1e-5)


def test_where_lenses_fold_back():
    assert fold_radius(NUPLAN) == pytest.approx(1.2647, abs=1e-4)
    assert fold_radius(np.zeros(5)) == fold_radius(PINCUSHION) == np.inf
    radii = np.linspace(0.0, fold_radius(NUPLAN), 50)
    radial = NUPLAN * [1, 1, 0, 0, 1]
    assert (np.diff(distort(np.stack([radii, 0 * radii], 1), radial)[:, 0]) > 0.0).all()
    assert distort([1.4, 0.0], radial)[0] < distort([1.26, 0.0], radial)[0]


def test_what_the_fold_would_bring_back_into_the_image_stays_out():
    point = np.array([1.8, 0.0, 1.0])  # 61 degrees off the axis
    bright = Gaussians.concatenate([speck(point * 9.0, 0.2), speck((0.0, 0.0, 9.0), 0.2)])
    column, row = opencv_pixel(point, NUPLAN)
    assert 0 < column < WIDTH and 0 < row < HEIGHT, "the bare polynomial puts it into the image"
    image = rasterize(bright, *FRAME, distortion=NUPLAN).rgb[0, ..., 0]
    assert image[70, 120] > 0.5 and image[int(row), int(column)] == 0.0


def test_no_distortion_changes_nothing():
    gaussians = random_gaussians(np.random.default_rng(0), (-4, -2, 2), (4, 2, 12), (0.05, 0.6))
    plain = rasterize(gaussians, *FRAME, background=[0.2, 0.4, 0.6], antialiased=True, ids=True)
    through = rasterize(
        gaussians, *FRAME, background=[0.2, 0.4, 0.6], antialiased=True, ids=True, distortion=np.zeros((1, 5))
    )
    np.testing.assert_array_equal(through.ids, plain.ids)
    for name in ("rgb", "alpha", "transmittance"):  # the frame is wider by two pixels: EWA is clamped later
        assert decibel(getattr(through, name), getattr(plain, name)) > 65.0
    assert decibel(through.accumulated_depth, plain.accumulated_depth, peak=12.0) > 60.0


def test_beyond_the_lens_there_is_background():
    wide = K.copy()
    wide[[0, 1], [0, 1]] = 80.0  # the corners see beyond the fold
    wall = Gaussians.from_rgb([[0, 0, 5]], [[1, 0, 0, 0]], [[300, 300, 0.01]], [1.0], [[1, 0, 0]])
    raster = rasterize(
        wall, FRONT[None], wide[None], WIDTH, HEIGHT, distortion=NUPLAN, background=[0, 0, 1], ids=True
    )
    assert (raster.rgb[0, 0, 0] == [0, 0, 1]).all() and raster.transmittance[0, 0, 0] == 1.0
    assert raster.ids[0, 0, 0] == -1 and raster.depth[0, 0, 0] == 0.0
    assert raster.rgb[0, 70, 120, 0] > 0.99 and raster.ids[0, 70, 120] == 0
    assert raster.depth[0, 70, 120] == pytest.approx(5.0, rel=1e-3)


def test_edges_keep_their_depth():
    gaussians = random_gaussians(np.random.default_rng(1), (-3, -2, 8), (3, 2, 8.5), (0.05, 0.3), count=40)
    raster = rasterize(gaussians, *FRAME, distortion=NUPLAN)
    touched = raster.alpha > 0.0
    assert 0.0 < raster.alpha[touched].min() < 0.01
    assert raster.depth[touched].min() > 7.9 and (raster.depth[~touched] == 0.0).all()
    np.testing.assert_allclose(raster.transmittance, 1.0 - raster.alpha, atol=1e-6)


def test_cameras_with_different_lenses_on_any_number_of_threads():
    packed = pack(random_gaussians(np.random.default_rng(2), (-9, -5, -9), (9, 5, 9), (0.1, 1.0), count=500))
    viewmats, lenses = np.stack([look(0.0), look(1.0), look(-2.0)]), np.stack([NUPLAN, PINCUSHION, NUPLAN])
    Ks = np.stack([K, K, K * [[0.5], [0.5], [1.0]]])
    rasters = [
        render_distorted(
            CpuRasterizer([packed], threads=threads),
            Lens.of(Ks, lenses, WIDTH, HEIGHT),
            viewmats,
            background=[1, 1, 1],
        )
        for threads in (1, 3)
    ]
    np.testing.assert_array_equal(rasters[0].rgb, rasters[1].rgb)
    for camera in range(3):
        alone = Lens.of(Ks[camera : camera + 1], lenses[camera], WIDTH, HEIGHT)
        raster = render_distorted(
            CpuRasterizer([packed]), alone, viewmats[camera : camera + 1], background=[1, 1, 1]
        )
        np.testing.assert_array_equal(raster.rgb[0], rasters[0].rgb[camera])


def test_wrong_coefficients_are_named():
    gaussians = speck((0, 0, 5))
    with pytest.raises(ArgumentError, match=r"distortion has shape \(4,\)"):
        rasterize(gaussians, *FRAME, distortion=np.zeros(4))
    with pytest.raises(ArgumentError, match=r"distortion.*finite"):
        rasterize(gaussians, *FRAME, distortion=np.full(5, np.nan))
    lens = Lens.of(K[None], NUPLAN, WIDTH, HEIGHT)
    with pytest.raises(ArgumentError, match=r"viewmats has shape \(2, 4, 4\)"):
        render_distorted(CpuRasterizer([pack(gaussians)]), lens, np.stack([FRONT, FRONT]))
    for wrong, message in ((0 * K, "focal"), (np.eye(4), "Ks has shape"), (np.nan * K, "Ks has shape")):
        with pytest.raises(ArgumentError, match=message):
            Lens.of(wrong[None], NUPLAN, WIDTH, HEIGHT)
    with pytest.raises(ArgumentError, match="height is 0"):
        Lens.of(K[None], NUPLAN, WIDTH, 0)
    line = np.array([[3000.0, 0.0, 6000.0], [0.0, 3000.0, 1.0], [0.0, 0.0, 1.0]])
    with pytest.raises(ArgumentError, match="frames behind the lens"):
        Lens.of(line[None], [-0.036, 0.0, 0.0, 0.0, 0.0], 12000, 2)
