"""Where the others will be if they hold speed and heading, and which plans that leaves free."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.geometry.box import boxes_touch
from simscale_gym.scene import Scene, on_other_level
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]

_ALONG = np.cos(np.pi / 4)  # of headings that run the same way


def constant_velocity_boxes(scene: Scene, traffic: TrafficState, times: Array) -> Array:
    """Boxes ``[K, N, 5]`` of the present tracks on the ego's level (``N`` of them) at ``times [K]`` [s] from now."""
    keep = traffic.valid & ~on_other_level(scene)
    poses, sizes = traffic.poses[keep], scene.tracks.sizes[keep, :2]
    moved = poses[None, :, :2] + np.asarray(times)[:, None, None] * traffic.velocities[keep]
    shape = (len(times), len(poses))
    heading = np.broadcast_to(poses[None, :, 2:], (*shape, 1))
    return np.concatenate([moved, heading, np.broadcast_to(sizes, (*shape, 2))], -1)


def followers(ego: Array, others: Array) -> NDArray[np.bool_]:
    """Who of ``others [N, 5]`` is behind ``ego [5]``, clear of it, and heads the same way: ``[N]``.

    Whoever reacts brakes for the ego there.
    """
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    behind = (ego[0] - others[:, 0]) * cos + (ego[1] - others[:, 1]) * sin
    along = np.cos(others[:, 2] - ego[2]) > _ALONG
    return along & (behind > (ego[3] + others[:, 3]) / 2.0)


def first_conflict(ego: Array, others: Array) -> int:
    """First of ``K`` times at which ``ego [K, 5]`` meets any of ``others [K, N, 5]``; ``K`` if never.

    Whom the ego touches at the first time already is left out: leaving a contact is not a conflict.
    """
    return _first_conflict(np.ascontiguousarray(ego), np.ascontiguousarray(others))


@njit(cache=True)
def _first_conflict(ego: Array, others: Array) -> int:
    times, tracks = others.shape[:2]
    first, diagonal = times, 0.0
    for k in range(times):
        diagonal = max(diagonal, np.hypot(ego[k, 3], ego[k, 4]))
    for n in range(tracks):
        if boxes_touch(ego[0], others[0, n]):
            continue
        reach = (diagonal + np.hypot(others[0, n, 3], others[0, n, 4])) / 2
        for k in range(1, first):
            dx, dy = others[k, n, 0] - ego[k, 0], others[k, n, 1] - ego[k, 1]
            if dx * dx + dy * dy <= reach * reach and boxes_touch(ego[k], others[k, n]):
                first = k
                break
    return first
