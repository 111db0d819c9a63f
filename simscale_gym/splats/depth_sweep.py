"""A sweep of ranges, as a turning LiDAR gives them, read off the depth of a few small pictures.

How exact it is depends on the Gaussians. A rasteriser's depth is that of their centres, weighted from near to far: on
a surface seen at a slant, those that reach out towards the sensor count most, and ranges come out short by about the
standard deviation of the Gaussians along the ray. Where they are 5 cm wide, that is 5 cm; on the ground of dressed
streets, whose base is metres wide, points come to lie half a metre too high. Where a surface lets 3 % of the light
through, ranges come out long by 3 % of the gap behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.splats.rasterize import Raster

Array = NDArray[np.float64]
Rasterize = Callable[[Array, Array, tuple[int, int]], Raster]
"""From world to camera `[C, 4, 4]`, intrinsics `[C, 3, 3]` [px] and height, width [px] to images."""

FACES = 4
"""Pictures around the sensor, a quarter of a turn each."""

MARGIN = 2
"""Pixels beyond the outermost rays, to tell edges by [px]."""

SOLID = 0.9
"""Alpha that all pixels around a ray must have."""

BEND = 0.04
"""Second difference of the inverse depth, as a share of it, from which a pixel lies on an edge: there, depth is
averaged between near and far. On a plane, inverse depth has none."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of red, green and blue (Rec. 709)."""

_TO_OPTICAL = np.array(
    [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]
)  # optical axes in the face's frame


@dataclass(frozen=True)
class SweepPattern:
    """Rays of a sweep; the defaults are those of a spinning sensor with 32 beams where nuPlan's vehicles have theirs.

    Attributes:
        beams: Rows of rays.
        lowest: Elevation of the first row [rad].
        highest: Elevation of the last row [rad].
        azimuth_step: Between rays of a row [rad]; a whole number of them makes a turn.
        least_range: Nearest return [m].
        range: Farthest return [m].
        mount: Place of the sensor in the ego frame [m], x forward, y left, z up.
        sharpness: Pixels of the pictures per ray of a row; the more, the less is lost at edges.
    """

    beams: int = 32
    lowest: float = math.radians(-25.0)
    highest: float = math.radians(15.0)
    azimuth_step: float = math.radians(1.0)
    least_range: float = 1.0
    range: float = 75.0
    mount: tuple[float, float, float] = (1.5185, 0.0, 1.6309)
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not np.isfinite(np.asarray(getattr(self, field.name), float)).all():
                raise ArgumentError(
                    f"SweepPattern.{field.name} is {getattr(self, field.name)!r}, not finite."
                )
        if not -1.2 <= self.lowest <= self.highest <= 1.2 or self.beams < 1:
            found = (self.beams, self.lowest, self.highest)
            raise ArgumentError(
                f"SweepPattern.beams, lowest, highest are {found}, expected 1 or more beams, -1.2 to 1.2 rad."
            )
        if not 1e-3 <= self.azimuth_step <= 0.1 or not 0.2 <= self.sharpness <= 8.0:
            found = (self.azimuth_step, self.sharpness)
            raise ArgumentError(
                f"SweepPattern.azimuth_step, sharpness are {found}, expected 0.001 to 0.1 rad, 0.2 to 8."
            )
        if not 0.0 <= self.least_range < self.range or np.shape(self.mount) != (3,):
            raise ArgumentError(
                f"SweepPattern.least_range, range, mount are {(self.least_range, self.range, self.mount)}, "
                "expected 0 <= least_range < range [m] and a place [3]."
            )

    @property
    def azimuths(self) -> Array:
        """Of the rays of a row, `[A]` [rad], from the back by the right to the front and on by the left."""
        count = round(2.0 * math.pi / self.azimuth_step)
        return (np.arange(count) + 0.5) * (2.0 * math.pi / count) - math.pi

    @property
    def elevations(self) -> Array:
        """Of the rows, `[B]` [rad]."""
        return np.linspace(self.lowest, self.highest, self.beams)

    @property
    def directions(self) -> Array:
        """Unit vectors of the rays, `[B, A, 3]`, in the ego frame."""
        elevation, azimuth = np.meshgrid(self.elevations, self.azimuths, indexing="ij")
        flat = np.cos(elevation)
        return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)


@dataclass(frozen=True, eq=False)
class SweepViews:
    """The pictures behind a pattern, and where its rays fall on them.

    Attributes:
        pattern: It.
        cam_to_ego: `[4, 4, 4]`.
        K: `[3, 3]` [px].
        size: Height, width [px].
        faces: Picture of each ray, `[B, A]`.
        places: Row and column of each ray on it, pixel centres at whole numbers, `[B, A, 2]`.
        stretches: Range over depth of each ray, `[B, A]`.
    """

    pattern: SweepPattern
    cam_to_ego: Array
    K: Array
    size: tuple[int, int]
    faces: NDArray[np.int64]
    places: Array
    stretches: Array

    @classmethod
    def of(cls, pattern: SweepPattern) -> SweepViews:
        """As small as the pattern allows."""
        focal = pattern.sharpness / pattern.azimuth_step
        widest = math.tan(math.pi / FACES)
        up, down = (
            focal * max(0.0, math.tan(angle)) / math.cos(math.pi / FACES)
            for angle in (pattern.highest, -pattern.lowest)
        )
        width = 2 * (math.ceil(focal * widest) + MARGIN)
        top, bottom = math.ceil(up) + MARGIN, math.ceil(down) + MARGIN
        turns = 2.0 * math.pi / FACES * np.arange(FACES)
        rotations = se3.rpy_to_matrix(0.0, 0.0, turns) @ _TO_OPTICAL
        K = np.array([[focal, 0.0, width / 2], [0.0, focal, top], [0.0, 0.0, 1.0]])
        rays = pattern.directions
        faces = np.round(np.arctan2(rays[..., 1], rays[..., 0]) / (2.0 * math.pi / FACES)).astype(int) % FACES
        seen = np.einsum("bai,baij->baj", rays, rotations[faces])
        places = np.stack([seen[..., 1], seen[..., 0]], -1) / seen[..., 2:] * focal
        places += np.array([top, width / 2]) - 0.5
        cam_to_ego = se3.rigid(rotations, np.asarray(pattern.mount, float))
        return cls(pattern, cam_to_ego, K, (top + bottom, width), faces, places, 1.0 / seen[..., 2])


@dataclass(frozen=True, eq=False)
class Sweep:
    """Ranges around the ego.

    Attributes:
        ranges: `[B, A]` float32 [m]; 0 where there is none.
        valid: Where there is one, `[B, A]`.
        intensity: Luminance of what the rays meet, 0..1, `[B, A]` float32; 0 where there is none.
        directions: Unit vectors of the rays, `[B, A, 3]`, in the ego frame.
        mount: Place of the sensor in the ego frame, `[3]` [m].
    """

    ranges: NDArray[np.float32]
    valid: NDArray[np.bool_]
    intensity: NDArray[np.float32]
    directions: Array
    mount: Array

    @property
    def points(self) -> Array:
        """What the rays met, `[M, 3]` in the ego frame [m], row after row."""
        return self.directions[self.valid] * self.ranges[self.valid][:, None] + self.mount


def depth_sweep(rasterize: Rasterize, ego_to_world: Array, views: SweepViews) -> Sweep:
    """Sweeps once, at one moment: nothing moves while the sensor turns.

    Args:
        rasterize: Draws the world on black, as `SceneRenderer.rasterize` and `CpuRasterizer.render` do.
        ego_to_world: `[4, 4]`.
        views: Made once from a pattern.
    """
    viewmats = se3.invert_rigid(np.asarray(ego_to_world, float) @ views.cam_to_ego)
    raster = rasterize(viewmats, np.tile(views.K, (FACES, 1, 1)), views.size)
    pattern = views.pattern
    ranges = np.zeros(views.faces.shape, np.float32)
    _sample(
        raster.alpha, raster.depth, views.faces, views.places, views.stretches,
        pattern.least_range, pattern.range, ranges,
    )  # fmt: skip
    row, col = np.round(views.places).astype(int).reshape(-1, 2).T
    colors = raster.rgb[views.faces.ravel(), row, col]
    valid = ranges > 0.0
    light = np.clip(colors @ LUMINANCE, 0.0, 1.0).reshape(ranges.shape) * valid
    return Sweep(
        ranges, valid, light.astype(np.float32), pattern.directions, np.asarray(pattern.mount, float)
    )


@njit(cache=True, error_model="numpy")
def _bend(alpha, depth, i, j):
    """Second differences of the inverse depth at a pixel, along both axes, as a share of it.

    A neighbour that is no surface says nothing: depth is divided by alpha, so the sky does not blend into it.
    """
    here, worst = 1.0 / depth[i, j], 0.0
    for di, dj in ((0, 1), (1, 0)):
        if alpha[i - di, j - dj] >= SOLID and alpha[i + di, j + dj] >= SOLID:
            sides = 1.0 / depth[i - di, j - dj] + 1.0 / depth[i + di, j + dj]
            worst = max(worst, abs(sides - 2.0 * here))
    return worst / here


@njit(cache=True, error_model="numpy")
def _sample(alpha, depth, faces, places, stretches, least, most, out):
    """Write the ranges `[B, A]`: inverse depth between the four pixels around each ray, 0 on edges and holes."""
    for b in range(faces.shape[0]):
        for a in range(faces.shape[1]):
            face, row, col = faces[b, a], places[b, a, 0], places[b, a, 1]
            i, j = int(row), int(col)
            v, u = row - i, col - j
            good, inverse = True, 0.0
            for di in range(2):
                for dj in range(2):
                    good &= alpha[face, i + di, j + dj] >= SOLID
                    if good:
                        good &= _bend(alpha[face], depth[face], i + di, j + dj) < BEND
                        weight = (v if di else 1.0 - v) * (u if dj else 1.0 - u)
                        inverse += weight / depth[face, i + di, j + dj]
            if good:
                distance = stretches[b, a] / inverse
                if least <= distance <= most:
                    out[b, a] = distance
