"""Buses and lorries: hulls with flat sides, drawn with few large shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, box

from simscale_gym.dressing.surfels.drawing import Layers
from simscale_gym.dressing.vehicles.drawing import end_bar, end_polygon, mirrored_on_band, plate, rounded
from simscale_gym.dressing.vehicles.hull import Hull, HullShape

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LargeBody:
    """One hull of a large vehicle and what is drawn on its charts."""

    shape: HullShape
    side: Callable[[Hull], Layers]
    band: Callable[[Hull, Sequence[float]], Layers]


@dataclass(frozen=True)
class LargeKind:
    """A bus or lorry.

    Attributes:
        bodies: Hulls of the vehicle.
        axles: x of the axles [m].
        tyre: Radius of the tyres [m].
        rim: Number of openings in the rims.
        extent: Length, width, height [m].
    """

    bodies: tuple[LargeBody, ...]
    axles: tuple[float, ...]
    tyre: float
    rim: int
    extent: tuple[float, float, float]

    @property
    def size(self) -> Array:
        """Length, width, height ``[3]`` [m]."""
        return np.array(self.extent)


def _bus_side(hull: Hull) -> Layers:
    low, high = hull.silhouette[:, 0].min(), hull.silhouette[:, 0].max()
    strip = rounded(box(low + 0.35, 1.28, high - 0.25, 2.50), 0.08)
    layers: Layers = [
        ("paint", box(-9, 0, 9, 4)),
        ("accent", box(-9, 0.55, 9, 0.92)),
        ("plastic", box(-9, 0, 9, 0.42)),
    ]
    layers += [("trim", strip.buffer(0.02)), ("glass", strip)]
    posts = [box(x - 0.03, 1.2, x + 0.03, 2.55) for x in np.arange(low + 1.6, high - 0.8, 1.38)]
    layers.append(("trim", shapely.union_all(posts) & strip))
    seats = [
        rounded(box(x - 0.22, 1.2, x + 0.16, 1.62), 0.06) for x in np.arange(low + 1.0, high - 1.2, 0.78)
    ]
    layers.append(("inside", shapely.union_all(seats) & strip.buffer(-0.02)))
    for x in (high - 1.05, 0.1):
        door = rounded(box(x - 0.55, 0.45, x + 0.55, 2.48), 0.06)
        layers += [
            ("trim", door),
            ("glass", box(x - 0.49, 0.55, x - 0.03, 2.40)),
            ("glass", box(x + 0.03, 0.55, x + 0.49, 2.40)),
        ]
    layers += [("seam", box(x, 0.42, x + 0.012, 1.2)) for x in np.arange(low + 0.9, high - 2.0, 1.6)]
    return [
        *layers,
        ("head", box(high - 0.16, 0.62, high + 0.1, 0.86)),
        ("tail", box(low - 0.1, 0.75, low + 0.10, 1.05)),
    ]


def _bus_band(hull: Hull, glyphs: Sequence[float]) -> Layers:
    half = hull.shape.half_width
    layers: Layers = [("paint", box(0, -2, hull.length, 2))]
    for front in (True, False):
        layers.append(("accent", end_bar(hull, (-2, 2), (0.55, 0.92), front=front)))
        layers.append(("plastic", end_bar(hull, (-2, 2), (0.0, 0.42), front=front)))
        sign = end_bar(hull, (-0.72 * half, 0.72 * half), (2.46, 2.74), front=front)
        glass = rounded(
            end_bar(hull, (-0.90 * half, 0.90 * half), (1.10 if front else 1.45, 2.40), front=front), 0.06
        )
        layers += [("trim", glass.buffer(0.03)), ("screen", glass), ("grille", sign)]
        digits = [
            end_bar(hull, (y, y + 0.10), (2.53, 2.67), front=front)
            for y in np.arange(-0.62, 0.5, 0.16) * half
        ]
        layers.append(("sign", shapely.union_all(digits[: 8 if front else 3])))
        low, high = (0.60, 0.84) if front else (0.72, 1.05)
        lamp = end_bar(hull, (0.66 * half if front else 0.80 * half, 0.97 * half), (low, high), front=front)
        name = "head" if front else "tail"
        layers += [
            layer for part in mirrored_on_band(lamp) for layer in (("trim", part.buffer(0.015)), (name, part))
        ]
        layers += plate(hull, 0.52 if front else 0.66, glyphs, front=front)
    inside = end_bar(hull, (-0.86 * half, 0.86 * half), (1.12, 1.34), front=True)
    beams = mirrored_on_band(end_bar(hull, (0.78 * half, 0.90 * half), (0.66, 0.78), front=True))
    return [*layers, ("inside", inside), *(("head_lit", beam) for beam in beams)]


def _cab_side(hull: Hull) -> Layers:
    low, high = hull.silhouette[:, 0].min(), hull.silhouette[:, 0].max()
    window = rounded(box(low + 0.55, 1.62, high - 0.22, 2.28) & hull.outline.buffer(-0.14), 0.05)
    layers: Layers = [("paint", box(-9, 0, 9, 4)), ("plastic", box(-9, 0, 9, 0.62))]
    layers += [
        ("trim", window.buffer(0.02)),
        ("glass", window),
        ("inside", box(low + 0.70, 1.62, low + 1.0, 2.05) & window),
    ]
    layers += [
        ("seam", box(low + 0.42, 0.62, low + 0.432, 2.35)),
        ("trim", box(low + 0.50, 1.42, low + 0.72, 1.47)),
    ]
    return [
        *layers,
        ("head", box(high - 0.12, 0.70, high + 0.1, 0.92)),
        ("amber", box(high - 0.30, 1.05, high - 0.22, 1.10)),
    ]


def _cab_band(hull: Hull, glyphs: Sequence[float]) -> Layers:
    half = hull.shape.half_width
    glass = rounded(end_bar(hull, (-0.91 * half, 0.91 * half), (1.48, 2.28), front=True), 0.06)
    grille = end_polygon(
        hull,
        [(-0.62 * half, 0.98), (0.62 * half, 0.98), (0.70 * half, 1.30), (-0.70 * half, 1.30)],
        front=True,
    )
    layers: Layers = [
        ("paint", box(0, -2, hull.length, 2)),
        ("plastic", end_bar(hull, (-2, 2), (0.0, 0.62), front=True)),
    ]
    layers += [("trim", glass.buffer(0.03)), ("screen", glass), ("grille", grille)]
    layers.append(("inside", end_bar(hull, (-0.86 * half, 0.86 * half), (1.50, 1.62), front=True)))
    layers.append(("chrome", Point(float(hull.front_arc(1.14)), 0.0).buffer(0.09)))
    for lamp in mirrored_on_band(end_bar(hull, (0.66 * half, 0.97 * half), (0.68, 0.88), front=True)):
        layers += [("trim", lamp.buffer(0.015)), ("head", lamp), ("head_inner", lamp.buffer(-0.03))]
    beams = mirrored_on_band(end_bar(hull, (0.76 * half, 0.88 * half), (0.73, 0.82), front=True))
    return [*layers, *(("head_lit", beam) for beam in beams), *plate(hull, 0.56, glyphs, front=True)]


def _cargo_side(hull: Hull) -> Layers:
    low, high = hull.silhouette[:, 0].min(), hull.silhouette[:, 0].max()
    layers: Layers = [
        ("cargo", box(-9, 0, 9, 5)),
        ("void", box(-9, 0, 9, 0.92)),
        ("chrome", box(-9, 0.92, 9, 1.02)),
    ]
    layers.append(("plastic", box(low + 1.9, 0.48, high - 0.3, 0.88)))
    layers += [("cargo_seam", box(x, 1.02, x + 0.015, 4)) for x in np.arange(low + 1.2, high - 0.4, 1.2)]
    layers.append(("accent", rounded(box(low + 1.6, 1.9, high - 1.5, 2.5), 0.1)))
    return [*layers, *(("amber", box(x, 0.95, x + 0.08, 0.99)) for x in (low + 0.4, 0.0, high - 0.4))]


def _cargo_band(hull: Hull, glyphs: Sequence[float]) -> Layers:
    half = hull.shape.half_width
    layers: Layers = [
        ("cargo", box(0, -2, hull.length, 2)),
        ("void", end_bar(hull, (-2, 2), (0.0, 0.90), front=False)),
    ]
    layers.append(("chrome", end_bar(hull, (-2, 2), (0.90, 1.02), front=False)))
    layers.append(("plastic", end_bar(hull, (-0.96 * half, 0.96 * half), (0.48, 0.62), front=False)))
    layers.append(("cargo_seam", end_bar(hull, (-0.012, 0.012), (1.02, 2.95), front=False)))
    for y in (0.12, 0.40):
        layers += [
            ("chrome", bar)
            for bar in mirrored_on_band(end_bar(hull, (y, y + 0.03), (1.08, 2.90), front=False))
        ]
    for lamp in mirrored_on_band(end_bar(hull, (0.62 * half, 0.95 * half), (0.68, 0.82), front=False)):
        layers += [("tail", lamp)]
    layers += [
        ("amber", bar)
        for bar in mirrored_on_band(end_bar(hull, (0.52 * half, 0.60 * half), (0.68, 0.82), front=False))
    ]
    layers.append(("void", box(float(hull.arc[-1]) - 0.5, -2, hull.length, 2)))
    return layers + plate(hull, 0.74, glyphs, front=False)


_FLAT = ((0.2, 0.03), (0.5, 0.01), (0.9, 0.0), (1.3, 0.0))

_BUS = LargeBody(
    HullShape(
        profile=(
            (-4.92, 0.30, 0.01, ""), (-4.96, 0.60, 0.03, ""), (-4.96, 1.30, 0.03, ""), (-4.93, 2.55, 0.03, ""),
            (-4.84, 2.92, 0.02, ""), (-4.50, 3.03, 0.03, ""), (4.45, 3.03, 0.03, ""), (4.78, 2.92, 0.05, ""),
            (4.88, 2.40, 0.09, ""), (4.92, 1.10, 0.10, ""), (4.90, 0.55, 0.09, ""), (4.84, 0.30, 0.05, ""),
        ),
        half_width=1.27, belt=(1.26, 1.26), tumblehome=0.05, shoulder=0.008, section=_FLAT, front_taper=(0.35, 0.10),
        rear_taper=(0.22, 0.05), fillet=0.12, smooth=3,
    ),
    _bus_side, _bus_band,
)  # fmt: skip
_CAB = LargeBody(
    HullShape(
        profile=(
            (1.95, 0.42, 0.0, ""), (1.92, 1.2, 0.0, ""), (1.92, 2.45, 0.0, ""), (2.05, 2.58, 0.02, ""),
            (2.90, 2.60, 0.03, ""), (3.28, 2.42, 0.05, ""), (3.56, 1.50, 0.09, ""), (3.66, 1.30, 0.08, ""),
            (3.70, 0.80, 0.09, ""), (3.68, 0.42, 0.07, ""),
        ),
        half_width=1.15, belt=(1.55, 1.55), tumblehome=0.08, shoulder=0.015, section=_FLAT, front_taper=(0.5, 0.12),
        rear_taper=(0.1, 0.0), fillet=0.10,
    ),
    _cab_side, _cab_band,
)  # fmt: skip
_CARGO = LargeBody(
    HullShape(
        profile=(
            (-3.76, 0.48, 0.0, ""), (-3.78, 1.0, 0.0, ""), (-3.78, 3.02, 0.0, ""), (-3.78, 3.12, 0.0, ""),
            (-3.68, 3.12, 0.0, ""), (1.68, 3.12, 0.0, ""), (1.78, 3.12, 0.0, ""),
            (1.78, 3.02, 0.0, ""), (1.78, 0.90, 0.0, ""), (1.78, 0.48, 0.0, ""),
        ),
        half_width=1.24, belt=(1.5, 1.5), tumblehome=0.0, shoulder=0.0,
        section=((0.2, 0.12), (0.91, 0.12), (0.92, 0.0)),
        front_taper=(0.1, 0.0), rear_taper=(0.1, 0.0), fillet=0.03, smooth=1,
    ),
    _cargo_side, _cargo_band,
)  # fmt: skip

LARGE = {
    "bus": LargeKind((_BUS,), (-2.60, 3.05), 0.47, 8, (10.0, 2.54, 3.06)),
    "lorry": LargeKind((_CARGO, _CAB), (-2.30, 2.75), 0.46, 8, (7.58, 2.48, 3.12)),
}
