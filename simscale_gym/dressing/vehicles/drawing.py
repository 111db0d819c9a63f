"""What is drawn on a car's hull: windows, pillars, doors, lamps, grille, plates, as layers on its two charts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon, box

from simscale_gym.dressing.surfels.drawing import Layers
from simscale_gym.dressing.vehicles.hull import Hull
from simscale_gym.dressing.vehicles.kinds import CarKind

Array = NDArray[np.float64]

SEAM = 0.012
"""Width of a drawn panel gap [m]: real ones are 4 mm, and vanish at a camera's distance."""


def rounded(area: shapely.Geometry, radius: float) -> shapely.Geometry:
    """Corners rounded by ``radius`` [m]."""
    return area.buffer(-radius).buffer(radius, quad_segs=3).simplify(0.002)


def side_windows(hull: Hull, kind: CarKind) -> shapely.Geometry:
    """The glazed area of the side, pillars included: parallel to the roof line, cut at the rear pillar."""
    low, high = hull.silhouette[:, 0].min(), hull.silhouette[:, 0].max()
    floor = hull.belt_height(np.array([low, high])) + kind.belt_gap
    above = Polygon([(low, floor[0]), (high, floor[1]), (high, 4.0), (low, 4.0)])
    x_belt, x_roof = kind.window_rear
    z_belt, z_roof = float(hull.belt_height(np.array(x_belt))), float(hull.silhouette[:, 1].max())
    slope = (x_roof - x_belt) / (z_roof - z_belt)
    ahead = Polygon([(x_belt - slope, z_belt - 1.0), (x_belt + 2 * slope, z_belt + 2.0), (9, 4), (9, 0)])
    inset = hull.outline.buffer(-kind.window_inset, join_style="mitre")
    return rounded(inset & above & ahead, 0.025)


def side_layers(hull: Hull, kind: CarKind) -> Layers:
    """Drawing of the side on its chart (x, z)."""
    windows = side_windows(hull, kind)
    sill = hull.shape.profile[0][1] + (0.20 if kind.cladding else 0.11)
    layers: Layers = [("paint", box(-5, 0, 5, 4)), ("plastic", box(-5, 0, 5, sill))]
    for x, z, radius in hull.wheels:
        if kind.cladding:
            layers.append(("plastic", Point(x, z).buffer(radius + 0.05, quad_segs=10)))
    layers += [("seam", LineString(line).buffer(SEAM / 2, cap_style="flat")) for line in kind.seams]
    for x in kind.handles:
        z = float(hull.belt_height(np.array(x))) - 0.105
        layers.append(("trim", box(x - 0.11, z - 0.022, x + 0.11, z + 0.020)))
        layers.append(("paint_low", box(x - 0.105, z - 0.004, x + 0.105, z + 0.022)))
    layers.append(("trim", windows.buffer(0.016, quad_segs=2)))
    layers.append(("glass", windows))
    layers += _seats(hull, windows, kind)
    top = float(hull.silhouette[:, 1].max())
    for x_belt, x_roof, width in kind.pillars:
        z = float(hull.belt_height(np.array(x_belt)))
        line = LineString([(x_belt, z - 0.1), (x_roof, top)])
        layers.append(("trim", line.buffer(width / 2, cap_style="flat") & windows.buffer(0.01)))
    return layers + _side_lamps(hull, kind)


def _seats(hull: Hull, windows: shapely.Geometry, kind: CarKind) -> Layers:
    """Head rests and the darker room below, seen through the side windows."""
    shapes: list[shapely.Geometry] = []
    for x in (0.30, -0.72):
        z = float(hull.belt_height(np.array(x)))
        if windows.contains(Point(x, z + 0.12)):
            shapes += [
                rounded(box(x - 0.10, z + 0.13, x + 0.04, z + 0.30), 0.03),
                box(x - 0.16, z, x + 0.06, z + 0.09),
            ]
    return [("inside", shapely.union_all(shapes) & windows.buffer(-0.02))] if shapes else []


def _side_lamps(hull: Hull, kind: CarKind) -> Layers:
    front, rear = float(hull.silhouette[:, 0].max()), float(hull.silhouette[:, 0].min())
    (tail_z, head_z), (tail_h, head_h) = kind.lamp_heights, kind.lamp_halves
    reach = front - kind.head_length
    head = Polygon(
        [(front + 0.1, head_z - 0.6 * head_h), (front + 0.1, head_z + 1.1 * head_h), (reach, head_z + 1.8 * head_h),
         (reach + 0.10, head_z + 0.2 * head_h)]
    )  # fmt: skip
    reach = rear + kind.tail_length
    tail = Polygon([(rear - 0.1, tail_z - tail_h), (reach - 0.08, tail_z - 0.5 * tail_h),
                    (reach, tail_z + 0.9 * tail_h), (rear - 0.1, tail_z + tail_h)])  # fmt: skip
    marker = box(front - 0.62, head_z - 0.25, front - 0.56, head_z - 0.22)
    return [
        ("trim", head.buffer(0.008)), ("head", head), ("head_inner", head.buffer(-0.022)),
        ("trim", tail.buffer(0.018)), ("tail", tail), ("amber", marker),
    ]  # fmt: skip


def band_layers(hull: Hull, kind: CarKind, glyphs: Sequence[float]) -> Layers:
    """Drawing of the band (s, v): rear, roof and front.

    Args:
        hull: Charts of the hull.
        kind: What to draw.
        glyphs: Seven numbers 0..1 that vary the strokes on the plates.
    """
    half = hull.shape.half_width
    layers: Layers = [("paint", box(0, -2, hull.length, 2))]
    roof = box(hull.place("rear_top"), -0.84 * half, hull.place("screen_top"), 0.84 * half)
    layers += [
        ("seam", line.buffer(SEAM / 2))
        for line in mirrored_on_band(
            LineString([(roof.bounds[0], 0.86 * half), (roof.bounds[2], 0.86 * half)])
        )
    ]
    layers += _screen(
        hull.place("screen_top") - 0.01, hull.place("screen_base") + 0.03, half, (0.88, 0.93), front=True
    )
    layers += _screen(hull.place("rear_base") + 0.02, hull.place("rear_top"), half, (0.80, 0.85), front=False)
    return layers + _rear(hull, kind, glyphs) + _front(hull, kind, glyphs)


def _screen(low: float, high: float, half: float, shares: tuple[float, float], *, front: bool) -> Layers:
    """A wind or rear screen between two arc lengths, with dark rim, mirror and dashboard or seats behind it."""
    upper, lower = (low, high) if front else (high, low)
    narrow, wide = shares[0] * half, shares[1] * half
    glass = rounded(Polygon([(upper, -narrow), (upper, narrow), (lower, wide), (lower, -wide)]), 0.05)
    toward = 1.0 if front else -1.0
    length = high - low
    dash = Polygon([(lower - toward * 0.16 * length, -wide), (lower - toward * 0.16 * length, wide),
                    (lower, wide), (lower, -wide)])  # fmt: skip
    rest = upper + toward * 0.55 * length
    corners = ((-0.12, -0.10), (-0.12, 0.10), (0.14, 0.13), (0.14, -0.13))
    seats = [Polygon([(rest + x, y + side) for x, y in corners]) for side in (-0.40 * half, 0.40 * half)]
    layers: Layers = [("trim", glass.buffer(0.02)), ("screen", glass), ("inside", dash & glass.buffer(-0.03))]
    layers.append(("inside", shapely.union_all(seats) & glass.buffer(-0.03)))
    if front:
        layers.append(("trim", box(upper + 0.03, -0.11, upper + 0.09, 0.11)))
        wipers = [
            LineString([(lower - 0.02, a), (lower - 0.07, b)]).buffer(0.012)
            for a, b in ((-0.1, -0.62), (0.55, 0.05))
        ]
        layers.append(("trim", shapely.union_all(wipers)))
    return layers


def end_polygon(hull: Hull, corners: Sequence[tuple[float, float]], *, front: bool) -> Polygon:
    """A polygon given by (y, z) on the front or rear, put on the band."""
    y, z = np.array(corners, float).T
    arc = hull.front_arc(z) if front else hull.rear_arc(z)
    return Polygon(np.column_stack([arc, y])).buffer(0)


def mirrored_on_band(shape: shapely.Geometry) -> list[shapely.Geometry]:
    """A shape of the band on both sides."""
    return [shape, shapely.transform(shape, lambda p: p * [1.0, -1.0])]


def end_bar(hull: Hull, y: tuple[float, float], z: tuple[float, float], *, front: bool) -> Polygon:
    """A bar between two lateral places and two heights [m] on the front or rear."""
    return end_polygon(hull, [(y[0], z[0]), (y[1], z[0]), (y[1], z[1]), (y[0], z[1])], front=front)


def plate(hull: Hull, z: float, glyphs: Sequence[float], *, front: bool) -> Layers:
    """A number plate at height ``z`` [m] in a dark frame, with seven strokes."""
    layers: Layers = [("trim", end_bar(hull, (-0.29, 0.29), (z - 0.085, z + 0.075), front=front))]
    layers.append(("plate", end_bar(hull, (-0.26, 0.26), (z - 0.057, z + 0.057), front=front)))
    bars = []
    for place, share in zip(np.linspace(-0.19, 0.19, 7), glyphs, strict=True):
        low, high = (-0.036, 0.036 * (0.3 + 0.7 * share)) if share > 0.3 else (-0.036 * (0.4 + share), 0.036)
        bars.append(end_bar(hull, (place - 0.017, place + 0.017), (z + low, z + high), front=front))
    return [*layers, ("ink", shapely.union_all(bars))]


def _rear(hull: Hull, kind: CarKind, glyphs: Sequence[float]) -> Layers:
    half, foot = hull.shape.half_width, hull.shape.profile[0][1]
    z, h = kind.lamp_heights[0], kind.lamp_halves[0]
    inner = 0.80 * half if kind.tail_upright else 0.46 * half
    lamp = end_polygon(
        hull,
        [(inner, z - 0.8 * h), (1.1 * half, z - h), (1.1 * half, z + h), (inner + 0.03, z + 0.8 * h)],
        front=False,
    )
    # Clear glass in the lower third and a dark rim keep the lamps apart from red paint.
    reverse = end_bar(hull, (inner + 0.03, 0.93 * half), (z - 0.62 * h, z - 0.12 * h), front=False)
    dark = end_bar(hull, (inner + 0.02, 1.1 * half), (z - 0.05 * h, z + 0.12 * h), front=False)
    seam_z, plate_z = kind.lamp_heights[0] - kind.lamp_halves[0] - 0.06, kind.plate_heights[0]
    bumper = min(seam_z, plate_z - 0.12)
    low = end_bar(hull, (-2, 2), (0, foot + 0.16), front=False)
    layers: Layers = [("plastic", low)]
    layers.append(
        ("seam", end_bar(hull, (-0.9 * half, 0.9 * half), (bumper - 0.007, bumper + 0.007), front=False))
    )
    edges = (
        [end_bar(hull, (0.44 * half - 0.006, 0.44 * half + 0.006), (bumper, z - h), front=False)]
        if not kind.tail_upright
        else []
    )
    for shape in (edges and mirrored_on_band(edges[0])) or [
        end_bar(hull, (-0.008, 0.008), (foot + 0.2, 1.8), front=False)
    ]:
        layers.append(("seam", shape))
    for name, shape in (("trim", lamp.buffer(0.018)), ("tail", lamp), ("tail_dark", dark & lamp)):
        layers += [(name, part) for part in mirrored_on_band(shape)]
    layers += [("reverse", part) for part in mirrored_on_band(reverse & lamp)]
    layers += [
        ("tail_dark", part)
        for part in mirrored_on_band(
            end_bar(hull, (0.62 * half, 0.80 * half), (foot + 0.17, foot + 0.20), front=False)
        )
    ]
    top = (
        hull.place("spoiler")
        if any(p[3] == "spoiler" for p in hull.shape.profile)
        else hull.place("rear_top")
    )
    layers.append(("tail", box(top - 0.035, -0.16, top - 0.01, 0.16)))
    return layers + plate(hull, plate_z, glyphs, front=False)


def _front(hull: Hull, kind: CarKind, glyphs: Sequence[float]) -> Layers:
    half, foot = hull.shape.half_width, hull.shape.profile[-1][1]
    z, h = kind.lamp_heights[1], kind.lamp_halves[1]
    bonnet = LineString([(hull.place("bonnet_rear"), 0.86 * half), (hull.place("bonnet_front"), 0.72 * half)])
    front_seam = LineString(
        [(hull.place("bonnet_front"), 0.72 * half), (hull.place("bonnet_front") + 0.01, -0.72 * half)]
    )
    layers: Layers = [("seam", line.buffer(SEAM / 2)) for line in (*mirrored_on_band(bonnet), front_seam)]
    layers.append(("plastic", end_bar(hull, (-2, 2), (0, foot + 0.085), front=True)))
    intake = end_polygon(
        hull,
        [
            (-0.50 * half, foot + 0.08),
            (0.50 * half, foot + 0.08),
            (0.58 * half, foot + 0.20),
            (-0.58 * half, foot + 0.20),
        ],
        front=True,
    )
    layers.append(("grille", intake))
    corner = end_polygon(
        hull,
        [
            (0.70 * half, foot + 0.10),
            (0.98 * half, foot + 0.14),
            (0.98 * half, foot + 0.24),
            (0.76 * half, foot + 0.22),
        ],
        front=True,
    )
    layers += [("grille", part) for part in mirrored_on_band(corner)]
    upper = end_polygon(
        hull,
        [
            (-0.44 * half, z - 1.1 * h),
            (0.44 * half, z - 1.1 * h),
            (0.52 * half, z + 0.5 * h),
            (-0.52 * half, z + 0.5 * h),
        ],
        front=True,
    )
    layers += [("chrome", upper.buffer(0.010)), ("grille", upper)]
    layers.append(("chrome", Point(float(hull.front_arc(z - 0.3 * h)), 0.0).buffer(0.055, quad_segs=4)))
    return [*layers, *_head_lamps(hull, kind), *plate(hull, kind.plate_heights[1], glyphs, front=True)]


def _head_lamps(hull: Hull, kind: CarKind) -> Layers:
    half, z, h = hull.shape.half_width, kind.lamp_heights[1], kind.lamp_halves[1]
    layers: Layers = []
    lamp = end_polygon(
        hull,
        [
            (0.56 * half, z - 0.9 * h),
            (1.1 * half, z - 0.6 * h),
            (1.1 * half, z + 1.1 * h),
            (0.60 * half, z + 0.5 * h),
        ],
        front=True,
    )
    inner = lamp.buffer(-0.014)
    beam = end_bar(hull, (0.66 * half, 0.76 * half), (z - 0.55 * h, z + 0.40 * h), front=True)
    strip = end_polygon(
        hull,
        [
            (0.60 * half, z - 0.75 * h),
            (1.1 * half, z - 0.5 * h),
            (1.1 * half, z - 0.25 * h),
            (0.60 * half, z - 0.5 * h),
        ],
        front=True,
    )
    for name, shape in (
        ("trim", lamp.buffer(0.008)),
        ("head", lamp),
        ("head_inner", inner),
        ("head", beam & inner),
        ("head_lit", strip & lamp),
    ):
        layers += [(name, part) for part in mirrored_on_band(shape)]
    return layers
