"""What human drivers did next: the bank of recorded futures that retrieval and clustering draw from."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.scene import DT, Scene, StateIndex, TrackType

Array = NDArray[np.float64]

HORIZON_STEPS = 40
"""Length of a future: 4 s at 10 Hz (SimScale's H; its vocabulary has 40 poses, the first at 0.1 s)."""

_LEAST_LENGTH, _GREATEST_LENGTH = 3.5, 6.0  # [m] of vehicles that drive like the ego
_DRIVING = 1.0  # [m/s]
_AXLE_SHARE = 0.28  # of the length, from the box's centre back to the rear axle (the ego's 1.461 of 5.176 m)


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
    def from_scenes(
        cls, scenes: Iterable[Scene], *, stride: float = 0.5, others: bool = False
    ) -> HumanFutures:
        """Cut a future every ``stride`` [s] out of each scene's ego log.

        Args:
            scenes: Any source's.
            stride: Time between starts [s].
            others: Also cut them out of the tracks of vehicles that drive, at the place of their rear axle.

        Raises:
            SceneError: No scene is long enough to hold one.
        """
        step = max(1, round(stride / DT))
        cuts = []
        count = 0
        for count, scene in enumerate(scenes, 1):  # noqa: B007
            cuts.append(_cut(scene.ego.poses, scene.ego.states[:, [StateIndex.VX, StateIndex.VY]], step))
            if others:
                cuts += [_cut(*drive, step) for drive in _drives(scene)]
        cuts = [(poses, velocities) for poses, velocities in cuts if len(poses)]
        if not cuts:
            raise SceneError(f"human futures: none of {count} scenes lasts {HORIZON_STEPS * DT} s or more.")
        return cls(*(np.concatenate(arrays) for arrays in zip(*cuts, strict=True)))

    @classmethod
    def concatenate(cls, banks: Iterable[HumanFutures]) -> HumanFutures:
        """One bank of several."""
        banks = list(banks)
        return cls(np.concatenate([b.poses for b in banks]), np.concatenate([b.velocities for b in banks]))

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz), whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            part = Path(file.name)
            try:
                np.savez(
                    file, poses=self.poses.astype(np.float32), velocities=self.velocities.astype(np.float32)
                )
            except BaseException:
                part.unlink()
                raise
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> HumanFutures:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: The file is not such a file.
        """
        hint = "Delete it: it is made anew."
        try:
            with np.lib.npyio.NpzFile(path, allow_pickle=False) as data:
                poses, velocities = (data[name].astype(float) for name in ("poses", "velocities"))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            expected = "poses and velocities, as HumanFutures.save writes them"
            raise DataError(path, found=str(error), expected=expected, hint=hint) from error
        for name, array, shape in (
            ("poses", poses, (len(poses), HORIZON_STEPS, 3)),
            ("velocities", velocities, (len(poses), 2)),
        ):
            if not len(array) or array.shape != shape or not np.isfinite(array).all():
                expected = f"finite [M, {', '.join(map(str, shape[1:]))}], M at least 1"
                raise DataError(path, field=name, found=f"{array.shape}", expected=expected, hint=hint)
        return cls(poses, velocities)


def _cut(poses: Array, velocities: Array, step: int) -> tuple[Array, Array]:
    """Futures of a drive ``poses [T, 3]`` with ``velocities [T, 2]`` in its own frame, every ``step`` frames."""
    starts = np.arange(0, len(poses) - HORIZON_STEPS, step)
    ahead = poses[starts[:, None] + np.arange(1, HORIZON_STEPS + 1)]
    return se2.poses_to_local(poses[starts], ahead), velocities[starts]


def _drives(scene: Scene) -> Iterator[tuple[Array, Array]]:
    """Rear axle poses ``[T, 3]`` and own-frame velocities ``[T, 2]`` of vehicles while they are seen."""
    tracks = scene.tracks
    for row in np.flatnonzero(tracks.types == TrackType.VEHICLE):
        frames = np.flatnonzero(tracks.valid[row])
        if not len(frames) or frames[-1] - frames[0] + 1 > len(frames):
            continue
        poses, length = tracks.poses[row, frames].copy(), tracks.sizes[row, 0]
        speed = np.hypot(*tracks.velocities[row, frames].T)
        if not _LEAST_LENGTH <= length <= _GREATEST_LENGTH or speed.max() < _DRIVING:
            continue
        back = length * _AXLE_SHARE
        poses[:, :2] -= back * np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])])
        yield poses, np.column_stack([speed, np.zeros_like(speed)])
