"""Buildings along the streets of a town: closed fronts in town, houses with gardens in the suburb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import polyline
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import Building
from simscale_gym.town import curves as curves
from simscale_gym.town.town_map import Draft, Road

Array = NDArray[np.float64]

STOREY = 3.05
"""Height of a storey [m]."""
BELT = 34.0
"""Width of the ground around the town that is built on [m]."""
SETBACK = 2.2
"""Distance from the pavement to the fronts [m]."""
BACK_ROW = 20.0
"""Around the town a second row stands so far from the pavement [m]: no gap of the first opens on empty country."""


@dataclass(frozen=True, eq=False)
class Face:
    """An area to build on: its polygon, its street line ``[K, 2]`` with the area on the left, suburb or not."""

    area: shapely.Polygon
    frontage: Array
    suburban: bool


def faces_of(draft: Draft, pavement: shapely.Polygon) -> list[Face]:
    """The blocks inside ``pavement``, and the belt around it."""
    rings = [np.array(ring.coords) for ring in pavement.interiors if shapely.Polygon(ring).area > 150.0]
    faces = []
    for ring in rings:
        area = shapely.geometry.polygon.orient(shapely.Polygon(ring))
        faces.append(Face(area, np.array(area.exterior.coords), _is_suburban(draft, ring)))
    outside = shapely.Polygon(pavement.exterior)
    belt = outside.buffer(BELT).difference(outside)
    line = np.array(shapely.geometry.polygon.orient(outside).exterior.coords)[::-1]
    faces.append(Face(belt, line, False))
    return faces


def _is_suburban(draft: Draft, ring: Array) -> bool:
    """Do mostly suburban streets surround the block?"""
    center = ring.mean(0)
    near = sorted(draft.roads, key=lambda road: float(np.min(((road.line - center) ** 2).sum(1))))[:4]
    return sum(road.street.suburban for road in near) >= 2


def build_fronts(rng: np.random.Generator, draft: Draft, face: Face) -> list[Building]:
    """Rows along the street line, each building inside the area and clear of the others."""
    if not face.area.interiors:
        return _build_row(rng, draft, face, SETBACK, [], square=rng.random() < 0.35)
    front = _build_row(rng, draft, face, SETBACK, [], square=False)
    return front + _build_row(rng, draft, face, BACK_ROW, front, square=False)


def _build_row(
    rng: np.random.Generator,
    draft: Draft,
    face: Face,
    setback: float,
    others: list[Building],
    *,
    square: bool,
) -> list[Building]:
    """Walk along the street line, ``setback`` [m] behind it, and set building beside building."""
    line = polyline.offset_left(polyline.resample(face.frontage, 1.0)[:, :2], setback)
    line = polyline.without_repeats(line, 0.05)
    length = polyline.arc_lengths(line)[-1]
    room = face.area.buffer(-setback + 0.4) if not face.area.interiors else face.area
    shapely.prepare(room)
    buildings: list[Building] = []
    standing = shapely.STRtree([shapely.Polygon(b.footprint) for b in others])
    taken: list[shapely.Polygon] = []
    start, extent = (rng.uniform(0.0, length), rng.uniform(25.0, 45.0)) if square else (-1.0, 0.0)
    s = 0.0
    while s < length - 8.0:
        street = _nearest(draft.roads, polyline.at_arc_length(line, s)[:2]).street
        house = (street.suburban or face.suburban) and not others
        width, depth = _size(rng, house)
        place = _place(line, s, width, depth + (rng.uniform(1.5, 4.0) if house else 0.0), house)
        free = place is not None and not start <= s <= start + extent and room.contains(place)
        free = free and not len(standing.query(place, predicate="intersects"))
        if free and not any(place.intersects(other) for other in taken[-14:] + taken[:14]):
            taken.append(place)
            style, height = _look(rng, house, street.lanes > 1)
            ring = np.array(shapely.geometry.polygon.orient(place).exterior.coords)[:-1]
            buildings.append(Building(ring, height, style, int(rng.integers(2**31))))
            s += width + (
                rng.uniform(4.0, 9.0) if house else (0.15 if rng.random() < 0.7 else rng.uniform(0.6, 3.0))
            )
        else:
            s += 1.5
    return buildings


def _nearest(roads: list[Road], point: Array) -> Road:
    return min(roads, key=lambda road: float(np.min(((road.line[::4] - point) ** 2).sum(1))))


def _size(rng: np.random.Generator, house: bool) -> tuple[float, float]:
    if house:
        return float(rng.uniform(8.5, 12.0)), float(rng.uniform(8.0, 10.0))
    return float(rng.uniform(9.0, 19.0)), float(rng.uniform(9.0, 13.0))


def _place(line: Array, s: float, width: float, depth: float, house: bool) -> shapely.Polygon | None:
    """Footprint with its front on the chord from ``s`` to ``s + width``; None across a corner."""
    ends = polyline.at_arc_length(line, np.array([s, s + width]))
    if (
        abs(wrap_angle(ends[1, 2] - ends[0, 2])) > np.radians(32.0)
        or np.hypot(*(ends[1] - ends[0])[:2]) < 0.9 * width
    ):
        return None
    along = curves.unit(ends[1, :2] - ends[0, :2])
    inward = curves.left_of(along)
    front = 2.5 * inward if house else 0.0 * inward
    a, b = ends[0, :2] + front, ends[0, :2] + width * along + front
    return shapely.Polygon([a, b, b + (depth - 2.5 * house) * inward, a + (depth - 2.5 * house) * inward])


def _look(rng: np.random.Generator, house: bool, avenue: bool) -> tuple[str, float]:
    if house:
        return "house", float(rng.integers(1, 3) * STOREY + rng.uniform(2.4, 3.4))
    styles, shares = ("brick", "plaster", "stone", "concrete", "glass"), (0.34, 0.32, 0.16, 0.12, 0.06)
    style = str(rng.choice(styles, p=(0.22, 0.2, 0.22, 0.2, 0.16) if avenue else shares))
    storeys = int(rng.integers(3, 7) if avenue else rng.integers(2, 6))
    return style, storeys * STOREY + float(rng.uniform(0.6, 1.4))
