"""What human drivers did next: the bank of recorded futures that retrieval and clustering draw from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError, SceneError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.stored_arrays import load_arrays, save_arrays
from simscale_gym.geometry import se2
from simscale_gym.one_line import one_line
from simscale_gym.scene import DT, Scene, StateIndex, TrackType

Array = NDArray[np.float64]

HORIZON_STEPS = 40
"""Length of a future: 4 s at 10 Hz (SimScale's H; its vocabulary has 40 poses, the first at 0.1 s)."""

_STORED = {"poses": ("<f4", (None, HORIZON_STEPS, 3)), "velocities": ("<f4", (None, 2))}
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

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.poses)

    def take(self, rows: NDArray[np.int64]) -> HumanFutures:
        """The futures of ``rows``."""
        return HumanFutures(self.poses[rows], self.velocities[rows])

    @classmethod
    def from_scenes(
        cls, scenes: Iterable[Scene], *, stride: float = 0.5, others: bool = False
    ) -> HumanFutures:
        """Cut a future every ``stride`` [s] out of each scene's ego log.

        Args:
            scenes: Scenes of any source.
            stride: Time between starts [s].
            others: Futures are also cut out of the tracks of vehicles that drive, at the place of their rear axle.

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
        """Write to ``path`` (.npz), whole or not at all.

        Raises:
            DataError: It cannot be written.
        """
        with atomic_write(path) as part:
            save_arrays(part, {name: getattr(self, name).astype("<f4") for name in _STORED})

    @classmethod
    def load(cls, path: Path) -> HumanFutures:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: The file is not such a file.
        """
        arrays = load_arrays(path, _STORED)
        poses, velocities = (arrays[name].astype(float) for name in _STORED)
        if len(poses) != len(velocities) or not len(poses):
            found = f"{len(poses)} poses, {len(velocities)} velocities"
            raise DataError(path, found=found, expected="as many of both, at least one")
        for name, array in (("poses", poses), ("velocities", velocities)):
            if not np.isfinite(array).all():
                raise DataError(path, field=name, found="NaN or infinity", expected="finite numbers")
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
