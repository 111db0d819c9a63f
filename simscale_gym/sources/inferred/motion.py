"""Road users and ego of a log with a clock of its own, resampled to 10 Hz."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.geometry.se2 import wrap_angle
from simscale_gym.scene import DT, EgoLog, Tracks, TrackType, Vehicle
from simscale_gym.sources.inferred.ego_motion import MIN_FRAMES, states_from_poses

Array = NDArray[np.float64]

_MAX_FRAMES = 36_000  # one hour: a longer grid comes from a broken clock
_LATEST = 1e12  # [s] either way: thirty thousand years, whose microseconds a whole number of 64 bits holds
_MAX_LEAP = 2.0  # [s] between the frames of a source
_AT = 0.05  # share of the time to the next frame within which a frame of the source is meant itself


@dataclass(frozen=True, eq=False)
class Sampling:
    """Frames of a 10 Hz clip among the source's: ``(1 - share) * before + share * after``, each ``[T]``."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    share: Array
    start: float

    def __len__(self) -> int:
        return len(self.share)


@dataclass(frozen=True, eq=False)
class Motion:
    """Track states ``[T', ...]`` at the source's own frames."""

    positions: Array
    headings: Array
    velocities: Array
    sizes: Array
    valid: NDArray[np.bool_]


def sampling_of(
    times: Array, valid: NDArray[np.bool_], *, snap: float, wrong: Callable[..., DataError]
) -> Sampling:
    """The 10 Hz frames from the first to the last ``valid [F]`` of the source's frames at ``times [F]`` [s].

    Args:
        times: Clock of the source.
        valid: Frames at which the ego is known.
        snap: Clocks this near to 10 Hz are taken as 10 Hz [s].
        wrong: Makes the error out of what was ``found`` and what was ``expected``.

    Raises:
        DataError: The clock does not run forward or leaps by more than 2 s, or less than a second is left.
    """
    frames = len(times)
    if np.abs(times).max(initial=0.0) > _LATEST:
        found = f"a time of {times[np.abs(times).argmax()]:.3g} s"
        raise wrong(found=found, expected=f"times within {_LATEST:g} s")
    if (np.diff(times) <= 0).any():
        raise wrong(found="times that do not grow", expected="ascending times, one for each frame")
    seen = np.flatnonzero(valid)
    leaps = np.diff(times[seen[0] : seen[-1] + 1]) if len(seen) else np.zeros(0)
    if leaps.max(initial=0.0) > _MAX_LEAP:
        frame = int(seen[0] + leaps.argmax())
        raise wrong(
            found=f"a leap of {leaps.max():.1f} s after frame {frame}",
            expected=f"steps of up to {_MAX_LEAP:.0f} s: nobody knows what happened in between",
        )
    duration = times[seen[-1]] - times[seen[0]] if len(seen) else 0.0
    count = int(np.floor(duration / DT + 0.1)) + 1
    if not MIN_FRAMES <= count <= _MAX_FRAMES:
        raise wrong(
            found=f"{duration:.2f} s in which the ego is seen",
            expected=f"{(MIN_FRAMES - 1) * DT:.0f} s to {_MAX_FRAMES * DT:.0f} s",
        )
    grid = times[seen[0]] + DT * np.arange(count)
    nearest = np.clip(np.rint(np.interp(grid, times, np.arange(frames))).astype(int), 0, frames - 1)
    if np.abs(times[nearest] - grid).max() < snap:
        return Sampling(nearest, nearest, np.zeros(count), float(grid[0]))
    after = np.clip(np.searchsorted(times, grid), 1, frames - 1)
    share = np.clip((grid - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
    return Sampling(after - 1, after, share, float(grid[0]))


def resample(motion: Motion, sampling: Sampling) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Positions ``[T, 3]``, headings ``[T]``, velocities ``[T, 2]``, validity; gaps hold what is nearest.

    Valid is what both neighbours saw, and at the time of one of them what that one saw.
    """
    seen = np.flatnonzero(motion.valid)
    frames = np.arange(len(motion.valid))
    after = np.searchsorted(seen, frames)
    left, right = seen[np.maximum(after - 1, 0)], seen[np.minimum(after, len(seen) - 1)]
    fill = np.where(np.abs(frames - left) <= np.abs(right - frames), left, right)
    before, after, share = fill[sampling.before], fill[sampling.after], sampling.share[:, None]
    turn = wrap_angle(motion.headings[after] - motion.headings[before])
    return (
        (1 - share) * motion.positions[before] + share * motion.positions[after],
        wrap_angle(motion.headings[before] + sampling.share * turn),
        (1 - share) * motion.velocities[before] + share * motion.velocities[after],
        (motion.valid[sampling.before] | (sampling.share > 1.0 - _AT))
        & (motion.valid[sampling.after] | (sampling.share < _AT)),
    )


def build_ego(positions: Array, headings: Array, vehicle: Vehicle, center_to_axle: float) -> EgoLog:
    """The ego's log from record points ``[T, 3]`` that lie ``center_to_axle`` [m] ahead of the rear axle."""
    forward = np.column_stack([np.cos(headings), np.sin(headings)])
    axle = positions[:, :2] - center_to_axle * forward
    states = states_from_poses(np.column_stack([axle, headings]), vehicle.wheel_base)
    level = np.zeros(len(positions))
    return EgoLog(states, positions[:, 2], level, level)


def build_tracks(
    motions: Mapping[str, tuple[TrackType, Motion]], sampling: Sampling, origin: Array, flat: bool
) -> Tracks:
    """All tracks seen within the clip, by id; with ``flat`` every box stands on the plane z = 0."""
    ids, rows = [], []
    for track_id, (kind, motion) in motions.items():
        if not motion.valid.any():
            continue
        positions, headings, velocities, valid = resample(motion, sampling)
        if valid.any():
            ids.append(track_id)
            z = np.full(len(valid), motion.sizes[2] / 2) if flat else positions[:, 2] - origin[2]
            pose = np.column_stack([positions[:, :2] - origin[:2], headings])
            rows.append((kind, pose, velocities, z, motion.sizes, valid))
    columns, count = list(zip(*rows, strict=True)) if rows else [()] * 6, len(sampling)
    shapes = [(0,), (0, count, 3), (0, count, 2), (0, count), (0, 3), (0, count)]
    kinds = [np.uint8, float, float, float, float, bool]
    arrays = [
        np.array(column, kind).reshape(-1, *shape[1:])
        for column, shape, kind in zip(columns, shapes, kinds, strict=True)
    ]
    return Tracks(tuple(ids), *arrays)
