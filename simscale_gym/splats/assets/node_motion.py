"""Where a node of an asset is when its track is at some planar pose: height and tilt come from the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.splats.assets.node_asset import NodePoses
from simscale_gym.splats.assets.scene_asset import pose_matrices


@dataclass(frozen=True, eq=False)
class NodeMotion:
    """Poses that a node had in the log, in the frame of a scene.

    Attributes:
        poses: `[F, 4, 4]`, F at least 1.
        headings: Headings of the poses' x axes, `[F]` [rad].
    """

    poses: np.ndarray
    headings: np.ndarray

    @classmethod
    def of(cls, poses: NodePoses, asset_to_scene: np.ndarray) -> NodeMotion | None:
        """The motion of `poses`, of which at least one is valid; else None."""
        if not poses.valid.any():
            return None
        placed = asset_to_scene @ pose_matrices(poses)
        return cls(placed, np.arctan2(placed[:, 1, 0], placed[:, 0, 0]))

    @classmethod
    def of_track(cls, poses: np.ndarray, z: np.ndarray) -> NodeMotion:
        """Level poses of a track, `[F, 3]`, at the heights `[F]` of its box's centre [m]."""
        return cls(se3.planar_to_rigid(poses, z), np.asarray(poses, float)[:, 2])

    def nearest(self, pose: np.ndarray) -> int:
        """Number of the logged pose that is nearest to a planar `pose` `[3]`."""
        return int(np.argmin(((self.poses[:, :2, 3] - pose[:2]) ** 2).sum(1)))

    def at(self, pose: np.ndarray) -> np.ndarray:
        """Node to scene, `[4, 4]`, at a planar `pose` `[3]`.

        Height, roll and pitch are those of the nearest logged pose, the heading is replaced, as WorldEngine lifts
        poses (`render/mtgs/mtgs.py`): R = Rz(heading - heading of the log) R of the log.
        """
        nearest = self.nearest(pose)
        logged = self.poses[nearest]
        turn = se3.rpy_to_matrix(0.0, 0.0, pose[2] - self.headings[nearest])
        return se3.rigid(turn @ logged[:3, :3], np.array([pose[0], pose[1], logged[2, 3]]))
