"""Street furniture out of surfels: lamps, signals, signs, bollards, bins, benches, bus shelters."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.furniture.road_sign import HALF, add_sign_face
from simscale_gym.dressing.furniture.signal_head import add_signal, fixture_pose
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import Surfels
from simscale_gym.errors import ArgumentError
from simscale_gym.scene.shapes import FIXTURE_KINDS, Fixture

Array = NDArray[np.float64]

FORWARD, LEFT, UP = np.eye(3)
STEEL, ZINC, DARK = (0.34, 0.36, 0.36), (0.55, 0.56, 0.57), (0.15, 0.155, 0.16)
WOOD = (0.46, 0.32, 0.20)
MILK = (0.93, 0.92, 0.87)


def fixture_surfels(fixture: Fixture, *, lod: float = 1.0, sharpness: Sharpness = AS_ASKED) -> Surfels:
    """Makes a piece of street furniture; the lamps of a signal come from ``signal_lamp_surfels``.

    Args:
        fixture: What, where and how large.
        lod: 1 beside the driven path; larger is coarser.
        sharpness: Limits of the cells.
    """
    if fixture.kind not in FIXTURE_KINDS:
        raise ArgumentError(f"fixture.kind is {fixture.kind!r}, expected one of {', '.join(FIXTURE_KINDS)}.")
    detail = max(1.0, round(2.0 * lod) / 2.0)
    size = round(fixture.height, 2), round(fixture.reach, 2)
    return _template(fixture.kind, *size, fixture.label, detail, sharpness).transformed(fixture_pose(fixture))


@lru_cache(maxsize=512)
def _template(
    kind: str, height: float, reach: float, label: str, lod: float, sharpness: Sharpness
) -> Surfels:
    """A fixture at the origin, facing x."""
    builder = SheetBuilder(np.random.default_rng(17), k=0.64, sharpness=sharpness)
    if kind == "lamp":
        _add_lamp(builder, height, reach, lod)
    elif kind == "signal":
        add_signal(builder, height, reach, lod)
    elif kind == "sign":
        _add_sign(builder, height, label, lod)
    else:
        PLAIN_KINDS[kind](builder, height, lod)
    return builder.build()


def _add_lamp(builder: SheetBuilder, height: float, reach: float, lod: float) -> None:
    around, lod = (8 if lod < 2.0 else 5), min(lod, 2.0)
    builder.tube((0, 0, 0), (0, 0, 1.1), 0.10, 0.085, 0.25 * lod, around, STEEL)
    if reach == 0.0:
        _add_lantern(builder, height, lod, around)
        return
    bend = np.array([0.0, 0.12 * reach, height - 0.25])
    tip = np.array([0.0, reach, height])
    builder.tube((0, 0, 1.1), (0, 0, height - 0.6), 0.075, 0.055, 0.35 * lod, around, STEEL)
    builder.tube((0, 0, height - 0.6), bend, 0.055, 0.05, 0.2 * lod, around, STEEL)
    builder.tube(bend, tip, 0.05, 0.035, 0.3 * lod, around, STEEL)
    side = np.sign(reach)
    low, high = sorted((reach - 0.1 * side, reach + 0.62 * side))
    cell = 0.13 * min(lod, 3.0)
    builder.box(
        (-0.13, low, height - 0.03), (0.13, high, height + 0.09), cell, (0.42, 0.43, 0.44), noise=0.02
    )
    builder.box(
        (-0.10, low + 0.06, height - 0.06), (0.10, high - 0.06, height - 0.035), cell, MILK, "z", noise=0.0
    )


def _add_lantern(builder: SheetBuilder, height: float, lod: float, around: int) -> None:
    """A post with a glass lantern on top."""
    builder.tube((0, 0, 1.1), (0, 0, height - 0.7), 0.055, 0.045, 0.3 * lod, around, DARK)
    builder.tube((0, 0, height - 0.7), (0, 0, height - 0.6), 0.05, 0.15, 0.1, around, DARK)
    builder.tube((0, 0, height - 0.6), (0, 0, height - 0.12), 0.14, 0.20, 0.12 * lod, 10, MILK, gloss=0.1)
    builder.tube((0, 0, height - 0.12), (0, 0, height), 0.25, 0.06, 0.07, 10, DARK)


def _add_sign(builder: SheetBuilder, height: float, label: str, lod: float) -> None:
    middle = max(height - HALF, 0.8)
    builder.tube(
        (0, 0, 0), (0, 0, middle + 0.16), 0.032, 0.032, 0.22 * min(lod, 2.0), 6 if lod < 2.0 else 4, ZINC
    )
    add_sign_face(builder, np.array([0.075, 0.0, middle]), label, lod)


def _add_bollard(builder: SheetBuilder, height: float, lod: float) -> None:
    around = 9 if lod < 2.0 else 5
    builder.tube((0, 0, 0), (0, 0, 0.72 * height), 0.062, 0.058, 0.11 * lod, around, DARK)
    builder.tube(
        (0, 0, 0.72 * height), (0, 0, 0.84 * height), 0.060, 0.060, 0.06 * lod, around, (0.85, 0.85, 0.83)
    )
    builder.tube((0, 0, 0.84 * height), (0, 0, 0.96 * height), 0.058, 0.056, 0.06 * lod, around, DARK)
    builder.ball((0, 0, 0.96 * height), (0.056, 0.056, 0.04), 12, DARK)


def _add_bin(builder: SheetBuilder, height: float, lod: float) -> None:
    green = (0.19, 0.29, 0.23)
    around = 14 if lod < 2.0 else 8
    builder.tube((0, 0, 0.04), (0, 0, 0.78 * height), 0.21, 0.24, 0.11 * lod, around, green)
    builder.tube((0, 0, 0.78 * height), (0, 0, 0.90 * height), 0.22, 0.22, 0.06, around, (0.05, 0.055, 0.05))
    builder.tube((0, 0, 0.90 * height), (0, 0, height), 0.26, 0.16, 0.06, around, green)
    builder.disc((0, 0, height), FORWARD, LEFT, 0.16, 2, green)


def _add_bench(builder: SheetBuilder, height: float, lod: float) -> None:
    """Seat and back of slats on iron legs; faces x."""
    seat, long = 0.52 * height, 0.9
    cell = 0.3 * lod
    for x in (-0.18, -0.05, 0.08, 0.21):
        builder.rect(
            (x, 0, seat), LEFT, FORWARD, (-long, long), (0.0, 0.10), (cell, 0.10), WOOD, normal=UP, noise=0.06
        )
        builder.rect(
            (x + 0.1, 0, seat - 0.04), LEFT, UP, (-long, long), (0.0, 0.04), (cell, 0.04), WOOD, noise=0.06
        )
    for z in (seat + 0.14, seat + 0.29):
        for x, side in ((-0.22, 1.0), (-0.25, -1.0)):
            normal = side * FORWARD
            spot = (x - 0.08 * (z - seat), 0, z)
            builder.rect(
                spot, LEFT, UP, (-long, long), (0.0, 0.11), (cell, 0.11), WOOD, normal=normal, noise=0.06
            )
    for y in (-0.7, 0.7):
        builder.tube((0.26, y, 0), (0.22, y, seat), 0.025, 0.025, 0.14 * lod, 5, DARK)
        builder.tube((-0.16, y, 0), (-0.24, y, height), 0.025, 0.025, 0.14 * lod, 5, DARK)
        builder.tube((0.22, y, seat - 0.05), (-0.2, y, seat - 0.05), 0.022, 0.022, 0.14 * lod, 5, DARK)


def _add_shelter(builder: SheetBuilder, height: float, lod: float) -> None:
    """A bus shelter, open towards x: roof on posts, panes behind, an advertisement at one end, a bench."""
    half, deep = 1.9, 1.35
    cell = 0.32 * lod
    for y in (-half, 0.0, half):
        builder.tube((-deep, y, 0), (-deep, y, height - 0.1), 0.04, 0.04, 0.25 * lod, 6, STEEL)
    builder.tube((0, half, 0), (0, half, height - 0.1), 0.04, 0.04, 0.25 * lod, 6, STEEL)
    low, high = (-deep - 0.1, -half - 0.15, height - 0.14), (0.15, half + 0.15, height)
    builder.box(low, high, (cell, 0.14), (0.36, 0.38, 0.39), "xXyY", sharp="lr", edge=0.08)
    builder.rect(
        (0, 0, height),
        FORWARD,
        LEFT,
        (low[0], high[0]),
        (low[1], high[1]),
        cell,
        (0.45, 0.46, 0.47),
        sharp="lrbt",
    )
    soffit = {"normal": -UP, "occlusion": 0.6, "sharp": "lrbt"}
    builder.rect(
        (0, 0, height - 0.14),
        FORWARD,
        LEFT,
        (low[0], high[0]),
        (low[1], high[1]),
        cell,
        (0.62, 0.63, 0.63),
        **soffit,
    )
    glass = {"opacity": 0.24, "noise": 0.0, "gloss": 0.25, "k": 0.7}
    for left in (-half, 0.0):
        builder.rect(
            (-deep, 0, 0),
            LEFT,
            UP,
            (left, left + half),
            (0.25, height - 0.3),
            cell,
            (0.42, 0.48, 0.49),
            **glass,
        )
        for z in (0.22, height - 0.32):
            builder.rect(
                (-deep, 0, 0), LEFT, UP, (left, left + half), (z, z + 0.05), (0.5 * lod, 0.05), STEEL
            )
    _add_poster(builder, half, deep, lod)
    builder.box((-deep + 0.1, -1.3, 0.42), (-deep + 0.48, 0.9, 0.48), (0.3 * lod, 0.19), WOOD, "xXyYZ")
    for y in (-1.0, 0.6):
        builder.tube((-deep + 0.3, y, 0), (-deep + 0.3, y, 0.42), 0.03, 0.03, 0.15 * lod, 5, DARK)


def _add_poster(builder: SheetBuilder, half: float, deep: float, lod: float) -> None:
    """A lit advertisement between two posts, seen from both sides."""

    def picture(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        sky = np.array([0.80, 0.84, 0.86])
        hill = z < 0.9 + 0.25 * np.sin(4.0 * x + 1.0)
        sun = np.hypot(x - 0.75, z - 1.5) < 0.2
        paint = np.where(hill[:, None], [0.62, 0.22, 0.20], sky)
        return np.where(sun[:, None], [0.93, 0.75, 0.30], paint)

    for offset, side in ((0.06, 1.0), (-0.06, -1.0)):
        spot = (-deep + 0.08, -half + offset, 0.0)
        face = {"normal": side * LEFT, "noise": 0.0, "k": 0.72}
        builder.rect(spot, FORWARD, UP, (0.06, 1.14), (0.4, 2.05), 0.10 * lod, picture, **face)
        frame = {"normal": side * LEFT, "noise": 0.01}
        for x in (0.0, 1.14):
            builder.rect(spot, FORWARD, UP, (x, x + 0.06), (0.3, 2.12), (0.06, 0.3 * lod), DARK, **frame)
        for z in (0.3, 2.05):
            builder.rect(spot, FORWARD, UP, (0.06, 1.14), (z, z + 0.08), (0.3 * lod, 0.08), DARK, **frame)


PLAIN_KINDS: dict[str, Callable[[SheetBuilder, float, float], None]] = {
    "bollard": _add_bollard,
    "bin": _add_bin,
    "bench": _add_bench,
    "shelter": _add_shelter,
}
