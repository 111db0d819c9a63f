"""Where the human was, and where he would be had the log gone on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.expert import PLAN_STRIDE
from simscale_gym.agents.futures import HORIZON_STEPS
from simscale_gym.geometry import polyline, se2
from simscale_gym.scene import DT, Scene, StateIndex

Array = NDArray[np.float64]


def logged_pose(scene: Scene, frame: int) -> Array:
    """The log's pose ``[3]`` at ``frame``; past its end, on along the route at the last logged speed."""
    poses = scene.ego.poses
    if frame < len(poses):
        return poses[frame]
    ahead = float(scene.ego.states[-1, StateIndex.VX]) * (frame - len(poses) + 1) * DT
    start = polyline.project(scene.route_path, poses[-1, :2], scene.route_lengths)[0][0]
    return polyline.at_arc_length(scene.route_path, start + max(0.0, ahead), scene.route_lengths)


def logged_future(scene: Scene, frame: int, pose: Array) -> Array:
    """``[8, 3]`` where the human was 0.5 .. 4.0 s after ``frame``, in the frame of ``pose [3]``."""
    ahead = range(PLAN_STRIDE, HORIZON_STEPS + 1, PLAN_STRIDE)
    return se2.poses_to_local(pose, np.stack([logged_pose(scene, frame + k) for k in ahead]))
