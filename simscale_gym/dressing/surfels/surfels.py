"""Surfels: flat oriented discs with a material, laid in grids that keep the edges of what they cover.

A surfel becomes one Gaussian when it is lit (see :mod:`simscale_gym.dressing.light.bake`). Spacing and spread follow
measurements: a regular grid whose standard deviations are 0.56 of the cell shows no ripple, and an edge looks
about 1.8 times as wide as the cell beside it, so cells shrink towards the edges named ``sharp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.grading import graded_edges
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.solids import SolidBuilder, unit

Array = NDArray[np.float64]
__all__ = ["ColorField", "SurfelBuilder", "Surfels", "unit"]

ColorField = Callable[[Array, Array, Array, Array, Array], ArrayLike]
"""``color(U, V, dU, dV, P)``: places ``[N]`` and extents ``[N]`` of cells on the rectangle, centres ``[N, 3]``,
gives sRGB ``[N, 3]``."""


@dataclass(frozen=True, eq=False)
class Surfels:
    """``N`` flat discs; float32 arrays.

    Attributes:
        centers: ``[N, 3]`` [m].
        u, v: ``[N, 3]`` unit tangents, at right angles.
        normals: ``[N, 3]`` the side that light falls on; need not be ``u x v``.
        sigmas: ``[N, 3]`` standard deviations along u, v and ``u x v`` [m].
        albedo: ``[N, 3]`` sRGB, 0..1.
        opacity: ``[N]`` 0..1.
        occlusion: ``[N]`` openness to ambient light, 0 (closed) .. 1 (open).
        emissive: ``[N]`` 0 lit; 1 shown as its albedo; 2 lit as seen from a plane in front (backing layers).
        gloss: ``[N]`` strength of the mirrored surroundings, 0..1.
    """

    centers: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    normals: NDArray[np.float32]
    sigmas: NDArray[np.float32]
    albedo: NDArray[np.float32]
    opacity: NDArray[np.float32]
    occlusion: NDArray[np.float32]
    emissive: NDArray[np.float32]
    gloss: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def columns(self) -> tuple[NDArray[np.float32], ...]:
        """All arrays, in the order of the attributes."""
        return (
            self.centers, self.u, self.v, self.normals, self.sigmas,
            self.albedo, self.opacity, self.occlusion, self.emissive, self.gloss,
        )  # fmt: skip

    @classmethod
    def empty(cls) -> Surfels:
        """None at all."""
        three, one = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
        return cls(*([three] * 6), *([one] * 4))

    @classmethod
    def concatenate(cls, parts: Sequence[Surfels]) -> Surfels:
        """Join sets into one, in order."""
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate(column) for column in zip(*(p.columns for p in parts), strict=True)))

    def subset(self, index: NDArray | slice) -> Surfels:
        """Select by index array, mask or slice."""
        return Surfels(*(column[index] for column in self.columns))

    def transformed(self, pose: Array) -> Surfels:
        """Move rigidly by ``pose [4, 4]``."""
        pose = np.asarray(pose, np.float32)
        centers, u, v, normals = (column @ pose[:3, :3].T for column in self.columns[:4])
        return Surfels(centers + pose[:3, 3], u, v, normals, *self.columns[4:])


class SurfelBuilder(SolidBuilder):
    """Collects surfels.

    Args:
        rng: Source of the noise and jitter.
        k: Standard deviation of a surfel over the extent of its cell; 0.56 where a backing layer or the ground
            lies behind, 0.68 where nothing does.
        opacity: Opacity of surfels that do not say otherwise.
        thickness: Standard deviation along the normal [m]; half a border's cell where that is less, as it shows where a
            surface is seen from its side.
        sharpness: Limits of the cells that solids are cut into.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        k: float = 0.56,
        opacity: float = 0.97,
        thickness: float = 0.008,
        sharpness: Sharpness = AS_ASKED,
    ) -> None:
        self.rng, self.k, self.opacity, self.sharpness = rng, k, opacity, sharpness
        self.thickness = min(thickness, 0.5 * sharpness.border)
        self._parts: list[tuple[NDArray[np.float32], ...]] = []

    def __len__(self) -> int:
        return sum(len(part[0]) for part in self._parts)

    def add(
        self,
        centers: ArrayLike,
        u: ArrayLike,
        v: ArrayLike,
        sigmas: ArrayLike,
        albedo: ArrayLike,
        *,
        normal: ArrayLike | None = None,
        opacity: ArrayLike | None = None,
        occlusion: ArrayLike = 1.0,
        emissive: ArrayLike = 0.0,
        gloss: ArrayLike = 0.0,
    ) -> None:
        """Add surfels as they are; everything broadcasts against ``centers [N, 3]``.

        ``sigmas`` may have two columns (along u, v); ``normal`` defaults to ``u x v``.
        """
        centers = np.asarray(centers, np.float32).reshape(-1, 3)
        n = len(centers)
        sigmas = np.asarray(sigmas, np.float32)
        if sigmas.shape[-1] == 2:
            thick = np.full((*sigmas.shape[:-1], 1), self.thickness, np.float32)
            sigmas = np.concatenate([sigmas, thick], -1)
        normal = np.cross(u, v) if normal is None else normal
        rows = [np.broadcast_to(np.asarray(x, np.float32), (n, 3)) for x in (u, v, normal, sigmas, albedo)]
        values = (self.opacity if opacity is None else opacity, occlusion, emissive, gloss)
        self._parts.append(
            (centers, *rows, *(np.broadcast_to(np.asarray(x, np.float32), (n,)) for x in values))
        )

    def extend(self, surfels: Surfels) -> None:
        """Add finished surfels."""
        self._parts.append(surfels.columns)

    def rect(
        self,
        origin: ArrayLike,
        u: ArrayLike,
        v: ArrayLike,
        u_range: tuple[float, float],
        v_range: tuple[float, float],
        cell: float | tuple[float, float],
        color: ArrayLike | ColorField,
        *,
        sharp: str = "",
        edge: float = 0.04,
        growth: float = 2.0,
        noise: float = 0.02,
        jitter: float = 0.0,
        k: float | None = None,
        occlusion: ArrayLike | Callable[[Array, Array, Array], ArrayLike] = 1.0,
        **material: ArrayLike | None,
    ) -> None:
        """Cover the rectangle ``origin + U u + V v`` with a grid of cells.

        Args:
            origin: ``[3]`` [m].
            u: ``[3]`` first unit direction.
            v: ``[3]`` second unit direction.
            u_range: Start and end along u [m].
            v_range: Start and end along v [m].
            cell: Largest cell along u and v [m].
            color: sRGB, or a function of the cells (see :data:`ColorField`).
            sharp: Edges to keep sharp: any of l, r (low and high end of u), b, t (of v).
            edge: First cell beside a sharp edge [m].
            growth: Factor from one cell to the next away from a sharp edge.
            noise: Standard deviation of a brightness factor per cell.
            jitter: Random shift of centres, in parts of a cell; up to 0.12 leaves no holes.
            k: Standard deviation over cell extent; the builder's where None.
            occlusion: Openness 0..1, or a function ``(U, V, P)`` of it.
            material: ``normal``, ``opacity``, ``emissive``, ``gloss`` as in :meth:`add`.
        """
        cell_u, cell_v = (cell, cell) if np.isscalar(cell) else cell
        edges_u = graded_edges(*u_range, cell_u, "l" in sharp, "r" in sharp, edge, growth)
        edges_v = graded_edges(*v_range, cell_v, "b" in sharp, "t" in sharp, edge, growth)
        origin, u, v = (np.asarray(x, float) for x in (origin, u, v))
        n_u, n_v = len(edges_u) - 1, len(edges_v) - 1
        places_u = np.repeat((edges_u[1:] + edges_u[:-1]) / 2, n_v)
        places_v = np.tile((edges_v[1:] + edges_v[:-1]) / 2, n_u)
        extent_u, extent_v = np.repeat(np.diff(edges_u), n_v), np.tile(np.diff(edges_v), n_u)
        if jitter:
            places_u = places_u + self.rng.uniform(-jitter, jitter, n_u * n_v) * extent_u
            places_v = places_v + self.rng.uniform(-jitter, jitter, n_u * n_v) * extent_v
        centers = origin + places_u[:, None] * u + places_v[:, None] * v
        albedo = color(places_u, places_v, extent_u, extent_v, centers) if callable(color) else color
        if callable(occlusion):
            occlusion = occlusion(places_u, places_v, centers)
        k = self.k if k is None else k
        sigmas = np.column_stack([k * extent_u, k * extent_v])
        self.add(
            centers, u, v, sigmas, self._noisy(albedo, len(centers), noise), occlusion=occlusion, **material
        )

    def box(
        self,
        low: ArrayLike,
        high: ArrayLike,
        cell: float | tuple[float, float],
        color: ArrayLike | ColorField,
        faces: str = "xXyYzZ",
        **options: object,
    ) -> None:
        """Cover faces of an axis-aligned box: lower case the low side of an axis, upper case the high side.

        ``options`` as in :meth:`rect`; u, v of the faces are (y, z), (x, z), (x, y).
        """
        low, high = np.asarray(low, float), np.asarray(high, float)
        axes, size = np.eye(3), high - low
        for axis, (first, second) in enumerate(((1, 2), (0, 2), (0, 1))):
            for sign, letter in ((-1.0, "xyz"[axis]), (1.0, "XYZ"[axis])):
                if letter not in faces:
                    continue
                origin = low + axes[axis] * (size[axis] if sign > 0 else 0.0)
                ranges = ((0.0, size[first]), (0.0, size[second]))
                normal = sign * axes[axis]
                self.rect(origin, axes[first], axes[second], *ranges, cell, color, normal=normal, **options)

    def build(self) -> Surfels:
        """Everything added so far."""
        if not self._parts:
            return Surfels.empty()
        return Surfels(*(np.concatenate(column) for column in zip(*self._parts, strict=True)))

    def _noisy(self, color: ArrayLike, count: int, noise: float) -> NDArray[np.float32]:
        color = np.broadcast_to(np.asarray(color, np.float32), (count, 3))
        if not noise:
            return color
        return color * (1.0 + noise * self.rng.standard_normal((count, 1), np.float32))
