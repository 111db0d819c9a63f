"""Lighting that is baked once: sun with soft cast shadows, sky and ground light, from surfels to Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.light.occluders import Occluders, sun_visibility
from simscale_gym.dressing.surfels.surfels import Surfels, unit
from simscale_gym.splats.gaussians import Gaussians

Array = NDArray[np.float32]

FRONT_PLANE = 2.6
"""Distance ahead of a backing layer (``emissive == 2``) at which its light is measured [m]."""


@dataclass(frozen=True)
class Sunlight:
    """The light of a scene.

    Attributes:
        direction: Unit vector towards the sun, ``z > 0``.
        sun: Linear rgb of direct sunlight on a surface that faces it.
        sky: Linear rgb of ambient light from above.
        ground: Linear rgb of ambient light from below.
        ambient: Share of the ambient light that reaches open surfaces.
        exposure: Factor on the light before the film curve.
        mirror_sky, mirror_street, mirror_ground: sRGB that glossy surfaces mirror when they face up, aside, down.
    """

    direction: tuple[float, float, float]
    sun: tuple[float, float, float] = (2.45, 2.22, 1.85)
    sky: tuple[float, float, float] = (0.47, 0.54, 0.66)
    ground: tuple[float, float, float] = (0.30, 0.28, 0.26)
    ambient: float = 0.80
    exposure: float = 1.0
    mirror_sky: tuple[float, float, float] = (0.55, 0.66, 0.80)
    mirror_street: tuple[float, float, float] = (0.28, 0.29, 0.30)
    mirror_ground: tuple[float, float, float] = (0.10, 0.10, 0.10)

    @classmethod
    def at(cls, azimuth: float, elevation: float) -> Sunlight:
        """Clear daylight with the sun at ``azimuth`` (from x to y) and ``elevation`` [rad]."""
        flat = np.cos(elevation)
        x, y, z = flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)
        return cls((float(x), float(y), float(z)))


def shade(
    albedo: ArrayLike,
    normals: ArrayLike,
    occlusion: ArrayLike,
    emissive: ArrayLike,
    gloss: ArrayLike,
    visibility: ArrayLike,
    light: Sunlight,
) -> Array:
    """Colours ``[N, 3]`` sRGB 0..1 of lit surfaces.

    Args:
        albedo: ``[N, 3]`` sRGB.
        normals: ``[N, 3]`` unit, in the frame of ``light``.
        occlusion: ``[N]`` openness to ambient light.
        emissive: ``[N]`` way of shining, as in :class:`Surfels`.
        gloss: ``[N]`` strength of the mirrored surroundings.
        visibility: ``[N]`` share of the sun's disc that is seen, 0..1.
        light: The scene's light.
    """
    count = len(np.asarray(albedo))
    vectors = (np.ascontiguousarray(np.asarray(x, np.float32)) for x in (albedo, normals))
    scalars = (occlusion, emissive, gloss, visibility)
    rows = (np.ascontiguousarray(np.broadcast_to(np.asarray(x, np.float32), count)) for x in scalars)
    sun = unit(light.direction)
    towards_eye = unit(sun * [1.0, 1.0, 0.0] + [0.0, 0.0, 0.35])
    constants = np.array(
        [
            sun, light.sun, light.sky, light.ground, unit(sun + towards_eye),
            np.array(light.mirror_sky) ** 2.2, np.array(light.mirror_street) ** 2.2,
            np.array(light.mirror_ground) ** 2.2, (light.ambient, light.exposure, 0.0),
        ],
        np.float32,
    )  # fmt: skip
    return _shade(*vectors, *rows, constants)


def bake(surfels: Surfels, occluders: Occluders, light: Sunlight) -> Gaussians:
    """Light ``surfels`` under the shadows of ``occluders`` and turn each into one Gaussian of fixed colour."""
    lifted = surfels.centers + surfels.normals * np.where(surfels.emissive == 2, FRONT_PLANE, 0.0)[:, None]
    visibility = sun_visibility(
        lifted, surfels.u, surfels.v, surfels.normals, surfels.sigmas, occluders, light.direction
    )
    rgb = shade(
        surfels.albedo, surfels.normals, surfels.occlusion, surfels.emissive, surfels.gloss, visibility, light
    )
    quats = frame_quats(surfels.u, surfels.v)
    return Gaussians.from_rgb(surfels.centers, quats, surfels.sigmas, surfels.opacity, rgb)


def frame_quats(u: ArrayLike, v: ArrayLike) -> Array:
    """Quaternions ``[N, 4]`` wxyz of the frames whose first axes are ``u`` and ``v [N, 3]``."""
    return _quats(*(np.ascontiguousarray(x, dtype=np.float32) for x in (u, v)))


@njit(cache=True, fastmath=True, error_model="numpy")
def _shade(albedo, normals, occlusion, emissive, gloss, visibility, constants):
    """Long because it is one chain of per-surface terms: ambient, sun, mirror, film curve."""
    sun, sun_rgb, sky, ground, half = constants[0], constants[1], constants[2], constants[3], constants[4]
    mirror_sky, mirror_street, mirror_ground = constants[5], constants[6], constants[7]
    ambient, exposure = constants[8, 0], constants[8, 1]
    out = np.empty_like(albedo)
    for i in range(len(albedo)):
        if emissive[i] == 1.0:
            for c in range(3):
                out[i, c] = min(max(albedo[i, c], 0.0), 1.0)
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        facing = max(0.0, nx * sun[0] + ny * sun[1] + nz * sun[2]) * visibility[i]
        up, open_ = 0.5 + 0.5 * nz, occlusion[i]
        rise = min(max((nz - 0.05) / 0.30, 0.0), 1.0)
        fall = min(max((-0.05 - nz) / 0.30, 0.0), 1.0)
        spot = 0.0
        if gloss[i] > 0.0:
            spot = max(0.0, nx * half[0] + ny * half[1] + nz * half[2]) ** 40 * visibility[i]
        for c in range(3):
            base = max(albedo[i, c], 0.0) ** 2.2
            light = ambient * open_ * (sky[c] * up + ground[c] * (1.0 - up))
            light += facing * sun_rgb[c] * (0.5 + 0.5 * open_)
            mirror = mirror_street[c] * (1.0 - rise - fall) + mirror_sky[c] * rise + mirror_ground[c] * fall
            lit = base * light + gloss[i] * (mirror * (0.35 + 0.65 * open_) + 1.2 * spot)
            lit *= exposure
            lit = lit * (1.0 + lit / 5.0) / (1.0 + 0.62 * lit)  # soft shoulder
            out[i, c] = min(max(lit, 0.0), 1.0) ** (1.0 / 2.2)
    return out


@njit(cache=True, fastmath=True, error_model="numpy")
def _quats(u, v):
    out = np.empty((len(u), 4), np.float32)
    for i in range(len(u)):
        a, d, g = u[i]
        b, e, h = v[i]
        c, f, k = d * h - g * e, g * b - a * h, a * e - d * b
        trace = a + e + k
        if trace > 0.0:
            w, x, y, z = 1.0 + trace, h - f, c - g, d - b
        elif a > e and a > k:
            w, x, y, z = h - f, 1.0 + a - e - k, b + d, c + g
        elif e > k:
            w, x, y, z = c - g, b + d, 1.0 - a + e - k, f + h
        else:
            w, x, y, z = d - b, c + g, f + h, 1.0 - a - e + k
        norm = 1.0 / np.sqrt(w * w + x * x + y * y + z * z)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = w * norm, x * norm, y * norm, z * norm
    return out
