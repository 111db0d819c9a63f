"""Where the others will be if they hold speed and heading, and which plans that leaves free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.geometry import box
from simscale_gym.scene import Scene
from simscale_gym.sim.state import TrafficState

Array = NDArray[np.float64]


def constant_velocity_boxes(scene: Scene, traffic: TrafficState, times: Array) -> Array:
    """Boxes ``[K, N, 5]`` of the present tracks (``N`` = valid rows only) at ``times [K]`` [s] from now."""
    keep = traffic.valid
    poses, sizes = traffic.poses[keep], scene.tracks.sizes[keep, :2]
    moved = poses[None, :, :2] + np.asarray(times)[:, None, None] * traffic.velocities[keep]
    shape = (len(times), len(poses))
    heading = np.broadcast_to(poses[None, :, 2:], (*shape, 1))
    return np.concatenate([moved, heading, np.broadcast_to(sizes, (*shape, 2))], -1)


def first_conflict(ego: Array, others: Array) -> int:
    """First of ``K`` times at which ``ego [K, 5]`` meets any of ``others [K, N, 5]``; ``K`` if never.

    Whom the ego touches at the first time already is left out: leaving a contact is not a conflict.
    """
    if others.shape[1] == 0:
        return len(ego)
    reach = (np.hypot(*ego[0, 3:]) + np.hypot(others[0, :, 3], others[0, :, 4])) / 2
    near = (np.hypot(*np.moveaxis(others[..., :2] - ego[:, None, :2], -1, 0)) < reach).any(0)
    hits = box.overlap(ego[:, None], others[:, near])
    hits = hits[:, ~hits[0]]
    when = np.flatnonzero(hits.any(1))
    return int(when[0]) if len(when) else len(ego)
