"""Pedestrians, cyclists and others without a lane: they keep to their logged path, but wait for who is in the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.scene import DT, Tracks
from simscale_gym.sim.collision import boxes_touch

Array = NDArray[np.float64]

CLOCK, RATE = range(2)
"""Columns of ``clock [N, 2]``: place in the log [frames] and how fast it runs, 0 to 1."""
WALK_OUT = 4.0
"""After its log a road user comes to rest over this time [s]."""
SPACE = 0.3
"""Kept between a road user and a vehicle that it waits for [m]."""
LOOK_STEP = 0.25
"""Between the instants at which it looks ahead [s]."""


class LogArrays(NamedTuple):
    """The recorded tracks as kernels take them.

    Attributes:
        poses: ``[N, T, 3]``, gaps in a track filled by interpolation.
        velocities: ``[N, T, 2]`` [m/s], likewise.
        first: ``[N]`` first frame of each track, T where it has none.
        last: ``[N]`` last frame, -1 where it has none.
    """

    poses: Array
    velocities: Array
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def log_arrays(tracks: Tracks) -> LogArrays:
    """The kernels' view of ``tracks``."""
    poses, velocities = tracks.poses.copy(), tracks.velocities.copy()
    frames = np.arange(tracks.valid.shape[1])
    seen = tracks.valid.any(1)
    first = np.where(seen, tracks.valid.argmax(1), len(frames)).astype(np.int64)
    last = np.where(seen, len(frames) - 1 - tracks.valid[:, ::-1].argmax(1), -1).astype(np.int64)
    for n in np.flatnonzero(seen & (tracks.valid.sum(1) < last - first + 1)):
        known = np.flatnonzero(tracks.valid[n])
        for column in range(2):
            poses[n, :, column] = np.interp(frames, known, poses[n, known, column])
            velocities[n, :, column] = np.interp(frames, known, velocities[n, known, column])
        poses[n, :, 2] = np.interp(frames, known, np.unwrap(poses[n, known, 2]))
    return LogArrays(poses, velocities, first, last)


@njit(cache=True)
def log_point(log: LogArrays, n: int, clock: float) -> tuple[float, float, float, float, float]:
    """Pose and velocity of track ``n`` at ``clock`` [frames]; after its end it comes to rest straight ahead."""
    if clock >= log.last[n]:
        i = log.last[n]
        t = min((clock - i) * DT, WALK_OUT)
        way, share = t - t * t / (2.0 * WALK_OUT), 1.0 - t / WALK_OUT
        vx, vy = log.velocities[n, i, 0], log.velocities[n, i, 1]
        pose = log.poses[n, i]
        return pose[0] + way * vx, pose[1] + way * vy, pose[2], share * vx, share * vy
    i = int(clock)
    share = clock - i
    a, b = log.poses[n, i], log.poses[n, i + 1]
    turn = (b[2] - a[2] + np.pi) % (2.0 * np.pi) - np.pi
    u, v = log.velocities[n, i], log.velocities[n, i + 1]
    return (
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]),
        a[2] + share * turn,
        u[0] + share * (v[0] - u[0]),
        u[1] + share * (v[1] - u[1]),
    )


@njit(cache=True)
def _blocked(
    n: int, log: LogArrays, clock: float, size: Array, boxes: Array, velocities: Array, waits_for
) -> bool:
    """Would track ``n`` be hit if it went on, but not if it stood still?"""
    x, y, heading, vx, vy = log_point(log, n, clock)
    speed = np.hypot(vx, vy)
    horizon = 1.0 + speed / 4.0
    own, other = np.empty(5), np.empty(5)
    own[3], own[4] = size[0] + 2.0 * SPACE, size[1] + 2.0 * SPACE
    for m in range(len(boxes)):
        if m == n or not waits_for[m]:
            continue
        reach = (speed + np.hypot(velocities[m, 0], velocities[m, 1])) * horizon
        reach += (boxes[m, 3] + boxes[m, 4] + own[3] + own[4]) / 2.0
        if (boxes[m, 0] - x) ** 2 + (boxes[m, 1] - y) ** 2 > reach * reach:
            continue
        other[:] = boxes[m]
        own[0], own[1], own[2] = x, y, heading
        if boxes_touch(own, other):
            nearer = (boxes[m, 0] - x) * vx + (boxes[m, 1] - y) * vy > 0.0
            if nearer and np.hypot(velocities[m, 0], velocities[m, 1]) < speed:
                return True
            continue
        t = LOOK_STEP
        while t <= horizon:
            other[0], other[1] = boxes[m, 0] + t * velocities[m, 0], boxes[m, 1] + t * velocities[m, 1]
            own[0], own[1], own[2] = x, y, heading
            if boxes_touch(own, other):
                break  # it comes here: standing would not help
            own[0], own[1], own[2], _, _ = log_point(log, n, clock + t / DT)
            if boxes_touch(own, other):
                return True
            t += LOOK_STEP
    return False


@njit(cache=True)
def follow_logs(log: LogArrays, follows: NDArray, clocks: Array, sizes: Array, boxes: Array,
                velocities: Array, waits_for: NDArray, out_poses: Array, out_velocities: Array):  # fmt: skip
    """Move the tracks ``follows [N]`` one frame along their logs, slower or not at all where somebody is in the way.

    Args:
        log: The recorded tracks.
        follows: ``[N]`` which tracks.
        clocks: ``[N, 2]``, changed in place.
        sizes: ``[N, 2]`` length and width [m].
        boxes: ``[M, 5]`` everybody now, the first N being the tracks.
        velocities: ``[M, 2]`` [m/s].
        waits_for: ``[M]`` present vehicles.
        out_poses: ``[N, 3]``, written.
        out_velocities: ``[N, 2]``, written.
    """
    for n in range(len(follows)):
        if not follows[n]:
            continue
        stop = _blocked(n, log, clocks[n, CLOCK], sizes[n], boxes, velocities, waits_for)
        _, _, _, vx, vy = log_point(log, n, clocks[n, CLOCK])
        change = 0.4 / max(np.hypot(vx, vy), 1.6)  # 4 m/s^2
        rate = clocks[n, RATE] + min(max((0.0 if stop else 1.0) - clocks[n, RATE], -change), change)
        clocks[n, RATE] = rate
        clocks[n, CLOCK] += rate
        x, y, heading, vx, vy = log_point(log, n, clocks[n, CLOCK])
        out_poses[n, 0], out_poses[n, 1] = x, y
        out_poses[n, 2] = heading - 2.0 * np.pi * np.floor((heading + np.pi) / (2.0 * np.pi))
        out_velocities[n, 0], out_velocities[n, 1] = rate * vx, rate * vy
