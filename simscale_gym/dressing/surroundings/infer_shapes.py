"""Side shapes for a scene whose source has none: a plausible street around its map, the same every time."""

from __future__ import annotations

import hashlib

import numpy as np
import shapely

from simscale_gym.dressing.surroundings.street_frontage import build_frontage
from simscale_gym.dressing.surroundings.street_furniture import (
    place_lamps,
    place_signals,
    place_signs,
    plant_trees,
)
from simscale_gym.dressing.surroundings.street_space import StreetSpace, street_space
from simscale_gym.geometry import box
from simscale_gym.geometry.simple_rings import closed_gaps, polygons_of, simple_rings
from simscale_gym.scene import Building, Ground, Scene, Shapes, TrackType

_SETBACK = 3.6  # [m] from the road to the façades
_MAPPED_SHARE = 0.2  # of the roadside under walkways of the map makes them count as its sidewalks
_UNDER_FRONTS = 0.6  # [m] that the sidewalk reaches under the façades
_YARD = 2.5  # [m] around buildings, and around the ways of walkers, that is paved
_CAR_PARK = 5.0  # [m] around a parked vehicle that is paved where the next one stands as near
_MAX_ISLAND = 600.0  # [m^2] a hole in the road up to this size is a traffic island


def infer_shapes(scene: Scene) -> Shapes:
    """Sidewalks, façades, trees, lamps, signals and signs within 150 m of the log of ``scene``.

    Nothing stands on the road, on a crosswalk, or where the ego or a track ever was. Chance is drawn from
    the log's id alone: the same scene has the same street in every process.
    """
    digest = hashlib.sha256(scene.log_id.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    space = street_space(scene)
    buildings = build_frontage(space, _SETBACK, rng)
    trees = plant_trees(space, buildings, rng)
    poles = place_signals(scene, space)
    poles += place_signs(scene, space, poles)
    fixtures = [*poles, *place_lamps(space, trees, poles, rng)]
    return Shapes(tuple(buildings), tuple(trees), tuple(fixtures), tuple(_grounds(scene, space, buildings)))


def _grounds(scene: Scene, space: StreetSpace, buildings: list[Building]) -> list[Ground]:
    """Traffic islands, paved yards off the road, and sidewalks up to the first row of façades."""
    holes = [shapely.Polygon(ring) for part in polygons_of(space.road) for ring in part.interiors]
    islands = [hole for hole in holes if hole.area <= _MAX_ISLAND and hole.intersects(space.focus)]
    taken = shapely.unary_union([space.road, space.run_on, *islands])
    band = (
        space.road.buffer(_SETBACK + _UNDER_FRONTS, quad_segs=4).difference(taken).intersection(space.focus)
    )
    mapped = space.walkways.intersection(space.focus).difference(taken)
    sidewalk = mapped if mapped.area > _MAPPED_SHARE * band.area else band.union(mapped)
    fronts = shapely.unary_union([shapely.Polygon(b.footprint).buffer(_YARD) for b in buildings])
    walked = space.moving.buffer(_YARD)
    plaza = closed_gaps(shapely.unary_union([band, _car_parks(scene), fronts, walked]), 2.0 * _YARD)
    plaza = plaza.intersection(space.focus).difference(taken.union(sidewalk)).simplify(0.1)
    layers = {
        "sidewalk": sidewalk.simplify(0.05),
        "plaza": plaza,
        "island": shapely.MultiPolygon(islands),
    }
    return [Ground(kind, ring) for kind, area in layers.items() for ring in simple_rings(area)]


def _car_parks(scene: Scene) -> shapely.Geometry:
    """Around every place where a vehicle was first seen; neighbors flow into one."""
    tracks = scene.tracks
    rows = np.flatnonzero((tracks.types == TrackType.VEHICLE) & tracks.valid.any(1))
    first = tracks.valid[rows].argmax(1)
    boxes = box.corners(np.concatenate([tracks.poses[rows, first], tracks.sizes[rows, :2]], axis=1))
    grown = shapely.buffer(shapely.polygons(boxes), _CAR_PARK, join_style="mitre")
    return shapely.unary_union(grown).buffer(1.0 - _CAR_PARK, join_style="mitre")
