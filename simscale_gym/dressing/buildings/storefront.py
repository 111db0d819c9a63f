"""Shop fronts: show windows between piers, a sign with words, an awning over some."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.buildings.facade_plan import ACCENTS, FacadePlan
from simscale_gym.dressing.buildings.masonry import wall_noise
from simscale_gym.dressing.buildings.opening import INWARD, OUTWARD, RIGHT, SKY_IN_GLASS, UP
from simscale_gym.dressing.surfels.lettering import cut_bars, text_bars
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import ColorField, unit

Array = NDArray[np.float64]

WORDS = ("BAKERY", "CAFE", "BOOKS", "HOTEL", "MARKET", "FLOWERS", "BANK", "BIKES", "PIZZA", "OPTIK", "SHOES",
         "WINE", "TOYS", "FISH", "BAR", "TEA ROOM", "HAIR", "GALLERY", "LAUNDRY", "MUSIC")  # fmt: skip
GOODS = np.array([[0.78, 0.72, 0.60], [0.62, 0.44, 0.24], [0.48, 0.17, 0.14], [0.20, 0.25, 0.36], [0.36, 0.38, 0.28],
                  [0.70, 0.68, 0.66]])  # fmt: skip
GOOD_WIDTH = 0.36  # of a thing in a show window, with the gap beside it [m]
SHOP_WIDTH = 6.5  # of one shop, about [m]
PIER = 0.42  # width of the piers beside a shop [m]
STALL = 0.55  # top of the wall below the show window [m]
GLASS_TOP, SIGN_BOTTOM, SIGN_TOP = 2.75, 2.80, 3.38
TEXT_HEIGHT = 0.34  # [m]
RECESS = 0.24  # of glass behind the wall's face [m]
DOOR_WIDTH = 1.05


def add_storefront(
    builder: SheetBuilder, plan: FacadePlan, length: float, lod: float, rng: np.random.Generator
) -> None:
    """Covers a façade of ``length`` [m] from the pavement to the top of its ground floor with shops."""
    shops = max(1, round(length / SHOP_WIDTH))
    bounds = np.linspace(0.0, length, shops + 1)
    pier_color = 0.5 * plan.trim + 0.45 * plan.wall if plan.style != "glass" else plan.trim
    for bound in bounds:
        span = (max(0.0, bound - PIER), min(length, bound + PIER))
        builder.rect(
            0.02 * OUTWARD,
            RIGHT,
            UP,
            span,
            (0.0, SIGN_BOTTOM),
            0.45 * lod,
            pier_color,
            sharp="lr",
            edge=0.05 * lod,
        )
    span = (0.0, length)
    options = {"sharp": "t", "edge": 0.08 * lod}
    builder.rect(
        0.02 * OUTWARD,
        RIGHT,
        UP,
        span,
        (SIGN_TOP, plan.ground),
        (0.6 * lod, 0.3 * lod),
        0.92 * pier_color,
        **options,
    )
    # The boards of the signs stand before this, which shows through them where cells are long.
    parts = (
        [(max(0.0, b - PIER), min(length, b + PIER)) for b in bounds] if builder.sharpness.limits else [span]
    )
    for part in parts:
        cell = (0.8 * lod, 0.3 * lod)
        builder.rect(0.02 * OUTWARD, RIGHT, UP, part, (SIGN_BOTTOM, SIGN_TOP), cell, 0.7 * pier_color)
    for left, right in pairwise(bounds):
        accent = plan.accent if rng.random() < 0.5 else ACCENTS[rng.integers(len(ACCENTS))]
        _add_shop(builder, accent, (left + PIER, right - PIER), lod, rng)


def _add_shop(
    builder: SheetBuilder, accent: Array, span: tuple[float, float], lod: float, rng: np.random.Generator
) -> None:
    """One shop between its piers, ``span`` [m] along the façade."""
    left, right = span
    dark = np.array([0.13, 0.13, 0.14]) if rng.random() < 0.6 else 0.75 * accent
    door = left + rng.choice([0.0, 0.5, 1.0]) * (right - left - DOOR_WIDTH)
    seed = int(rng.integers(1 << 16))
    panes = [(door, door + DOOR_WIDTH, 0.12)]
    for low, high in ((left, door), (door + DOOR_WIDTH, right)):
        if high - low > 0.3:
            cuts = np.linspace(low, high, max(1, round((high - low) / 1.7)) + 1)
            panes += [(a, b, STALL) for a, b in pairwise(cuts)]
            _add_stall(
                builder, (low, high), dark if rng.random() < 0.5 else np.array([0.42, 0.40, 0.38]), lod
            )
    _add_glazing(builder, panes, dark, lod, seed)
    _add_niche(builder, span, lod)
    _add_sign(builder, span, accent, lod, rng)
    if rng.random() < 0.45:
        _add_awning(builder, span, accent, lod, bool(rng.integers(2)))


def _add_stall(builder: SheetBuilder, span: tuple[float, float], color: Array, lod: float) -> None:
    face = (RECESS - 0.04) * INWARD
    options = {"sharp": "t", "edge": 0.06 * lod, "occlusion": 0.6, "k": 0.68}
    builder.rect(face, RIGHT, UP, span, (0.0, STALL), (0.4 * lod, 0.2 * lod), color, **options)
    top = STALL * UP + RECESS * INWARD
    builder.rect(
        top, RIGHT, OUTWARD, span, (0.0, RECESS), (0.6 * lod, RECESS), 0.9 * color, normal=UP, occlusion=0.7
    )


def _show_window(seed: int, bottom: float, empty: bool) -> ColorField:
    """Goods on a shelf unless it is ``empty``, a room with lamps above, and the sky's mirror image near the top."""
    lit = seed % 2

    def color(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        level = np.clip((z - bottom) / (GLASS_TOP - bottom), 0.0, 1.0)
        warm = 0.8 + 0.4 * wall_noise(x, z, 2.5, seed + 4)
        room = (np.array([0.13, 0.128, 0.122]) + 0.09 * lit) * (warm * (0.8 + 0.6 * level))[:, None]
        if not empty:
            room = _goods(room, x, z - bottom, seed, 0.62 + 0.3 * lit)
        row = np.exp(-(((level - 0.86) / 0.05) ** 2)) * (np.abs(x / 0.8 % 1.0 - 0.5) < 0.2)
        room = room + (0.15 + 0.5 * lit) * row[:, None] * np.array([1.0, 0.88, 0.66])
        mirror = 0.04 + 0.16 * level * wall_noise(x, 0.3 * z, 2.0, seed + 7)
        return room + mirror[:, None] * (SKY_IN_GLASS - room)

    return color


def _goods(room: Array, x: Array, height: Array, seed: int, strength: float) -> Array:
    """Things of muted colours, each a third of a metre wide, stand at different heights before the ``room [N, 3]``."""
    place = np.floor(x / GOOD_WIDTH)
    tall, paint = _good(place, seed)
    body = (height < tall) & (np.abs(x / GOOD_WIDTH - place - 0.5) < 0.40)
    return np.where(body[:, None], room + strength * (paint - room), room)


def _good(place: Array, seed: int) -> tuple[Array, Array]:
    """Height ``[N]`` [m], 0 for none, and paint ``[N, 3]`` of the things at ``place [N]`` along a window."""
    draw = np.stack([wall_noise(place * 7.0 + 13.0 * i, 0.0 * place, 1.0, seed + i) for i in range(3)], 1)
    paint = GOODS[np.minimum((draw[:, 1] * len(GOODS)).astype(int), len(GOODS) - 1)]
    return np.where(draw[:, 2] > 0.25, 0.25 + 0.9 * draw[:, 0], 0.0), paint


def _add_goods(
    builder: SheetBuilder,
    inside: tuple[tuple[float, float], tuple[float, float]],
    seed: int,
    **options: object,
) -> None:
    """The things of a show window with sharp sides: boxes and cards, each with a label, before the pane's room."""
    (left, right), (bottom, _) = inside
    lit = seed % 2
    for place in range(int(np.floor(left / GOOD_WIDTH)), int(np.ceil(right / GOOD_WIDTH))):
        (tall,), (paint,) = _good(np.array([float(place)]), seed)
        low, high = (GOOD_WIDTH * (place + share) for share in (0.1, 0.9))
        low, high = max(low, left), min(high, right)
        if tall <= 0.0 or high - low < 0.08:
            continue
        room = np.array([0.15, 0.148, 0.142]) + 0.09 * lit
        color = room + (0.66 + 0.3 * lit) * (paint - room)
        spot = (RECESS - 0.02) * INWARD
        marks = bottom + tall * np.array([0.0, 0.42, 0.68, 1.0])
        for (z, top), tone in zip(pairwise(marks), (0.92, 1.0, 1.06), strict=True):
            label = color + 0.55 * (np.array([0.88, 0.86, 0.80]) - color) if tone == 1.0 else tone * color
            builder.rect(spot, RIGHT, UP, (low, high), (float(z), float(top)), 0.2, label, **options)


def _add_glazing(
    builder: SheetBuilder, panes: list[tuple[float, float, float]], frame: Array, lod: float, seed: int
) -> None:
    """Panes (left, right, bottom) with their bars."""
    rim = 0.08
    face = RECESS * INWARD
    bars = {"noise": 0.01, "occlusion": 0.7}
    glass = {"edge": 0.06 * lod, "growth": 2.5, "noise": 0.01, "gloss": 0.3, "k": 0.68, "occlusion": 0.75}
    # Every other shop has its lights on: its window looks as bright in the shade as in the sun.
    glass |= {"sharp": "lrbt" if lod < 3.0 else "", "emissive": float(seed % 2)}
    sharp = builder.sharpness.limits
    for left, right, bottom in panes:
        inside = (left + rim / 2, right - rim / 2), (bottom + rim, GLASS_TOP - rim)
        behind = face + 0.02 * INWARD
        builder.rect(
            behind, RIGHT, UP, *inside, (0.20 * lod, 0.26 * lod), _show_window(seed, bottom, sharp), **glass
        )
        if sharp and bottom == STALL:
            _add_goods(builder, inside, seed, noise=0.02, occlusion=0.75, emissive=glass["emissive"])
        if lod > 6.0:
            continue
        for x in (left, right):
            span = (max(left, x - rim / 2), min(right, x + rim / 2))
            builder.rect(face, RIGHT, UP, span, (bottom, GLASS_TOP), (rim, 0.6 * lod), frame, **bars)
        for z in (bottom, GLASS_TOP - rim):
            builder.rect(face, RIGHT, UP, (left, right), (z, z + rim), (0.6 * lod, rim), frame, **bars)
        if bottom < 0.3:
            builder.rect(
                face + 0.05 * OUTWARD,
                RIGHT,
                UP,
                (right - 0.2, right - 0.16),
                (0.9, 1.4),
                (0.04, 0.25),
                (0.6, 0.6, 0.6),
            )
            builder.rect(
                face, RIGHT, UP, (left, right), (0.0, bottom), (0.5 * lod, 0.12), (0.35, 0.34, 0.33), **bars
            )


def _add_niche(builder: SheetBuilder, span: tuple[float, float], lod: float) -> None:
    """Sides and ceiling of the recess."""
    if lod > 3.0:
        return
    cell, grey = (RECESS, 0.7 * lod), (0.5, 0.49, 0.47)
    for x, side in ((span[0], 1.0), (span[1], -1.0)):
        builder.rect(
            x * RIGHT,
            INWARD,
            UP,
            (0.0, RECESS),
            (0.0, GLASS_TOP),
            cell,
            grey,
            normal=side * RIGHT,
            occlusion=0.6,
        )
    ceiling = {"normal": -UP, "occlusion": 0.4}
    builder.rect(GLASS_TOP * UP, RIGHT, INWARD, span, (0.0, RECESS), cell[::-1], grey, **ceiling)


def _add_sign(
    builder: SheetBuilder, span: tuple[float, float], accent: Array, lod: float, rng: np.random.Generator
) -> None:
    """A board over the shop and its name."""
    board = 0.10 * OUTWARD
    left, right = span[0] - 0.1, span[1] + 0.1
    word = WORDS[int(rng.integers(len(WORDS)))]
    bars, inked, width = text_bars(word, TEXT_HEIGHT)
    start, low = 0.5 * (left + right - width), SIGN_BOTTOM + 0.12
    pieces = [((left, right), (SIGN_BOTTOM, SIGN_TOP))]
    if lod < 5.0 and width < right - left - 0.2:
        high = low + TEXT_HEIGHT
        pieces = [((left, right), (SIGN_BOTTOM, low)), ((left, right), (high, SIGN_TOP))]
        pieces += [((left, start), (low, high)), ((start + width, right), (low, high))]
        ink = np.array([0.95, 0.93, 0.86]) if accent.sum() < 1.5 else np.array([0.10, 0.10, 0.11])
        if builder.sharpness.limits:
            bars, inked = cut_bars(bars, inked, builder.sharpness.border)
        middle = bars.reshape(-1, 2, 2).mean(2) + np.array([start, low])
        centers = np.column_stack([middle[:, 0], np.full(len(bars), -0.10), middle[:, 1]])
        sigmas = np.stack([0.52 * (bars[:, 1] - bars[:, 0]), 0.56 * (bars[:, 3] - bars[:, 2])], 1)
        builder.add(centers, RIGHT, UP, sigmas, np.where(inked[:, None], ink, accent), normal=OUTWARD)
    for across, up in pieces:
        builder.rect(
            board, RIGHT, UP, across, up, (0.5 * lod, 0.3 * lod), accent, sharp="lrbt", edge=0.05 * lod
        )
    top = {"normal": UP, "noise": 0.01}
    builder.rect(
        board + SIGN_TOP * UP, RIGHT, INWARD, (left, right), (0.0, 0.1), (0.6 * lod, 0.1), 0.9 * accent, **top
    )


def _add_stripes(
    builder: SheetBuilder, base: Array, slope: Array, borders: Array, paints: tuple[Array, Array]
) -> None:
    """The cloth of an awning stripe by stripe: what a function paints has no sharp borders."""
    for place, span in enumerate(pairwise(borders)):
        across, paint = (float(span[0]), float(span[1])), paints[place % 2]
        builder.rect(base, RIGHT, slope, across, (0.0, 1.25), 0.4, paint, normal=np.cross(slope, RIGHT))
        builder.rect(base + 1.25 * slope, RIGHT, -UP, across, (0.0, 0.22), 0.4, paint, normal=OUTWARD)


def _add_awning(
    builder: SheetBuilder, span: tuple[float, float], accent: Array, lod: float, striped: bool
) -> None:
    """A cloth that slopes over the pavement, striped or plain, with a valance."""
    left, right = span
    slope = unit(1.2 * OUTWARD - 0.5 * UP)
    stripes = max(2, round((right - left) / 0.4))
    step = (right - left) / stripes
    base = SIGN_BOTTOM * UP + 0.12 * OUTWARD
    light = np.array([0.90, 0.88, 0.82])

    def cloth(x: Array, z: Array, dx: Array, dz: Array, points: Array) -> Array:
        odd = (np.floor((x - left) / step + 1e-6) % 2 > 0) & striped
        return np.where(odd[:, None], light, accent)

    if builder.sharpness.limits and striped:
        _add_stripes(builder, base, slope, left + step * np.arange(stripes + 1), (accent, light))
        return
    cells = (step / (3 if lod < 1.5 else 1) if striped and lod < 3.0 else 0.6 * lod, 0.4 * lod)
    builder.rect(base, RIGHT, slope, span, (0.0, 1.25), cells, cloth, k=0.62, normal=np.cross(slope, RIGHT))
    edge = base + 1.25 * slope
    builder.rect(edge, RIGHT, -UP, span, (0.0, 0.22), (cells[0], 0.22), cloth, k=0.62, normal=OUTWARD)
