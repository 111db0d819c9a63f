"""Figures of road users: meshes that look like their kinds, in a box of one by one by one to be stretched to theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from simscale_gym.browser.subject import Color
from simscale_gym.scene import TrackType
from simscale_gym.viewer.bev import OBJECT_COLOR, TRACK_COLORS

_GLASS, _TIRE, _SKIN, _CLOTH, _WHITE = (
    (38, 46, 58),
    (28, 28, 30),
    (224, 180, 150),
    (70, 78, 104),
    (235, 235, 235),
)
_LONG, _TALL = 6.5, 2.3
"""A vehicle that is longer or taller than this is drawn as a lorry [m]."""


class Part(NamedTuple):
    """A part of a figure of one color.

    Attributes:
        vertices: ``[V, 3]`` within -0.5 .. 0.5: x forward, y left, z up.
        faces: ``[F, 3]`` rows of vertices.
        color: Its color; None for that of the road user.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]
    color: Color | None


def figure_of(kind: TrackType, size: NDArray[np.float64]) -> str:
    """Name of the figure of a road user of ``size [3]`` [m]."""
    if kind == TrackType.VEHICLE:
        return "lorry" if size[0] > _LONG or size[2] > _TALL else "car"
    return kind.name.lower()


def color_of(kind: TrackType) -> Color:
    """Color of a road user."""
    return TRACK_COLORS.get(kind, OBJECT_COLOR)


@cache
def figure(name: str) -> tuple[Part, ...]:
    """The parts of the figure called ``name``."""
    return tuple(_FIGURES.get(name, _block)())


def _part(meshes: Sequence[trimesh.Trimesh], color: Color | None = None) -> Part:
    joined = trimesh.util.concatenate(list(meshes))
    return Part(joined.vertices.astype(np.float32), joined.faces.astype(np.uint32), color)


def _box(
    low: Sequence[float], high: Sequence[float], taper: tuple[float, float] = (0.0, 0.0)
) -> trimesh.Trimesh:
    """A box from ``low [3]`` to ``high [3]``, whose top is so much shorter behind and in front."""
    mesh = trimesh.creation.box(bounds=[low, high])
    vertices = mesh.vertices.copy()
    top = vertices[:, 2] > (low[2] + high[2]) / 2
    behind = vertices[:, 0] < (low[0] + high[0]) / 2
    vertices[top & behind, 0] += taper[0]
    vertices[top & ~behind, 0] -= taper[1]
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def _wheels(
    places: Sequence[float], radii: tuple[float, float], width: float, sides: Sequence[float]
) -> list:
    """Wheels at ``places`` along x and ``sides`` along y, of ``radii`` along x and z."""
    wheels = []
    for x in places:
        for y in sides:
            wheel = trimesh.creation.cylinder(radius=1.0, height=width, sections=20)
            wheel.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
            wheel.apply_scale([radii[0], 1.0, radii[1]])
            wheel.apply_translation([x, y, -0.5 + radii[1]])
            wheels.append(wheel)
    return wheels


def _ball(place: Sequence[float], radii: Sequence[float]) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale(radii)
    mesh.apply_translation(place)
    return mesh


def _car() -> list[Part]:
    body = _box([-0.5, -0.48, -0.34], [0.5, 0.48, 0.06], (0.02, 0.05))
    roof = _box([-0.40, -0.42, 0.06], [0.20, 0.42, 0.5], (0.10, 0.16))
    glass = _box([-0.405, -0.44, 0.08], [0.205, 0.44, 0.42], (0.08, 0.13))
    return [
        _part([body, roof]),
        _part([glass], _GLASS),
        _part(_wheels((-0.31, 0.31), (0.075, 0.22), 0.14, (-0.42, 0.42)), _TIRE),
    ]


def _lorry() -> list[Part]:
    load = _box([-0.5, -0.5, -0.34], [0.26, 0.5, 0.5])
    cab = _box([0.28, -0.48, -0.38], [0.5, 0.48, 0.34], (0.0, 0.03))
    pane = _box([0.40, -0.42, -0.02], [0.501, 0.42, 0.28], (0.0, 0.03))
    return [
        _part([load, cab]),
        _part([pane], _GLASS),
        _part(_wheels((-0.32, 0.36), (0.06, 0.15), 0.1, (-0.44, 0.44)), _TIRE),
    ]


def _bicycle() -> list[Part]:
    frame = _box([-0.30, -0.06, -0.32], [0.30, 0.06, -0.12], (0.1, 0.0))
    bar = _box([0.24, -0.45, -0.02], [0.32, 0.45, 0.03])
    trunk = _box([-0.20, -0.32, -0.10], [0.06, 0.32, 0.28], (0.06, -0.06))
    legs = [_box([-0.12, y - 0.09, -0.42], [0.06, y + 0.09, -0.08]) for y in (-0.18, 0.18)]
    return [
        _part([trunk, frame, bar]),
        _part(legs, _CLOTH),
        _part([_ball([0.08, 0.0, 0.39], [0.07, 0.2, 0.11])], _SKIN),
        _part(_wheels((-0.31, 0.31), (0.19, 0.19), 0.06, (0.0,)), _TIRE),
    ]


def _pedestrian() -> list[Part]:
    trunk = _box([-0.17, -0.32, -0.06], [0.17, 0.32, 0.32])
    arms = [_box([-0.09, y - 0.07, -0.08], [0.09, y + 0.07, 0.3]) for y in (-0.4, 0.4)]
    legs = [
        _box([x - 0.12, y - 0.12, -0.5], [x + 0.12, y + 0.12, -0.06]) for x, y in ((0.1, -0.16), (-0.1, 0.16))
    ]
    return [
        _part([trunk, *arms]),
        _part(legs, _CLOTH),
        _part([_ball([0.02, 0.0, 0.42], [0.19, 0.19, 0.08])], _SKIN),
    ]


def _cone() -> list[Part]:
    body = trimesh.creation.cone(radius=0.36, height=0.92, sections=20)
    body.apply_translation([0.0, 0.0, -0.42])
    ring = trimesh.creation.cylinder(radius=0.27, height=0.18, sections=20)
    return [_part([body, _box([-0.5, -0.5, -0.5], [0.5, 0.5, -0.42])]), _part([ring], _WHITE)]


def _sign() -> list[Part]:
    post = _box([-0.08, -0.08, -0.5], [0.08, 0.08, 0.1])
    return [_part([_box([-0.3, -0.5, 0.0], [0.3, 0.5, 0.5])]), _part([post], _WHITE)]


def _block() -> list[Part]:
    return [_part([_box([-0.5, -0.5, -0.5], [0.5, 0.5, 0.5])])]


_FIGURES: dict[str, Callable[[], list[Part]]] = {
    "car": _car,
    "lorry": _lorry,
    "bicycle": _bicycle,
    "pedestrian": _pedestrian,
    "traffic_cone": _cone,
    "czone_sign": _sign,
}
"""Figures by name; all others are blocks."""
