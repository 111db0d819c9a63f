"""The last step of a trained scene's picture: its sky behind, its cameras' colours, bytes."""

from __future__ import annotations

import numpy as np
from numba import njit

from simscale_gym.kernels import Crew, take
from simscale_gym.scene import derived
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.rasterize import Raster

ROWS = 16
"""Rows of pixels that a thread takes at a time."""


def finish(
    raster: Raster,
    cam_to_asset: np.ndarray,
    Ks: np.ndarray,
    cube_map: np.ndarray | None,
    affines: np.ndarray,
    crew: Crew | None = None,
) -> np.ndarray:
    """Pictures of rasterised images on black.

    Args:
        raster: Images, `C` of them.
        cam_to_asset: Rotations of the cameras to the frame of the sky, z up, `[C, 3, 3]`.
        Ks: Intrinsics, `[C, 3, 3]` [px].
        cube_map: Sky as of `rimmed`, `[6, R + 2, R + 2, 3]` float32; black if None.
        affines: Colour of each camera, `[C, 3, 4]`.
        crew: Threads to share the work; the caller's alone if None.

    Returns:
        uint8 `[C, H, W, 3]`.
    """
    out = np.empty(raster.rgb.shape, np.uint8)
    cube = np.zeros((6, 0, 0, 3), np.float32) if cube_map is None else cube_map
    focal = np.stack([Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2]], 1)
    arrays = (np.ascontiguousarray(value, np.float32) for value in (cube, cam_to_asset, focal, affines))
    counter = np.zeros(1, np.int64)
    (crew or Crew(1)).run(_finish, counter, raster.rgb, raster.transmittance, *arrays, out)
    return out


def look_up(cube_map: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Colours `[N, 3]` float32 of a sky `[6, R, R, 3]` towards `directions` `[N, 3]` of the asset's frame."""
    out = np.empty((len(directions), 3), np.float32)
    _look_up(*(np.ascontiguousarray(value, np.float32) for value in (rimmed(cube_map), directions)), out)
    return out


@derived
def sky_of(asset: SceneAsset) -> np.ndarray | None:
    """The cube map of an asset with its rim, kept for as long as the asset is."""
    return None if asset.cube_map is None else rimmed(asset.cube_map)


def rimmed(cube_map: np.ndarray) -> np.ndarray:
    """A cube map `[6, R, R, 3]` with a rim of the texels of the faces beside, `[6, R + 2, R + 2, 3]`.

    So colours run on over edges, as in nvdiffrast, which drivestudio trains skies with (`texture_kernel.cu`,
    `wrapCubeMap`). At its corners, where only three faces meet, the fourth texel is the mean of the others.
    """
    size = cube_map.shape[1]
    wide = np.pad(np.asarray(cube_map, np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)))
    centres = (2.0 * np.arange(size) + 1.0) / size - 1.0
    beyond = np.full(size, 1.0 + 1.0 / size)
    inner = slice(1, -1)
    for face in range(6):
        wide[face, inner, 0] = _nearest(cube_map, _towards(face, -beyond, centres))
        wide[face, inner, -1] = _nearest(cube_map, _towards(face, beyond, centres))
        wide[face, 0, inner] = _nearest(cube_map, _towards(face, centres, -beyond))
        wide[face, -1, inner] = _nearest(cube_map, _towards(face, centres, beyond))
    for row, beside in ((0, 1), (-1, -2)):
        for column, next_to in ((0, 1), (-1, -2)):
            wide[:, row, column] = (
                wide[:, beside, column] + wide[:, row, next_to] + wide[:, beside, next_to]
            ) / 3
    return wide


def _towards(face: int, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Directions `[N, 3]` in OpenGL's axes to places of a face (specification 4.6, table 8.19, turned round)."""
    one = np.ones_like(s)
    axes = ((one, -t, -s), (-one, -t, s), (s, one, t), (s, -one, -t), (s, -t, one), (-s, -t, -one))
    return np.stack(axes[face], axis=1)


def _nearest(cube_map: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Texels `[N, 3]` that directions `[N, 3]` in OpenGL's axes point at."""
    x, y, z = directions.T
    major = np.abs(directions).argmax(1)
    face = 2 * major + (directions[np.arange(len(directions)), major] < 0.0)
    s = np.choose(face, [-z, z, x, x, x, -x])
    t = np.choose(face, [-y, -y, z, -z, -y, -y])
    place = np.stack([t, s]) / np.abs(directions).max(1)
    row, column = np.clip((place + 1.0) / 2.0 * cube_map.shape[1], 0, cube_map.shape[1] - 1).astype(int)
    return cube_map[face, row, column]


@njit(cache=True, error_model="numpy", nogil=True)
def _look_up(cube, directions, out):
    for i in range(len(directions)):
        out[i] = cube_lookup(cube, directions[i, 0], directions[i, 1], directions[i, 2])


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def cube_lookup(cube, x, y, z):
    """Bilinear colour towards (x, y, z), z up.

    Faces and their axes are those of OpenGL (specification 4.6, table 8.19), for the direction (x, z, -y); each has a
    rim as of `rimmed`.
    """
    x, y, z = x, z, -y
    ax, ay, az = abs(x), abs(y), abs(z)
    if az > ax and az > ay:
        face, major, s, t = (4, az, x, -y) if z > 0.0 else (5, az, -x, -y)
    elif ay > ax:
        face, major, s, t = (2, ay, x, z) if y > 0.0 else (3, ay, x, -z)
    else:
        face, major, s, t = (0, ax, -z, -y) if x > 0.0 else (1, ax, z, -y)
    size = cube.shape[1]
    half, one = np.float32(0.5), np.float32(1.0)
    scale = half * np.float32(size - 2)
    shrink = one / max(major, np.float32(1e-20))
    top = np.float32(size - 1)
    a = min(max((s * shrink + one) * scale + half, np.float32(0.0)), top)
    b = min(max((t * shrink + one) * scale + half, np.float32(0.0)), top)
    j, i = int(a), int(b)
    j2, i2 = min(j + 1, size - 1), min(i + 1, size - 1)
    a, b = a - np.float32(j), b - np.float32(i)
    w00, w01, w10, w11 = (one - b) * (one - a), (one - b) * a, b * (one - a), b * a
    p, q, r, v = cube[face, i, j], cube[face, i, j2], cube[face, i2, j], cube[face, i2, j2]
    return (
        w00 * p[0] + w01 * q[0] + w10 * r[0] + w11 * v[0],
        w00 * p[1] + w01 * q[1] + w10 * r[1] + w11 * v[1],
        w00 * p[2] + w01 * q[2] + w10 * r[2] + w11 * v[2],
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _finish(counter, rgb, behind, cube, rotations, focal, affines, out):
    """Sky, affine colour and bytes; run it on any number of threads."""
    cameras, height, width = behind.shape
    has_sky = cube.shape[1] > 0
    zero, half, full = np.float32(0.0), np.float32(0.5), np.float32(255.0)
    while True:
        first = take(counter, ROWS)
        if first >= cameras * height:
            return
        for line in range(first, min(first + ROWS, cameras * height)):
            c, row = line // height, line % height
            m, (fx, fy, cx, cy), affine = rotations[c], focal[c], affines[c]
            v = (np.float32(row) + half - cy) / fy
            bx, by, bz = m[0, 1] * v + m[0, 2], m[1, 1] * v + m[1, 2], m[2, 1] * v + m[2, 2]
            for col in range(width):
                u = (np.float32(col) + half - cx) / fx
                weight = behind[c, row, col]
                sky = (zero, zero, zero)
                if has_sky and weight > np.float32(1e-3):
                    sky = cube_lookup(cube, m[0, 0] * u + bx, m[1, 0] * u + by, m[2, 0] * u + bz)
                r = rgb[c, row, col, 0] + weight * sky[0]
                g = rgb[c, row, col, 1] + weight * sky[1]
                b = rgb[c, row, col, 2] + weight * sky[2]
                for k in range(3):
                    shown = affine[k, 0] * r + affine[k, 1] * g + affine[k, 2] * b + affine[k, 3]
                    out[c, row, col, k] = np.uint8(min(max(shown * full, zero), full) + half)
