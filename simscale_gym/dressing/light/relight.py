"""Fast light for moving nodes: what :func:`simscale_gym.dressing.light.bake.shade` says, for normals in a turned frame.

The albedos are brought to linear light once, and the film curve's last step is looked up; a test holds it against
``bake.shade``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.dressing.light.bake import Sunlight
from simscale_gym.dressing.surfels.surfels import Surfels, unit

Array = NDArray[np.float32]

BRAKE_RGB = (1.0, 0.16, 0.10)
"""sRGB of a lit brake lamp as a camera sees it."""

STEPS = 1024
"""Entries of the table that brings the square root of linear light to sRGB."""


@dataclass(frozen=True, eq=False)
class LitSurfaces:
    """What light needs to know of ``N`` surfels, ready for :func:`relight`.

    Attributes:
        normals: ``[N, 3]`` unit normals in the node's frame.
        linear: ``[N, 3]`` albedo in linear light.
        albedo: ``[N, 3]`` sRGB, shown by what is emissive.
        openness, gloss: ``[N]`` occlusion and gloss, see :class:`Surfels`.
        kind: ``[N]`` uint8: 0 lit, 1 emissive, 2 brake lamp.
    """

    normals: Array
    linear: Array
    albedo: Array
    openness: Array
    gloss: Array
    kind: NDArray[np.uint8]

    @classmethod
    def of(cls, surfels: Surfels, brake: NDArray[np.bool_]) -> LitSurfaces:
        """Prepare ``surfels``, of which ``brake [N]`` light up when braking."""
        linear = (np.maximum(surfels.albedo, 0.0) ** 2.2).astype(np.float32)
        kind = np.where(brake, 2, surfels.emissive == 1.0).astype(np.uint8)
        rows = (surfels.normals, linear, surfels.albedo, surfels.occlusion, surfels.gloss)
        return cls(*(np.ascontiguousarray(x, dtype=np.float32) for x in rows), kind)


def relight(
    surfaces: LitSurfaces,
    heading: float,
    sun_visibility: Array | float,
    light: Sunlight,
    *,
    braking: bool = False,
) -> Array:
    """Colors ``[N, 3]`` sRGB of a node that stands at ``heading`` [rad].

    Args:
        surfaces: Surfaces of the node.
        heading: Rotation about z from the light's frame to the node's [rad].
        sun_visibility: Share of the sun that is seen, one or ``[N]``.
        light: The scene's light.
        braking: Whether brake lamps shine.
    """
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    sun = unit(light.direction)
    half = unit(sun + unit(sun * [1.0, 1.0, 0.0] + [0.0, 0.0, 0.35]))
    mirrors = np.array([light.mirror_sky, light.mirror_street, light.mirror_ground]) ** 2.2
    ambient = light.ambient * np.array([light.sky, light.ground])
    constants = np.concatenate([[turn @ sun, turn @ half, light.sun], ambient, mirrors]).astype(np.float32)
    visible = np.broadcast_to(np.asarray(sun_visibility, np.float32), len(surfaces.kind))
    curve = (np.arange(STEPS + 1, dtype=np.float32) / STEPS) ** (2.0 / 2.2)
    return _relight(
        surfaces.normals, surfaces.linear, surfaces.albedo, surfaces.openness, surfaces.gloss, surfaces.kind, visible,
        constants, np.float32(light.exposure), braking, curve.astype(np.float32), np.array(BRAKE_RGB, np.float32),
    )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy")
def _relight(
    normals, linear, albedo, openness, gloss, kind, visible, constants, exposure, braking, curve, brake_rgb
):  # fmt: skip
    sun, half, sun_rgb, sky, ground = constants[0], constants[1], constants[2], constants[3], constants[4]
    mirror_sky, mirror_street, mirror_ground = constants[5], constants[6], constants[7]
    one, zero = np.float32(1.0), np.float32(0.0)
    out = np.empty_like(albedo)
    for i in range(len(albedo)):
        if kind[i] == 1 or (braking and kind[i] == 2):
            for c in range(3):
                out[i, c] = albedo[i, c] if kind[i] == 1 else brake_rgb[c]
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        seen, open_, up = visible[i], openness[i], np.float32(0.5) + np.float32(0.5) * nz
        facing = (
            max(zero, nx * sun[0] + ny * sun[1] + nz * sun[2])
            * seen
            * (np.float32(0.5) + np.float32(0.5) * open_)
        )
        rise = min(max((nz - np.float32(0.05)) / np.float32(0.30), zero), one)
        fall = min(max((np.float32(-0.05) - nz) / np.float32(0.30), zero), one)
        spot, shine = zero, zero
        if gloss[i] > zero:
            shine = max(zero, nx * half[0] + ny * half[1] + nz * half[2])
            shine *= shine
            shine *= shine
            shine *= shine  # ^8
            spot = shine * shine
            spot = np.float32(1.2) * spot * spot * shine * seen  # ^40
            shine = gloss[i]
        for c in range(3):
            lit = linear[i, c] * (open_ * (sky[c] * up + ground[c] * (one - up)) + facing * sun_rgb[c])
            mirror = mirror_street[c] * (one - rise - fall) + mirror_sky[c] * rise + mirror_ground[c] * fall
            lit += shine * (mirror * (np.float32(0.35) + np.float32(0.65) * open_) + spot)
            lit *= exposure
            lit = lit * (one + lit * np.float32(0.2)) / (one + np.float32(0.62) * lit)
            place = np.sqrt(min(max(lit, zero), one)) * np.float32(len(curve) - 1)
            low = min(int(place), len(curve) - 2)
            out[i, c] = curve[low] + (place - np.float32(low)) * (curve[low + 1] - curve[low])
    return out
