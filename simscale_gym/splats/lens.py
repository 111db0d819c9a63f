"""Images as a lens with OpenCV's distortion sees them.

A frame is rasterized without distortion, large enough for every ray of the distorted image, and sampled where each
pixel's ray hits it. All Gaussians are seen exactly where the lens puts them, however large they are; distorting each
splat by itself would draw those near the camera straight that the lens bends. The frame keeps the focal lengths, so
that the middle of the image, where the lens does not distort, is not blurred (OpenCV's `getOptimalNewCameraMatrix`
with alpha = 1, which encloses the same rays, keeps the size instead and shrinks the picture into it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew, take
from simscale_gym.one_line import one_line
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.instances import FIRST, Instances
from simscale_gym.splats.rasterize import LARGEST_IMAGE, Raster, check_background, check_cameras

WIDEST_RAY = 4.0
"""Largest x/z and y/z that a frame reaches to, 76 degrees: beyond it, a plane is no place to draw on."""

CLOSE = 1e-9
"""A direction is found when the lens puts it within this of where it should [rad, near the axis]."""

ROWS = 16
"""Image rows that a thread takes at a time."""


def distort(points: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """The directions that a lens turns `points` into: OpenCV's model of five coefficients.

    Beyond `fold_radius` the polynomial turns back and its values mean nothing.

    Args:
        points: x/z, y/z, `[..., 2]`.
        coefficients: k1, k2, p1, p2, k3, `[5]`.

    Returns:
        Distorted x/z, y/z, `[..., 2]` float64.
    """
    k1, k2, p1, p2, k3 = np.asarray(coefficients, np.float64)
    x, y = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    sheer_x = 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
    sheer_y = p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
    return np.stack([x * radial + sheer_x, y * radial + sheer_y], axis=-1)


def fold_radius(coefficients: np.ndarray) -> float:
    """Radius sqrt(x^2 + y^2) / z up to which the radial polynomial grows; infinite if it always does.

    NuPlan's lens folds back at 1.264: points farther off the axis than 51.6 degrees would land in the image again.
    """
    k1, k2, _, _, k3 = np.asarray(coefficients, np.float64)
    slope = np.array([7.0 * k3, 5.0 * k2, 3.0 * k1, 1.0])  # d/dr (r + k1 r^3 + k2 r^5 + k3 r^7), in r^2
    roots = np.roots(np.where(np.abs(slope) < 1e-12, 0.0, slope))  # terms that bend nothing spoil the roots
    turns = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0.0)]
    return float(np.sqrt(turns.min())) if len(turns) else float("inf")


def undistort(points: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions that a lens puts at `points`: the inverse of `distort`.

    The radius is looked up in the growing part of the radial polynomial; Newton's method then adds the tangential
    part from there, on the near side of the fold.

    Args:
        points: Distorted x/z, y/z, `[..., 2]`.
        coefficients: k1, k2, p1, p2, k3, `[5]`.

    Returns:
        x/z, y/z, `[..., 2]` float64, and which of them exist, `[...]`: no ray within the fold gets elsewhere.
    """
    points = np.asarray(points, np.float64)
    fold = min(fold_radius(coefficients), WIDEST_RAY * np.sqrt(2.0))
    radii = np.linspace(0.0, fold, 4096)
    k1, k2, _, _, k3 = np.asarray(coefficients, np.float64)
    bent = radii * (1.0 + radii**2 * (k1 + radii**2 * (k2 + radii**2 * k3)))
    radius = np.linalg.norm(points, axis=-1, keepdims=True)
    found = points * (np.interp(radius, bent, radii) / np.maximum(radius, 1e-12))
    error = np.empty(points.shape[:-1])
    _refine(
        points.reshape(-1, 2), np.asarray(coefficients, np.float64), found.reshape(-1, 2), error.reshape(-1)
    )
    return found, (error < CLOSE) & (np.linalg.norm(found, axis=-1) < fold)


@njit(cache=True, nogil=True, error_model="numpy")
def _refine(points, coefficients, found, error):
    """Newton's method from `found` on, in place; what is left of the difference goes to `error`."""
    k1, k2, p1, p2, k3 = coefficients
    for i in range(len(points)):
        x, y = found[i, 0], found[i, 1]
        for _ in range(8):
            r2 = x * x + y * y
            radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
            growth = 2.0 * k1 + r2 * (4.0 * k2 + r2 * 6.0 * k3)  # d radial / d r^2, twice
            miss_x = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x) - points[i, 0]
            miss_y = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y - points[i, 1]
            error[i] = max(abs(miss_x), abs(miss_y))
            if error[i] < CLOSE:
                break
            xx = radial + x * x * growth + 2.0 * p1 * y + 6.0 * p2 * x
            yy = radial + y * y * growth + 6.0 * p1 * y + 2.0 * p2 * x
            xy = x * y * growth + 2.0 * p1 * x + 2.0 * p2 * y
            inverse = 1.0 / max(xx * yy - xy * xy, 1e-6)
            x -= min(max((yy * miss_x - xy * miss_y) * inverse, -0.1), 0.1)
            y -= min(max((xx * miss_y - xy * miss_x) * inverse, -0.1), 0.1)
        found[i, 0], found[i, 1] = x, y


@dataclass(frozen=True)
class Lens:
    """A map from each pixel of distorted images to its place in frames without distortion.

    Attributes:
        Ks: Intrinsics of the frames, `[C, 3, 3]` [px].
        sizes: Width and height of the frames, `[C, 2]` int64 [px].
        spots: Column and row in the frame of each pixel's ray, counted from the centre of its first pixel,
            `[C, H, W, 2]` float32 [px]; outside the frame where no ray gets through the lens.
    """

    Ks: np.ndarray
    sizes: np.ndarray
    spots: np.ndarray

    __repr__ = one_line

    @classmethod
    def of(cls, Ks: np.ndarray, distortion: np.ndarray, width: int, height: int) -> Lens:
        """Prepares cameras; keep it for as long as they stay the same.

        Args:
            Ks: Intrinsics of the distorted images, `[C, 3, 3]` [px]; the skew is ignored.
            distortion: OpenCV's k1, k2, p1, p2, k3, `[C, 5]` or `[5]` for all.
            width: Width of the distorted images [px].
            height: Height of the distorted images [px].
        """
        Ks = np.asarray(Ks, np.float64)
        check_cameras(Ks, len(Ks), width, height)
        coefficients = _checked(Ks, distortion)
        rays = {  # cameras of a rig are often alike
            key: _rays(*key, width, height)
            for key in {_key(K, own) for K, own in zip(Ks, coefficients, strict=True)}
        }
        directions = [rays[_key(K, own)] for K, own in zip(Ks, coefficients, strict=True)]
        frames, sizes = zip(*(_frame(K, *pair) for K, pair in zip(Ks, directions, strict=True)), strict=True)
        if np.max(sizes) > LARGEST_IMAGE:
            raise ArgumentError(
                f"the frames behind the lens would be up to {np.max(sizes)} px wide or high, expected "
                f"{LARGEST_IMAGE} at most."
            )
        spots = np.full((len(Ks), height, width, 2), -10.0, np.float32)
        for camera, (K, (points, valid)) in enumerate(zip(frames, directions, strict=True)):
            pixels = points * K[[0, 1], [0, 1]] + K[:2, 2] - 0.5
            spots[camera][valid] = pixels[valid]
        return cls(np.stack(frames), np.stack(sizes), spots)

    def remap(
        self,
        raster: Raster,
        cameras: np.ndarray,
        backgrounds: np.ndarray,
        out: Raster,
        crew: Crew | None = None,
    ) -> None:
        """Writes distorted images of undistorted frames: bilinear, and the nearest pixel's id.

        Depth is averaged over what is there, by alpha, so that an edge does not fade towards 0 m.

        Args:
            raster: Frames of cameras of one size, drawn with `Ks` and `sizes`, on black.
            cameras: Numbers of the frames' cameras, `[F]` int64.
            backgrounds: Colours behind everything, `[C, 3]` float32.
            out: Images of all cameras, written to.
            crew: Threads; one if None.
        """
        (crew or Crew(1)).run(
            _sample_rows, np.zeros(1, np.int64), cameras, self.spots, raster.rgb, raster.alpha, raster.depth,
            raster.ids, backgrounds, out.rgb, out.alpha, out.depth, out.transmittance, out.ids,
        )  # fmt: skip


def render_distorted(
    rasterizer: CpuRasterizer,
    lens: Lens,
    viewmats: np.ndarray,
    instances: Instances = FIRST,
    *,
    background: np.ndarray | None = None,
    **settings: Any,
) -> Raster:
    """Draws one frame through a lens.

    Cameras whose frames are alike are drawn in one call, others apart: what a camera shows does not depend on which
    others are drawn, since the size of a frame decides where the projection's Jacobian is clamped.

    Args:
        rasterizer: What can be drawn.
        lens: The cameras' lens.
        viewmats: World to camera, `[C, 4, 4]`.
        instances: What there is; by default the first template.
        background: Colour behind everything, `[3]` or `[C, 3]`; black if None.
        settings: Further arguments of `CpuRasterizer.render`: ids, near, antialiased and so on, not `out`.
    """
    cameras, height, width, _ = lens.spots.shape
    viewmats = np.asarray(viewmats, np.float64)
    if viewmats.shape != (cameras, 4, 4):
        raise ArgumentError(f"viewmats has shape {viewmats.shape}, expected ({cameras}, 4, 4) as the lens.")
    out = Raster.empty(cameras, (height, width), ids=bool(settings.get("ids", False)))
    backgrounds, splats = check_background(background, cameras), 0
    for wide, high in np.unique(lens.sizes, axis=0).tolist():
        alike = np.flatnonzero((lens.sizes == (wide, high)).all(axis=1))
        raster = rasterizer.render(viewmats[alike], lens.Ks[alike], (high, wide), (instances,), **settings)
        lens.remap(raster, alike, backgrounds, out, rasterizer.crew)
        splats += raster.splats
    return replace(out, splats=splats)


def _checked(Ks: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Coefficients by camera, `[C, 5]`."""
    coefficients = np.asarray(distortion, np.float64)
    if coefficients.shape not in ((5,), (len(Ks), 5)) or not np.isfinite(coefficients).all():
        raise ArgumentError(
            f"distortion has shape {coefficients.shape}, expected finite k1, k2, p1, p2, k3 of shape (5,) or "
            f"({len(Ks)}, 5)."
        )
    return np.broadcast_to(coefficients, (len(Ks), 5))


def _key(K: np.ndarray, coefficients: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (K[0, 0], K[1, 1], K[0, 2], K[1, 2]), tuple(coefficients)


def _rays(
    intrinsics: tuple[float, ...], coefficients: tuple[float, ...], width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the pixel centres, `[H, W, 2]`, and which of them the lens lets through, `[H, W]`."""
    fx, fy, cx, cy = intrinsics
    x, y = np.meshgrid((np.arange(width) + 0.5 - cx) / fx, (np.arange(height) + 0.5 - cy) / fy)
    points, valid = undistort(np.stack([x, y], axis=-1), np.array(coefficients))
    return points, valid & (np.abs(points).max(-1) <= WIDEST_RAY)


def _frame(K: np.ndarray, points: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsics and size [px] of the frame that holds all rays, with a pixel around for the interpolation."""
    focal = K[[0, 1], [0, 1]]
    inside = points[valid] if valid.any() else np.zeros((1, 2))
    low, high = np.floor(inside.min(0) * focal) - 1.0, np.ceil(inside.max(0) * focal) + 1.0
    frame = np.diag([*focal, 1.0])
    frame[:2, 2] = -low
    return frame, (high - low).astype(int)


@njit(cache=True, nogil=True, error_model="numpy")
def _sample_rows(
    counter,
    cameras,
    spots,
    rgb,
    alpha,
    depth,
    ids,
    backgrounds,
    out_rgb,
    out_alpha,
    out_depth,
    out_transmittance,
    out_ids,
):
    """Fills rows of distorted images (see `Lens.remap`); run it on any number of threads with the same arguments."""
    _, height, width, _ = spots.shape
    frame_height, frame_width = alpha.shape[1:]
    while True:
        start = take(counter, ROWS)
        if start >= len(cameras) * height:
            return
        for row in range(start, min(start + ROWS, len(cameras) * height)):
            frame, y = row // height, row % height
            camera = cameras[frame]
            for x in range(width):
                u, v = spots[camera, y, x, 0], spots[camera, y, x, 1]
                left, top = int(np.floor(u)), int(np.floor(v))
                inside = 0 <= left < frame_width - 1 and 0 <= top < frame_height - 1
                left, top = (left, top) if inside else (0, 0)
                right, low = u - np.float32(left), v - np.float32(top)
                red = green = blue = covered = far = np.float32(0.0)
                if inside:
                    for corner in range(4):
                        i, j = top + (corner >> 1), left + (corner & 1)
                        part = (right if corner & 1 else 1 - right) * (low if corner >> 1 else 1 - low)
                        part = np.float32(part)
                        red += part * rgb[frame, i, j, 0]
                        green += part * rgb[frame, i, j, 1]
                        blue += part * rgb[frame, i, j, 2]
                        covered += part * alpha[frame, i, j]
                        far += part * alpha[frame, i, j] * depth[frame, i, j]
                left_over = np.float32(1.0) - covered
                out_rgb[camera, y, x, 0] = red + left_over * backgrounds[camera, 0]
                out_rgb[camera, y, x, 1] = green + left_over * backgrounds[camera, 1]
                out_rgb[camera, y, x, 2] = blue + left_over * backgrounds[camera, 2]
                out_alpha[camera, y, x], out_transmittance[camera, y, x] = covered, left_over
                out_depth[camera, y, x] = far / covered if covered > 0.0 else np.float32(0.0)
                if out_ids is not None:
                    nearest = (
                        ids[frame, top + (low >= 0.5), left + (right >= 0.5)] if inside else np.int32(-1)
                    )
                    out_ids[camera, y, x] = nearest
