"""What a scene's content is known by, so that a suite notices when a scene is another than the one it was made for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene import Scene

SUMS = 4
_TOLERANCE = 1e-3  # [m] between sums; noise of last bits is a thousandth of it
_DECIMALS = 4


def scene_digest(scene: Scene) -> str:
    """A digest of all that is named or counted in log, tracks, lights, route, road map, vehicle and cameras.

    What only pictures show (buildings, trees, a trained asset) is not part of it, here and in :func:`scene_sums`.
    """
    digest = hashlib.sha256(scene.id.encode())
    for part in _counted(scene):
        plain = isinstance(part, np.ndarray)
        digest.update(np.ascontiguousarray(part).tobytes() if plain else repr(part).encode())
    for array in _measured(scene):
        digest.update(f"{array.shape}".encode())
    return digest.hexdigest()[:16]


def scene_sums(scene: Scene) -> tuple[float, ...]:
    """Four sums of all that is measured there, each number added or taken away by lot.

    Processors differ in the last bit of a sine; rounded numbers, of which one in a million would fall on the other
    side, would make another digest. A number that is another by a millimetre shows in every sum; last bits do not.
    """
    values = np.concatenate([array.ravel() for array in _measured(scene)])
    lots = np.random.PCG64(0).random_raw(len(values))
    return tuple(
        round(float(np.where(lots >> np.uint64(k) & np.uint64(1), values, -values).sum()), _DECIMALS)
        for k in range(SUMS)
    )


def same_sums(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether they are of the same scene."""
    return len(one) == len(other) and bool(np.abs(np.subtract(one, other)).max() < _TOLERANCE)


def _counted(scene: Scene) -> Iterator[NDArray | object]:
    tracks, lights, road = scene.tracks, scene.lights, scene.map
    yield from (
        tracks.ids,
        tracks.types,
        tracks.valid,
        lights.lane_ids,
        lights.status,
        scene.route,
        scene.vehicle,
    )
    for camera in scene.rig.cameras.values():
        yield from (camera.name, camera.width, camera.height)
    for lane in road.lanes.values():
        yield from (lane.id, lane.roadblock_id, lane.successors)
    for name in _AREAS:
        yield tuple(getattr(road, name))


def _measured(scene: Scene) -> Iterator[NDArray[np.float64]]:
    tracks, road, there = scene.tracks, scene.map, scene.tracks.valid
    yield from (
        _turned(scene.ego.states[:, :5]),
        tracks.sizes,
        _turned(tracks.poses[there]),
        tracks.velocities[there],
    )
    for camera in scene.rig.cameras.values():
        yield from (camera.K, camera.cam_to_ego)
    for lane in road.lanes.values():
        yield from (lane.centerline[:, :2], lane.polygon)
    for name in _AREAS:
        for area in getattr(road, name).values():
            yield area.polygon


_AREAS = ("roadblocks", "intersections", "carparks", "generic_drivable")


def _turned(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[K, C + 1]`` with cosine and sine of the heading, column 2: half a turn and minus half a turn are the same."""
    return np.column_stack([poses[:, :2], np.cos(poses[:, 2]), np.sin(poses[:, 2]), poses[:, 3:]])
