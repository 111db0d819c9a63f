"""What can be seen from the ego's path: buildings hide the ground, the trees and the façades behind them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.terrain import REACH, Surface, Terrain
from simscale_gym.scene.derived import derived

Array = NDArray[np.float64]

CELL = 3.0
"""Edge of a cell of the raster of what is seen [m]."""

STEP = 0.8
"""Between the places where a line of sight is tested for a building [m]."""

SWAY = 4.0
"""A driver may leave the logged path this far to either side [m]."""


def seen_raster(terrain: Terrain, reach: float) -> GroundRaster:
    """1 where a place within ``reach`` [m] of the path can be seen from it or from beside it, past all buildings.

    These count as endlessly high. Farther away all is 0.
    """
    raster = GroundRaster.over(terrain.path.min(0) - REACH, terrain.path.max(0) + REACH, CELL)
    ny, nx = raster.values.shape
    x, y = np.meshgrid(np.arange(nx) + 0.5, np.arange(ny) + 0.5)
    targets = raster.origin + raster.cell * np.stack([x.ravel(), y.ravel()], 1)
    near = terrain.distance(targets) < reach
    raster.values.reshape(-1)[near] = seen_from_path(targets[near], terrain)
    return raster


def seen_from_path(targets: ArrayLike, terrain: Terrain) -> NDArray[np.bool_]:
    """Whether each of ``targets [N, 2]`` can be seen from the path or from beside it."""
    targets = np.asarray(targets, float).reshape(-1, 2)
    return _seen(targets, viewpoints(terrain), *_surface_arrays(terrain))


@derived
def viewpoints(terrain: Terrain) -> Array:
    """Places ``[M, 2]`` on and ``SWAY`` beside the path, every 6 m."""
    path = terrain.path
    if len(path) < 2:
        return path
    tangent = np.gradient(path, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-9)
    return np.concatenate([(path + side * SWAY * normal)[::6] for side in (0.0, 1.0, -1.0)])


def _surface_arrays(terrain: Terrain) -> tuple[NDArray[np.uint8], Array, float]:
    return terrain.surfaces.values, np.asarray(terrain.surfaces.origin, float), float(terrain.surfaces.cell)


@njit(cache=True, error_model="numpy")
def _seen(targets, eyes, surfaces, origin, cell):
    ny, nx = surfaces.shape
    out = np.zeros(len(targets), np.bool_)
    for i in range(len(targets)):
        for e in range(len(eyes)):
            dx, dy = eyes[e, 0] - targets[i, 0], eyes[e, 1] - targets[i, 1]
            steps = int(np.sqrt(dx * dx + dy * dy) / STEP) + 1
            blocked = False
            for k in range(1, steps):
                x = int((targets[i, 0] + dx * k / steps - origin[0]) / cell)
                y = int((targets[i, 1] + dy * k / steps - origin[1]) / cell)
                if 0 <= x < nx and 0 <= y < ny and surfaces[y, x] == Surface.BUILDING:
                    blocked = True
                    break
            if not blocked:
                out[i] = True
                break
    return out
