"""Wheels, wheel wells, floor and contact shadow: what a vehicle's hull leaves open below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon, box

from simscale_gym.dressing.nodes.template import Template, on_chart, pieces
from simscale_gym.dressing.surfels.drawing import Fineness, fill, lay

Array = NDArray[np.float64]


def moved_wheel(template: Template, x: float, y: float) -> Template:
    """A wheel moved to ``x``, ``y`` [m]."""
    return replace(template, centers=template.centers + np.array([x, y, 0.0]), pivot=template.pivot + x)


def wheel(radius: float, spokes: int, fine: Fineness) -> Template:
    """A left wheel that stands on the road at x = 0 with its outer face at y = 0 [m]."""
    layers: list[tuple[str, shapely.Geometry]] = [
        ("rubber", Point(0, 0).buffer(radius, quad_segs=10)),
        ("rim", Point(0, 0).buffer(0.70 * radius, quad_segs=10)),
    ]
    layers += [("rim_dark", gap) for gap in _gaps(radius, spokes)]
    layers += [
        ("rim", Point(0, 0).buffer(0.16 * radius, quad_segs=4)),
        ("rim_dark", Point(0, 0).buffer(0.06 * radius)),
    ]
    if 0.7 * radius < 2.2 * fine.cell:
        layers = [*layers[:1], ("disc", layers[1][1])]

    def chart(places: Array) -> Array:
        share = np.hypot(*places.T) / radius
        depth = np.interp(
            share, [0.0, 0.15, 0.3, 0.66, 0.72, 0.86, 1.0], [0.03, 0.03, 0.05, 0.03, 0.0, 0.0, 0.03]
        )
        return np.stack([places[:, 0], -depth, radius + places[:, 1]], 1)

    count = max(2, int(np.ceil(2 * radius / min(fine.cell, 0.12))))
    lines = np.linspace(-radius, radius, count + 1)
    thin = replace(fine, stroke=0.6 * fine.stroke)
    parts = [
        pieces(*on_chart(patches, chart, fine.k, flip=True), material, occlusion=0.75, pivot=0.0)
        for material, (patches, _) in lay(layers, layers[0][1], (lines, lines), thin).items()
    ]
    parts.append(_tread(radius, fine))
    return Template.concatenate(parts)


def _gaps(radius: float, spokes: int) -> list[Polygon]:
    """The openings between the spokes."""
    gaps, turn = [], 2 * np.pi / spokes
    for i in range(spokes):
        angles = i * turn + np.array([0.24, 0.36, 0.5, 0.64, 0.76]) * turn
        rim = [(0.62 * radius * np.cos(a), 0.62 * radius * np.sin(a)) for a in angles]
        middle = (i + 0.5) * turn
        hub = [
            (0.24 * radius * np.cos(a), 0.24 * radius * np.sin(a))
            for a in (middle + 0.10 * turn, middle - 0.10 * turn)
        ]
        gaps.append(Polygon(rim + hub))
    return gaps


def _tread(radius: float, fine: Fineness) -> Template:
    around = int(np.clip(2 * np.pi * radius / fine.cell, 6, 30))
    angle = (np.arange(around) + 0.5) / around * 2 * np.pi
    out = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    along = np.cross(out, [0.0, 1.0, 0.0])
    centers = np.array([0.0, -0.13, radius]) + (radius - 0.004) * out
    width = np.tile([0.0, 0.062, 0.0], (around, 1))
    step = along * fine.k * 2 * np.pi * radius / around
    return pieces(centers, step, width, out, "rubber", occlusion=0.35 + 0.3 * np.abs(out[:, 0]), pivot=0.0)


def well(x: float, z: float, radius: float, y: float, fine: Fineness) -> Template:
    """The dark hollow behind a left wheel arch."""
    lines = np.linspace(-radius, radius, max(2, int(np.ceil(2 * radius / max(fine.cell, 0.14)))) + 1)
    patches = fill(Point(0, 0).buffer(radius + 0.02, quad_segs=6), lines, lines, Fineness(0.2, 0.0, 1.0, 0.0))

    def chart(places: Array) -> Array:
        return np.stack([x + places[:, 0], np.full(len(places), y - 0.26), z + places[:, 1]], 1)

    back = pieces(*on_chart(patches, chart, fine.k, flip=True), "void", occlusion=0.1)
    if fine.cell > 0.4:
        return back
    around = int(np.clip(3.6 * radius / max(fine.cell, 0.06), 6, 24))
    angle = np.linspace(-0.1, np.pi + 0.1, around)
    out = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    rows = []
    for depth in (0.075, 0.185):
        centers = np.array([x, y - depth, z]) + (radius + 0.008) * out
        step = np.cross(out, [0.0, 1.0, 0.0]) * fine.k * (np.pi + 0.2) * radius / (around - 1)
        width = np.tile([0.0, 0.055, 0.0], (around, 1))
        rows.append(pieces(centers, step, width, -out, "void", occlusion=0.12))
    return Template.concatenate([back, *rows])


def floor(length: float, width: float, height: float, cell: float) -> Template:
    """The dark underside at ``height`` [m]."""
    patches = fill(
        box(-length / 2, -width / 2, length / 2, width / 2),
        np.linspace(-length / 2, length / 2, max(2, int(np.ceil(length / cell))) + 1),
        np.linspace(-width / 2, width / 2, max(2, int(np.ceil(width / cell))) + 1),
        Fineness(cell, 0.0, 1.0, 0.0),
    )
    return pieces(
        *on_chart(patches, lambda p: np.column_stack([p, np.full(len(p), height)]), 0.6, flip=True),
        "void",
        occlusion=0.1,
    )


def contact_shadow(
    length: float, width: float, cell: float, strength: float = 0.80, *, height: float = 0.03
) -> Template:
    """The darkness on the road below: soft discs at ``height`` [m] above it, fading out beyond the outline."""
    x = _centered(length + 0.26, cell)
    y = _centered(width + 0.24, cell)
    grid_x, grid_y = (a.ravel() for a in np.meshgrid(x, y, indexing="ij"))
    inside = 1.0 - np.maximum(np.abs(grid_x) / (length / 2 + 0.14), np.abs(grid_y) / (width / 2 + 0.16)) ** 5
    opacity = strength * np.clip(1.25 * inside, 0.0, 1.0)
    keep = opacity > 0.03
    centers = np.stack([grid_x, grid_y, np.full(len(grid_x), height)], 1)[keep]
    spread = 0.80 * np.array([x[1] - x[0], y[1] - y[0]])
    first, second, up = (
        np.tile(row, (len(centers), 1)) for row in ([spread[0], 0, 0], [0, spread[1], 0], [0, 0, 1.0])
    )
    return pieces(centers, first, second, up, "void", opacity=opacity[keep], occlusion=0.25)


def _centered(extent: float, cell: float) -> Array:
    count = max(3, int(np.ceil(extent / cell)))
    return (np.arange(count) + 0.5) / count * extent - extent / 2
