"""Solids and single facets out of surfels: bars, balls, discs, quadrilaterals, triangles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.surfels.grading import SHARP_GROWTH, graded_edges
from simscale_gym.dressing.surfels.sharpness import Sharpness

Array = NDArray[np.float64]


def unit(vectors: ArrayLike) -> Array:
    """Vectors ``[..., 3]`` brought to length 1; a zero vector stays."""
    vectors = np.asarray(vectors, float)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


class SolidBuilder:
    """The part of a surfel builder that lays solids; it adds them through :meth:`add`."""

    k: float
    sharpness: Sharpness

    def add(
        self, centers: ArrayLike, u: ArrayLike, v: ArrayLike, sigmas: ArrayLike, albedo: ArrayLike, **material
    ) -> None:
        """Add surfels as they are."""
        raise NotImplementedError

    def _noisy(self, color: ArrayLike, count: int, noise: float) -> NDArray[np.float32]:
        """Colors ``[count, 3]`` whose brightness varies by ``noise``."""
        raise NotImplementedError

    def quads(
        self,
        corners: ArrayLike,
        colors: ArrayLike,
        *,
        k: float | None = None,
        noise: float = 0.02,
        **material,
    ) -> None:
        """One surfel for each quadrilateral ``corners [M, 4, 3]`` (in order round), ``colors [M, 3]`` or ``[3]``.

        u runs from corner 0 to 1, v from 0 to 3; ``material`` as in :meth:`add`.
        """
        c = np.asarray(corners, float)
        along = (c[:, 1] + c[:, 2] - c[:, 0] - c[:, 3]) / 2
        across = (c[:, 3] + c[:, 2] - c[:, 0] - c[:, 1]) / 2
        u = unit(along)
        across = across - (across * u).sum(-1, keepdims=True) * u
        k = self.k if k is None else k
        sigmas = k * np.column_stack([np.linalg.norm(along, axis=1), np.linalg.norm(across, axis=1)])
        keep = (sigmas > 1e-5).all(1)
        albedo = self._noisy(colors, len(c), noise)
        self.add(
            c.mean(1)[keep], u[keep], unit(across)[keep], sigmas[keep], albedo[keep], **_pick(material, keep)
        )

    def triangles(
        self,
        corners: ArrayLike,
        colors: ArrayLike,
        cell: float,
        *,
        k: float = 0.66,
        noise: float = 0.02,
        **material,
    ) -> None:
        """Split triangles ``corners [M, 3, 3]`` into small ones of edges up to ``cell`` [m], one surfel each."""
        c, colors = np.asarray(corners, float), np.broadcast_to(np.asarray(colors, float), (len(corners), 3))
        longest = np.linalg.norm(c - np.roll(c, 1, axis=1), axis=-1).max(1)
        pieces = np.maximum(1, np.ceil(longest / cell)).astype(int)
        for n in np.unique(pieces):
            rows = np.flatnonzero(pieces == n)
            weights = _split_weights(int(n))
            centers = np.einsum("pk,mkx->mpx", weights, c[rows])
            u = unit(c[rows, 1] - c[rows, 0])
            normal = np.cross(c[rows, 1] - c[rows, 0], c[rows, 2] - c[rows, 0])
            spread = k * np.sqrt(np.linalg.norm(normal, axis=1) / 2) / n
            v = np.cross(unit(normal), u)
            index = np.repeat(np.arange(len(rows)), len(weights))
            albedo = self._noisy(colors[rows[index]], len(index), noise)
            sigmas = np.repeat(spread[index, None], 2, 1)
            self.add(
                centers.reshape(-1, 3), u[index], v[index], sigmas, albedo, **_pick(material, rows[index])
            )

    def tube(
        self,
        start: ArrayLike,
        end: ArrayLike,
        start_radius: float,
        end_radius: float,
        cell: float,
        around: int,
        color: ArrayLike,
        *,
        k: float | None = None,
        noise: float = 0.03,
        **material,
    ) -> None:
        """A round bar from ``start`` to ``end`` [m]: rings of ``around`` surfels, ``cell`` [m] apart."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        length = float(np.linalg.norm(end - start))
        axis = (end - start) / length
        first, second = _tangents(axis[None])
        around = self._around(max(start_radius, end_radius), around)
        share, long = self._rings(length, cell)
        rings = len(share)
        share, long = np.repeat(share, around), np.repeat(long, around)
        angle = np.tile((np.arange(around) + 0.5) / around * 2 * np.pi, rings)
        radius = start_radius + (end_radius - start_radius) * share
        normal = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second
        centers = start + share[:, None] * (end - start) + radius[:, None] * normal
        k = self.k if k is None else k
        girth = np.maximum(k * 2 * np.pi * radius / around, 0.004)
        sigmas = np.column_stack([k * long, girth])
        albedo = self._noisy(color, len(share), noise)
        self.add(centers, axis, np.cross(normal, axis), sigmas, albedo, normal=normal, **material)

    def _around(self, radius: float, asked: int) -> int:
        """Number of surfels around a circle."""
        if not self.sharpness.limits:
            return asked
        return max(asked, int(np.ceil(2.0 * np.pi * radius / self.sharpness.chord(radius))))

    def _rings(self, length: float, cell: float) -> tuple[Array, Array]:
        """Middles ``[R]`` of the rings of a tube, as shares of its ``length`` [m], and their lengths ``[R]`` [m]."""
        if self.sharpness.limits:
            borders = graded_edges(
                0.0, length, cell, True, True, self.sharpness.border, SHARP_GROWTH, steady=True
            )
            return (borders[1:] + borders[:-1]) / 2 / length, np.diff(borders)
        rings = max(1, int(np.ceil(length / cell)))
        return (np.arange(rings) + 0.5) / rings, np.full(rings, length / rings)

    def _disc_rings(self, inner: float, outer: float, rings: int, painted: bool) -> tuple[Array, Array]:
        """Radii of the middles of a disc's rings and their widths ``[R]`` [m]."""
        limits, step = self.sharpness, (outer - inner) / rings
        if not limits.limits:
            return inner + (np.arange(rings) + 0.5) * step, np.full(rings, step)
        cell = min(step, limits.texture) if painted else step
        borders = graded_edges(
            inner, outer, cell, inner > 0.0, True, limits.border, SHARP_GROWTH, steady=True
        )
        return (borders[1:] + borders[:-1]) / 2, np.diff(borders)

    def ball(
        self,
        center: ArrayLike,
        radii: ArrayLike,
        count: int,
        color: ArrayLike,
        *,
        k: float = 0.75,
        noise: float = 0.03,
        **material,
    ) -> None:
        """An ellipsoid of ``count`` surfels at equal spacing (Fibonacci lattice); ``radii`` [m], one or three."""
        radii = np.broadcast_to(np.asarray(radii, float), (3,))
        if self.sharpness.limits:
            mean = float(np.mean(radii))
            count = max(count, int(4.0 * np.pi * mean**2 / self.sharpness.chord(mean) ** 2))
        index = np.arange(count) + 0.5
        height, turn = 1.0 - 2.0 * index / count, index * np.pi * (1.0 + np.sqrt(5.0))
        ring = np.sqrt(1.0 - height * height)
        place = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], 1)
        normal = unit(place / radii)
        u, v = _tangents(normal)
        spread = k * np.sqrt(4.0 * np.pi * np.mean(radii) ** 2 / count)
        centers = np.asarray(center, float) + place * radii
        self.add(centers, u, v, [spread, spread], self._noisy(color, count, noise), normal=normal, **material)

    def disc(
        self,
        center: ArrayLike,
        u: ArrayLike,
        v: ArrayLike,
        radius: float,
        rings: int,
        color: ArrayLike | Callable[[Array, Array], ArrayLike],
        *,
        inner: float = 0.0,
        k: float | None = None,
        noise: float = 0.02,
        **material,
    ) -> None:
        """A disc (or ring from ``inner``) of ``radius`` [m] facing ``u x v``, in rings.

        ``color`` may be a function of radius and angle.
        """
        middle, steps = self._disc_rings(inner, radius, rings, callable(color))
        long = (
            np.maximum(steps, min(self.sharpness.chord(radius), radius / 2))
            if self.sharpness.limits
            else steps
        )
        counts = np.maximum(4, np.round(2 * np.pi * middle / long)).astype(int)
        r, step = np.repeat(middle, counts), np.repeat(steps, counts)
        angle = np.concatenate([np.arange(n) / n * 2 * np.pi for n in counts])
        u, v = np.asarray(u, float), np.asarray(v, float)
        out = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
        k = self.k if k is None else k
        sigmas = k * np.column_stack([step, 2 * np.pi * r / np.repeat(counts, counts)])
        normal = np.cross(u, v)
        albedo = self._noisy(color(r, angle) if callable(color) else color, len(r), noise)
        centers = np.asarray(center, float) + r[:, None] * out
        self.add(centers, out, np.cross(normal, out), sigmas, albedo, normal=normal, **material)


def _tangents(normals: Array) -> tuple[Array, Array]:
    """Two unit directions ``[N, 3]`` at right angles to unit ``normals [N, 3]`` and to each other."""
    helper = np.where(np.abs(normals[:, 2:3]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    u = unit(np.cross(normals, helper))
    return u, np.cross(normals, u)


def _split_weights(n: int) -> Array:
    """Barycentric centres ``[n * n, 3]`` of the pieces when each edge of a triangle is cut into ``n``."""
    rows, columns = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    up = rows + columns < n
    down = rows + columns < n - 1
    first = np.concatenate([rows[up] + 1 / 3, rows[down] + 2 / 3]) / n
    second = np.concatenate([columns[up] + 1 / 3, columns[down] + 2 / 3]) / n
    return np.stack([1.0 - first - second, first, second], 1)


def _pick(material: dict[str, ArrayLike | None], index: NDArray) -> dict[str, ArrayLike | None]:
    """Select those values of a material that are given per item; what holds for all items stays."""
    per_item = {name: np.ndim(value) == (2 if name == "normal" else 1) for name, value in material.items()}
    return {name: np.asarray(x)[index] if per_item[name] else x for name, x in material.items()}
