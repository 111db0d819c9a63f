"""What stands out of a façade: cornice, string courses, corner stones, downpipes, balconies."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.buildings.facade_plan import CORNICE_HEIGHT, FacadePlan
from simscale_gym.dressing.buildings.opening import INWARD, OUTWARD, RIGHT, UP, Color, repeat_at
from simscale_gym.dressing.surfels.sharpness import Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import Surfels

Array = NDArray[np.float64]

IRON: Color = (0.12, 0.12, 0.13)
STRING_HEIGHT = 0.18  # of a string course [m]
QUOIN_WIDTH = 0.42  # of corner stones [m]
BALCONY_WIDTH, BALCONY_DEPTH, RAIL_HEIGHT = 2.2, 0.95, 1.0


def add_ledge(
    builder: SheetBuilder,
    across: tuple[float, float],
    up: tuple[float, float],
    jut: float,
    color: Array,
    lod: float,
) -> None:
    """A moulding that juts out by ``jut`` [m]: face, top and dark underside."""
    long = 0.7 * lod
    ends = {"sharp": "lr", "edge": 0.10 * lod, "growth": 2.6}
    face = {"sharp": "lrbt", "edge": 0.07 * lod, "growth": 2.6}
    builder.rect(jut * OUTWARD, RIGHT, UP, across, up, (long, 0.16 * max(lod, 1.0)), color, **face)
    if lod < 4.0:
        below = {"normal": -UP, "occlusion": 0.45, **ends}
        edges = across, (0.0, jut)
        builder.rect(up[0] * UP + jut * OUTWARD, RIGHT, INWARD, *edges, (long, jut), 0.9 * color, **below)
        builder.rect(up[1] * UP + jut * OUTWARD, RIGHT, INWARD, *edges, (long, jut), color, normal=UP, **ends)


def add_cornice(builder: SheetBuilder, plan: FacadePlan, length: float, lod: float) -> None:
    """The wall's upper end, in two steps where the roof is pitched, else a coping."""
    top = plan.height
    span = (0.0, length)
    if plan.style in ("concrete", "glass"):
        builder.rect(
            0.02 * OUTWARD,
            RIGHT,
            UP,
            span,
            (top - CORNICE_HEIGHT, top),
            (0.7 * lod, 0.2),
            plan.wall * 0.92,
            sharp="b",
        )
        return
    if plan.style == "house":
        builder.rect(
            0 * UP,
            RIGHT,
            UP,
            span,
            (top - CORNICE_HEIGHT, top),
            (0.6 * lod, 0.3 * lod),
            plan.wall,
            occlusion=0.7,
        )
        return
    add_ledge(builder, span, (top - CORNICE_HEIGHT, top - 0.22), 0.12, 0.94 * plan.trim, lod)
    add_ledge(builder, span, (top - 0.22, top), 0.32, plan.trim, lod)
    if lod < 1.5 and plan.style != "brick":
        xs = np.arange(0.2, length - 0.1, 0.36)
        centers = np.stack([xs, np.full(len(xs), -0.2), np.full(len(xs), top - 0.27)], 1)
        builder.add(centers, RIGHT, UP, [0.07, 0.045], 0.95 * plan.trim, normal=OUTWARD, occlusion=0.6)


def add_strings(
    builder: SheetBuilder, plan: FacadePlan, levels: list[float], length: float, lod: float
) -> None:
    """String courses whose lower edges lie at ``levels`` [m]."""
    for level in levels:
        add_ledge(builder, (0.0, length), (level, level + STRING_HEIGHT), 0.06, plan.trim, lod)


def add_quoins(builder: SheetBuilder, plan: FacadePlan, low: float, length: float, lod: float) -> None:
    """Corner stones at both ends, long and short in turn."""

    def stones(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        row = np.floor(z / 0.38)
        inner = np.minimum(np.abs(x - 0.0), np.abs(x - length)) > 0.6 * QUOIN_WIDTH
        tone = 0.95 + 0.08 * np.sin(12.9898 * row + 0.7 * x) ** 2
        short = (inner & (row % 2 > 0))[:, None]
        return np.where(short, plan.wall, plan.trim) * tone[:, None]

    for left in (0.0, length - QUOIN_WIDTH):
        span = (left, left + QUOIN_WIDTH)
        cell = (0.18 * lod, 0.19 * lod)
        builder.rect(0 * UP, RIGHT, UP, span, (low, plan.height - CORNICE_HEIGHT), cell, stones)


def add_downpipe(builder: SheetBuilder, plan: FacadePlan, x: float, lod: float) -> None:
    """A rainwater pipe from the eaves to the ground."""
    zinc = (0.42, 0.43, 0.44)
    top = plan.height - CORNICE_HEIGHT
    spot = 0.09 * OUTWARD
    builder.rect(spot, RIGHT, UP, (x - 0.05, x + 0.05), (0.0, top), (0.1, 0.9 * lod), zinc, k=0.6)
    if lod < 1.5:
        shade = {"opacity": 0.35, "noise": 0.0, "seams": "lrbt"}
        builder.rect(
            0.012 * OUTWARD, RIGHT, UP, (x + 0.04, x + 0.14), (0.0, top), (0.1, 0.9), plan.wall * 0.6, **shade
        )


def balconies_at(corners: Array, color: Array, lod: float, sharpness: Sharpness) -> Surfels:
    """Balconies whose slab tops lie at mid-width ``corners [M, 2]`` (x, z)."""
    rounded = tuple(float(value) for value in np.round(color, 2))
    offsets = np.stack([corners[:, 0], np.zeros(len(corners)), corners[:, 1]], 1)
    return repeat_at(_balcony(rounded, lod, sharpness), offsets)


@lru_cache(maxsize=64)
def _balcony(color: Color, lod: float, sharpness: Sharpness) -> Surfels:
    builder = SheetBuilder(np.random.default_rng(3), k=0.6, sharpness=sharpness)
    half, deep = BALCONY_WIDTH / 2, BALCONY_DEPTH
    span, paint = (-half, half), np.array(color)
    cell = 0.5 * lod
    front = deep * OUTWARD
    builder.rect(0 * UP, RIGHT, OUTWARD, span, (0.0, deep), cell, 0.9 * paint, normal=UP)
    builder.rect(-0.16 * UP, RIGHT, OUTWARD, span, (0.0, deep), cell, 0.8 * paint, normal=-UP, occlusion=0.5)
    builder.rect(front - 0.16 * UP, RIGHT, UP, span, (0.0, 0.16), (cell, 0.16), paint)
    for side in (-1.0, 1.0):
        start = side * half * RIGHT - 0.16 * UP
        builder.rect(start, OUTWARD, UP, (0.0, deep), (0.0, 0.16), (cell, 0.16), paint, normal=side * RIGHT)
    _add_bars(builder, lod)
    return builder.build()


def _add_bars(builder: SheetBuilder, lod: float) -> None:
    half, deep = BALCONY_WIDTH / 2, BALCONY_DEPTH
    step = 0.13 * max(1.0, lod**0.6)
    xs = np.arange(-half, half + 0.01, step)
    ys = np.arange(step, deep, step)
    feet = np.concatenate(
        [
            np.stack([xs, np.full(len(xs), -deep)], 1),
            np.stack([np.full(len(ys), -half), -ys], 1),
            np.stack([np.full(len(ys), half), -ys], 1),
        ]
    )
    for level in (0.22, 0.5, 0.78):
        centers = np.column_stack([feet, np.full(len(feet), level * RAIL_HEIGHT)])
        builder.add(
            centers, RIGHT, UP, [0.010 * step / 0.13, 0.15 * RAIL_HEIGHT, 0.010], IRON, normal=OUTWARD
        )
    rail = (RAIL_HEIGHT - 0.05, RAIL_HEIGHT)
    builder.rect(
        deep * OUTWARD, RIGHT, UP, (-half, half), rail, (0.3 * lod, 0.05), IRON, sharp="lr", edge=0.08 * lod
    )
    for side in (-1.0, 1.0):
        builder.rect(
            side * half * RIGHT, OUTWARD, UP, (0.0, deep), rail, (0.5 * lod, 0.05), IRON, normal=side * RIGHT
        )
