"""What casts shadows: walls, plates and tree crowns, and rays from surfels to the sun.

All rays run along one direction. Slid down along it to height 0, a ray is a point and a caster is a figure in the
plane, so a ray reads the list of the one grid cell that its point lies in and walks nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.surfels import unit

Array = NDArray[np.float32]

SAMPLES = 6
"""Rays per surfel, spread over its own area: shadow edges come out as soft as the surfels are large."""


SPREAD = 1.7
"""Width of the area that the rays start from, over the standard deviation."""

SUN_WIDTH = 0.02
"""Spread of the rays' directions [rad]: about twice the sun's disc, as haze widens it."""

LIFT = 0.03
"""Start of the rays above the surface [m]."""

CELL = 1.5
"""Edge of a grid cell [m]."""

MARGIN = 0.4
"""Casters are listed this far [m] around their own figure, for the spread of directions over tens of metres."""


@dataclass(frozen=True, eq=False)
class Occluders:
    """Shadow casters.

    Attributes:
        walls: ``[W, 6]`` upright rectangles: x0, y0, x1, y1, low z, high z [m].
        plates: ``[P, 7]`` level rectangles: centre x, y, z, cos and sin of the heading, half length, half width.
        crowns: ``[S, 5]`` spheres that dim: x, y, z, radius [m], extinction [1/m].
    """

    walls: Array = field(default_factory=lambda: np.zeros((0, 6), np.float32))
    plates: Array = field(default_factory=lambda: np.zeros((0, 7), np.float32))
    crowns: Array = field(default_factory=lambda: np.zeros((0, 5), np.float32))

    @classmethod
    def concatenate(cls, parts: Sequence[Occluders]) -> Occluders:
        """Join sets into one."""
        if not parts:
            return cls()
        names = ("walls", "plates", "crowns")
        return cls(*(np.concatenate([getattr(p, name) for p in parts]).astype(np.float32) for name in names))

    @classmethod
    def prism(cls, footprint: ArrayLike, low: float, high: float) -> Occluders:
        """An upright prism over ``footprint [K, 2]`` that stands on or in the ground (its bottom is not tested)."""
        ring = np.asarray(footprint, np.float32)[:, :2]
        following = np.concatenate([ring[1:], ring[:1]])
        heights = np.broadcast_to(np.array([low, high], np.float32), (len(ring), 2))
        return cls(walls=np.concatenate([ring, following, heights], 1))

    @classmethod
    def box(cls, center: ArrayLike, heading: float, length: float, width: float, height: float) -> Occluders:
        """A box turned by ``heading`` [rad] round z, ``center [3]``, sizes [m]; closed below, so it may hover."""
        x, y, z = (float(value) for value in np.asarray(center))
        cos, sin = np.cos(heading), np.sin(heading)
        along = np.array([1, -1, -1, 1]) * length / 2
        across = np.array([1, 1, -1, -1]) * width / 2
        ring = np.stack([x + cos * along - sin * across, y + sin * along + cos * across], 1)
        walls = cls.prism(ring, z - height / 2, z + height / 2).walls
        plate = np.array([[x, y, z - height / 2, cos, sin, length / 2, width / 2]], np.float32)
        return cls(walls=walls, plates=plate)

    @classmethod
    def crown(cls, centers: ArrayLike, radii: ArrayLike, extinction: ArrayLike) -> Occluders:
        """Spheres at ``centers [S, 3]`` that let ``exp(-extinction * path)`` of the light through."""
        centers = np.asarray(centers, np.float32).reshape(-1, 3)
        columns = [np.broadcast_to(np.asarray(x, np.float32), len(centers)) for x in (radii, extinction)]
        return cls(crowns=np.column_stack([centers, *columns]).astype(np.float32))


def sun_visibility(
    centers: Array, u: Array, v: Array, normals: Array, sigmas: Array, occluders: Occluders, sun: ArrayLike
) -> Array:
    """Share ``[N]`` of the sun that reaches each surfel, 0..1.

    Args:
        centers: ``[N, 3]`` [m].
        u: ``[N, 3]`` first tangent.
        v: ``[N, 3]`` second tangent.
        normals: ``[N, 3]``; surfels that turn away from the sun count as lit.
        sigmas: ``[N, 3]`` standard deviations along u, v and the normal [m].
        occluders: What stands in the way.
        sun: ``[3]`` direction towards the sun, ``z > 0``.
    """
    sun = unit(sun).astype(np.float32)
    arrays = [np.ascontiguousarray(x, dtype=np.float32) for x in (centers, u, v, normals, sigmas)]
    figures = [_wall_figures(occluders.walls, sun), _plate_figures(occluders.plates, sun)]
    figures.append(_crown_figures(occluders.crowns, sun))
    corners = np.concatenate([f.reshape(-1, 2) for f in figures])
    if not len(corners):
        return np.ones(len(arrays[0]), np.float32)
    low, high = corners.min(0) - 1.0, corners.max(0) + 1.0
    cell = max(CELL, float((high - low).max()) / 512.0)
    shape = np.ceil((high - low) / cell).astype(np.int64)
    tables = [table for f in figures for table in _fill_grid(f, low, cell, shape)]
    casters = [np.ascontiguousarray(x) for x in (occluders.walls, occluders.plates, occluders.crowns)]
    return _trace(*arrays, sun, *casters, low, np.float32(cell), shape, *tables)


def _slide(points: Array, sun: Array) -> Array:
    """Points ``[..., 3]`` slid down along the sun's rays to height 0: ``[..., 2]``."""
    return points[..., :2] - points[..., 2:3] * (sun[:2] / sun[2])


def _wall_figures(walls: Array, sun: Array) -> Array:
    corners = walls[:, [0, 1, 4, 2, 3, 4, 2, 3, 5, 0, 1, 5]].reshape(-1, 4, 3)
    return _slide(corners, sun).astype(np.float32)


def _plate_figures(plates: Array, sun: Array) -> Array:
    along, across = plates[:, 3:5], np.stack([-plates[:, 4], plates[:, 3]], 1)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    offset = (
        signs[:, :1] * (along * plates[:, 5:6])[:, None] + signs[:, 1:] * (across * plates[:, 6:7])[:, None]
    )
    return (_slide(plates[:, :3], sun)[:, None] + offset).astype(np.float32)


def _crown_figures(crowns: Array, sun: Array) -> Array:
    flat = np.hypot(sun[0], sun[1])
    along = sun[:2] / flat if flat > 1e-6 else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    offset = signs[:, :1] * along / sun[2] + signs[:, 1:] * across
    return (_slide(crowns[:, :3], sun)[:, None] + crowns[:, 3, None, None] * offset).astype(np.float32)


def _fill_grid(figures: Array, low: Array, cell: float, shape: NDArray) -> tuple[NDArray, NDArray]:
    """Starts and rows of the figures that touch each cell."""
    counts, none = np.zeros(shape[0] * shape[1] + 1, np.int64), np.zeros(0, np.int64)
    _visit(figures, low, cell, shape, counts, none, False)
    starts = np.concatenate([[0], np.cumsum(counts[:-1])])
    rows = np.zeros(starts[-1], np.int64)
    _visit(figures, low, cell, shape, starts[:-1].copy(), rows, True)
    return starts, rows


@njit(cache=True)
def _visit(figures, low, cell, shape, cursor, rows, write):
    """Count, or write at ``cursor``, the parallelograms ``[M, 4, 2]`` within ``MARGIN`` of each cell."""
    reach = cell / 2 + MARGIN
    for m in range(len(figures)):
        q = figures[m]
        x0 = max(int((q[:, 0].min() - MARGIN - low[0]) / cell), 0)
        x1 = min(int((q[:, 0].max() + MARGIN - low[0]) / cell), shape[0] - 1)
        y0 = max(int((q[:, 1].min() - MARGIN - low[1]) / cell), 0)
        y1 = min(int((q[:, 1].max() + MARGIN - low[1]) / cell), shape[1] - 1)
        for cy in range(y0, y1 + 1):
            for cx in range(x0, x1 + 1):
                px, py = low[0] + (cx + 0.5) * cell, low[1] + (cy + 0.5) * cell
                apart = False
                for e in range(2):
                    nx, ny = -(q[e + 1, 1] - q[e, 1]), q[e + 1, 0] - q[e, 0]
                    if nx * nx + ny * ny < 1e-12:
                        continue
                    lo, hi = np.inf, -np.inf
                    for c in range(4):
                        value = nx * (q[c, 0] - px) + ny * (q[c, 1] - py)
                        lo, hi = min(lo, value), max(hi, value)
                    extent = reach * (abs(nx) + abs(ny))
                    apart = apart or lo > extent or hi < -extent
                if not apart:
                    k = cy * shape[0] + cx
                    if write:
                        rows[cursor[k]] = m
                    cursor[k] += 1


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _random(state):
    """Next state of a 32-bit linear congruential generator; masked, since numba promotes to 64 bit."""
    return (state * 1664525 + 1013904223) & 0xFFFFFFFF


@njit(cache=True, fastmath=True, error_model="numpy")
def _wall_blocks(walls, rows, first, last, px, py, pz, dx, dy, dz):
    for k in range(first, last):
        w = walls[rows[k]]
        ex, ey, rx, ry = w[2] - w[0], w[3] - w[1], w[0] - px, w[1] - py
        det = dx * ey - dy * ex
        if abs(det) < 1e-9:
            continue
        t, s = (rx * ey - ry * ex) / det, (rx * dy - ry * dx) / det
        if t > 0.02 and 0.0 <= s <= 1.0 and w[4] <= pz + t * dz <= w[5]:
            return True
    return False


@njit(cache=True, fastmath=True, error_model="numpy")
def _plate_blocks(plates, rows, first, last, px, py, pz, dx, dy, dz):
    for k in range(first, last):
        p = plates[rows[k]]
        t = (p[2] - pz) / dz
        rx, ry = px + t * dx - p[0], py + t * dy - p[1]
        if t > 0.02 and abs(rx * p[3] + ry * p[4]) <= p[5] and abs(ry * p[3] - rx * p[4]) <= p[6]:
            return True
    return False


@njit(cache=True, fastmath=True, error_model="numpy")
def _crown_light(crowns, rows, first, last, px, py, pz, dx, dy, dz):
    depth = 0.0
    for k in range(first, last):
        c = crowns[rows[k]]
        rx, ry, rz = c[0] - px, c[1] - py, c[2] - pz
        t, distance2, radius2 = rx * dx + ry * dy + rz * dz, rx * rx + ry * ry + rz * rz, c[3] * c[3]
        miss2 = distance2 - t * t
        if t > 0.0 and miss2 < radius2 and distance2 > 1.02 * radius2:  # leaves do not dim their own crown
            depth += c[4] * 2.0 * np.sqrt(radius2 - miss2)
    return np.exp(-depth)


@njit(cache=True, fastmath=True, error_model="numpy")
def _trace(
    centers, u, v, normals, sigmas, sun, walls, plates, crowns, low, cell, shape,
    wall_starts, wall_rows, plate_starts, plate_rows, crown_starts, crown_rows,
):  # fmt: skip
    out = np.ones(len(centers), np.float32)
    for i in range(len(centers)):
        if normals[i, 0] * sun[0] + normals[i, 1] * sun[1] + normals[i, 2] * sun[2] <= 0.0:
            continue
        state, total = (i * 747796405 + 7) & 0xFFFFFFFF, 0.0
        for _ in range(SAMPLES):
            state = _random(state)
            a = SPREAD * sigmas[i, 0] * ((state >> 8) / 16777216.0 - 0.5)
            state = _random(state)
            b = SPREAD * sigmas[i, 1] * ((state >> 8) / 16777216.0 - 0.5)
            state = _random(state)
            dx = sun[0] + SUN_WIDTH * ((state >> 8) / 16777216.0 - 0.5)
            state = _random(state)
            dy = sun[1] + SUN_WIDTH * ((state >> 8) / 16777216.0 - 0.5)
            dz = sun[2]
            px = centers[i, 0] + a * u[i, 0] + b * v[i, 0] + LIFT * normals[i, 0]
            py = centers[i, 1] + a * u[i, 1] + b * v[i, 1] + LIFT * normals[i, 1]
            pz = centers[i, 2] + a * u[i, 2] + b * v[i, 2] + LIFT * normals[i, 2]
            cx = int(np.floor((px - pz * sun[0] / dz - low[0]) / cell))
            cy = int(np.floor((py - pz * sun[1] / dz - low[1]) / cell))
            if cx < 0 or cy < 0 or cx >= shape[0] or cy >= shape[1]:
                total += 1.0
                continue
            k = cy * shape[0] + cx
            ray = (px, py, pz, dx, dy, dz)
            if _wall_blocks(walls, wall_rows, wall_starts[k], wall_starts[k + 1], *ray):
                continue
            if _plate_blocks(plates, plate_rows, plate_starts[k], plate_starts[k + 1], *ray):
                continue
            total += _crown_light(crowns, crown_rows, crown_starts[k], crown_starts[k + 1], *ray)
        out[i] = total / SAMPLES
    return out
