"""Roofs out of surfels: gabled, hipped, mansard or flat with a parapet; dormers and chimneys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.buildings.facade_plan import FacadePlan
from simscale_gym.dressing.buildings.masonry import tile_color
from simscale_gym.dressing.buildings.opening import INWARD, OUTWARD, RIGHT, UP, Color, repeat_at
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import Surfels

Array = NDArray[np.float64]

PITCH = np.radians(42.0)
MAX_RISE = 5.2  # of a pitched roof over its eaves [m]
EAVES = 0.35  # overhang of a pitched roof [m]
MANSARD_RISE, MANSARD_INSET = 2.7, 0.95  # [m]
PARAPET = 0.75  # height of the wall around a flat roof [m]
TILES = np.array([[0.45, 0.29, 0.23], [0.40, 0.27, 0.22], [0.31, 0.31, 0.33], [0.36, 0.33, 0.31]])
SLATE = np.array([0.33, 0.35, 0.39])
DECK = np.array([0.44, 0.43, 0.41])


def roof_surfels(
    plan: FacadePlan,
    footprint: Array,
    visible: NDArray[np.bool_],
    lod: float,
    rng: np.random.Generator,
    sharpness: Sharpness = AS_ASKED,
) -> Surfels:
    """The roof of a building, in the scene frame.

    Args:
        plan: Design of the building.
        footprint: Counter-clockwise corners ``[K, 2]`` [m].
        visible: Whether an edge ``[K]`` faces a street.
        lod: Level of detail, larger is coarser.
        rng: Draws colour and the place of chimneys.
        sharpness: Limits of the cells.
    """
    builder = SheetBuilder(rng, k=0.62, sharpness=sharpness)
    tiles = TILES[rng.integers(len(TILES))] * rng.uniform(0.9, 1.1)
    shape = roof_shape(plan, footprint)
    if shape == "mansard":
        _add_mansard(builder, plan, footprint, visible, lod)
    elif shape == "pitched":
        _add_pitched(builder, plan, footprint, visible, tiles, lod, rng)
    else:
        _add_flat(builder, plan, footprint, visible, lod, rng)
    return builder.build()


def roof_shape(plan: FacadePlan, footprint: Array) -> str:
    """One of "mansard", "pitched", "flat"."""
    if not plan.pitched or len(footprint) != 4 or not _is_rectangle(footprint):
        return "flat"
    sides = np.linalg.norm(np.roll(footprint, -1, axis=0) - footprint, axis=1)
    if plan.style == "stone" and sides.min() > 5.0:
        return "mansard"
    return "pitched" if sides.min() < 17.0 else "flat"


def _is_rectangle(footprint: Array) -> bool:
    edges = np.roll(footprint, -1, axis=0) - footprint
    directions = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    return bool(np.abs((directions * np.roll(directions, -1, axis=0)).sum(1)).max() < 0.09)


def _cells(along: float, across: float, lod: float, street: bool) -> tuple[float, float]:
    """Cell sizes [m] for a level of detail; never so large that a surfel reaches far over the edge."""
    coarse, far = (lod if street else 2.0 * lod), (1.6 if lod < 6.0 else 2.4)
    return min(along * coarse, far), min(across * coarse, 0.75 * far)


def _trimmed(lod: float) -> dict[str, object]:
    """Options that keep a face from reaching over its ends and its upper edge."""
    return {"sharp": "lrt", "edge": 0.10 * max(lod, 1.5), "growth": 2.4}


def _lifted(points: Array, height: float) -> Array:
    """Plane points ``[M, 2]`` at a height: ``[M, 3]``."""
    return np.column_stack([points, np.full(len(points), height)])


def inset_polygon(polygon: Array, inset: float) -> Array:
    """Convex counter-clockwise ``polygon [K, 2]`` with every edge moved inwards by ``inset`` [m]."""
    edges = np.concatenate([polygon[1:], polygon[:1]]) - polygon
    inward = np.stack([-edges[:, 1], edges[:, 0]], 1) / np.linalg.norm(edges, axis=1, keepdims=True)
    before = np.concatenate([inward[-1:], inward[:-1]])
    return polygon + inset * (before + inward) / (1.0 + (before * inward).sum(1, keepdims=True))


def _front(footprint: Array, visible: NDArray[np.bool_]) -> int:
    """The edge that the ridge runs along: the longest one on a street, or else the longest of all."""
    sides = np.linalg.norm(np.roll(footprint, -1, axis=0) - footprint, axis=1)
    return int(np.argmax(sides + 100.0 * visible))


def ridge(plan: FacadePlan, footprint: Array, visible: NDArray[np.bool_]) -> tuple[int, Array, bool]:
    """Front edge, ridge ends ``[2, 3]`` (at the front edge's start, end) and whether the ends are hipped."""
    front = _front(footprint, visible)
    a, b, c, d = np.roll(footprint, -front, axis=0)
    depth = float(np.linalg.norm(d - a))
    rise = min(np.tan(PITCH) * depth / 2, MAX_RISE)
    hipped = bool(visible[(front + 1) % 4] or visible[(front - 1) % 4]) and plan.style != "house"
    ends = np.stack([(a + d) / 2, (b + c) / 2])
    if hipped:
        pull = min(0.8 * depth / 2, 0.42 * float(np.linalg.norm(b - a)))
        direction = (b - a) / np.linalg.norm(b - a)
        ends = ends + pull * np.stack([direction, -direction])
    return front, _lifted(ends, plan.height + rise), hipped


def _add_pitched(
    builder: SheetBuilder, plan: FacadePlan, footprint: Array, visible: NDArray[np.bool_], tiles: Array, lod: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    front, (ridge_a, ridge_b), hipped = ridge(plan, footprint, visible)
    turned, seen = np.roll(footprint, -front, axis=0), np.roll(visible, -front)
    slope = (ridge_a[2] - plan.height) / (np.linalg.norm(turned[3] - turned[0]) / 2)
    outer = turned + (inset_polygon(turned, -EAVES) - turned)
    if not hipped:
        # A gable's roof stands over the end walls of a house, and ends flush between neighbours.
        along = (turned[1] - turned[0]) / np.linalg.norm(turned[1] - turned[0])
        jut = (0.3 if plan.style == "house" else 0.05) * along
        depth = (turned[3] - turned[0]) / np.linalg.norm(turned[3] - turned[0])
        outer = turned + np.stack(
            [-jut - EAVES * depth, jut - EAVES * depth, jut + EAVES * depth, -jut + EAVES * depth]
        )
        ridge_a, ridge_b = ridge_a - np.append(jut, 0.0), ridge_b + np.append(jut, 0.0)
    eaves = _lifted(outer, plan.height - EAVES * slope)
    color = tile_color(tiles, int(rng.integers(1 << 16)))
    faces = [(eaves[0], eaves[1], ridge_b, ridge_a, seen[0]), (eaves[2], eaves[3], ridge_a, ridge_b, seen[2])]
    if hipped:
        faces += [
            (eaves[1], eaves[2], ridge_b, ridge_b, seen[1]),
            (eaves[3], eaves[0], ridge_a, ridge_a, seen[3]),
        ]
    for *corners, street in faces:
        builder.patch(
            np.stack(corners), _cells(0.8, 0.55, lod, street), color, plain=not street, **_trimmed(lod)
        )
    if not hipped:
        for i, top in ((1, ridge_b), (3, ridge_a)):
            _add_gable(builder, plan, turned[i], turned[(i + 1) % 4], top[2], lod)
    _add_gutter(builder, eaves, lod)
    _add_chimneys(builder, plan, ridge_a, ridge_b, lod, rng)
    if plan.style != "house" and rng.random() < 0.6:
        _add_dormers(builder, plan, turned[0], turned[1], 0.9, slope, tiles, lod)


def _add_gable(
    builder: SheetBuilder, plan: FacadePlan, start: Array, end: Array, top: float, lod: float
) -> None:
    """The wall's triangle under a ridge at height ``top``."""
    # Kept back from the slopes by what a surfel reaches; the roof's overhang hides the gap.
    cell, back = _cells(0.5, 0.35, lod, True), 0.45
    if builder.sharpness.limits:
        back = 0.06
    along = (end - start) / np.linalg.norm(end - start)
    feet = _lifted(np.stack([start + back * along, end - back * along]), plan.height - 0.1)
    peak = np.array([*(start + end) / 2, top - (back + 0.05)])
    builder.patch(np.stack([*feet, peak, peak]), cell, plan.wall * 0.96, k=0.7)


def _add_gutter(builder: SheetBuilder, eaves: Array, lod: float) -> None:
    """A zinc gutter and a dark soffit along front and back."""
    zinc = np.array([0.40, 0.41, 0.42])
    for i, j in ((0, 1), (2, 3)):
        low = eaves[[i, j]] - [0.0, 0.0, 0.14]
        corners = np.stack([low[0], low[1], eaves[j], eaves[i]])
        builder.patch(corners, _cells(0.8, 0.14, lod, True), zinc, **_trimmed(lod))


def _add_mansard(
    builder: SheetBuilder, plan: FacadePlan, footprint: Array, visible: NDArray[np.bool_], lod: float
) -> None:
    """A steep slate storey with dormers, and a low zinc roof behind its edge."""
    base, top = plan.height, plan.height + MANSARD_RISE
    lower = _lifted(inset_polygon(footprint, 0.12), base)
    upper = _lifted(inset_polygon(footprint, MANSARD_INSET), top)
    crown = _lifted(inset_polygon(footprint, MANSARD_INSET + 1.4), top + 0.6)
    color = tile_color(SLATE, 5)
    for i in range(len(footprint)):
        j = (i + 1) % len(footprint)
        street, ends = bool(visible[i]), _trimmed(lod) | {"plain": not visible[i]}
        steep = np.stack([lower[i], lower[j], upper[j], upper[i]])
        builder.patch(steep, _cells(0.8, 0.55, lod, street), color, **ends)
        edge = np.stack([upper[i], upper[j], upper[j] + [0, 0, 0.16], upper[i] + [0, 0, 0.16]])
        builder.patch(edge, _cells(0.9, 0.16, lod, street), 0.5 * SLATE + 0.3, **ends)
        low = np.stack([upper[i], upper[j], crown[j], crown[i]])
        builder.patch(low, _cells(1.0, 0.7, lod, street), 1.2 * SLATE, **ends)
        if visible[i]:
            slope = MANSARD_RISE / (MANSARD_INSET - 0.12)
            _add_dormers(builder, plan, footprint[i], footprint[j], 0.75, slope, SLATE, lod)


def _add_flat(
    builder: SheetBuilder, plan: FacadePlan, footprint: Array, visible: NDArray[np.bool_], lod: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    low, high = plan.height, plan.height + PARAPET
    inner = inset_polygon(footprint, 0.3)
    for i in range(len(footprint)):
        j = (i + 1) % len(footprint)
        street, ends = bool(visible[i]), _trimmed(lod) | {"plain": not visible[i]}
        outer, inside = footprint[[i, j]], inner[[i, j]]
        wall = np.stack([*_lifted(outer, low), *_lifted(outer[::-1], high)])
        coping = np.stack([*_lifted(outer, high), *_lifted(inside[::-1], high)])
        back = np.stack([*_lifted(inside[::-1], low), *_lifted(inside, high)])
        builder.patch(wall, _cells(0.7, 0.38, lod, street), 0.95 * plan.wall, **ends)
        if lod >= 4.0:
            continue
        builder.patch(coping, _cells(0.8, 0.3, lod, street), 0.85 * plan.trim, **ends)
        builder.patch(back, _cells(1.2, 0.75, lod, street), 0.85 * plan.wall, **ends)
    deck = inset_polygon(footprint, 1.6)
    center = deck.mean(0)
    for i in range(len(deck)):
        corners = _lifted(np.stack([deck[i], deck[(i + 1) % len(deck)], center, center]), low + 0.05)
        builder.patch(corners, _cells(1.2, 1.2, lod, False), DECK, plain=True)
    _add_plant(builder, inner, low, lod, rng)


def _add_plant(
    builder: SheetBuilder, inner: Array, base: float, lod: float, rng: np.random.Generator
) -> None:
    """A lift house or ventilators on a flat roof, well behind its edge."""
    center = inner.mean(0)
    reach = float(np.linalg.norm(inner - center, axis=1).min())
    if reach < 4.5:
        return
    size = rng.uniform(0.25, 0.4) * reach
    corners = center + rng.normal(0.0, 0.05 * reach, 2) + (inner - center) / reach * size
    high = base + rng.uniform(1.2, 2.6)
    for i in range(len(corners)):
        pair = corners[[i, (i + 1) % len(corners)]]
        face = np.stack([*_lifted(pair, base), *_lifted(pair[::-1], high)])
        builder.patch(face, _cells(0.9, 0.9, lod, True), np.array([0.56, 0.56, 0.55]))


def _add_chimneys(
    builder: SheetBuilder,
    plan: FacadePlan,
    ridge_a: Array,
    ridge_b: Array,
    lod: float,
    rng: np.random.Generator,
) -> None:
    count = int(rng.integers(1, 3)) if lod < 6.0 else 1
    axis = (ridge_b - ridge_a) / max(np.linalg.norm(ridge_b - ridge_a), 1e-6)
    for share in rng.permutation([0.08, 0.5, 0.9])[:count]:
        foot = ridge_a + share * (ridge_b - ridge_a) + [0.0, 0.0, -0.6]
        yaw = np.arctan2(axis[1], axis[0])
        pose = np.eye(4)
        pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
        pose[:3, 3] = foot
        builder.extend(_chimney(plan.style == "plaster", max(lod, 1.0), builder.sharpness).transformed(pose))


@lru_cache(maxsize=16)
def _chimney(rendered: bool, lod: float, sharpness: Sharpness) -> Surfels:
    builder = SheetBuilder(np.random.default_rng(11), k=0.64, sharpness=sharpness)
    color = (0.72, 0.68, 0.62) if rendered else (0.45, 0.30, 0.25)
    builder.box((-0.5, -0.3, 0.0), (0.5, 0.3, 1.7), (0.34 * lod, 0.34 * lod), color, "xXyY", noise=0.05)
    builder.box((-0.56, -0.36, 1.7), (0.56, 0.36, 1.84), (0.4 * lod, 0.14), (0.5, 0.48, 0.45), "xXyYZ")
    if lod < 2.5:
        for x in (-0.28, 0.0, 0.28):
            builder.tube((x, 0.0, 1.84), (x, 0.0, 2.2), 0.1, 0.08, 0.18, 6, (0.55, 0.32, 0.24))
    return builder.build()


def _add_dormers(
    builder: SheetBuilder,
    plan: FacadePlan,
    start: Array,
    end: Array,
    above: float,
    slope: float,
    cover: Array,
    lod: float,
) -> None:
    """A row of dormer windows on the roof over a façade from ``start`` to ``end [2]``, feet ``above`` the eaves [m]."""
    length = float(np.linalg.norm(end - start))
    count = int((length - 1.2) / max(2.0 * plan.bay / 2.0, 2.4))
    if count < 1 or lod > 6.0:
        return
    along = (end - start) / length
    pose = np.eye(4)
    pose[:2, 0], pose[:2, 1] = along, [-along[1], along[0]]
    pose[:3, 3] = [*start, plan.height]
    xs = (np.arange(count) + 0.5) / count * length
    offsets = np.stack([xs, np.full(count, above / slope - 0.12), np.full(count, above - 0.12)], 1)
    cheek = tuple(float(value) for value in np.round(0.9 * plan.trim, 2))
    roof = tuple(float(value) for value in np.round(cover, 2))
    template = _dormer(cheek, roof, round(min(1.75 / slope + 0.2, 2.6), 1), lod, builder.sharpness)
    builder.extend(repeat_at(template, offsets).transformed(pose))


@lru_cache(maxsize=64)
def _dormer(trim: Color, cover: Color, deep: float, lod: float, sharpness: Sharpness) -> Surfels:
    """A dormer ``deep`` [m] from front to where it meets the roof, its sill's middle at the origin."""
    builder = SheetBuilder(np.random.default_rng(13), k=0.62, sharpness=sharpness)
    wide, high, rim = 1.2, 1.45, 0.14
    left = -wide / 2
    cell = 0.4 * lod
    ends = {"edge": 0.12 * lod, "growth": 2.6}
    for x in (left, -left - rim):
        builder.rect(x * RIGHT, RIGHT, UP, (0.0, rim), (0.0, high), (rim, cell), trim, sharp="bt", **ends)
    inside = (left + rim, -left - rim)
    for z in (0.0, high - rim):
        builder.rect(z * UP, RIGHT, UP, inside, (0.0, rim), (cell, rim), trim, sharp="lr", **ends)
    glass = {"sharp": "lrbt" if lod < 2.5 else "", "edge": 0.06 * lod, "gloss": 0.35}
    builder.rect(0.05 * INWARD, RIGHT, UP, inside, (rim, high - rim), 0.4 * lod, (0.19, 0.22, 0.25), **glass)
    builder.rect(
        0.02 * OUTWARD, RIGHT, UP, (-0.035, 0.035), (rim, high - rim), (0.07, cell), trim, sharp="bt", **ends
    )
    for x, side in ((left, -1.0), (-left, 1.0)):
        face = np.array([[x, 0, 0], [x, 0, high], [x, deep, high], [x, deep, high]], float)
        builder.patch(face, (0.6 * lod, 0.5 * lod), np.array(cover) * 0.9, normal=side * RIGHT)
    top = np.array(
        [
            [left - 0.12, -0.15, high],
            [-left + 0.12, -0.15, high],
            [-left + 0.12, deep, high + 0.1],
            [left - 0.12, deep, high + 0.1],
        ]
    )
    builder.patch(top, (0.6 * lod, 0.5 * lod), np.array(cover), normal=UP)
    builder.rect(
        high * UP + 0.15 * OUTWARD, RIGHT, UP, (left - 0.12, -left + 0.12), (0.0, 0.1), (cell, 0.1), trim
    )
    return builder.build()
