"""A digest of what a scene holds, by which a suite knows that it is still the same scene."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import Scene

_DECIMALS = 2  # of metres and radians: the last bits of another machine do not matter


def scene_digest(scene: Scene) -> str:
    """A digest of log, tracks, lights, route, road map, vehicle and cameras, rounded to a centimetre.

    What only pictures show (buildings, trees, a trained asset) is not part of it.
    """
    digest = hashlib.sha256(scene.id.encode())
    for part in _parts(scene):
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}".encode())
            digest.update(_rounded(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


def _parts(scene: Scene) -> Iterator[NDArray | object]:
    tracks, lights, road = scene.tracks, scene.lights, scene.map
    yield from (scene.ego.states[:, :5], tracks.ids, tracks.types, tracks.valid, tracks.sizes)
    yield from (tracks.poses[tracks.valid], tracks.velocities[tracks.valid])
    yield from (lights.lane_ids, lights.status, scene.route, scene.vehicle)
    for camera in scene.rig.cameras.values():
        yield from (camera.name, camera.width, camera.height, camera.K, camera.cam_to_ego)
    for lane in road.lanes.values():
        yield from (lane.id, lane.roadblock_id, lane.successors, lane.centerline, lane.polygon)
    for name in ("roadblocks", "intersections", "carparks", "generic_drivable"):
        for area_id, area in getattr(road, name).items():
            yield from (area_id, area.polygon)


def _rounded(array: NDArray) -> NDArray:
    if array.dtype.kind != "f":
        return np.ascontiguousarray(array)
    return np.round(array, _DECIMALS) + 0.0  # -0.0 is 0.0
