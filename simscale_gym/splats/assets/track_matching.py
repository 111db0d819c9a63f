"""Which track of a scene each node of an asset is: trainers but MTGS's number their nodes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from simscale_gym.geometry import se2
from simscale_gym.scene import Scene
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import SceneAsset, pose_matrices

FARTHEST = 1.0
"""A node that is farther from a track than this on average is not that track [m]."""
_CLOCK = 315_532_800_000_000  # [us], 1980: earlier times count from the start of a recording


def match_tracks(asset: SceneAsset, scene: Scene) -> dict[str, str]:
    """Ids of tracks by the names of the nodes that follow them.

    Nodes that bear the id of a track keep it. The others take, nearest pairs first, the track that they follow: at
    the same times where the asset knows times, else along the same way.

    Args:
        asset: The trained scene; its frame must lie in the world as the log does.
        scene: The log's scene, with the tracks.
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


def asset_to_scene(asset: SceneAsset, scene: Scene) -> np.ndarray:
    """Transform from the frame of the asset to the scene's, `[4, 4]`."""
    placed = np.array(asset.asset_to_world, np.float64)
    placed[:3, 3] -= scene.origin
    return placed


def track_offsets(
    node: NodeAsset, scene: Scene, row: int, to_scene: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances `[F]` [m] and differences of heading `[F]` [rad] of a node's poses from its track's.

    At the same times where the node's poses have times of the clock (none are left if the track was not there then),
    else, for each pose of the track, from the nearest one of the node.
    """
    tracks = scene.tracks
    seen = tracks.valid[row]
    if node.poses is None or not seen.any():
        return np.zeros(0), np.zeros(0)
    placed = to_scene @ pose_matrices(node.poses)
    places, headings = placed[:, :2, 3], np.arctan2(placed[:, 1, 0], placed[:, 0, 0])
    poses, times = tracks.poses[row][seen], scene.timestamps_us[seen]
    stamps = node.poses.timestamps_us
    if not len(places):
        return np.zeros(0), np.zeros(0)
    if stamps is not None and not node.poses.is_static and stamps[-1] > _CLOCK:
        stamps = stamps[node.poses.valid]
        shared = (stamps >= times[0]) & (stamps <= times[-1])
        at = se2.interpolate_poses(times - times[0], poses, stamps[shared] - times[0])
        return _differences(places[shared], headings[shared], at)
    nearest = cKDTree(places).query(poses[:, :2])[1]
    return _differences(places[nearest], headings[nearest], poses)


def _differences(
    places: np.ndarray, headings: np.ndarray, poses: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    apart = np.hypot(*(places - poses[:, :2]).T)
    return apart, np.abs(se2.wrap_angle(headings - poses[:, 2]))
