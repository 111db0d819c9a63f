"""Windows and doors: one template for each kind, set into a façade as often as needed.

A façade's own frame: x along it to the right as seen from the street, y into the building, z up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import Surfels

Array = NDArray[np.float64]
Color = tuple[float, float, float]

RIGHT, INWARD, UP = np.eye(3)
OUTWARD = -INWARD
FRAME_WIDTH = 0.07  # of a window's outer frame and of the bars between its leaves [m]
SKY_IN_GLASS = np.array([0.50, 0.58, 0.66])
ROOM_IN_GLASS = np.array([0.125, 0.14, 0.155])
CURTAIN = np.array([0.74, 0.72, 0.66])


@dataclass(frozen=True)
class Opening:
    """A kind of window or door.

    Attributes:
        width, height: Size of the hole in the wall [m].
        recess: Depth of the frame behind the wall's face [m].
        leaves: Panes side by side.
        transom: Height of a bar across, as a share of the height; 0 for none.
        panel: Share of the height, from below, that is solid (a door's leaf).
        frame, trim, wall: Colours of frame (and panel), of sill and lintel, and of the reveals.
        sill: Whether a sill juts out below.
        surround: Width of a flat band around the hole [m]; 0 for none.
        shutters: Colour of open shutters at both sides, or None.
        railing: Height of a rail of bars before it [m]; 0 for none.
    """

    width: float
    height: float
    recess: float = 0.16
    leaves: int = 2
    transom: float = 0.0
    panel: float = 0.0
    frame: Color = (0.88, 0.88, 0.86)
    trim: Color = (0.78, 0.76, 0.70)
    wall: Color = (0.7, 0.7, 0.7)
    sill: bool = True
    surround: float = 0.0
    shutters: Color | None = None
    railing: float = 0.0


@dataclass(frozen=True, eq=False)
class OpeningTemplate:
    """Surfels of an opening whose lower left corner is the origin.

    Attributes:
        solid: Frame, reveals, sill, lintel, panels.
        glass: Panes; coloured anew for each instance.
        across, up: Place of each glass surfel in the opening, 0..1, ``[G]``.
        leaf: Number of the pane that each glass surfel belongs to, ``[G]``.
    """

    solid: Surfels
    glass: Surfels
    across: Array
    up: Array
    leaf: NDArray[np.int64]


def repeat_at(surfels: Surfels, offsets: Array) -> Surfels:
    """The same surfels at each of ``offsets [M, 3]`` [m]."""
    centers = (np.asarray(offsets, np.float32)[:, None] + surfels.centers[None]).reshape(-1, 3)
    if not len(offsets):
        return surfels.subset(slice(0))
    return Surfels(centers, *(np.concatenate([column] * len(offsets)) for column in surfels.columns[1:]))


def set_openings(template: OpeningTemplate, corners: Array, rng: np.random.Generator) -> Surfels:
    """Openings at lower left ``corners [M, 2]`` (x, z) [m], each with its own life behind the glass."""
    offsets = np.stack([corners[:, 0], np.zeros(len(corners)), corners[:, 1]], 1)
    solid = repeat_at(template.solid, offsets)
    if not len(template.glass):
        return solid
    colors = _glass_colors(template, corners[:, 1], rng)
    glass = replace(repeat_at(template.glass, offsets), albedo=colors.reshape(-1, 3))
    return Surfels.concatenate([solid, glass])


def _glass_colors(template: OpeningTemplate, heights: Array, rng: np.random.Generator) -> NDArray[np.float32]:
    """Albedo ``[M, G, 3]``: dark rooms under a mirrored sky, here and there a curtain, a blind or a net."""
    count = len(heights)
    draw = rng.random((count, 6))
    tilt = rng.normal(0.0, 0.10, (count, int(template.leaf.max()) + 1))
    bright = np.clip(0.55 + heights / 14.0, 0.5, 1.1)
    up = template.up
    places = (np.abs(template.across - 0.5), up, up - 0.25, 0.8 + 0.2 * up, template.leaf)
    return _behind_glass(*places, draw, tilt, bright)


@njit(cache=True, error_model="numpy")
def _behind_glass(beside, up, risen, shine, leaf, draw, tilt, bright):
    out = np.empty((len(draw), len(up), 3), np.float32)
    for m in range(len(draw)):
        room, cloth = ROOM_IN_GLASS * (0.8 + 0.45 * draw[m, 1]), CURTAIN * (0.75 + 0.3 * draw[m, 5])
        kind, drawn, low = draw[m, 2], 0.28 + 0.12 * draw[m, 3], 0.3 + 0.65 * draw[m, 4]
        for g in range(len(up)):
            turn = tilt[m, leaf[g]]
            mirror = 0.10 + 0.34 * min(max(risen[g] + turn + 0.25 * (draw[m, 0] - 0.5), 0.0), 1.0)
            mirror = mirror * bright[m] + 0.3 * min(max(turn, 0.0), 0.2)
            curtain = kind < 0.30 and beside[g] > drawn
            cover = 0.0
            if curtain or (kind > 0.78 and up[g] > low):
                cover = 0.62
            elif 0.42 < kind < 0.56:
                cover = 0.36
            for c in range(3):
                glass = room[c] + mirror * (SKY_IN_GLASS[c] - room[c])
                out[m, g, c] = glass + cover * (cloth[c] * shine[g] - glass)
    return out


@lru_cache(maxsize=512)
def opening_template(opening: Opening, detail: float, sharpness: Sharpness = AS_ASKED) -> OpeningTemplate:
    """Builds an opening once; ``detail`` is the level of detail, larger is coarser."""
    builder = SheetBuilder(np.random.default_rng(7), k=0.58, sharpness=sharpness)
    glass = SheetBuilder(np.random.default_rng(8), k=0.66, sharpness=sharpness)
    width, height = opening.width, opening.height
    if detail < 6.0:
        _add_frame(builder, opening, detail)
        _add_jut(builder, opening, detail)
    if detail < 4.0:
        _add_reveals(builder, opening, detail)
    bounds = _add_panes(builder, glass, opening, detail)
    panes = glass.build()
    across = panes.centers[:, 0] / width
    up = panes.centers[:, 2] / height
    leaf = np.searchsorted(bounds[1:-1], panes.centers[:, 0])
    return OpeningTemplate(builder.build(), panes, across, up, leaf)


def _add_panes(builder: SheetBuilder, glass: SheetBuilder, opening: Opening, detail: float) -> Array:
    """Glass between the bars (and a solid panel below it); gives the borders ``[L + 1]`` of its leaves."""
    rim = FRAME_WIDTH if detail < 6.0 else 0.0
    bounds = np.linspace(rim, opening.width - rim, opening.leaves + 1)
    bottom = max(rim, opening.panel * opening.height)
    split = opening.transom * opening.height
    spans = [(bottom, opening.height - rim)]
    if opening.transom and detail < 3.0:
        spans = [(bottom, split - rim / 2), (split + rim / 2, opening.height - rim)]
    depth = (opening.recess + 0.02 if detail < 6.0 else 0.0) * INWARD
    sharp = "lrbt" if detail < 3.0 else ""
    columns = 1 if detail >= 6.0 else opening.leaves
    for leaf in range(columns):
        low = bounds[leaf] + (rim / 2 if leaf else 0.0)
        high = bounds[-1] if columns == 1 else bounds[leaf + 1] - (rim / 2 if leaf < columns - 1 else 0.0)
        for span in spans:
            cell, edge = 0.38 * detail, 0.05 * detail
            options = {"sharp": sharp, "edge": edge, "growth": 2.5, "noise": 0.0, "gloss": 0.35}
            glass.rect(depth, RIGHT, UP, (low, high), span, cell, ROOM_IN_GLASS, **options)
        if bottom > rim:
            _add_panel(builder, opening, (low, high), (0.0, bottom), detail)
    return bounds


def _add_panel(
    builder: SheetBuilder,
    opening: Opening,
    across: tuple[float, float],
    up: tuple[float, float],
    detail: float,
) -> None:
    """A door leaf with sunken fields."""

    def color(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        share = (x - across[0]) / (across[1] - across[0])
        level = (z - up[0]) / (up[1] - up[0])
        field = (np.abs(share - 0.5) < 0.33) & (np.abs((level * 2.0) % 1.0 - 0.5) < 0.36)
        return np.array(opening.frame) * np.where(field, 0.78, 1.0)[:, None]

    cell = (0.14 * detail, 0.16 * detail)
    builder.rect(
        opening.recess * INWARD, RIGHT, UP, across, up, cell, color, noise=0.01, occlusion=0.85, k=0.66
    )


def _add_frame(builder: SheetBuilder, opening: Opening, detail: float) -> None:
    width, height, rim = opening.width, opening.height, FRAME_WIDTH
    origin = opening.recess * INWARD
    low = opening.panel * opening.height
    bounds = np.linspace(rim, width - rim, opening.leaves + 1)
    # Short cells at both ends, or the bars would stick out of the window.
    ends = {"noise": 0.01, "occlusion": 0.85, "edge": 0.10 * detail, "growth": 2.6}
    long = 0.5 * min(detail, 2.0)
    for left in [0.0, *(bounds[1:-1] - rim / 2), width - rim]:
        bar = (left, left + rim), (low, height)
        builder.rect(origin, RIGHT, UP, *bar, (rim, long), opening.frame, sharp="bt", **ends)
    levels = [0.0] * (opening.panel == 0.0) + [height - rim]
    if opening.transom and detail < 3.0:
        levels.append(opening.transom * height - rim / 2)
    for level in levels:
        bar = (rim, width - rim), (level, level + rim)
        builder.rect(origin, RIGHT, UP, *bar, (long, rim), opening.frame, sharp="lr", **ends)


def _add_reveals(builder: SheetBuilder, opening: Opening, detail: float) -> None:
    width, height, deep = opening.width, opening.height, opening.recess
    cell = (deep, 0.75 * detail)
    shade = {"noise": 0.01, "occlusion": 0.75, "seams": "r"}  # their inner ends lie behind the frame
    builder.rect(0 * UP, INWARD, UP, (0.0, deep), (0.0, height), cell, opening.wall, normal=RIGHT, **shade)
    builder.rect(
        width * RIGHT, INWARD, UP, (0.0, deep), (0.0, height), cell, opening.wall, normal=-RIGHT, **shade
    )
    above = {"noise": 0.01, "occlusion": 0.6, "normal": -UP, "seams": "t"}
    builder.rect(height * UP, RIGHT, INWARD, (0.0, width), (0.0, deep), cell[::-1], opening.wall, **above)


def _add_jut(builder: SheetBuilder, opening: Opening, detail: float) -> None:
    """What stands out of the wall: sill, surround or lintel, shutters, rail."""
    width, height, trim = opening.width, opening.height, opening.trim
    long = 0.45 * detail
    if opening.sill:
        builder.rect(
            0.07 * OUTWARD - 0.07 * UP, RIGHT, UP, (-0.05, width + 0.05), (0.0, 0.07), (long, 0.07), trim
        )
        top = (0.07 + opening.recess) if detail < 2.5 else 0.07
        builder.rect(
            0.07 * OUTWARD, RIGHT, INWARD, (-0.05, width + 0.05), (0.0, top), (long, top), trim, normal=UP
        )
        if detail < 2.5 and not builder.sharpness.limits:  # no dirt with sharp borders
            stain = np.array(opening.wall) * 0.55
            soft = {"opacity": 0.45, "noise": 0.0}
            builder.rect(
                0.014 * OUTWARD - 0.24 * UP,
                RIGHT,
                UP,
                (-0.04, width + 0.04),
                (0.0, 0.15),
                (0.4, 0.15),
                stain,
                **soft,
            )
    band = opening.surround
    if band and detail < 4.0:
        face = 0.03 * OUTWARD
        builder.rect(face, RIGHT, UP, (-band, width + band), (height, height + band), (long, band), trim)
        for left in (-band, width) if opening.shutters is None else ():
            builder.rect(face, RIGHT, UP, (left, left + band), (0.0, height), (band, long), trim)
    if opening.shutters is not None:
        _add_shutters(builder, opening, detail)
    if opening.railing and detail < 4.0:
        _add_rail(builder, opening, detail)


def outline(opening: Opening, detail: float) -> tuple[float, float]:
    """Widths beside and above its hole that an opening covers of the wall [m]; the wall must be cut out there."""
    band = opening.surround if detail < 4.0 else 0.0
    if opening.shutters is not None and detail < 6.0:
        return 0.5 * opening.width + 0.02, band
    return band, band


def _add_shutters(builder: SheetBuilder, opening: Opening, detail: float) -> None:
    """Open louvred shutters flat against the wall."""
    wide = 0.5 * opening.width

    def louvres(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        rim = (np.abs((x % wide) / wide - 0.5) > 0.4) | (np.abs(z / opening.height - 0.5) > 0.46)
        slat = 0.82 + 0.1 * (np.floor(z / 0.11) % 2)
        return np.array(opening.shutters) * np.where(rim, 1.05, slat)[:, None]

    for left in (-wide - 0.02, opening.width + 0.02):
        cell = (0.16 * detail, 0.11 * detail)
        spot = left * RIGHT + 0.045 * OUTWARD
        span = (0.0, wide), (0.0, opening.height)
        ends = {"sharp": "lr", "edge": 0.05 * detail, "noise": 0.01, "k": 0.64}
        builder.rect(spot, RIGHT, UP, *span, cell, louvres, **ends)


def _add_rail(builder: SheetBuilder, opening: Opening, detail: float) -> None:
    """Iron bars before a tall window."""
    iron = (0.11, 0.11, 0.12)
    step = 0.12 * max(1.0, detail**0.5)
    xs = np.arange(0.03, opening.width, step)
    half = opening.railing / 6
    for level in (1.1 * half, 3 * half, 4.9 * half):
        centers = np.stack([xs, np.full(len(xs), -0.05), np.full(len(xs), level)], 1)
        builder.add(centers, RIGHT, UP, [0.011 * step / 0.12, 0.5 * 2 * half], iron, normal=OUTWARD)
    rail = (opening.railing - 0.03, opening.railing + 0.02)
    builder.rect(
        0.06 * OUTWARD,
        RIGHT,
        UP,
        (-0.02, opening.width + 0.02),
        rail,
        (0.3 * detail, 0.05),
        iron,
        sharp="lr",
        edge=0.08 * detail,
    )
