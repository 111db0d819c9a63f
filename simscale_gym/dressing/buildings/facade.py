"""Buildings out of surfels: a façade on every footprint edge that faces a street, plain walls elsewhere, a roof."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.buildings.facade_plan import CORNICE_HEIGHT, FacadePlan, plan_facade
from simscale_gym.dressing.buildings.facade_relief import (
    QUOIN_WIDTH,
    STRING_HEIGHT,
    add_cornice,
    add_downpipe,
    add_quoins,
    add_strings,
    balconies_at,
)
from simscale_gym.dressing.buildings.facade_rows import Row, ground_row, string_levels, upper_rows
from simscale_gym.dressing.buildings.masonry import sky_openness, wall_color
from simscale_gym.dressing.buildings.opening import (
    INWARD,
    OUTWARD,
    RIGHT,
    UP,
    opening_template,
    outline,
    set_openings,
)
from simscale_gym.dressing.buildings.roof import (
    MANSARD_RISE,
    PARAPET,
    inset_polygon,
    ridge,
    roof_shape,
    roof_surfels,
)
from simscale_gym.dressing.buildings.storefront import add_storefront
from simscale_gym.dressing.light.occluders import Occluders
from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.sheets import SheetBuilder
from simscale_gym.dressing.surfels.surfels import Surfels
from simscale_gym.geometry.polyline import Array
from simscale_gym.scene.shapes import Building

PLINTH = 0.48  # height of the plinth [m]
BACKING_DEPTH = 2.5  # of the layer that closes leaks behind the windows' plane [m]
MIN_FACADE = 2.6  # shorter edges stay plain [m]
STOREY_COARSER = 0.6  # the level of detail rises by so much from storey to storey
ROOF_COARSER = 0.05  # and at the roof for each metre of height
SHADOW_INSET = 0.3  # of the shadow caster behind the walls, so that frames and glass stand in the sun [m]


def building_surfels(
    building: Building,
    *,
    lod: float = 1.0,
    visible_edges: NDArray[np.bool_] | None = None,
    sharpness: Sharpness = AS_ASKED,
) -> Surfels:
    """Makes a building; its ``height`` is that of the walls, a pitched roof comes on top.

    Args:
        building: Footprint, height, style, seed.
        lod: 1 within about 15 m of the driven path; larger is coarser.
        visible_edges: Whether an edge ``[K]`` (edge i runs from corner i to i + 1) faces a street; None for all. The
            others become plain walls.
        sharpness: Limits of the cells at eye level.
    """
    rng = np.random.default_rng(building.seed)
    plan = plan_facade(building, rng)
    footprint = np.asarray(building.footprint, float)
    visible = np.ones(len(footprint), bool) if visible_edges is None else np.asarray(visible_edges, bool)
    ends = np.roll(footprint, -1, axis=0)
    lengths = np.linalg.norm(ends - footprint, axis=1)
    visible = visible & (lengths >= MIN_FACADE)
    parts = []
    for i, (start, end) in enumerate(zip(footprint, ends, strict=True)):
        turning = (bool(visible[i - 1]), bool(visible[(i + 1) % len(footprint)]))
        edge_rng = np.random.default_rng([building.seed, i])
        if visible[i]:
            local = _facade(plan, float(lengths[i]), turning, lod, sharpness, edge_rng)
        else:
            local = _plain_wall(plan, float(lengths[i]), lod, sharpness, edge_rng)
        parts.append(local.transformed(edge_pose(start, end)))
    top = sharpness.above(1.4 * plan.height)  # from nearer, walls hide it
    parts.append(roof_surfels(plan, footprint, visible, lod + ROOF_COARSER * plan.height, rng, top))
    return Surfels.concatenate(parts)


def building_occluders(building: Building, *, visible_edges: NDArray[np.bool_] | None = None) -> Occluders:
    """What a building shades: its walls, moved in a little so that windows in their recesses can stand in the sun."""
    plan = plan_facade(building, np.random.default_rng(building.seed))
    footprint = np.asarray(building.footprint, float)
    inner = inset_polygon(footprint, SHADOW_INSET)
    shape = roof_shape(plan, footprint)
    top = plan.height + {"flat": PARAPET, "mansard": MANSARD_RISE, "pitched": 0.0}[shape]
    if shape == "mansard":
        inner_top = inset_polygon(footprint, 1.0)
        return Occluders.concatenate(
            [Occluders.prism(inner, -0.5, plan.height), Occluders.prism(inner_top, plan.height, top)]
        )
    parts = [Occluders.prism(inner, -0.5, top - 0.05)]
    if shape == "pitched":
        visible = np.ones(4, bool) if visible_edges is None else np.asarray(visible_edges, bool)
        _, (a, b), _ = ridge(plan, footprint, visible)
        steps = np.linspace(0.0, 1.0, 6)[1:]
        center, nearest = (a + b)[:2] / 2, _nearest(footprint, a[:2], b[:2])
        for low, high in pairwise(steps):
            ring = footprint + low * (nearest - footprint)
            ring = center + (ring - center) * 0.96
            z = plan.height + low * (a[2] - plan.height)
            parts.append(Occluders.prism(ring, z - 0.7, z + 0.5 * (high - low) * (a[2] - plan.height) - 0.4))
    return Occluders.concatenate(parts)


def _nearest(points: Array, a: Array, b: Array) -> Array:
    """The nearer of two places, ``a`` or ``b``, for each of ``points [K, 2]``: ``[K, 2]``."""
    first = np.linalg.norm(points - a, axis=1) < np.linalg.norm(points - b, axis=1)
    return np.where(first[:, None], a, b)


def edge_pose(start: Array, end: Array) -> Array:
    """Façade frame (x along the edge, y into the building, z up) to scene, ``[4, 4]``."""
    along = (end - start) / np.linalg.norm(end - start)
    pose = np.eye(4)
    pose[:2, 0], pose[:2, 1], pose[:2, 3] = along, [-along[1], along[0]], start
    return pose


def _plain_wall(
    plan: FacadePlan, length: float, lod: float, sharpness: Sharpness, rng: np.random.Generator
) -> Surfels:
    builder = SheetBuilder(rng, k=0.62, sharpness=sharpness)
    color = wall_color(0.95 * plan.wall, plan.style, plan.height, int(rng.integers(1 << 16)))
    # Sharp ends: a coarse wall would reach far over the roof and round the corner.
    options = {
        "occlusion": sky_openness,
        "sharp": "lrt",
        "edge": 0.10 * max(lod, 1.0),
        "growth": 3.0,
        "plain": True,
    }
    builder.rect(
        0 * UP, RIGHT, UP, (0.0, length), (0.0, plan.height), 1.5 * max(1.0, lod**0.5), color, **options
    )
    return builder.build()


def _facade(
    plan: FacadePlan,
    length: float,
    turning: tuple[bool, bool],
    lod: float,
    sharpness: Sharpness,
    rng: np.random.Generator,
) -> Surfels:
    """A façade in its own frame; ``turning`` says whether the walls before and after it have façades too."""
    builder = SheetBuilder(rng, k=0.56 if lod < 6.0 else 0.66, sharpness=sharpness)
    shop = plan.shop and length > 4.0
    rows = upper_rows(plan, length, rng)
    base = 0.0
    if shop:
        add_storefront(builder, plan, length, lod, rng)
        base = plan.ground
    else:
        rows = ground_row(plan, length, rng) + rows
    for opening, corners, level in rows:
        template = opening_template(opening, _detail(lod, level), sharpness.above(level * plan.storey))
        builder.extend(set_openings(template, corners, rng))
    strings = string_levels(plan, rows, shop) if plan.strings and lod < 6.0 else []
    add_strings(builder, plan, strings, length, lod)
    _add_wall(builder, plan, length, rows, (base, strings), lod, rng)
    add_cornice(builder, plan, length, lod)
    _add_extras(builder, plan, length, rows, shop, lod, rng)
    if lod < 6.0:
        _add_backing(builder, plan, length, turning, lod)
    return builder.build()


def _detail(lod: float, storey: int) -> float:
    """Level of detail of an opening: cameras look level, and see the upper storeys from farther away only."""
    return round(4.0 * (lod + STOREY_COARSER * storey)) / 4.0


def _add_wall(
    builder: SheetBuilder,
    plan: FacadePlan,
    length: float,
    rows: list[Row],
    base: tuple[float, list[float]],
    lod: float,
    rng: np.random.Generator,
) -> None:
    """The wall around the openings, cut into slabs at their upper and lower edges."""
    low, strings = base
    gloss = 0.25 if plan.style == "glass" else 0.0
    top = plan.height - CORNICE_HEIGHT
    color = wall_color(plan.wall, plan.style, plan.height, int(rng.integers(1 << 16)))
    edge = QUOIN_WIDTH if plan.quoins and lod < 3.0 and length > 6.0 else 0.0
    if edge:
        add_quoins(builder, plan, max(low, PLINTH), length, lod)
    holes = []
    for opening, corners, level in rows:
        side, above = outline(opening, _detail(lod, level))
        holes += [(x - side, x + opening.width + side, z, z + opening.height) for x, z in corners]
        if above:
            holes += [
                (x - above, x + opening.width + above, z + opening.height, z + opening.height + above)
                for x, z in corners
            ]
    holes += [(0.0, length, z, z + STRING_HEIGHT) for z in strings]
    levels = {low, top, *(v for hole in holes for v in hole[2:])} | ({PLINTH} if low < PLINTH else set())
    marks = sorted(level for level in levels if low <= level <= top)
    for bottom, upper in pairwise(marks):
        if upper - bottom < 0.03:
            continue
        middle = (bottom + upper) / 2
        cuts = sorted((a, b) for a, b, c, d in holes if c < middle < d)
        plinth = middle < PLINTH
        ends = (0.0, length) if plinth else (edge, length - edge)
        pieces = _gaps(cuts, *ends)
        paint = wall_color(plan.base, "concrete", plan.height, 3) if plinth else color
        spot = (0.03 if plinth else 0.0) * OUTWARD
        high = lod + STOREY_COARSER / 3.0 * middle
        sharp = "" if lod >= 6.0 else "lr" + ("bt" if not cuts else "")
        for left, right in pieces:
            cell = (0.55 * lod, (0.42 if plan.style == "brick" else 0.55) * lod)
            options = {
                "sharp": sharp,
                "edge": 0.038 * high,
                "growth": 2.3,
                "occlusion": sky_openness,
                "gloss": gloss,
            }
            options["seams"] = "bt" if cuts else ""
            builder.rect(spot, RIGHT, UP, (left, right), (bottom, upper), cell, paint, **options)


def _gaps(cuts: list[tuple[float, float]], low: float, high: float) -> list[tuple[float, float]]:
    """What is left of ``low .. high`` beside the cuts."""
    pieces, at = [], low
    for left, right in cuts:
        if left > at + 0.02:
            pieces.append((at, min(left, high)))
        at = max(at, right)
    if high > at + 0.02:
        pieces.append((at, high))
    return pieces


def _add_extras(
    builder: SheetBuilder,
    plan: FacadePlan,
    length: float,
    rows: list[Row],
    shop: bool,
    lod: float,
    rng: np.random.Generator,
) -> None:
    """Balconies, a downpipe, a step before the door."""
    if lod < 4.0:
        french = [(o, c) for o, c, level in rows if level and o.height > plan.window.height + 0.2]
        if french:
            corners = np.concatenate([c + np.array([o.width / 2, 0.0]) for o, c in french])
            builder.extend(balconies_at(corners, 0.95 * plan.trim, lod, builder.sharpness))
    if lod < 2.5 and plan.style not in ("glass", "concrete") and not shop and length > 5.0:
        add_downpipe(builder, plan, 0.25 if rng.random() < 0.5 else length - 0.25, lod)
    for opening, corners, _ in rows:
        if opening.panel and lod < 4.0:
            x = float(corners[0, 0])
            low, high = (x - 0.15, -0.35, 0.0), (x + opening.width + 0.15, 0.2, 0.26)
            builder.box(low, high, (0.4 * lod, 0.2 * lod), (0.58, 0.57, 0.54), "xXyZ")


def _add_backing(
    builder: SheetBuilder, plan: FacadePlan, length: float, turning: tuple[bool, bool], lod: float
) -> None:
    """A coarse layer behind the façade that light leaking between its surfels falls on."""
    # Beside a corner façade it keeps clear of that one's wall by three standard deviations.
    left, right = (2.2 if turning[0] else 1.0), length - (2.2 if turning[1] else 1.0)
    if right - left < 0.8 or plan.height < 2.0:
        return
    cell = 1.0 * max(1.0, lod**0.4)
    options = {"k": 0.7, "emissive": 2.0, "occlusion": 0.95, "noise": 0.0, "normal": OUTWARD, "seams": "lrbt"}
    spot = BACKING_DEPTH * INWARD
    builder.rect(spot, RIGHT, UP, (left, right), (0.0, plan.height - 0.6), cell, 0.9 * plan.wall, **options)
