"""What human drivers did next: the bank of recorded futures that retrieval and clustering draw from."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene, StateIndex

Array = NDArray[np.float64]

HORIZON_STEPS = 40
"""Length of a future: 4 s at 10 Hz (SimScale's H; its vocabulary has 40 poses, the first at 0.1 s)."""


@dataclass(frozen=True, eq=False)
class HumanFutures:
    """``M`` recorded futures, each in the ego frame at its start.

    Attributes:
        poses: ``[M, 40, 3]`` x, y, heading of the rear axle at 0.1, 0.2 .. 4.0 s.
        velocities: ``[M, 2]`` vx, vy at the start, ego frame [m/s].
    """

    poses: Array
    velocities: Array

    def __len__(self) -> int:
        return len(self.poses)

    @classmethod
    def from_scenes(cls, scenes: Iterable[Scene], *, stride: float = 0.5) -> HumanFutures:
        """Cut a future every ``stride`` [s] out of each scene's ego log.

        Raises:
            SceneError: No scene is long enough to hold one.
        """
        step = max(1, round(stride / DT))
        cuts = [_cut(scene, step) for scene in scenes]
        poses = [poses for poses, _ in cuts if len(poses)]
        if not poses:
            raise SceneError(
                f"human futures: none of {len(cuts)} scenes lasts {HORIZON_STEPS * DT} s or more."
            )
        return cls(np.concatenate(poses), np.concatenate([v for p, v in cuts if len(p)]))

    @classmethod
    def concatenate(cls, banks: Iterable[HumanFutures]) -> HumanFutures:
        """One bank of several."""
        banks = list(banks)
        return cls(np.concatenate([b.poses for b in banks]), np.concatenate([b.velocities for b in banks]))

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz), whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, poses=self.poses.astype(np.float32), velocities=self.velocities.astype(np.float32))
        Path(file.name).replace(path)

    @classmethod
    def load(cls, path: Path) -> HumanFutures:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: The file is not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                poses, velocities = (data[name].astype(float) for name in ("poses", "velocities"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            expected = "poses and velocities, as HumanFutures.save writes them"
            raise DataError(
                path, found=str(error), expected=expected, hint="Delete it: it is made anew."
            ) from error
        if poses.ndim != 3 or poses.shape[1:] != (HORIZON_STEPS, 3) or velocities.shape != (len(poses), 2):
            raise DataError(path, field="poses", found=str(poses.shape), expected=f"[M, {HORIZON_STEPS}, 3]")
        return cls(poses, velocities)


def _cut(scene: Scene, step: int) -> tuple[Array, Array]:
    states = scene.ego.states
    starts = np.arange(0, len(states) - HORIZON_STEPS, step)
    ahead = scene.ego.poses[starts[:, None] + np.arange(1, HORIZON_STEPS + 1)]
    poses = se2.poses_to_local(scene.ego.poses[starts], ahead)
    return poses, states[starts][:, [StateIndex.VX, StateIndex.VY]]
