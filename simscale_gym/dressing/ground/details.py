"""Small things on the ground near the path: stones in the asphalt, cracks, manholes, drains, joints, blades of grass.

They are laid a few millimetres over the ground, which only suits what may come out weaker than its color.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cells import TAKEN, Line, even_pieces
from simscale_gym.dressing.ground.kerbs import HEIGHT, STONE
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, unit

Array = NDArray[np.float64]

SPECK_REACH, SPECK_DENSITY = 6.0, 8.0
BLADE_REACH, BLADE_DENSITY = 11.0, 9.0
"""Greatest distance from the path [m], and number on a square metre, of specks and of blades of grass."""

GRAIN_REACH, GRAIN_DENSITY = 5.0, 75.0
TURF_REACH, TURF_DENSITY = 9.0, 70.0
JOINT_REACH, SLAB, JOINT, FINE_JOINT = 14.0, 0.8, 0.014, 0.006
CRACK_SPACING, MANHOLE_SPACING, DRAIN_SPACING = 9.0, 23.0, 27.0
"""Along the path, or the kerb [m]."""


def add_details(
    builder: SurfelBuilder,
    terrain: Terrain,
    taken: GroundRaster,
    borders: Sequence[Line],
    *,
    fine: bool = False,
) -> None:
    """Add all of them; ``fine`` ones, too, that show in large pictures alone."""
    add_specks(builder, terrain, taken)
    add_cracks(builder, terrain, taken)
    add_manholes(builder, terrain, taken)
    add_drains(builder, terrain, borders)
    add_joints(builder, terrain, borders, half_width=FINE_JOINT if fine else JOINT)
    add_blades(builder, terrain)
    if fine:
        add_grains(builder, terrain, taken)
        add_turf(builder, terrain)


def add_specks(builder: SurfelBuilder, terrain: Terrain, taken: GroundRaster) -> None:
    """Lighter and darker stones in the asphalt."""
    points = _scatter(builder.rng, terrain, SPECK_REACH, SPECK_DENSITY)
    points = points[_bare_road(points, terrain, taken, 0.10)]
    count = len(points)
    size = builder.rng.uniform(0.008, 0.022, count)
    tone = 0.355 + builder.rng.choice([-0.16, 0.17, -0.10, 0.11], count)
    u, v = _turned(builder.rng.uniform(0.0, np.pi, count))
    sigmas = np.column_stack([1.8 * size, size, np.full(count, 0.004)])
    centers = np.column_stack([points, terrain.height(points) + 0.018])
    builder.add(
        centers, u, v, sigmas, np.repeat(tone[:, None], 3, 1), opacity=builder.rng.uniform(0.5, 0.95, count)
    )


def add_grains(builder: SurfelBuilder, terrain: Terrain, taken: GroundRaster) -> None:
    """The grain of asphalt and of paving."""
    rng = builder.rng
    points = _scatter(rng, terrain, GRAIN_REACH, GRAIN_DENSITY)
    surface = terrain.surfaces.at(points)
    for kind, tone, spread, height in (
        (Surface.ROAD, 0.35, 0.10, 0.0),
        (Surface.SIDEWALK, 0.57, 0.06, HEIGHT),
    ):
        on = points[surface == kind]
        on = on[_free(on, taken, 0.04)]
        count = len(on)
        size = rng.uniform(0.0025, 0.007, count)
        u, v = _turned(rng.uniform(0.0, np.pi, count))
        shade = tone + spread * rng.choice([-1.0, -0.6, 0.6, 1.0], count)
        # lower, the cells before it would cover it
        centers = np.column_stack([on, terrain.height(on) + height + 0.03])
        sigmas = np.column_stack([1.5 * size, size, np.full(count, 0.002)])
        builder.add(
            centers, u, v, sigmas, np.repeat(shade[:, None], 3, 1), opacity=rng.uniform(0.4, 0.9, count)
        )


def add_cracks(builder: SurfelBuilder, terrain: Terrain, taken: GroundRaster) -> None:
    """Sealed cracks: random walks, mostly along or across the lane."""
    rng, walks = builder.rng, []
    for start in _stations(rng, terrain, CRACK_SPACING):
        steps = int(rng.integers(14, 60))
        turn = np.cumsum(rng.normal(0.0, 0.26, steps)) * 0.7
        heading = start[2] + rng.choice([0.0, 0.5, 1.0]) * np.pi + rng.normal(0.0, 0.25) + turn
        place = start[:2] + rng.uniform(-4.0, 4.0) * np.array([-np.sin(start[2]), np.cos(start[2])])
        points = place + 0.13 * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
        walks.append(np.column_stack([points, heading]))
    if not walks:
        return
    walk = np.concatenate(walks)
    walk = walk[_bare_road(walk[:, :2], terrain, taken, 0.12)]
    u, v = _turned(walk[:, 2])
    centers = np.column_stack([walk[:, :2], terrain.height(walk[:, :2]) + 0.006])
    builder.add(centers, u, v, [0.085, 0.016, 0.004], (0.20, 0.20, 0.205), opacity=0.75)


def add_manholes(builder: SurfelBuilder, terrain: Terrain, taken: GroundRaster) -> None:
    """Round covers: dark rim, lighter plate."""
    rng = builder.rng
    for start in _stations(rng, terrain, MANHOLE_SPACING):
        place = start[:2] + rng.uniform(-2.2, 2.2) * np.array([-np.sin(start[2]), np.cos(start[2])])
        around = place + 0.45 * np.stack([np.cos(np.arange(8)), np.sin(np.arange(8))], 1)
        if not _bare_road(around, terrain, taken, 0.12).all():
            continue
        z = float(terrain.height(place[None])[0]) + 0.008
        axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        builder.disc((*place, z), *axes, 0.29, 4, (0.27, 0.265, 0.26), noise=0.10, opacity=0.95)
        builder.disc((*place, z), *axes, 0.34, 1, (0.15, 0.15, 0.155), inner=0.29, opacity=0.95)


def add_drains(builder: SurfelBuilder, terrain: Terrain, borders: Sequence[Line]) -> None:
    """Gratings in the gutter."""
    for line in borders:
        s = np.arange(builder.rng.uniform(4.0, DRAIN_SPACING), line.length - 1.0, DRAIN_SPACING)
        if not len(s):
            continue
        s = s[terrain.distance(line.at(s)) < JOINT_REACH]
        bars = (s[:, None] + np.linspace(-0.2, 0.2, 6)[None]).ravel()
        for boxes, tone in (
            (line.boxes(s - 0.26, s + 0.26, 0.03, 0.37), 0.13),
            (line.boxes(bars - 0.02, bars + 0.02, 0.06, 0.34), 0.30),
        ):
            _flat(builder, boxes, terrain, 0.008 if tone < 0.2 else 0.014, (tone, tone, tone), 0.9)


def add_joints(
    builder: SurfelBuilder, terrain: Terrain, borders: Sequence[Line], *, half_width: float
) -> None:
    """Joints between the slabs of sidewalks, in rows along the kerb."""
    boxes = []
    for line in borders:
        low, high = even_pieces(np.zeros(1), np.array([line.length]), SLAB)
        near = terrain.distance(line.at((low + high) / 2)) < JOINT_REACH
        low, high = low[near], high[near]
        for row in range(5):
            far = -STONE - SLAB * (row + 1)
            boxes.append(line.boxes(low, high, far - half_width, far + half_width))
            boxes.append(line.boxes(low - half_width, low + half_width, far, far + SLAB))
    if not boxes:
        return
    joined = np.concatenate(boxes)
    on_walk = terrain.surfaces.at(joined[:, :2]) == Surface.SIDEWALK
    _flat(builder, joined[on_walk & (joined[:, 3] > 0.0)], terrain, HEIGHT + 0.005, (0.40, 0.385, 0.36), 0.62)


def add_turf(builder: SurfelBuilder, terrain: Terrain) -> None:
    """Thin blades between the tufts."""
    _add_grass(builder, terrain, _scatter(builder.rng, terrain, TURF_REACH, TURF_DENSITY), 0.007, 0.75)


def add_blades(builder: SurfelBuilder, terrain: Terrain) -> None:
    """Tufts that break up the edge and the sheen of grass."""
    _add_grass(builder, terrain, _scatter(builder.rng, terrain, BLADE_REACH, BLADE_DENSITY), 0.03, 1.0)


def _add_grass(builder: SurfelBuilder, terrain: Terrain, points: Array, width: float, share: float) -> None:
    """Blades at those of ``points [N, 2]`` where grass grows, ``width`` [m] wide and ``share`` of the usual height."""
    rng = builder.rng
    surface = terrain.surfaces.at(points)
    points = points[(surface == Surface.GRASS) | (surface == Surface.NEUTRAL)]
    count = len(points)
    tall = share * rng.uniform(0.025, 0.075, count)
    up = unit(np.column_stack([rng.normal(0.0, 0.25, (count, 2)), np.ones(count)]))
    across = unit(
        np.cross(
            up,
            np.column_stack(
                [*np.array(_turned(rng.uniform(0, 2 * np.pi, count))[0])[:, :2].T, np.zeros(count)]
            ),
        )
    )
    albedo = np.array([0.25, 0.32, 0.14]) + rng.uniform(0.0, 1.0, (count, 1)) * np.array([0.11, 0.11, 0.06])
    centers = np.column_stack([points, terrain.height(points) + HEIGHT + 0.8 * tall])
    sigmas = np.column_stack([np.full(count, width), 0.8 * tall, np.full(count, min(width, 0.01))])
    builder.add(centers, across, up, sigmas, albedo, normal=(0.0, 0.0, 1.0), opacity=0.85)


def _scatter(rng: np.random.Generator, terrain: Terrain, reach: float, density: float) -> Array:
    """Random places ``[N, 2]`` within ``reach`` [m] of the path, ``density`` of them on a square metre."""
    low, high = terrain.path.min(0) - reach, terrain.path.max(0) + reach
    tiles = np.ceil((high - low) / 8.0).astype(int)
    corners = low + 8.0 * np.stack(np.meshgrid(*(np.arange(n) for n in tiles), indexing="ij"), -1).reshape(
        -1, 2
    )
    corners = corners[terrain.distance(corners + 4.0) < reach + 5.7]
    each = int(density * 64.0)
    points = (corners[:, None] + rng.uniform(0.0, 8.0, (len(corners), each, 2))).reshape(-1, 2)
    return points[terrain.distance(points) < reach]


def _stations(rng: np.random.Generator, terrain: Terrain, spacing: float) -> Array:
    """Poses ``[N, 3]`` at random along the path, about ``spacing`` [m] apart."""
    count = max(1, int(len(terrain.path) / spacing))
    index = np.sort(rng.integers(0, max(len(terrain.path) - 1, 1), count))
    step = terrain.path[np.minimum(index + 1, len(terrain.path) - 1)] - terrain.path[index]
    return np.column_stack([terrain.path[index], np.arctan2(step[:, 1], step[:, 0])])


def _bare_road(points: Array, terrain: Terrain, taken: GroundRaster, margin: float) -> NDArray[np.bool_]:
    return (terrain.surfaces.at(points) == Surface.ROAD) & _free(points, taken, margin)


def _free(points: Array, taken: GroundRaster, margin: float) -> NDArray[np.bool_]:
    boxes = np.column_stack([points, np.zeros(len(points)), np.full((len(points), 2), 2.0 * margin)])
    return taken.share(boxes, TAKEN) == 0.0


def _turned(angle: Array) -> tuple[Array, Array]:
    zero = np.zeros(len(angle))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos, sin, zero], 1), np.stack([-sin, cos, zero], 1)


def _flat(
    builder: SurfelBuilder, boxes: Array, terrain: Terrain, z: float, color: tuple[float, ...], opacity: float
) -> None:
    u, v = _turned(boxes[:, 2])
    centers = np.column_stack([boxes[:, :2], terrain.height(boxes[:, :2]) + z])
    sigmas = np.column_stack([0.5 * boxes[:, 3:5], np.full(len(boxes), 0.004)])
    builder.add(centers, u, v, sigmas, color, opacity=opacity)
