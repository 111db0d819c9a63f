"""Templates: the geometry of a kind of road user in its own size, stretched to a box and painted for each track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.nodes.materials import MATERIALS
from simscale_gym.dressing.surfels.drawing import Patches
from simscale_gym.dressing.surfels.surfels import Surfels, unit

Array = NDArray[np.float64]

THICKNESS = 0.005
"""Standard deviation of the pieces along their normal [m]."""


@dataclass(frozen=True, eq=False)
class Template:
    """``N`` flat pieces.

    Attributes:
        centers: ``[N, 3]`` [m].
        first, second: ``[N, 3]`` one standard deviation along two directions in the piece's plane [m].
        normals: ``[N, 3]`` unit, outward.
        albedo: ``[N, 3]`` sRGB; of painted pieces, the factor on the paint.
        paint: ``[N]`` index of the color that a piece takes, -1 for its own albedo.
        opacity, occlusion, emissive, gloss: ``[N]`` material of the pieces, as in :class:`Surfels`.
        brake: ``[N]`` whether a piece lights up when braking.
        pivot: ``[N]`` x about which a piece keeps its proportions (wheels); 1e9 where it stretches.
    """

    centers: Array
    first: Array
    second: Array
    normals: Array
    albedo: Array
    paint: NDArray[np.int8]
    opacity: Array
    occlusion: Array
    emissive: Array
    gloss: Array
    brake: NDArray[np.bool_]
    pivot: Array

    def __len__(self) -> int:
        return len(self.centers)

    @classmethod
    def concatenate(cls, parts: Sequence[Template]) -> Template:
        """Join in order."""
        if not parts:
            three, one = np.zeros((0, 3)), np.zeros(0)
            flags = {"paint": one.astype(np.int8), "brake": one.astype(bool)}
            wide = dict.fromkeys(("centers", "first", "second", "normals", "albedo"), three)
            narrow = dict.fromkeys(("opacity", "occlusion", "emissive", "gloss", "pivot"), one)
            return cls(**wide, **narrow, **flags)
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def subset(self, index: NDArray) -> Template:
        """Select by index array or mask."""
        return Template(*(getattr(self, f.name)[index] for f in fields(self)))

    def stretched(self, scale: ArrayLike, paints: ArrayLike) -> Surfels:
        """The pieces stretched by ``scale [3]`` and painted with sRGB ``paints [P, 3]``.

        Wheels stay round: they stretch with the height, about their axle.
        """
        scale, paints = np.asarray(scale, float), np.asarray(paints, float)
        factors = np.tile(scale, (len(self), 1))
        wheel = self.pivot < 1e8
        factors[wheel, 0] = scale[2]
        centers = self.centers * factors
        centers[wheel, 0] += self.pivot[wheel] * (scale[0] - scale[2])
        u, v, sigmas = tangent_frames(self.first * factors, self.second * factors)
        tint = np.where(self.paint[:, None] >= 0, paints[np.maximum(self.paint, 0)], 1.0)
        rows = (centers, u, v, unit(self.normals / factors), sigmas, np.clip(self.albedo * tint, 0.0, 1.0))
        scalars = (self.opacity, self.occlusion, self.emissive, self.gloss)
        return Surfels(*(np.asarray(x, np.float32) for x in (*rows, *scalars)))


def tangent_frames(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """Unit axes ``u, v`` and ``sigmas [N, 3]`` of the in-plane covariance ``first first' + second second'``."""
    xx, yy, xy = (first**2).sum(-1), (second**2).sum(-1), (first * second).sum(-1)
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy)[:, None]
    cos, sin = np.cos(angle), np.sin(angle)
    long, short = cos * first + sin * second, cos * second - sin * first
    sizes = np.column_stack([np.linalg.norm(long, axis=1), np.linalg.norm(short, axis=1)])
    u = unit(long)
    spare = unit(np.cross(u, np.where(np.abs(u[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])))
    v = np.where(sizes[:, 1:] > 1e-7, unit(short), spare)
    return u, v, np.column_stack([np.maximum(sizes, 5e-4), np.full(len(u), THICKNESS)])


def pieces(
    centers: Array,
    first: Array,
    second: Array,
    normals: Array,
    material: str,
    *,
    opacity: ArrayLike = 0.97,
    occlusion: ArrayLike = 1.0,
    albedo: ArrayLike | None = None,
    paint: int = 0,
    pivot: float = 1e9,
) -> Template:
    """A template of pieces of one material.

    Args:
        centers: ``[N, 3]`` [m].
        first: ``[N, 3]`` one standard deviation along one direction [m].
        second: ``[N, 3]`` one standard deviation along another direction [m].
        normals: ``[N, 3]`` unit normals, outward.
        material: Key of MATERIALS.
        opacity: Opacity, one or ``[N]``.
        occlusion: Openness to ambient light, one or ``[N]``.
        albedo: sRGB in place of the material's, one or ``[N, 3]``.
        paint: Index of the color, for painted materials.
        pivot: x of the axle, of wheels.
    """
    n, of = len(centers), MATERIALS[material]
    albedo = of.albedo if albedo is None else albedo

    def column(value: ArrayLike, dtype: type = float) -> NDArray:
        return np.broadcast_to(np.asarray(value, dtype), n).copy()

    return Template(
        centers, first, second, normals, np.broadcast_to(np.asarray(albedo, float), (n, 3)).copy(),
        column((-1, paint, 1)[of.paint], np.int8), column(opacity), column(occlusion), column(of.emissive),
        column(of.gloss), column(of.brake, bool), column(pivot),
    )  # fmt: skip


def straightened(patches: Patches, chart: Callable[[Array], Array], tolerance: float) -> Patches:
    """Split patches that ``chart`` bends by more than ``tolerance`` [m]: a flat piece would stick out there."""
    for name, other in (("first", "second"), ("second", "first")):
        extent = getattr(patches, name)
        middle = chart(patches.centers)
        ends = chart(patches.centers + extent / 2) + chart(patches.centers - extent / 2)
        bend = np.linalg.norm(middle - ends / 2, axis=1)
        count = np.clip(np.ceil(np.sqrt(bend / tolerance)), 1, 4).astype(int)
        row = np.repeat(np.arange(len(count)), count)
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        share = ((place + 0.5) / count[row] - 0.5)[:, None]
        split = {name: extent[row] / count[row, None], other: getattr(patches, other)[row]}
        patches = Patches(centers=patches.centers[row] + share * extent[row], **split)
    return patches


def on_chart(
    patches: Patches, chart: Callable[[Array], Array], k: float, *, flip: bool = False
) -> tuple[Array, Array, Array, Array]:
    """Centres, extents times ``k`` and normals in space of patches on a ``chart``.

    The normal is first x second of the chart's axes, or its opposite with ``flip``.
    """
    centers = chart(patches.centers)
    first, second = (
        chart(patches.centers + extent / 2) - chart(patches.centers - extent / 2)
        for extent in (patches.first, patches.second)
    )
    normals = unit(np.cross(first, second)) * (-1.0 if flip else 1.0)
    return centers, k * first, k * second, normals


def mirrored(template: Template) -> Template:
    """The same on the other side of the plane y = 0."""
    values = {f.name: getattr(template, f.name) for f in fields(template)}
    for name in ("centers", "first", "second", "normals"):
        values[name] = values[name] * np.array([1.0, -1.0, 1.0])
    return Template(**values)
