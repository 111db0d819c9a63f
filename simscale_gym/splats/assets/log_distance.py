"""Whether an asset lies where its log was driven at all."""

from __future__ import annotations

import numpy as np

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import Scene
from simscale_gym.splats.assets.scene_asset import SceneAsset

FARTHEST = 50.0
"""Greatest distance of the nearest Gaussian of the background from the recorded path [m]: beyond, cameras see nothing
of the asset."""

_PLACES = 16  # of the recorded path that are looked at


def check_on_log(asset: SceneAsset, scene: Scene) -> None:
    """Refuses an asset of which nothing lies near the recorded path, as one without a frame of its own does.

    Raises:
        ArgumentError: The nearest Gaussian is farther than `FARTHEST`.
    """
    if not len(asset.background):
        return
    rows = np.linspace(0, scene.num_frames - 1, _PLACES).astype(int)
    to_world, means = asset.asset_to_world, asset.background.means
    path = np.column_stack([scene.ego.poses[rows, :2], scene.ego.z[rows]]) + scene.origin
    seen = ((path - to_world[:3, 3]) @ to_world[:3, :3]).astype(np.float32)
    nearest = np.sqrt(min(float(((means - place) ** 2).sum(axis=1).min()) for place in seen))
    if nearest > FARTHEST:
        raise ArgumentError(
            f"asset: its nearest Gaussian is {nearest:,.0f} m from where {scene.id} was recorded, expected at most "
            f"{FARTHEST:g} m: it belongs to another log, or has no frame of its own. Give the transform from its frame "
            "to the world of the log: simscale-gym splats convert --transform; splats validate shows where it lies."
        )
