"""Cones, barriers, construction signs and whatever else stands in the road as a box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon, box

from simscale_gym.dressing.nodes.template import Template, on_chart, pieces
from simscale_gym.dressing.surfels.drawing import Fineness, Layers, fill, lay
from simscale_gym.dressing.surfels.loft import loft_pieces
from simscale_gym.dressing.vehicles.wheels import contact_shadow

Array = NDArray[np.float64]

OBJECT_FINENESS = (
    Fineness(0.06, 0.012, 0.10, 0.0),
    Fineness(0.12, 0.04, 0.20, 0.0),
    Fineness(0.22, 0.0, 0.4, 0.0),
    Fineness(0.5, 0.0, 1.0, 0.0, k=0.56),
)
QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
ORANGE, WHITE, RED, BLACK = (0.93, 0.36, 0.10), (0.90, 0.90, 0.88), (0.78, 0.10, 0.10), (0.08, 0.08, 0.08)


def cone_template(lod: int) -> Template:
    """A traffic cone of 0.36 x 0.36 x 0.72 m: orange, two white bands, square foot."""
    rings, around = ((22, 18), (12, 12), (6, 8), (3, 6))[lod]
    path = np.array([[0, 0, 0.03], [0, 0, 0.70], [0, 0, 0.72]])
    shaft = loft_pieces(
        path, [[0.135, 0.135], [0.03, 0.03], [0.012, 0.012]], rings, around, "matt", side=(0, 1, 0)
    )
    height = shaft.centers[:, 2]
    white = ((height > 0.26) & (height < 0.40)) | ((height > 0.50) & (height < 0.59))
    shaft.albedo[:] = np.where(white[:, None], WHITE, ORANGE)
    shaft.occlusion[:] = np.clip(0.5 + height, 0.0, 1.0)
    foot = _box((-0.18, -0.18, 0.0), (0.18, 0.18, 0.035), (0.20, 0.20, 0.20), lod)
    return Template.concatenate([shaft, foot, contact_shadow(0.40, 0.40, 0.16, 0.45)])


def barrier_template(lod: int, *, across: bool) -> Template:
    """A board barrier of 2.0 x 0.5 x 1.0 m on two feet, red and white; along x, or ``across`` it along y."""
    board = _panel(1.96, 0.30, _slants(1.96, 0.30), lod)
    low = _panel(1.96, 0.20, _slants(1.96, 0.20), lod)
    boards = [_placed(p, 0.0, 0.0, z, side) for p, z in ((board, 0.82), (low, 0.38)) for side in (1.0, -1.0)]
    posts = [
        _box((x - 0.03, -0.03, 0.05), (x + 0.03, 0.03, 1.0), (0.35, 0.35, 0.36), lod) for x in (-0.75, 0.75)
    ]
    feet = [
        _box((x - 0.10, -0.25, 0.0), (x + 0.10, 0.25, 0.07), (0.16, 0.16, 0.17), lod) for x in (-0.75, 0.75)
    ]
    barrier = Template.concatenate([*boards, *posts, *feet, contact_shadow(1.9, 0.4, 0.25, 0.40)])
    return _turned(barrier, QUARTER_TURN) if across else barrier


def sign_template(lod: int) -> Template:
    """A construction sign of 0.5 x 0.9 x 1.5 m that faces backwards, to the traffic behind it: a warning triangle."""
    corner = 0.43
    outer = Polygon([(-corner, -0.37), (corner, -0.37), (0.0, 0.38)])
    layers: Layers = [("red", outer), ("white", outer.buffer(-0.075, join_style="mitre"))]
    figure = [LineString([(-0.10, -0.17), (-0.02, 0.0)]), LineString([(-0.02, 0.0), (0.08, -0.17)]),
              LineString([(-0.02, 0.0), (-0.01, 0.10)]), LineString([(-0.01, 0.07), (0.12, -0.06)])]  # fmt: skip
    layers += [("black", line.buffer(0.022)) for line in figure]
    layers.append(("black", Polygon([(0.10, -0.20), (0.24, -0.20), (0.17, -0.10)])))
    face = _panel(2 * corner, 0.76, layers, lod, outline=outer)
    back = _panel(2 * corner, 0.76, [("grey", outer)], lod, outline=outer)
    sides = [
        _turned(_placed(face, 0.0, 0.012, 1.10, 1.0), QUARTER_TURN),
        _turned(_placed(back, 0.0, -0.012, 1.10, -1.0), QUARTER_TURN),
    ]
    post = _box((-0.02, -0.02, 0.0), (0.02, 0.02, 1.10), (0.42, 0.42, 0.43), lod)
    foot = _box((-0.25, -0.20, 0.0), (0.25, 0.20, 0.08), (0.15, 0.15, 0.16), lod)
    return Template.concatenate([*sides, post, foot, contact_shadow(0.5, 0.45, 0.2, 0.40)])


def bin_template(lod: int) -> Template:
    """A wheeled bin of 0.6 x 0.6 x 1.1 m; its body takes color 0."""
    rings, around = ((14, 20), (8, 14), (5, 10), (3, 6))[lod]
    path = np.array([[0, 0, 0.06], [0, 0, 0.07], [0, 0, 0.98]])
    trunk = loft_pieces(
        path, [[0.02, 0.02], [0.24, 0.22], [0.29, 0.28]], rings, around, "cloth", side=(0, 1, 0)
    )
    trunk.occlusion[:] = np.clip(0.45 + 0.6 * trunk.centers[:, 2], 0.0, 1.0)
    top = np.array([[0, 0, 0.98], [0, 0, 1.0], [0, 0, 1.06], [0, 0, 1.10]])
    lid = loft_pieces(
        top, [[0.29, 0.28], [0.30, 0.29], [0.26, 0.25], [0.01, 0.01]], rings // 2 + 1, around, "cloth"
    )
    lid.albedo[:] = 0.6
    return Template.concatenate([trunk, lid, contact_shadow(0.55, 0.55, 0.2, 0.55)])


def crate_template(lod: int) -> Template:
    """A box of 1 x 1 x 1 m; takes color 0."""
    crate = _box((-0.5, -0.5, 0.0), (0.5, 0.5, 1.0), (1.0, 1.0, 1.0), lod, "cloth")
    crate.occlusion[:] = np.clip(0.4 + crate.centers[:, 2], 0.0, 1.0)
    return Template.concatenate([crate, contact_shadow(0.95, 0.95, 0.25, 0.6)])


def _box(low: tuple, high: tuple, color: tuple, lod: int, material: str = "matt") -> Template:
    """The faces of a box but its underside."""
    low, high = np.array(low), np.array(high)
    size, parts = high - low, []
    for axis, sign in ((0, -1), (0, 1), (1, -1), (1, 1), (2, 1)):
        u, v = [i for i in range(3) if i != axis]
        fine = OBJECT_FINENESS[lod]
        area = box(0.0, 0.0, size[u], size[v])
        lines = [np.linspace(0.0, size[i], max(1, int(np.ceil(size[i] / fine.cell))) + 1) for i in (u, v)]

        def chart(places: Array, axis: int = axis, sign: int = sign, u: int = u, v: int = v) -> Array:
            points = np.tile(high if sign > 0 else low, (len(places), 1))
            points[:, u], points[:, v] = low[u] + places[:, 0], low[v] + places[:, 1]
            return points

        rows = on_chart(fill(area, *lines, fine), chart, fine.k)
        normals = np.tile(sign * np.eye(3)[axis], (len(rows[0]), 1))
        parts.append(pieces(*rows[:3], normals, material, albedo=color))
    return Template.concatenate(parts)


def _slants(width: float, height: float) -> Layers:
    """Red and white slanted stripes."""
    layers: Layers = [("white", box(-width / 2, -height / 2, width / 2, height / 2))]
    for x in np.arange(-width / 2 - height, width / 2, 0.40):
        stripe = Polygon(
            [
                (x, -height / 2),
                (x + 0.20, -height / 2),
                (x + 0.20 + height, height / 2),
                (x + height, height / 2),
            ]
        )
        layers.append(("red", stripe))
    return layers


def _panel(
    width: float, height: float, layers: Layers, lod: int, *, outline: Polygon | None = None
) -> Template:
    """A flat drawing around the origin in the plane y = 0, facing +y."""
    fine = OBJECT_FINENESS[lod]
    lines = [np.linspace(-s / 2, s / 2, max(1, int(np.ceil(s / fine.cell))) + 1) for s in (width, height)]
    canvas = outline or box(-width / 2, -height / 2, width / 2, height / 2)
    colors = {"red": RED, "white": WHITE, "black": BLACK, "grey": (0.45, 0.45, 0.46)}

    def chart(places: Array) -> Array:
        return np.stack([places[:, 0], np.zeros(len(places)), places[:, 1]], 1)

    parts = []
    for color, (patches, _) in lay(
        layers, canvas, tuple(lines), replace(fine, stroke=0.1 * fine.cell)
    ).items():
        rows = on_chart(patches, chart, fine.k, flip=True)
        parts.append(
            pieces(*rows[:3], np.tile([0.0, 1.0, 0.0], (len(rows[0]), 1)), "matt", albedo=colors[color])
        )
    return Template.concatenate(parts)


def _placed(panel: Template, x: float, y: float, z: float, side: float) -> Template:
    """A panel moved, and turned about z by half a turn with ``side`` -1."""
    turned = _turned(panel, np.diag([side, side, 1.0]))
    turned.centers[:] += [x, y + 0.012 * side, z]
    return turned


def _turned(panel: Template, rotation: Array) -> Template:
    values = {name: getattr(panel, name) for name in panel.__dataclass_fields__}
    for name in ("centers", "first", "second", "normals"):
        values[name] = values[name] @ rotation.T
    return Template(**values)
