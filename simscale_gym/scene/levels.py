"""Who is on another level than the ego: on a bridge above its way, or on a road below it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.scene.derived import compiled
from simscale_gym.scene.scene import Scene

LEVEL = 2.5
"""What stands this much higher or lower than the ego's way [m] is on another road: less is no room for a car."""

_REACH = 15.0  # [m] in plan around the ego's way within which heights tell


@compiled()
def on_other_level(scene: Scene) -> NDArray[np.bool_]:
    """Whether each track ``[N]`` passes over or under the ego's way instead of meeting it.

    By the median over the frames at which it was within 15 m of the way. Nobody is where heights are not recorded.
    """
    from scipy.spatial import cKDTree  # takes longer to import than most scenes to load, and few need it

    tracks, ego = scene.tracks, scene.ego
    ground = tracks.z - tracks.sizes[:, 2:] / 2.0
    apart = tracks.valid & ((ground < ego.z.min() - LEVEL) | (ground > ego.z.max() + LEVEL))
    hilly = np.ptp(ego.z) > LEVEL
    out = np.zeros(len(tracks), bool)
    if not hilly and not apart.any():
        return out
    way = cKDTree(ego.poses[:, :2])
    for row in np.flatnonzero(tracks.valid.any(1) if hilly else apart.any(1)):
        frames = np.flatnonzero(tracks.valid[row])
        distance, nearest = way.query(tracks.poses[row, frames, :2])
        near = distance < _REACH
        if near.any():
            drop = np.abs(ground[row, frames[near]] - ego.z[nearest[near]])
            out[row] = np.median(drop) > LEVEL
    return out
