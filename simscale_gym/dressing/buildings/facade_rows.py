"""Where the openings of a façade are: rows of windows by storey, the door, and the string courses between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simscale_gym.dressing.buildings.facade_plan import FacadePlan
from simscale_gym.dressing.buildings.facade_relief import STRING_HEIGHT
from simscale_gym.dressing.buildings.opening import Opening
from simscale_gym.geometry.polyline import Array

Row = tuple[Opening, Array, int]
"""Openings of one kind: what, lower left corners ``[M, 2]`` (x, z), storey."""


def _columns(plan: FacadePlan, length: float, width: float) -> Array:
    """Left edges ``[M]`` of a row of openings of one width."""
    count = max(1, round(length / plan.bay))
    while count > 1 and length / count < width + (0.1 if plan.style == "glass" else 0.5):
        count -= 1
    return (np.arange(count) + 0.5) * length / count - width / 2


def _fitted(opening: Opening, plan: FacadePlan, length: float) -> Opening:
    """The opening made narrower where the façade's bays are; a curtain wall's panes fill their bay."""
    bay = length / max(1, round(length / plan.bay))
    if plan.style == "glass":
        return replace(opening, width=round(bay - 0.09, 2))
    return replace(opening, width=min(opening.width, round(length - 0.6, 1)))


def upper_rows(plan: FacadePlan, length: float, rng: np.random.Generator) -> list[Row]:
    """Windows of all storeys above the ground floor of a façade ``length`` [m] wide, some of them with balconies."""
    rows: list[Row] = []
    opening = _fitted(plan.window, plan, length)
    lefts = _columns(plan, length, opening.width)
    sill = 0.25 if plan.style == "stone" else min(0.8, plan.storey - opening.height - 0.3)
    french = replace(
        opening, height=round(opening.height + sill - 0.08, 2), sill=False, railing=0.0, shutters=None
    )
    with_balcony = rng.random(len(lefts)) < (0.5 if len(lefts) < 4 else 0.35)
    with_balcony &= plan.balconies & (length / len(lefts) > 2.3)
    if with_balcony.all():
        with_balcony[0] = False
    for storey in range(plan.storeys):
        floor = plan.ground + storey * plan.storey
        plain = lefts[~with_balcony]
        rows.append((opening, np.stack([plain, np.full(len(plain), floor + sill)], 1), storey + 1))
        if with_balcony.any():
            corners = np.stack([lefts[with_balcony], np.full(int(with_balcony.sum()), floor + 0.08)], 1)
            rows.append((french, corners, storey + 1))
    return rows


def ground_row(plan: FacadePlan, length: float, rng: np.random.Generator) -> list[Row]:
    """A door and the windows beside it."""
    opening = _fitted(plan.tall, plan, length)
    lefts = _columns(plan, length, opening.width)
    place = int(rng.integers(len(lefts))) if plan.style != "stone" else len(lefts) // 2
    rows: list[Row] = []
    if length > 4.0 or len(lefts) == 1:
        middle = lefts[place] + opening.width / 2
        door = replace(plan.door, width=opening.width) if plan.style == "glass" else plan.door
        half = door.width / 2
        gap = 0.3 if plan.style != "glass" else -0.2
        keep = np.abs(lefts + opening.width / 2 - middle) > half + opening.width / 2 + gap
        rows.append((door, np.array([[middle - half, 0.14]]), 0))
        lefts = lefts[keep]
    sill = 0.5 if plan.style == "glass" else max(0.95, 2.6 - opening.height)
    if len(lefts):
        rows.append((opening, np.stack([lefts, np.full(len(lefts), sill)], 1), 0))
    return rows


def string_levels(plan: FacadePlan, rows: list[Row], shop: bool) -> list[float]:
    """Heights of string courses: above the ground floor, and in rich façades on every floor."""
    levels = [plan.ground + storey * plan.storey - 0.2 for storey in range(plan.storeys)]
    if shop:
        levels = levels[1:]
    if plan.style in ("brick", "house"):
        levels = levels[:1]
    taken = [
        (z, z + opening.height + opening.surround) for opening, corners, _ in rows for z in corners[:1, 1]
    ]
    clear = [
        z for z in levels if all(z + STRING_HEIGHT + 0.1 < low or z > high + 0.02 for low, high in taken)
    ]
    return clear
