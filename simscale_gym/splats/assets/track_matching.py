"""Which track of a scene each node of an asset is: trainers but MTGS's number their nodes."""

from __future__ import annotations

import numpy as np

from simscale_gym.scene import Scene
from simscale_gym.splats.assets.asset_check import asset_to_scene, track_offsets
from simscale_gym.splats.assets.scene_asset import SceneAsset

FARTHEST = 1.0
"""A node that is farther from a track than this on average is not that track [m]."""


def match_tracks(asset: SceneAsset, scene: Scene) -> dict[str, str]:
    """Ids of tracks by the names of the nodes that follow them.

    Nodes that bear the id of a track keep it. The others take, nearest pairs first, the track that they follow: at
    the same times where the asset knows times, else along the same way.

    Args:
        asset: Its frame must lie in the world as the log does.
        scene: With the tracks.
    """
    to_scene = asset_to_scene(asset, scene)
    names = {node.name for node in asset.nodes}
    free = [
        row
        for row, name in enumerate(scene.tracks.ids)
        if name not in names and scene.tracks.valid[row].any()
    ]
    nodes = [node for node in asset.nodes if node.name not in scene.tracks.ids]
    costs = np.full((len(nodes), len(free)), np.inf)
    for i, node in enumerate(nodes):
        for j, row in enumerate(free):
            apart, _ = track_offsets(node, scene, row, to_scene)
            costs[i, j] = apart.mean() if len(apart) else np.inf
    matched = {}
    while costs.size and costs.min() <= FARTHEST:
        i, j = np.unravel_index(int(np.argmin(costs)), costs.shape)
        matched[nodes[i].name] = scene.tracks.ids[free[j]]
        costs[i], costs[:, j] = np.inf, np.inf
    return matched
