"""Scenes with other road users than were recorded: placed by hand, so that what follows is known."""

from dataclasses import replace

import numpy as np

from simscale_gym.geometry import polyline
from simscale_gym.scene import Scene, Tracks, TrackType

CAR = (4.6, 1.9, 1.5)


def with_tracks(scene: Scene, *placed) -> Scene:
    """``scene`` with only the ``placed`` road users: (pose [3], speed, type), moving straight on from frame 0."""
    n, t = len(placed), scene.num_frames
    poses, velocities = np.zeros((n, t, 3)), np.zeros((n, t, 2))
    for row, (pose, speed, _) in enumerate(placed):
        ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
        poses[row] = pose
        poses[row, :, :2] += 0.1 * speed * np.arange(t)[:, None] * ahead
        velocities[row] = speed * ahead
    types = np.array([kind for _, _, kind in placed], np.uint8)
    sizes = np.array([CAR if kind == TrackType.VEHICLE else (0.6, 0.6, 1.75) for kind in types]).reshape(n, 3)
    ids = tuple(f"placed-{row}" for row in range(n))
    z = np.full((n, t), 0.75)
    return replace(scene, tracks=Tracks(ids, types, poses, velocities, z, sizes, np.ones((n, t), bool)))


def ahead_of(scene: Scene, frame: int, distance: float) -> np.ndarray:
    """Pose ``[3]`` on the route path, ``distance`` [m] ahead of the log's rear axle at ``frame``."""
    s = polyline.project(scene.route_path, scene.ego.poses[frame, None, :2])[0][0]
    return polyline.at_arc_length(scene.route_path, s + distance)


def passing(pose: np.ndarray, speed: float, frame: int) -> np.ndarray:
    """Where something must be at frame 0 to be at ``pose [3]`` at ``frame``, driving straight at ``speed``."""
    back = 0.1 * frame * speed
    return pose - back * np.array([np.cos(pose[2]), np.sin(pose[2]), 0.0])
