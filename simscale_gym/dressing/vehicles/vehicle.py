"""Vehicles: the pieces of each kind at each level of detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, box

from simscale_gym.dressing.nodes.template import Template, mirrored, on_chart, pieces, straightened
from simscale_gym.dressing.surfels.drawing import Fineness, Layers, Patches, fill, lay
from simscale_gym.dressing.surfels.loft import loft_pieces
from simscale_gym.dressing.vehicles.drawing import band_layers, side_layers
from simscale_gym.dressing.vehicles.hull import Chart, Hull, grid_lines
from simscale_gym.dressing.vehicles.kinds import CARS, CarKind
from simscale_gym.dressing.vehicles.large import LARGE, LargeKind
from simscale_gym.dressing.vehicles.wheels import contact_shadow, floor, moved_wheel, well, wheel

Array = NDArray[np.float64]

FINENESS = (
    Fineness(cell=0.085, edge=0.014, along=0.11, stroke=0.004, k=0.70),
    Fineness(cell=0.14, edge=0.032, along=0.21, stroke=0.012, k=0.68),
    Fineness(cell=0.23, edge=0.0, along=0.5, stroke=0.04, k=0.57),
    Fineness(cell=0.60, edge=0.0, along=1.0, stroke=0.085, k=0.52),
)
"""One for each level of detail, near to far."""

BEHIND = 0.03
"""Depth of the paint's second layer behind the first [m]."""

PLATE = (0.9, 0.1, 0.6, 0.8, 0.2, 0.95, 0.5)
"""Strokes of the number plates; nobody reads them."""

VEHICLE_KINDS = (*CARS, *LARGE)


def vehicle_size(name: str) -> Array:
    """Length, width, height ``[3]`` of a kind's template [m], mirrors not counted."""
    return LARGE[name].size if name in LARGE else Hull(CARS[name].shape).size


def vehicle_template(name: str, lod: int) -> Template:
    """A vehicle of the catalogue in its own size.

    Args:
        name: One of VEHICLE_KINDS.
        lod: Level of detail, index into FINENESS.
    """
    if name in LARGE:
        fine = FINENESS[lod]
        return _large(LARGE[name], replace(fine, cell=1.6 * fine.cell, along=1.6 * fine.along))
    return _car(CARS[name], FINENESS[lod])


def _car(kind: CarKind, fine: Fineness) -> Template:
    arch = kind.tyre + 0.055
    hull = Hull(kind.shape, tuple((x, kind.tyre, arch) for x in kind.axles))
    gear = _running_gear(hull, kind.axles, kind.tyre, arch, kind.rim, fine)
    shell = _shell(hull, side_layers(hull, kind), band_layers(hull, kind, PLATE), fine)
    mirror = _mirror(hull, fine)
    return Template.concatenate(
        [shell, gear, mirror, mirrored(mirror), *_underneath(hull.size, kind.shape.profile[0][1], fine)]
    )


def _large(kind: LargeKind, fine: Fineness) -> Template:
    """A bus or lorry: one or two hulls on one chassis."""
    arch = kind.tyre + 0.07
    parts = []
    for body in kind.bodies:
        low, high = body.shape.profile[0][0], body.shape.profile[-1][0]
        own = [x for x in kind.axles if low < x < high]
        hull = Hull(body.shape, tuple((x, kind.tyre, arch) for x in own))
        parts.append(_shell(hull, body.side(hull), body.band(hull, PLATE), fine))
        parts.append(_running_gear(hull, own, kind.tyre, arch, kind.rim, fine))
    return Template.concatenate([*parts, *_underneath(kind.size, 0.30, fine)])


def _shell(hull: Hull, side: Layers, band: Layers, fine: Fineness) -> Template:
    left = _side(hull, side, fine)
    return Template.concatenate([left, mirrored(left), _band(hull, band, fine)])


def _underneath(size: Array, height: float, fine: Fineness) -> list[Template]:
    bottom = floor(size[0] - 0.25, size[1] - 0.18, height + 0.04, max(0.35, fine.cell))
    return [bottom, contact_shadow(size[0], size[1], max(0.2, 1.2 * fine.cell), height=0.05)]


def _side(hull: Hull, layers: Layers, fine: Fineness) -> Template:
    canvas = hull.outline
    for x, z, radius in hull.wheels:
        canvas = shapely.difference(canvas, Point(x, z).buffer(radius, quad_segs=8))
    west, south, east, north = hull.outline.bounds
    x_lines = grid_lines(hull.side, np.array([west, 0.6]), np.array([east, 0.6]), 0, fine.cell)
    z_lines = np.linspace(south, north, int(np.ceil((north - south) / fine.cell)) + 1)
    return _panels(
        hull.side, layers, canvas, (x_lines, z_lines), fine, lambda centers: centers * [0.0, 1.0, 0.0]
    )


def _band(hull: Hull, layers: Layers, fine: Fineness) -> Template:
    half = hull.shape.half_width
    s_lines = np.linspace(0.0, hull.length, int(np.ceil(hull.length / fine.cell)) + 1)
    s_lines = np.union1d(s_lines, hull.creases)
    v_lines = np.linspace(-half, half, int(np.ceil(2 * half / fine.cell)) + 1)
    canvas = box(0.0, -half, hull.length, half)
    middle = float(hull.silhouette[:, 0].mean())
    return _panels(
        hull.band, layers, canvas, (s_lines, v_lines), fine,
        lambda centers: (centers - [middle, 0.0, 0.6]) * [1.0, 0.2, 1.5],
    )  # fmt: skip


def _panels(
    chart: Chart,
    layers: Layers,
    canvas: shapely.Polygon,
    lines: tuple[Array, Array],
    fine: Fineness,
    outward: Chart,
) -> Template:
    """A drawing on a chart; ``outward`` says for points which way a normal should roughly point."""
    parts = []

    def add(patches: Patches, k: float, material: str, depth: float) -> None:
        patches = straightened(patches, chart, 0.3 * fine.cell**2)
        centers, first, second, normals = on_chart(patches, chart, k)
        normals = normals * np.sign((outward(centers) * normals).sum(1, keepdims=True) + 1e-9)
        parts.append(_pieces(centers - depth * normals, first, second, normals, material))

    for material, (patches, polygons) in lay(layers, canvas, lines, fine).items():
        add(patches, fine.k, material, 0.0)
        if material == "paint" and fine.edge > 0.0:
            add(_backing(polygons, lines), 0.6, material, BEHIND)
    return Template.concatenate(parts)


def _backing(polygons: Sequence[shapely.Polygon], lines: tuple[Array, Array]) -> Patches:
    """Coarse patches under panels, clear of their borders: close what the panels' own pieces let through."""
    coarse, twice = Fineness(0.0, 0.0, 1.0, 0.0), tuple(a[::2] for a in lines)
    inner = shapely.get_parts(shapely.buffer(polygons, -0.09))
    return Patches.concatenate([fill(part, *twice, coarse) for part in inner])


def _pieces(centers: Array, first: Array, second: Array, normals: Array, material: str) -> Template:
    """Pieces of a hull, darker towards the road; glass mirrors more sky towards its top."""
    occlusion = np.clip(0.35 + 0.65 * (centers[:, 2] - 0.15) / 0.55, 0.0, 1.0)
    part = pieces(centers, first, second, normals, material, occlusion=occlusion)
    if material in ("glass", "screen", "inside"):
        height = centers[:, 2] - (0.62 * centers[:, 2].max() + 0.0)
        part.gloss[:] *= np.clip(0.55 + 1.6 * (height + 0.08), 0.5, 1.4)
    return part


def _running_gear(
    hull: Hull, axles: Sequence[float], tyre: float, arch: float, spokes: int, fine: Fineness
) -> Template:
    """Wheels and wells of both sides."""
    if not axles:
        return Template.concatenate([])
    parts, one = [], wheel(tyre, spokes, fine)
    for x in axles:
        y = float(hull.half_width(np.array(x), np.array(tyre)))
        left = Template.concatenate([moved_wheel(one, x, y - 0.022), well(x, tyre, arch, y, fine)])
        parts += [left, mirrored(left)]
    return Template.concatenate(parts)


def _mirror(hull: Hull, fine: Fineness) -> Template:
    """The left outer mirror: a rounded shell on a foot, glass towards the rear."""
    x = float(np.interp(hull.place("screen_base") + 0.1, hull.arc, hull.silhouette[:, 0])) - 0.30
    z = float(hull.belt_height(np.array(x))) + 0.10
    y = float(hull.half_width(np.array(x), np.array(z))) + 0.10
    rows = int(np.clip(0.9 / fine.cell, 3, 10))
    share = np.sin(np.linspace(-1.0, 1.0, 9) * np.pi / 2)
    path = np.column_stack([x + 0 * share, y + 0.105 * share, z + 0.012 * share])
    bulge = np.sqrt(np.clip(1.0 - np.abs(share) ** 3.0, 0.0, 1.0))[:, None]
    shell = loft_pieces(path, bulge * [0.062, 0.075], rows, 2 * rows, "paint", fine.k, side=(1.0, 0.0, 0.0))
    glass = shell.normals[:, 0] < -0.65
    shell.albedo[glass] = 0.20
    shell.paint[glass] = -1
    shell.gloss[glass] = 0.3
    low = (shell.normals[:, 2] < -0.5) & ~glass
    shell.albedo[low], shell.paint[low] = 0.07, -1
    return shell
