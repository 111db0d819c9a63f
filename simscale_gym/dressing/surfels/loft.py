"""Lofts: elliptical sections along a line, laid with pieces in rings; limbs, bodies, mirrors, tyres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.nodes.template import Template, pieces
from simscale_gym.dressing.surfels.surfels import unit

Array = NDArray[np.float64]


def loft_pieces(
    path: ArrayLike,
    radii: ArrayLike,
    rows: int,
    around: int,
    material: str,
    k: float = 0.68,
    *,
    side: ArrayLike = (0.0, 1.0, 0.0),
    occlusion: ArrayLike = 1.0,
    albedo: ArrayLike | None = None,
    paint: int = 0,
) -> Template:
    """Pieces on the surface swept by ellipses along a line.

    Args:
        path: ``[K, 3]`` middle of each section [m].
        radii: ``[K, 2]`` half axes of each section, the second roughly along ``side`` [m].
        rows: Rings of pieces from end to end.
        around: Pieces in a ring.
        material: Key of MATERIALS.
        k: Standard deviation over extent.
        side: Direction of the sections' second axis, made perpendicular to the line; where the line runs along
            it, its first axis points up.
        occlusion: Openness, one or ``[N]``.
        albedo: sRGB in place of the material's.
        paint: Index of the color, for painted materials.
    """
    path, radii = np.asarray(path, float), np.asarray(radii, float)
    steps = np.hypot(np.linalg.norm(np.diff(path, axis=0), axis=1), np.abs(np.diff(radii, axis=0)).mean(1))
    arc = np.concatenate(
        [[0.0], np.cumsum(steps)]
    )  # along the surface, so that round ends get rings of their own
    edges = np.linspace(0.0, arc[-1], rows + 1)
    angle = (np.arange(around) + 0.5) / around * 2 * np.pi
    half = np.pi / around

    def surface(s: Array, a: Array) -> Array:
        middle = np.stack([np.interp(s, arc, path[:, i]) for i in range(3)], -1)
        size = np.stack([np.interp(s, arc, radii[:, i]) for i in range(2)], -1)
        first, second = _axes(arc, path, s, np.asarray(side, float))
        return middle + size[:, :1] * np.cos(a)[:, None] * first + size[:, 1:] * np.sin(a)[:, None] * second

    s, a = (g.ravel() for g in np.meshgrid((edges[1:] + edges[:-1]) / 2, angle, indexing="ij"))
    step = arc[-1] / rows / 2
    centers = surface(s, a)
    along = surface(np.minimum(s + step, arc[-1]), a) - surface(np.maximum(s - step, 0.0), a)
    across = surface(s, a + half) - surface(s, a - half)
    normals = unit(np.cross(across, along))
    middle = np.stack([np.interp(s, arc, path[:, i]) for i in range(3)], -1)
    normals = normals * np.sign(((centers - middle) * normals).sum(1, keepdims=True) + 1e-12)
    return pieces(
        centers, k * along, k * across, normals, material, occlusion=occlusion, albedo=albedo, paint=paint
    )


def _axes(arc: Array, path: Array, s: Array, side: Array) -> tuple[Array, Array]:
    """Axes ``[N, 3]`` of the sections at ``s``."""
    step = 0.02 * arc[-1]
    ahead, behind = (
        np.stack([np.interp(p, arc, path[:, i]) for i in range(3)], -1) for p in (s + step, s - step)
    )
    tangent = unit(ahead - behind)
    second = side - (tangent * side).sum(1, keepdims=True) * tangent
    flat = np.linalg.norm(second, axis=1, keepdims=True) < 0.3
    up = np.array([1.0, 0.0, 0.0]) - tangent[:, :1] * tangent
    second = unit(np.where(flat, up, second))
    return np.cross(second, tangent), second
