"""Vehicles that stand: held still where only their annotation moved, with a car park under those beside the road."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.geometry.simple_rings import closed_gaps, polygons_of, simple_rings
from simscale_gym.scene import Area, EgoLog, RoadMap, Tracks, TrackType
from simscale_gym.scene.levels import LEVEL

Array = NDArray[np.float64]

_JITTER = 0.5  # [m] in either direction, within which a vehicle that is seen all the while has not moved
_STRIDE = 5  # frames between the places of a vehicle that are looked at
_AROUND = 0.5  # [m] of ground around a vehicle
_BETWEEN = 3.0  # [m] between vehicles, and from them to the road, that is their ground as well
_OVERLAP = 0.01  # [m] of neighbouring outlines


def held_still(tracks: Tracks, said: list[str]) -> Tracks:
    """The tracks, those vehicles at rest that only jitter; ``said`` gets how many they are.

    Boxes of parked cars move by decimetres from frame to frame: enough to touch whoever passes.
    """
    poses, velocities, z = tracks.poses.copy(), tracks.velocities.copy(), tracks.z.copy()
    count = 0
    for row in np.flatnonzero((tracks.types == TrackType.VEHICLE) & tracks.valid.any(1)):
        seen = tracks.valid[row]
        if (np.ptp(poses[row, seen, :2], axis=0) > _JITTER).any():
            continue
        heading = np.median(np.unwrap(poses[row, seen, 2]))
        poses[row] = *np.median(poses[row, seen, :2], axis=0), (heading + np.pi) % (2 * np.pi) - np.pi
        velocities[row], z[row] = 0.0, np.median(z[row, seen])
        count += 1
    if count:
        said.append(f"{count} vehicles whose boxes move by no more than {_JITTER} m stand still.")
    return replace(tracks, poses=poses, velocities=velocities, z=z)


def with_car_parks(road_map: RoadMap, tracks: Tracks, ego: EgoLog, said: list[str]) -> RoadMap:
    """The map with a car park wherever recorded vehicles stood or drove beside the road.

    Where a vehicle was is no pavement. Those on other levels than the ego do not count.
    """
    region = road_map.drivable_region
    shapely.prepare(region)
    places = [
        area
        for row in np.flatnonzero((tracks.types == TrackType.VEHICLE) & tracks.valid.any(1))
        for area in _places(tracks, int(row), ego)
    ]
    beside = [area for area in places if not region.contains(area)]
    if not beside:
        return road_map
    ground = shapely.unary_union(beside)
    near = region.intersection(ground.buffer(2.0 * _BETWEEN))
    parks = closed_gaps(shapely.unary_union([ground, near]), _BETWEEN).difference(region)
    grown = [part.buffer(_OVERLAP, join_style="mitre") for part in polygons_of(parks)]
    rings = simple_rings(shapely.unary_union(grown))
    said.append(
        f"Vehicles stood or drove beside the road: the ground there is {len(rings)} pieces of car park."
    )
    more = {f"parked_{i}": Area(f"parked_{i}", ring) for i, ring in enumerate(rings)}
    return replace(road_map, carparks={**road_map.carparks, **more})


def _places(tracks: Tracks, row: int, ego: EgoLog) -> list[shapely.Polygon]:
    """Ground under one vehicle wherever it was at the ego's level."""
    frames = np.flatnonzero(tracks.valid[row])
    bottom = tracks.z[row, frames] - tracks.sizes[row, 2] / 2.0
    frames = frames[(bottom > ego.z.min() - LEVEL) & (bottom < ego.z.max() + LEVEL)][::_STRIDE]
    if not len(frames):
        return []
    poses = tracks.poses[row, frames]
    moved = np.r_[True, np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=1) > 1e-3]
    sides = np.broadcast_to(tracks.sizes[row, :2] + 2.0 * _AROUND, (int(moved.sum()), 2))
    return list(shapely.polygons(box.corners(np.concatenate([poses[moved], sides], axis=1))))
