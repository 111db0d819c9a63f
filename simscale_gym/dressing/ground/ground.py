"""The ground of a scene out of surfels: road, paint, kerbs, sidewalks, grass, out to the horizon.

Flat layers in one plane cannot be stacked (splats are sorted by their centres), so the ground is a partition:
paint and kerbs lie in cells along their own edges, fine "skirt" cells of the surrounding ground follow those
edges, and a quadtree that coarsens with the distance from the ego's path fills what is left. What is left is read
off a raster into which every cell is drawn as it is laid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.ground.cell_cutting import cut_finer, pixel_size
from simscale_gym.dressing.ground.cells import NEAR, SKIRT, TAKEN, Cells, Layer, split_lengthwise
from simscale_gym.dressing.ground.colors import ground_albedo
from simscale_gym.dressing.ground.details import add_details
from simscale_gym.dressing.ground.kerbs import HEIGHT, Kerbs, border_lines, lay_kerbs
from simscale_gym.dressing.ground.markings import lane_lines, paint_lines
from simscale_gym.dressing.ground.raster import GroundRaster
from simscale_gym.dressing.ground.road_patterns import (
    arrow_patterns,
    lay_patterns,
    stop_and_crossing_patterns,
)
from simscale_gym.dressing.ground.terrain import DETAIL_REACH, PAINTS, REACH, Surface, Terrain
from simscale_gym.dressing.light.visibility import seen_raster
from simscale_gym.dressing.surfels.surfels import SurfelBuilder, Surfels
from simscale_gym.scene import Scene

Array = NDArray[np.float64]

BASE_CELL = 0.30
"""Cell of the ground beside the path [m]."""

CELL_REACH = (9.0, 25.0, 56.0, 115.0, 190.0, 300.0, 420.0)
"""Distances from the path [m] up to which cells have 1, 2, 4, ... times the base size."""

EXTENT = 520.0
"""The ground ends this far from the path [m]; haze has taken it by then."""

HIDDEN_CELL = 2.4
"""Cell of the ground that buildings hide from the path [m]."""

MIXED_REACH = 80.0
"""Cells within this distance of the path [m] are split where the kind of ground changes."""

UNDERLAY_REACH, UNDERLAY_CELL, UNDERLAY_DEPTH = 26.0, 1.2, 0.6
"""A second ground under the first [m] closes the view through the joints of the grid."""


def ground_surfels(
    scene: Scene,
    terrain: Terrain,
    rng: np.random.Generator,
    seed: int,
    *,
    detail: float = 1.0,
    focal: float = 0.0,
) -> Surfels:
    """Everything flat, with the road at the height of the path.

    Args:
        scene: The scene, of which the map is read.
        terrain: The plan of the ground.
        rng: Source of jitter and noise.
        seed: Seed of the fields that color varies with.
        detail: Scales the distances up to which cells keep each size.
        focal: Focal length of cameras for which cells are cut finer [px]; 0 for none.
    """
    taken = GroundRaster.over(
        terrain.path.min(0) - DETAIL_REACH - 8, terrain.path.max(0) + DETAIL_REACH + 8, 0.05
    )
    kerbs = lay_kerbs(terrain, taken, fine=focal > 0.0)
    patterns = [*stop_and_crossing_patterns(scene.map), *arrow_patterns(scene.map)]
    layers = [lay_patterns(patterns, terrain, taken, focal)]
    layers.append(paint_lines(lane_lines(scene.map), terrain, taken))
    skirts = _lay_skirts(layers, kerbs, terrain, taken)
    fill = fill_quadtree(terrain, taken, detail, focal)
    raised = [layer.raised for layer in layers]
    laid = [kerbs.stones, layers[0].solid, layers[1].solid, *raised, skirts]
    if focal:
        fill = cut_finer(fill, terrain.distance(fill.boxes[:, :2]), focal, graded=False)
        others = Cells.concatenate(
            [kerbs.stones, layers[1].solid, *raised, skirts]
        )  # patterns are cut already
        laid = [layers[0].solid, cut_finer(others, terrain.distance(others.boxes[:, :2]), focal, graded=True)]
    builder = SurfelBuilder(rng)
    _add_cells(builder, Cells.concatenate(laid), terrain, seed, k=0.56, noise=0.015)
    _add_cells(builder, fill, terrain, seed, k=0.58, noise=0.035, jitter=0.10)
    _add_underlay(builder, terrain, seed)
    _add_faces(builder, kerbs, terrain, seed, fine=focal > 0.0)
    add_details(builder, terrain, taken, border_lines(terrain), fine=focal > 0.0)
    return builder.build()


def _lay_skirts(layers: list[Layer], kerbs: Kerbs, terrain: Terrain, taken: GroundRaster) -> Cells:
    """Claim skirt cells on free ground, inner columns first; those that straddle paint are cut smaller."""
    parts = []
    for column in range(4):
        road = [
            c[column] for c in (*(layer.skirts for layer in layers), kerbs.road_skirts) if column < len(c)
        ]
        walk = [kerbs.walk_skirts[column]] if column < len(kerbs.walk_skirts) else []
        for group, on_road in ((road, True), (walk, False)):
            if not group:
                continue
            boxes = _claim(np.concatenate(group), taken)
            surface = terrain.surfaces.at(boxes[:, :2])
            is_road = surface == Surface.ROAD
            if on_road:
                parts.append(Cells.of(boxes[is_road], Surface.ROAD))
            else:
                surface = np.where(is_road, Surface.SIDEWALK, surface)
                parts.append(Cells.of(boxes, surface, HEIGHT))
    return Cells.concatenate(parts)


def _claim(boxes: Array, taken: GroundRaster) -> Array:
    boxes = boxes[boxes[:, 3] > 0.01]
    clash = taken.share(boxes, TAKEN) > 0.02
    boxes = np.concatenate([boxes[~clash], split_lengthwise(boxes[clash], 4)])
    free = taken.share(boxes, TAKEN) <= 0.34
    boxes = boxes[free]
    return boxes[taken.claim(boxes, SKIRT, 0.55, SKIRT)]


def fill_quadtree(terrain: Terrain, taken: GroundRaster, detail: float = 1.0, focal: float = 0.0) -> Cells:
    """Square cells on all free ground; small near the path and where the kind of ground changes."""
    root = BASE_CELL * 2 ** len(CELL_REACH)
    # farther away no cell as small as HIDDEN_CELL would be split, seen or not; by so much the raster's cells lie off
    hideable = CELL_REACH[round(np.log2(HIDDEN_CELL / BASE_CELL)) - 1] * detail
    seen = seen_raster(terrain, max(hideable, MIXED_REACH) + 2.0 * HIDDEN_CELL)
    low, high = terrain.path.min(0) - EXTENT, terrain.path.max(0) + EXTENT
    axes = (np.arange(a, b, root) + root / 2 for a, b in zip(low, high, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    done, size, finest = [], root, -4 if focal else -2
    for level in range(len(CELL_REACH), finest - 1, -1):
        distance = np.maximum(terrain.distance(points) - 0.7 * size, 0.0)
        if level == len(CELL_REACH):
            keep = distance < EXTENT
            points, distance = points[keep], distance[keep]
        bare = terrain.surfaces.at(points) == Surface.NEUTRAL
        reach = np.where(bare, 1.8 * distance, distance) / detail
        wanted = np.searchsorted(CELL_REACH, reach, side="right")
        hidden = (seen.at(points) == 0) & (distance < REACH) & (size <= HIDDEN_CELL)
        wanted = np.where(hidden, level, wanted)
        split = wanted < level
        mixed = ~split & (distance < MIXED_REACH) & ~hidden
        split[mixed] = _is_mixed(points[mixed], distance[mixed], size, terrain, taken, focal)
        if level == finest:
            split[:] = False
        done.append(np.column_stack([points[~split], np.full((~split).sum(), size)]))
        quarter = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * size / 4
        points, size = (points[split][:, None] + quarter).reshape(-1, 2), size / 2
    leaves = np.concatenate(done)
    boxes = np.column_stack([leaves[:, :2], np.zeros(len(leaves)), leaves[:, 2], leaves[:, 2]])
    surface = terrain.surfaces.at(boxes[:, :2])
    keep = (taken.share(boxes, TAKEN | SKIRT) < 0.5) & (surface != Surface.BUILDING)
    surface = surface[keep]
    return Cells.of(boxes[keep], surface, np.where(surface == Surface.ROAD, 0.0, HEIGHT))


def _is_mixed(
    points: Array, distance: Array, size: float, terrain: Terrain, taken: GroundRaster, focal: float
) -> NDArray:
    """Cells worth a split: those that straddle laid cells, or two kinds of ground."""
    laid_limit = np.where(distance < NEAR, 0.16, 0.31)
    kind_limit = np.select([distance < NEAR, distance < 30.0], [0.16, 0.31], 0.4 + 0.015 * distance)
    if focal:
        kind_limit = np.minimum(kind_limit, 6.0 * pixel_size(distance, focal))
    boxes = np.column_stack([points, np.zeros(len(points)), np.full((len(points), 2), size)])
    share = taken.share(boxes, TAKEN | SKIRT)
    corners = points[:, None] + 0.45 * size * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1], [0, 0]])
    kinds = terrain.surfaces.at(corners)
    differ = (kinds != kinds[:, :1]).any(1) & (share < 0.98)
    straddles = (share > 0.02) & (share < 0.98)
    return (straddles & (size > laid_limit)) | (differ & (size > kind_limit))


def _add_cells(
    builder: SurfelBuilder,
    cells: Cells,
    terrain: Terrain,
    seed: int,
    *,
    k: float,
    noise: float,
    jitter: float = 0.0,
) -> None:
    x, y, heading, length, width = cells.boxes.T
    count = len(cells)
    points = np.stack([x, y], 1)
    if jitter:
        points = points + builder.rng.uniform(-jitter, jitter, (count, 2)) * np.minimum(length, 0.6)[:, None]
    albedo = ground_albedo(points, cells.surface, terrain, seed)
    rough = np.where((cells.surface == Surface.GRASS) | (cells.surface == Surface.NEUTRAL), 1.7, 1.0)
    albedo *= 1.0 + noise * rough[:, None] * builder.rng.standard_normal((count, 1))
    cos, sin, zero = np.cos(heading), np.sin(heading), np.zeros(count)
    centers = np.column_stack([points, cells.z + terrain.height(points)])
    spread = np.where(length > 1.0, max(k, 0.64), k)  # coarse cells have no underlay
    spread = np.where(np.isin(cells.surface, PAINTS), max(k, 0.60), spread)  # dark joints would show in white
    sigmas = np.stack([spread * length, spread * width], 1)
    occlusion = _openness(points, cells.surface, terrain)
    u, v = np.stack([cos, sin, zero], 1), np.stack([-sin, cos, zero], 1)
    builder.add(centers, u, v, sigmas, albedo, normal=(0.0, 0.0, 1.0), occlusion=occlusion)


def _openness(points: Array, surface: NDArray[np.uint8], terrain: Terrain) -> Array:
    """Less sky at the foot of buildings."""
    count = np.zeros(len(points))
    for angle in np.arange(8) * np.pi / 4:
        for radius in (0.7, 1.8):
            beside = points + radius * np.array([np.cos(angle), np.sin(angle)])
            count += terrain.surfaces.at(beside) == Surface.BUILDING
    return 1.0 - 0.45 * np.minimum(count / 6.0, 1.0)


def _add_underlay(builder: SurfelBuilder, terrain: Terrain, seed: int) -> None:
    low, high = terrain.path.min(0) - UNDERLAY_REACH, terrain.path.max(0) + UNDERLAY_REACH
    axes = (np.arange(a, b, UNDERLAY_CELL) for a, b in zip(low, high, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    surface = terrain.surfaces.at(points)
    keep = (terrain.distance(points) < UNDERLAY_REACH) & (surface != Surface.BUILDING)
    boxes = np.column_stack([points, np.zeros(len(points)), np.full((len(points), 2), UNDERLAY_CELL)])[keep]
    _add_cells(builder, Cells.of(boxes, surface[keep], -UNDERLAY_DEPTH), terrain, seed, k=0.7, noise=0.0)


def _add_faces(builder: SurfelBuilder, kerbs: Kerbs, terrain: Terrain, seed: int, *, fine: bool) -> None:
    x, y, heading, length, height = kerbs.faces.T
    points, count = np.stack([x, y], 1), len(x)
    albedo = 0.93 * ground_albedo(points, np.full(count, Surface.KERB, np.uint8), terrain, seed)
    cos, sin, zero = np.cos(heading), np.sin(heading), np.zeros(count)
    centers = np.column_stack([points, kerbs.face_z + terrain.height(points)])
    k = 0.66 if fine else 0.6  # many short cells: their joints would show as a grid
    sigmas = np.stack([k * length, k * height], 1)
    occlusion = np.clip(0.55 + 2.5 * kerbs.face_z, 0.0, 0.9)
    u, normal = np.stack([cos, sin, zero], 1), np.stack([-sin, cos, zero], 1)
    builder.add(centers, u, (0.0, 0.0, 1.0), sigmas, albedo, normal=normal, occlusion=occlusion)
