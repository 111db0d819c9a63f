"""The static look of a scene that has no trained Gaussians: made from its map, its side shapes and its ego log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simscale_gym.dressing.buildings.facade import building_occluders, building_surfels
from simscale_gym.dressing.furniture.fixture import fixture_surfels
from simscale_gym.dressing.furniture.tree import tree_occluders, tree_surfels
from simscale_gym.dressing.ground.decks import decks
from simscale_gym.dressing.ground.ground import ground_surfels
from simscale_gym.dressing.ground.terrain import Surface, Terrain
from simscale_gym.dressing.light.bake import Sunlight, bake
from simscale_gym.dressing.light.occluders import Occluders, sun_visibility
from simscale_gym.dressing.light.sky import Sky, make_sky
from simscale_gym.dressing.light.skyline import with_skyline
from simscale_gym.dressing.light.visibility import seen_from_path
from simscale_gym.dressing.surfels.sharpness import Sharpness
from simscale_gym.dressing.surfels.surfels import Surfels
from simscale_gym.scene import Building, Fixture, RoadMap, Scene, Shapes, Tree
from simscale_gym.scene.derived import derived
from simscale_gym.splats.gaussians import Gaussians

Array = NDArray[np.float64]

FULL_DETAIL = 12.0
"""Things within this distance of the ego's path are built in full; beyond, coarser in proportion [m]."""

BUILDING_REACH, TREE_REACH, FIXTURE_REACH = 180.0, 120.0, 90.0
"""Farther from the path [m] nothing of the kind is built."""

COARSEST = 7.0

THINNING = (40.0, 75.0)
"""Beyond each of these distances a tree keeps one surfel fewer in every few: half, a third [m]."""

PEEK_HEIGHT = 13.0
"""A building of which no wall is seen is built where it may look over the others: near, or this high [m]."""

TREE_COARSENESS = 2.1
"""Trees take the most Gaussians for what they show: begin with a coarser one."""

LEAVES_FOCAL = 2400.0
"""Focal length [px] at which a tree has twice the leaves."""


@dataclass(frozen=True, eq=False)
class StaticLook:
    """Everything of a scene that does not move, lit.

    Attributes:
        gaussians: Everything but the sky.
        sky: The sky behind everything.
        light: The light that it was lit with; things that move are lit with the same.
        occluders: The shapes that cast shadows.
        terrain: The plan of the ground that it was laid on.
    """

    gaussians: Gaussians
    sky: Sky
    light: Sunlight
    occluders: Occluders
    terrain: Terrain

    def sun_at(self, points: ArrayLike, size: float = 1.0) -> NDArray[np.float32]:
        """Share ``[N]`` of the sun that reaches things about ``size`` [m] wide at ``points [N, 3]``."""
        points = np.asarray(points, np.float32).reshape(-1, 3)
        axes = (np.tile(np.eye(3, dtype=np.float32)[i], (len(points), 1)) for i in (0, 1, 2))
        sigmas = np.full((len(points), 3), size / 2, np.float32)
        return sun_visibility(points, *axes, sigmas, self.occluders, self.light.direction)


def dress_static(scene: Scene, shapes: Shapes, *, detail: float = 0.75, focal: float = 0.0) -> StaticLook:
    """Build and light the street around the log of ``scene``.

    Detail falls with the distance from the logged path, never with the camera's place: nothing changes shape while
    the ego drives. The same scene gives the same Gaussians in every process.

    Args:
        scene: The scene, of which map and ego log are read.
        shapes: What stands beside its roads (``scene.shapes``, or what was inferred for it).
        detail: Scales the distance up to which things are built in full: 0.75 suits images 256 pixels wide, 1 suits
            640, 2 suits 1920.
        focal: Focal length [px] of cameras for which borders and textures are cut finer (see :class:`Sharpness`); 0
            for none.
    """
    seed = _seed(scene.log_id)
    terrain = Terrain.of(scene, shapes)
    light, sky = weather(scene.map, seed)
    ground = ground_surfels(
        scene, terrain, np.random.default_rng([seed, 1]), seed % 9973, detail=detail, focal=focal
    )
    bridges, shadows = decks(scene, terrain, np.random.default_rng([seed, 4]))
    parts, casters = [ground, bridges], [shadows]
    for building in shapes.buildings:
        _add_building(building, terrain, detail, focal, parts, casters)
    for tree in shapes.trees:
        _add_tree(tree, terrain, detail, focal, parts, casters)
    for fixture in shapes.fixtures:
        _add_fixture(fixture, terrain, detail, focal, parts, casters)
    occluders = Occluders.concatenate(casters)
    surfels = Surfels.concatenate(parts)
    parts.clear()  # a second copy of millions of surfels
    return StaticLook(bake(surfels, occluders, light), sky, light, occluders, terrain)


def weather(road_map: RoadMap, seed: int) -> tuple[Sunlight, Sky]:
    """A fair day: the sun aslant to most streets, so that one side of them is lit, at 38 to 52 degrees."""
    rng = np.random.default_rng([seed, 2])
    slant = rng.uniform(np.radians(25.0), np.radians(65.0)) + rng.integers(4) * np.pi / 2
    light = Sunlight.at(street_axis(road_map) + slant, np.radians(rng.uniform(38.0, 52.0)))
    sky = make_sky(light.direction, rng, clouds=rng.uniform(0.25, 0.75))
    return light, with_skyline(sky, np.random.default_rng([seed, 3]))


@derived
def street_axis(road_map: RoadMap) -> float:
    """The direction [rad] of most of the lanes' length, up to a quarter turn, in steps of 15 degrees."""
    turn = 0.0 + 0.0j
    for lane in road_map.lanes.values():
        if not lane.connector:
            delta = np.diff(lane.centerline[:, :2], axis=0)
            step = delta[:, 0] + 1j * delta[:, 1]
            turn += np.sum(np.abs(step) * np.exp(4j * np.angle(step)))
    return float(np.round(np.angle(turn) / 4 / np.radians(15.0)) * np.radians(15.0))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def _lod(distance: float, detail: float) -> float:
    return float(np.clip(distance / (FULL_DETAIL * detail), 1.0, COARSEST))


def _raised(surfels: Surfels, height: float) -> Surfels:
    """Lift things built at height 0."""
    if not height:
        return surfels
    return replace(surfels, centers=surfels.centers + np.array([0.0, 0.0, height], np.float32))


def thinned(surfels: Surfels, stride: int) -> Surfels:
    """Every ``stride``-th surfel, larger by as much as keeps the covered area."""
    if stride == 1:
        return surfels
    kept = surfels.subset(slice(None, None, stride))
    return replace(kept, sigmas=kept.sigmas * np.float32(stride**0.5))


def _lifted(casters: Occluders, height: float) -> Occluders:
    if not height:
        return casters
    walls, plates, crowns = casters.walls.copy(), casters.plates.copy(), casters.crowns.copy()
    walls[:, 4:] += height
    plates[:, 2] += height
    crowns[:, 2] += height
    return Occluders(walls, plates, crowns)


def _add_building(
    building: Building,
    terrain: Terrain,
    detail: float,
    focal: float,
    parts: list[Surfels],
    casters: list[Occluders],
) -> None:
    footprint = np.asarray(building.footprint, float)
    outline = np.concatenate([footprint, (footprint + np.roll(footprint, -1, axis=0)) / 2])
    distance = float(terrain.distance(outline).min())
    if distance > BUILDING_REACH:
        return
    visible = facing_edges(footprint, terrain)
    height = float(terrain.height(footprint.mean(0)[None])[0])
    if visible.any() or distance < 60.0 or building.height > PEEK_HEIGHT:
        lod = _lod(distance, detail) if visible.any() else COARSEST
        limits = Sharpness.at(distance, focal)
        surfels = building_surfels(building, lod=lod, visible_edges=visible, sharpness=limits)
        parts.append(_raised(surfels, height))
    casters.append(_lifted(building_occluders(building, visible_edges=visible), height))


def facing_edges(footprint: Array, terrain: Terrain) -> NDArray[np.bool_]:
    """Whether an edge ``[K]`` of a counter-clockwise footprint is seen from the path and leans on no other building."""
    start, end = footprint, np.roll(footprint, -1, axis=0)
    along = end - start
    outward = np.stack([along[:, 1], -along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True).clip(
        1e-9
    )
    shares = np.array([0.06, 0.5, 0.94])[:, None, None]
    beside = start + shares * along + 1.0 * outward
    free = terrain.surfaces.at(beside) != Surface.BUILDING
    seen = seen_from_path(beside, terrain).reshape(free.shape)
    towards = terrain.path[None, ::4] - ((start + end) / 2)[:, None]
    ahead = np.einsum("kpi,ki->kp", towards, outward) > 0.05 * np.linalg.norm(towards, axis=-1)
    return (seen & free).any(0) & ahead.any(1) & (free.sum(0) >= 2)


def _add_tree(
    tree: Tree,
    terrain: Terrain,
    detail: float,
    focal: float,
    parts: list[Surfels],
    casters: list[Occluders],
) -> None:
    place = np.array([tree.x, tree.y])
    distance = float(terrain.distance(place[None])[0])
    if distance > TREE_REACH:
        return
    casters_only = distance > 12.0 and not seen_from_path(_corners(place, tree.radius), terrain).any()
    if casters_only and distance > 40.0:
        return
    lod = COARSEST if casters_only else _lod(distance, detail)
    height = float(terrain.height(place[None])[0])
    stride = 1 + int(np.searchsorted(THINNING, distance))
    lod *= max(1.0, TREE_COARSENESS / max(1.0, detail))
    if focal:
        lod *= LEAVES_FOCAL / (LEAVES_FOCAL + focal)
    surfels = tree_surfels(tree, lod=lod, sharpness=Sharpness.at(distance, focal))
    parts.append(_raised(thinned(surfels, stride), height))
    casters.append(_lifted(Occluders(crowns=tree_occluders(tree).astype(np.float32)), height))


def _corners(place: Array, radius: float) -> Array:
    return place + radius * np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]])


def _add_fixture(
    fixture: Fixture,
    terrain: Terrain,
    detail: float,
    focal: float,
    parts: list[Surfels],
    casters: list[Occluders],
) -> None:
    place = np.array([fixture.x, fixture.y])
    distance = float(terrain.distance(place[None])[0])
    if distance > FIXTURE_REACH or not (distance < 12.0 or seen_from_path(place, terrain)[0]):
        return
    height = float(terrain.height(place[None])[0])
    surfels = fixture_surfels(fixture, lod=_lod(distance, detail), sharpness=Sharpness.at(distance, focal))
    parts.append(_raised(surfels, height))
    if distance < FULL_DETAIL * detail and fixture.kind in ("lamp", "signal", "sign"):
        pole = Occluders.box((*place, fixture.height / 2), fixture.heading, 0.12, 0.12, fixture.height)
        casters.append(_lifted(pole, height))
