"""What a façade is made of: storeys, bays, openings and colours, drawn from a building's style and seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.buildings.opening import Color, Opening
from simscale_gym.scene.shapes import Building

Array = NDArray[np.float64]

STOREY_HEIGHT = 3.05  # floor to floor [m]
CORNICE_HEIGHT = 0.42  # wall above the last window row that cornice and roof edge take [m]


@dataclass(frozen=True)
class Style:
    """The habits of one of ``BUILDING_STYLES``.

    Attributes:
        walls, trims, frames, doors: Colours to choose from.
        bay: Least and largest distance between windows [m].
        share: Least and largest share of a bay that its window takes.
        window: Least and largest window height [m].
        sill: Height of the window above its floor [m].
        leaves: Panes side by side to choose from.
        shop: Chance of a shop at ground floor.
        pitched: Chance of a pitched roof.
        relief: Chance of each of surround, string courses, quoins, balconies, shutters.
    """

    walls: tuple[Color, ...]
    trims: tuple[Color, ...]
    frames: tuple[Color, ...]
    doors: tuple[Color, ...]
    bay: tuple[float, float]
    share: tuple[float, float]
    window: tuple[float, float]
    sill: float
    leaves: tuple[int, ...]
    shop: float
    pitched: float
    relief: tuple[float, float, float, float, float]


WHITE_FRAMES: tuple[Color, ...] = (
    (0.90, 0.90, 0.88),
    (0.86, 0.85, 0.80),
    (0.90, 0.90, 0.88),
    (0.30, 0.26, 0.22),
)
DARK_FRAMES: tuple[Color, ...] = ((0.20, 0.21, 0.22), (0.28, 0.29, 0.30), (0.15, 0.17, 0.19))
DOORS: tuple[Color, ...] = (
    (0.30, 0.17, 0.10), (0.11, 0.20, 0.16), (0.14, 0.17, 0.27), (0.36, 0.09, 0.08), (0.20, 0.20, 0.21),
)  # fmt: skip

STYLES: dict[str, Style] = {
    "brick": Style(
        ((0.49, 0.30, 0.24), (0.52, 0.35, 0.28), (0.44, 0.28, 0.24), (0.60, 0.49, 0.38), (0.40, 0.30, 0.27)),
        ((0.78, 0.75, 0.68), (0.70, 0.67, 0.60), (0.84, 0.82, 0.77)),
        WHITE_FRAMES, DOORS, (2.3, 3.0), (0.38, 0.48), (1.45, 1.75), 0.80, (1, 2, 2), 0.45, 0.55,
        (0.25, 0.45, 0.35, 0.15, 0.05),
    ),
    "plaster": Style(
        ((0.79, 0.73, 0.60), (0.76, 0.66, 0.51), (0.75, 0.61, 0.52), (0.74, 0.78, 0.78), (0.78, 0.80, 0.68),
         (0.80, 0.78, 0.72), (0.78, 0.66, 0.61)),
        ((0.88, 0.86, 0.80), (0.80, 0.76, 0.68), (0.92, 0.91, 0.88)),
        WHITE_FRAMES, DOORS, (2.4, 3.2), (0.38, 0.47), (1.50, 1.85), 0.75, (2, 2, 3), 0.45, 0.70,
        (0.65, 0.55, 0.20, 0.30, 0.25),
    ),
    "stone": Style(
        ((0.74, 0.69, 0.60), (0.70, 0.65, 0.57), (0.67, 0.64, 0.59), (0.75, 0.72, 0.66)),
        ((0.84, 0.80, 0.72), (0.76, 0.73, 0.66)),
        WHITE_FRAMES, DOORS, (2.2, 2.7), (0.42, 0.50), (2.00, 2.25), 0.25, (2,), 0.60, 0.90,
        (0.85, 0.90, 0.40, 0.55, 0.0),
    ),
    "concrete": Style(
        ((0.66, 0.66, 0.64), (0.60, 0.59, 0.56), (0.74, 0.73, 0.70), (0.68, 0.64, 0.58)),
        ((0.58, 0.58, 0.57), (0.50, 0.50, 0.50)),
        (*DARK_FRAMES, (0.86, 0.86, 0.85)), DOORS, (2.6, 3.4), (0.62, 0.86), (1.45, 1.70), 0.85, (2, 3), 0.40, 0.05,
        (0.0, 0.55, 0.0, 0.45, 0.0),
    ),
    "glass": Style(
        ((0.32, 0.37, 0.41), (0.26, 0.30, 0.34), (0.40, 0.43, 0.44), (0.24, 0.31, 0.32)),
        ((0.62, 0.64, 0.66), (0.35, 0.37, 0.39)),
        DARK_FRAMES, ((0.2, 0.22, 0.24),), (1.45, 1.75), (0.95, 0.96), (2.15, 2.35), 0.45, (1,), 0.30, 0.0,
        (0.0, 0.0, 0.0, 0.0, 0.0),
    ),
    "house": Style(
        ((0.80, 0.78, 0.72), (0.78, 0.72, 0.60), (0.66, 0.70, 0.70), (0.52, 0.36, 0.29), (0.72, 0.66, 0.57),
         (0.60, 0.64, 0.56), (0.82, 0.82, 0.80)),
        ((0.90, 0.90, 0.88), (0.84, 0.82, 0.76)),
        WHITE_FRAMES[:2], DOORS, (3.0, 4.2), (0.36, 0.46), (1.25, 1.45), 0.85, (2, 2, 3), 0.0, 1.0,
        (0.6, 0.05, 0.0, 0.0, 0.45),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class FacadePlan:
    """The design of a building; all of its street sides share it.

    Attributes:
        style: Name of its style.
        wall, trim, base: Colours of wall, trim and plinth, ``[3]``.
        window, tall, door: Openings of upper storeys, of the ground floor, and its entrance.
        bay: Wanted distance between windows [m].
        ground: Height of the ground floor [m].
        storeys: Number of upper storeys.
        storey: Height of an upper storey [m].
        height: Height of the walls [m].
        shop: Whether the street sides have shops.
        pitched: Whether the roof is pitched.
        strings, quoins, balconies: Whether it has string courses, corner stones, balconies.
        accent: Colour of shop fronts and awnings, ``[3]``.
    """

    style: str
    wall: Array
    trim: Array
    base: Array
    window: Opening
    tall: Opening
    door: Opening
    bay: float
    ground: float
    storeys: int
    storey: float
    height: float
    shop: bool
    pitched: bool
    strings: bool
    quoins: bool
    balconies: bool
    accent: Array


ACCENTS = np.array(
    [[0.50, 0.12, 0.12], [0.10, 0.27, 0.21], [0.12, 0.20, 0.40], [0.15, 0.15, 0.16], [0.72, 0.55, 0.18],
     [0.45, 0.30, 0.18], [0.70, 0.68, 0.62], [0.28, 0.38, 0.42]]
)  # fmt: skip


def _pick(options: tuple[Color, ...], rng: np.random.Generator) -> Color:
    return options[int(rng.integers(len(options)))]


def _rounded(color: Array) -> Color:
    red, green, blue = np.round(np.clip(color, 0.0, 1.0), 2)
    return float(red), float(green), float(blue)


def plan_facade(building: Building, rng: np.random.Generator) -> FacadePlan:
    """Draws the design of a building."""
    style = STYLES[building.style]
    wall = np.array(_pick(style.walls, rng)) * rng.uniform(0.92, 1.06) * (1.0 + rng.normal(0.0, 0.012, 3))
    trim, frame = np.array(_pick(style.trims, rng)), _pick(style.frames, rng)
    surround, strings, quoins, balconies, shutters = rng.random(5) < style.relief
    shop = bool(rng.random() < style.shop) and building.height > 5.0
    ground = 3.95 if shop else {"house": 2.85, "stone": 3.7, "glass": 4.2}.get(building.style, 3.4)
    storeys = max(0, round((building.height - ground - CORNICE_HEIGHT) / STOREY_HEIGHT))
    if storeys == 0:
        ground = building.height - CORNICE_HEIGHT
    storey = (building.height - ground - CORNICE_HEIGHT) / max(storeys, 1)
    bay = float(rng.uniform(*style.bay))
    width = round(bay * float(rng.uniform(*style.share)), 1)
    height = min(round(float(rng.uniform(*style.window)), 1), storey - 0.35) if storeys else 1.3
    window = Opening(
        width=width,
        height=round(height, 2),
        recess=0.05 if building.style == "glass" else 0.16,
        leaves=max(style.leaves[int(rng.integers(len(style.leaves)))], round(width / 1.1)),
        transom=float(rng.choice([0.0, 0.5, 0.72])) if building.style in ("brick", "stone", "house") else 0.0,
        frame=frame,
        trim=_rounded(trim),
        wall=_rounded(wall),
        sill=building.style != "glass",
        surround=0.14 if surround else 0.0,
        shutters=_pick(SHUTTERS, rng) if shutters and width < 1.5 else None,
        railing=0.95 if building.style == "stone" else 0.0,
    )
    return FacadePlan(
        style=building.style, wall=wall, trim=trim, base=_base_color(wall, rng), window=window,
        tall=_ground_window(window, ground, building.style), door=_door(window, building.style, style, rng),
        bay=bay, ground=ground, storeys=storeys, storey=storey, height=building.height, shop=shop,
        pitched=bool(rng.random() < style.pitched), strings=bool(strings), quoins=bool(quoins),
        balconies=bool(balconies), accent=ACCENTS[rng.integers(len(ACCENTS))] * rng.uniform(0.85, 1.15),
    )  # fmt: skip


SHUTTERS: tuple[Color, ...] = ((0.22, 0.33, 0.27), (0.30, 0.36, 0.42), (0.42, 0.26, 0.18), (0.62, 0.64, 0.60))


def _base_color(wall: Array, rng: np.random.Generator) -> Array:
    grey = np.array([0.40, 0.39, 0.37]) * rng.uniform(0.85, 1.2)
    return 0.55 * grey + 0.40 * wall


def _ground_window(window: Opening, ground: float, style: str) -> Opening:
    height = min(window.height, ground - 1.35)
    if style == "glass":
        height = ground - 0.9
    fields = {**window.__dict__, "height": round(height, 2), "railing": 0.0, "shutters": None}
    if style == "house":
        fields["shutters"] = window.shutters
    return Opening(**fields)


def _door(window: Opening, name: str, style: Style, rng: np.random.Generator) -> Opening:
    color = _pick(style.doors, rng)
    wide = {"house": 1.0, "glass": 1.9, "stone": 1.5}.get(name, 1.15)
    height = {"house": 2.1, "stone": 2.75}.get(name, 2.45)
    return Opening(
        width=wide, height=height, recess=0.22, leaves=2 if wide > 1.3 else 1,
        panel=0.0 if name == "glass" else 0.72, frame=color, trim=window.trim, wall=window.wall, sill=False,
        surround=max(window.surround, 0.12),
    )  # fmt: skip
